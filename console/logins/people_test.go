package logins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// A subject is the name where it can be one, and no two subjects have the same name.
func TestNamesOfSubjects(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"1", "7d9a2c1e-0000-4000-8000-0123456789ab", "A", "a", "auth0|1", "auth0|2", "ann@example.org", "Ann Example", "a..b", "a.", strings.Repeat("x", 60), strings.Repeat("x", 61), "sha256-1", "é"} {
		name := PersonName("", s)
		if other, there := seen[name]; there || event.CheckUserID(name) != nil || len(name) > 64 {
			t.Errorf("%q is %q, as %q is", s, name, other)
		}
		if strings.ContainsAny(s, "@ |") && strings.Contains(name, s) {
			t.Errorf("%q stands in its name", s)
		}
		seen[name] = s
		seen[PersonName("", strings.TrimPrefix(name, PersonActor))] = name // one that looks like a hash is hashed
	}
}

func TestGrants(t *testing.T) {
	for s, want := range map[string]Grant{
		"admin=bosses":              {"bosses", Admin, nil},
		"verifier:hr=CN=hr,DC=a=b":  {"CN=hr,DC=a=b", Verifier, []string{"hr"}},
		" viewer : hr+crm+hr = /a ": {"/a", Viewer, []string{"crm", "hr"}},
	} {
		if g, err := ParseGrant(s); err != nil || g.Group != want.Group || g.Role != want.Role || !slices.Equal(g.Inboxes, want.Inboxes) {
			t.Errorf("%q is %+v, %v", s, g, err)
		}
	}
	for _, s := range []string{"", "admin", "admin=", "boss=g", "viewer:=g", "viewer:HR=g", "=g"} {
		if g, err := ParseGrant(s); err == nil {
			t.Errorf("%q is %+v", s, g)
		}
	}
	grants := []Grant{{"a", Verifier, []string{"hr"}}, {"b", Viewer, nil}, {"c", Verifier, []string{"crm"}}, {"d", Verifier, nil}}
	for _, c := range []struct {
		groups  []string
		role    Role
		inboxes []string
		ok      bool
	}{
		{nil, "", nil, false}, {[]string{"A", "x"}, "", nil, false},
		{[]string{"c", "b", "a"}, Verifier, []string{"crm", "hr"}, true},
		{[]string{"b", "c"}, Viewer, nil, true},
		{[]string{"a", "d"}, Verifier, nil, true}, {[]string{"d", "c"}, Verifier, nil, true},
	} {
		role, inboxes, ok := ScopeOf(grants, c.groups)
		if role != c.role || !slices.Equal(inboxes, c.inboxes) || ok != c.ok {
			t.Errorf("%v: %s %v %v", c.groups, role, inboxes, ok)
		}
	}
	if len(grants[0].Inboxes) != 1 || grants[0].Inboxes[0] != "hr" {
		t.Error("asking has changed a grant")
	}
}

