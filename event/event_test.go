package event

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheckUserID(t *testing.T) {
	for id, ok := range map[string]bool{
		"u-1001": true, "A.b_c-9": true, "x": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, ".a": false, "a.": false, "a..b": false,
		"a b": false, "a@b.c": false, "a*": false, "a>": false, "ä": false, "a/b": false, "a\n": false,
	} {
		if err := CheckUserID(id); (err == nil) != ok {
			t.Errorf("CheckUserID(%.20q) = %v, want ok=%v", id, err, ok)
		} else if err != nil && !errors.Is(err, ErrUserID) {
			t.Errorf("CheckUserID(%.20q) = %v, does not wrap ErrUserID", id, err)
		}
	}
}

func TestDerivedUserIDs(t *testing.T) {
	k := Key("0123456789abcdef")
	a := k.UserID(" Ann@Example.ORG ", "+4930123456")
	if b := k.UserID("ann@example.org", ""); a != b {
		t.Errorf("the same address gives %s and %s", a, b)
	}
	if !regexp.MustCompile(`^u-[a-z2-7]{26}$`).MatchString(a) {
		t.Errorf("derived id %q has the wrong shape", a)
	}
	if b := Key("another key, also long").UserID("ann@example.org", ""); a == b {
		t.Error("two keys give the same id")
	}
	if b := k.UserID("", "ann@example.org"); a == b {
		t.Error("an address and a phone number share their ids")
	}
}

func TestRecordIDsRepeat(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	if first, again := RecordID(at, "abc", 7), RecordID(at, "abc", 7); first != again {
		t.Errorf("the same record has two ids: %s, %s", first, again)
	}
	seen := map[string]bool{}
	for _, id := range []string{RecordID(at, "abc", 7), RecordID(at, "abc", 8), RecordID(at, "abd", 7), RecordID(at.Add(time.Second), "abc", 7)} {
		if seen[id] {
			t.Errorf("%s stands for two records", id)
		}
		seen[id] = true
	}
}

func TestIdentity(t *testing.T) {
	at := Position{Stream: "VERIFICATIONS", Created: time.Unix(5, 0), Seq: 9}
	for _, tc := range []struct{ ce, msg, want string }{
		{"e1", "m1", "crm/e1"},
		{"", "m1", "crm/m1"},
		{"", "", "crm/5000000000-9"},
	} {
		if got := Identify("crm", tc.ce, tc.msg, at).String(); got != tc.want {
			t.Errorf("Identify(%q, %q) = %s, want %s", tc.ce, tc.msg, got, tc.want)
		}
	}
	if id := Identify("crm", "ann@example.org", "", at).ID; strings.Contains(id, "ann") || !strings.HasPrefix(id, "h-") {
		t.Errorf("an address stands in the identity: %s", id)
	}
	id := Identity{"crm", "e1"}
	if got := id.RequestID(); got != id.RequestID() || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got) {
		t.Errorf("request id %s is not a stable UUID", got)
	}
}