// What an issuer says is not refused for what it leaves; what people change is. A person of
// another issuer is another one, and a password is never mixed with one.
func TestAdmitting(t *testing.T) {
	js, _ := natstest.Start(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: event.BucketConsole})
	if err != nil {
		t.Fatal(err)
	}
	ctx, s := t.Context(), NewStore(kv)
	v := Voucher{By: "https://id.example.org", Subject: "s-1", Called: "ann"}
	admit := func(v Voucher, role Role, inboxes ...string) Login {
		t.Helper()
		l, err := s.Admit(ctx, v, role, inboxes)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if err := errors.Join(s.SetDoors(ctx, Doors{Issuer: v.By}), s.Need(ctx, map[string]int{"hr": 1})); err != nil {
		t.Fatal(err)
	}
	first := admit(v, Verifier, "hr")
	if again := admit(v, Verifier, "hr"); again.Stamp() != first.Stamp() {
		t.Error("the same again ends sessions")
	}
	if err := s.Remove(ctx, first.Name); err == nil {
		t.Error("the last one who could decide is removed")
	}
	if l := admit(v, Viewer); l.Stamp() == first.Stamp() {
		t.Error("with another role sessions go on")
	}
	other := v
	other.By = "https://id.example.com"
	if l := admit(other, Viewer); l.Stamp() == admit(v, Viewer).Stamp() || (Doors{Issuer: v.By}).Open(l) {
		t.Error("a person of another issuer is the same")
	}
	var refused Refusal
	hash, _ := Hash("a password for this test")
	if err := s.SetPassword(ctx, first.Name, hash); !errors.As(err, &refused) {
		t.Errorf("a password: %v", err)
	}
	if err := s.Add(ctx, "oidc.x", Viewer, nil, "test"); !errors.As(err, &refused) {
		t.Errorf("an account of such a name: %v", err)
	}
	if PersonName(ByHeader, "s-1") == PersonName(v.By, "s-1") {
		t.Error("whom a proxy names is whom an issuer does")
	}
	// The last account with a password that can manage the others stays, whoever else can.
	if err := s.Ensure(ctx, "a password for this test", nil); err != nil {
		t.Fatal(err)
	}
	admit(v, Admin)
	if err := s.Remove(ctx, First); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("the last account that is kept here: %v", err)
	}
	if err := s.Dismiss(ctx, "", "s-1"); err != nil {
		t.Fatal(err)
	}
	all, err := s.Read(ctx)
	if _, there := all.Login(first.Name); err != nil || there {
		t.Errorf("dismissed: %v", err)
	}
	// Who is dismissed already, or stays all the same, costs no write.
	admit(Voucher{By: v.By, Subject: "s-2"}, Viewer)
	if err := s.Disable(ctx, "oidc.s-2", true); err != nil {
		t.Fatal(err)
	}
	if err := s.rewrite(ctx, func(a *All) error { // as an earlier version let one be made
		a.Logins = append(a.Logins, Login{Name: "oidc.s-3", Role: Viewer, Password: hash})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, before, _ := s.read(ctx)
	for _, subject := range []string{"s-1", "s-2", "s-3", "none"} {
		if err := s.Dismiss(ctx, "", subject); err != nil {
			t.Error(err)
		}
		if _, now, _ := s.read(ctx); now != before {
			t.Errorf("dismissing %s is written", subject)
			before = now
		}
	}
	if _, err := s.Admit(ctx, Voucher{By: v.By, Subject: "s-3"}, Viewer, nil); !errors.As(err, &refused) {
		t.Errorf("a person of an account with a password is let in: %v", err)
	}
}

// Who has left is not told to usher. A person of an issuer counts as one who could decide
// while coming now and then; the login goes when others come, unless it is disabled.
func TestPeopleWhoComeNoMore(t *testing.T) {
	js, _ := natstest.Start(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: event.BucketConsole})
	if err != nil {
		t.Fatal(err)
	}
	ctx, s := t.Context(), NewStore(kv)
	const issuer = "https://id.example.org"
	come := func(subject string) Login {
		t.Helper()
		l, err := s.Admit(ctx, Voucher{By: issuer, Subject: subject}, Verifier, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	read := func() (All, uint64) {
		t.Helper()
		all, revision, err := s.read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all, revision
	}
	ago := func(d time.Duration, names ...string) {
		t.Helper()
		if err := s.rewrite(ctx, func(a *All) error {
			for _, name := range names {
				l, _ := a.Login(name)
				l.Seen = now().Add(-d)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := Hash("a password for this test")
	if err := errors.Join(err, s.SetDoors(ctx, Doors{Issuer: issuer}), s.Add(ctx, "local", Verifier, nil, "test"), s.SetPassword(ctx, "local", hash)); err != nil {
		t.Fatal(err)
	}
	first := come("s-1")
	come("s-2")
	come("s-3")
	if err := s.Disable(ctx, "oidc.s-3", true); err != nil {
		t.Fatal(err)
	}
	ago(seenFor-time.Hour, "oidc.s-1")
	if all, _ := read(); all.Deciders("hr") != 3 { // with local
		t.Errorf("%d could decide", all.Deciders("hr"))
	}
	if again := come("s-1"); again.Stamp() != first.Stamp() {
		t.Error("who comes again is another one")
	}
	ago(seenFor+time.Hour, "oidc.s-1", "oidc.s-2", "oidc.s-3")
	if all, _ := read(); all.Deciders("hr") != 1 {
		t.Errorf("%d could decide after the others came no more", all.Deciders("hr"))
	}
	if again := come("s-1"); again.Stamp() != first.Stamp() {
		t.Error("who comes again is another one")
	}
	all, before := read()
	var names []string
	for _, l := range all.Logins {
		names = append(names, l.Name)
	}
	if want := []string{"local", "oidc.s-1", "oidc.s-3"}; !slices.Equal(names, want) || all.Deciders("hr") != 2 {
		t.Errorf("%v are there, %d could decide", names, all.Deciders("hr"))
	}
	// That a person came is written twice a day.
	come("s-1")
	ago(seenEvery-time.Hour, "oidc.s-1")
	come("s-1")
	if _, after := read(); after != before+1 {
		t.Errorf("it is written with each request")
	}
	ago(seenEvery+time.Hour, "oidc.s-1")
	if l := come("s-1"); time.Since(l.Seen) > time.Hour {
		t.Error("it is not written again")
	}
}

// What an issuer says of a sign-out is about what it vouched for until then, and ends no
// other session. What is too much to be kept ends all that is as old, and nothing later.
func TestLeaving(t *testing.T) {
	js, _ := natstest.Start(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: event.BucketConsole})
	if err != nil {
		t.Fatal(err)
	}
	ctx, s := t.Context(), NewStore(kv)
	l, err := s.Admit(ctx, Voucher{By: "https://id.example.org", Subject: "s-1"}, Viewer, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Truncate(time.Second)
	leave := func(id, subject, session string, issued time.Time) {
		t.Helper()
		if err := s.Leave(ctx, id, subject, session, issued); err != nil {
			t.Fatal(err)
		}
	}
	var all All
	read := func() {
		t.Helper()
		if all, err = s.Read(ctx); err != nil {
			t.Fatal(err)
		}
		if now, _ := all.Login(l.Name); now.Stamp() != l.Stamp() {
			t.Error("all sessions of the person end")
		}
	}
	read()
	if all.HasLeft(l.Name, "x", time.Unix(0, 0)) || all.HasLeft(l.Name, "", time.Time{}) {
		t.Error("a session is over and no one has left")
	}
	leave("m-1", "s-1", "x", at)
	leave("m-2", "s-3", "", at)
	leave("m-3", "", "w", at)
	read()
	later := at.Add(time.Second)
	for what, c := range map[string]struct{ got, want bool }{
		"the session":                        {all.HasLeft(l.Name, "x", at), true},
		"it, vouched for again":              {all.HasLeft(l.Name, "x", later), false},
		"another one":                        {all.HasLeft(l.Name, "y", at), false},
		"one that is not known":              {all.HasLeft(l.Name, "", at), true},
		"one that is not known, later":       {all.HasLeft(l.Name, "", later), false},
		"of another person":                  {all.HasLeft("oidc.s-2", "x", at), false},
		"of another person, it is not known": {all.HasLeft("oidc.s-2", "", at), false},
		"the person alone":                   {all.HasLeft("oidc.s-3", "v", at), true},
		"the person alone, it is not known":  {all.HasLeft("oidc.s-3", "", at), true},
		"the person alone, later":            {all.HasLeft("oidc.s-3", "v", later), false},
		"the session alone":                  {all.HasLeft("oidc.s-2", "w", at), true},
		"the session alone, later":           {all.HasLeft("oidc.s-2", "w", later), false},
	} {
		if c.got != c.want {
			t.Errorf("%s is over: %v", what, c.got)
		}
	}
	data, err := kv.Get(ctx, Key)
	if err != nil || strings.Contains(string(data.Value()), `"x"`) {
		t.Error("the issuer's session stands there as it is")
	}

	// Too many: the three from above are the oldest, and then the first of these.
	since := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) }
	for n := 1; n <= mostLeft; n++ {
		leave(fmt.Sprint("n-", n), "", fmt.Sprint("z-", n), since(n))
	}
	read()
	if len(all.Left) != mostLeft || !all.LeftBefore.Equal(at) {
		t.Fatalf("%d are kept, and what was before %s is over", len(all.Left), all.LeftBefore)
	}
	if !all.HasLeft(l.Name, "y", at) || !all.HasLeft("oidc.s-9", "", at.Add(-time.Hour)) || all.HasLeft(l.Name, "y", later) || !all.HasLeft("oidc.s-2", "z-1", later) {
		t.Error("what was vouched for until then goes on, or what was later is over")
	}
	_, before, _ := s.read(ctx)
	leave("m-1", "s-1", "x", at) // again, and no longer known
	leave("n-7", "", "z-7", since(7))
	leave("m-4", "s-4", "", at.Add(-time.Minute)) // late, and over already
	if _, now, _ := s.read(ctx); now != before {
		t.Error("what is over already is written")
	}
	leave("m-5", "", "z-0", at.Add(time.Second)) // late, and the oldest now
	read()
	if len(all.Left) != mostLeft || !all.LeftBefore.Equal(later) || !all.HasLeft("oidc.s-2", "z-1", since(1)) {
		t.Errorf("one that came late: %d are kept, and what was before %s is over", len(all.Left), all.LeftBefore)
	}
}