func TestEnvelopeForms(t *testing.T) {
	want := Envelope{ID: "e 1", Type: "t", Source: "/crm", Subject: "u-1", Data: []byte(`{"user_id":"u-1"}`)}
	structured := `{"specversion":"1.0","id":"e 1","type":"t","source":"/crm","subject":"u-1","data":{"user_id":"u-1"}}`
	for name, tc := range map[string]struct {
		header map[string][]string
		body   string
		want   Envelope
	}{
		"binary":     {want.Header(), `{"user_id":"u-1"}`, want},
		"any case":   {map[string][]string{"CE-Id": {"e%201"}, "Ce-Type": {"t"}, "ce-source": {"/crm"}, "CE-SUBJECT": {"u-1"}}, ` {"user_id":"u-1"} `, want},
		"structured": {map[string][]string{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}, structured, want},
		"bare":       {nil, `{"user_id":"u-1"}`, Envelope{Data: want.Data}},
		"message id": {map[string][]string{"Nats-Msg-Id": {"m1"}}, `{}`, Envelope{MsgID: "m1", Data: []byte(`{}`)}},
	} {
		got, err := ParseEnvelope(tc.header, []byte(tc.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
	for name, tc := range map[string]struct {
		header map[string][]string
		body   string
	}{
		"empty":          {map[string][]string{"Status": {"400"}}, ""},
		"not JSON":       {nil, "approve u-1 please"},
		"not an object":  {nil, `["u-1"]`},
		"two objects":    {nil, `{}{}`},
		"wrong version":  {map[string][]string{"ce-specversion": {"2.0"}}, `{}`},
		"structured bad": {map[string][]string{"content-type": {"application/cloudevents+json"}}, `{"id":1}`},
		"no data":        {map[string][]string{"content-type": {"application/cloudevents+json"}}, `{"specversion":"1.0","id":"1"}`},
	} {
		if _, err := ParseEnvelope(tc.header, []byte(tc.body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestParseErrorsNameNoValue(t *testing.T) {
	for _, body := range []string{
		`{"user_id":"secret@example.org"}`, `{"user_id":["secret@example.org"]}`, `{"email":{"secret@example.org":1}}`, `{"secret@example.org":1}`,
	} {
		if _, err := ParseVerificationBody([]byte(body)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseVerificationBody(%s): %v", body, err)
		}
		if _, err := ParseUser([]byte(body)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseUser(%s): %v", body, err)
		}
	}
}

func TestNumbersAsUserIDs(t *testing.T) {
	for body, want := range map[string]string{
		`{"user_id":1001}`:                       "1001",
		`{"user_id":"1001","reason":"x"}`:        "1001",
		`{"user_id":1001.0}`:                     "1001",
		`{"user_id":123456789012345678901}`:      "123456789012345678901",
		`{"user_id":null,"email":"a@b.example"}`: "",
	} {
		if b, err := ParseVerificationBody([]byte(body)); err != nil || b.UserID != want {
			t.Errorf("%s: got %q, %v, want %q", body, b.UserID, err, want)
		}
	}
}

func TestParseErrorsNameTheField(t *testing.T) {
	for body, want := range map[string]string{
		`{"user_id":1001.5}`:                 "user_id must be text, got number",
		`{"user_id":-1}`:                     "user_id must be text, got number",
		`{"user_id":["u-1"]}`:                "user_id must be text, got array",
		`{"user_id":"u-1","reason":{}}`:      "reason must be text, got object",
		`{"user_id":"u-1","channels":"sms"}`: "channels must be a list, got string",
		`["u-1"]`:                            "the verification must be an object, got array",
	} {
		if _, err := ParseVerificationBody([]byte(body)); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

// A record of a list without the parts of a name, or from before they were kept, says
// nothing about them; two that have them are held against each other.
func TestSameDataAboutTheParts(t *testing.T) {
	named := func(given, family string) User {
		return User{UserID: "u-1", Name: "Ann Lee", GivenName: given, FamilyName: family, Attributes: map[string]string{"a": "b"}}
	}
	for _, tc := range []struct {
		u, v User
		same bool
	}{
		{named("", ""), named("Ann", "Lee"), true},
		{named("Ann", "Lee"), named("Ann", "Lee"), true},
		{named("Ann", "Lee"), named("Lee", "Ann"), false},
		{named("Ann", "Lee"), named("Ann", ""), false},
		{named("", "Lee"), named("Ann", "Lee"), false},
		{named("", ""), User{UserID: "u-1", Name: "Ann Poe", GivenName: "Ann", FamilyName: "Poe", Attributes: map[string]string{"a": "b"}}, false},
	} {
		if tc.u.SameData(tc.v) != tc.same || tc.v.SameData(tc.u) != tc.same {
			t.Errorf("%+v and %+v: want same %v, both ways", tc.u, tc.v, tc.same)
		}
	}
	for _, tc := range []struct{ u, v, want User }{
		{named("", ""), named("Ann", "Lee"), named("Ann", "Lee")},
		{named("Ann", "Lee"), named("", ""), named("Ann", "Lee")},
		{named("", "Lee"), named("Ann", "Li"), named("", "Lee")},
	} {
		if d := cmp.Diff(tc.want, tc.u.WithParts(tc.v)); d != "" {
			t.Errorf("%+v with the parts of %+v (-want +got)\n%s", tc.u, tc.v, d)
		}
	}
}

func TestVerificationSubject(t *testing.T) {
	source, verb, err := ParseVerificationSubject("verifications.v1.crm.approved")
	if source != "crm" || verb != "approved" || err != nil {
		t.Errorf("got %s %s %v", source, verb, err)
	}
	for _, s := range []string{"verifications.v2.crm.approved", "verifications.v1.crm", "verifications.v1.crm.maybe", "verifications.v1.C@M.approved", "x"} {
		if _, _, err := ParseVerificationSubject(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", s, err)
		}
	}
}

func TestByLeavesOutAddresses(t *testing.T) {
	v := Verification{Identity: Identity{Source: "console"}, Actor: "ann"}
	if got := v.By(); got != "console:ann" {
		t.Errorf("got %s", got)
	}
	v.Actor = "ann@example.org"
	if got := v.By(); got != "console" {
		t.Errorf("got %s", got)
	}
}

func TestMarks(t *testing.T) {
	base := errors.New("base")
	p := fmt.Errorf("step: %w", Permanent(base))
	if !IsPermanent(p) || !errors.Is(p, base) || IsPermanent(base) || Permanent(nil) != nil {
		t.Error("Permanent does not mark")
	}
	r := fmt.Errorf("step: %w", RetryAfter(base, time.Minute))
	if d, ok := RetryDelay(r); d != time.Minute || !ok || !errors.Is(r, base) {
		t.Error("RetryAfter does not mark")
	}
	if _, ok := RetryDelay(base); ok || RetryAfter(nil, 1) != nil {
		t.Error("an unmarked error has a delay")
	}
}

// A message that is not tried any more says so.
func TestWhatAMessageSays(t *testing.T) {
	soon := time.Now()
	next := []Try{{Next: &soon}}
	for _, tc := range []struct {
		person Person
		send   Send
		want   string
	}{
		{Person{Status: StatusWaiting}, Send{}, "tried again"},
		{Person{Status: StatusUnreached}, Send{}, "not tried any more"},
		{Person{Status: StatusUnreached, Order: &Outstanding{Identity: Identity{ID: "a resend"}}}, Send{}, "it is tried again"},
		{Person{Status: StatusWaiting, Generation: 2}, Send{}, "not tried any more"},
		{Person{Status: StatusWaiting}, Send{State: SendSubmitting}, "being handed over"},
		{Person{Status: StatusUnreached}, Send{State: SendSubmitting}, "usher resend"},
		{Person{Status: StatusWaiting}, Send{State: SendUnknown, Tries: next}, "risk of a copy"},
		{Person{Status: StatusPartlyWelcomed}, Send{State: SendUnknown, Tries: next}, "usher resend"},
		{Person{Status: StatusWaiting}, Send{State: SendUnknown}, "usher resend"},
	} {
		tc.person.Generation = max(1, tc.person.Generation)
		tc.person.Sends = map[string]Send{SendKey(1, PurposeWelcome, ChannelEmail, 1): tc.send}
		if says := tc.person.Messages()[0].Says(); !strings.Contains(says, tc.want) {
			t.Errorf("%s, %s: %q", tc.person.Status, tc.send.State, says)
		}
	}
}

func TestFactSubjectsAreBoundedAndFound(t *testing.T) {
	subjects := map[string]bool{}
	for n := range 5000 {
		id := fmt.Sprint("u-", n)
		subject := FactSubject(FactSent, id)
		subjects[subject] = true
		if of := FactsOf(id); len(of) != 2 || of[0] != "onboarding.v1.*" || strings.Replace(of[1], "*", FactSent, 1) != subject {
			t.Fatalf("%s: %s is not among %q", id, subject, of)
		}
	}
	if len(subjects) != 256 {
		t.Errorf("%d subjects for one kind, want 256", len(subjects))
	}
	// What is published is looked for for years.
	if got := FactSubject(FactWelcomed, "u-1001"); got != "onboarding.v1.welcomed.1b" {
		t.Error(got)
	}
}
