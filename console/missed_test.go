package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
	"usher/streams"
)

// missed brings a person of an inbox whose latest welcome on a channel ended so, in
// PEOPLE as in the facts.
func (r *rig) missed(userID, inbox, channel, reason string) {
	r.Helper()
	people, err := streams.NewPeople(r.Context(), r.js)
	if err != nil {
		r.Fatal(err)
	}
	at := time.Now().UTC()
	p := event.NewPerson(inbox, event.Opened{Seq: 1, Stored: at})
	p.Status, p.N = event.StatusUnreached, 5
	state := event.SendFailed
	if reason == event.ReasonUnknown {
		state = event.SendUnknown
	}
	p.Sends = map[string]event.Send{event.SendKey(1, event.PurposeWelcome, channel, 1): {State: state, Reason: reason, Date: at, At: at}}
	if _, err := people.Claim(r.Context(), userID, p); err != nil {
		r.Fatal(err)
	}
	r.publish(event.ImportedSubject(inbox), event.User{UserID: userID, Name: "Ann " + userID, Email: userID + "@example.org", Import: event.Import{ID: "imp-" + inbox, File: "a.csv", Line: 2}})
	r.eventually(userID+" is known", func() bool {
		var u User
		return r.api("GET", "/api/v1/users/"+userID, "", &u) == http.StatusOK && u.Import != ""
	})
	r.fact(event.Fact{Kind: event.FactFailed, UserID: userID, Generation: 1, N: 4, Status: event.StatusActive, Inbox: inbox, Channel: channel, Reason: reason})
	r.fact(event.Fact{Kind: event.FactFinished, UserID: userID, Generation: 1, N: 5, Status: event.StatusUnreached, Inbox: inbox})
}

// inList counts the messages of a list.
func (r *rig) inList(path string) int {
	r.Helper()
	var list pageOfMissed
	if code := r.api("GET", path, "", &list); code != http.StatusOK {
		r.Fatalf("%s: %d", path, code)
	}
	return list.Matched
}

// sentAgain are the messages that orders in VERIFICATIONS are to take the place of.
func (r *rig) sentAgain() (out []string) {
	r.Helper()
	err := streams.Read(r.Context(), r.js, event.StreamVerifications, streams.Selection{}, func(m streams.Message, _ uint64) error {
		b, err := event.ParseVerificationBody(m.Data)
		if _, verb, _ := event.ParseVerificationSubject(m.Subject); verb == event.VerbResend {
			out = append(out, b.Instead+":"+b.UserID+" by "+b.Actor)
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return out
}

// An operator sends failed messages again by filter, after a look at how many they are
// by channel and inbox. Two consoles, two people and the same form twice order each
// message once.
func TestFailedMessagesAreSentAgain(t *testing.T) {
	r := newRig(t)
	r.run()
	r.missed("u-1", "hr", event.ChannelEmail, "refused")
	r.missed("u-2", "hr", event.ChannelSMS, "quota")
	r.missed("u-3", "crm", event.ChannelEmail, "refused")
	r.missed("u-4", "hr", event.ChannelEmail, event.ReasonUnknown)
	r.eventually("all are listed", func() bool { return r.inList("/api/v1/failed") == 3 && r.inList("/api/v1/unknown") == 1 })
	for query, want := range map[string]int{"inbox=hr": 2, "import=imp-crm": 1, "channel=sms": 1, "reason=refused": 2, "whose=quota": 1, "age=1h": 3, "age=older": 0, "inbox=hr&channel=email": 1} {
		if n := r.inList("/api/v1/failed?" + query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	r.login("ola", logins.Operator)
	r.login("aud", logins.Auditor)
	c := r.signedAs("ola")
	if resp, body := page(t, r.signedAs("aud"), "GET", r.base+"/failed", nil); resp.StatusCode != 200 || strings.Contains(body, "checkbox") {
		t.Errorf("an auditor: %d", resp.StatusCode)
	}
	if _, body := page(t, c, "GET", r.base+"/failed", nil); !strings.Contains(body, "Ann u-1") || !strings.Contains(body, `href="/users/u-3"`) || strings.Contains(body, "u-4") {
		t.Errorf("the list:\n%s", body)
	}
	if resp, _ := page(t, c, "POST", r.base+"/failed", url.Values{"do": {"resend"}}); resp.StatusCode != 303 {
		t.Errorf("nothing was ticked: %d", resp.StatusCode)
	}
	for _, form := range []url.Values{{"do": {"arrived"}, "all": {"yes"}}, {"all": {"yes"}}, {"do": {"resend"}, "message": {"x"}}, {"do": {"resend"}, "messages": {""}}, {"do": {"resend"}, "age": {"2d"}}} {
		if resp, _ := page(t, c, "POST", r.base+"/failed", form); resp.StatusCode != 400 {
			t.Errorf("%v: %d", form, resp.StatusCode)
		}
	}
	_, body := page(t, c, "POST", r.base+"/failed", url.Values{"do": {"resend"}, "all": {"yes"}, "reason": {"refused"}})
	form := formOf(body)
	if form.Get("messages") != "1.welcome.email.1:u-1 1.welcome.email.1:u-3" || !strings.Contains(body, "2 messages to 2 people") || !strings.Contains(body, `<th scope="row">crm</th><td class="n">1</td>`) {
		t.Fatalf("the preview:\n%s", body)
	}
	if got := r.sentAgain(); len(got) > 0 {
		t.Errorf("the preview ordered %q", got)
	}

	// No bridge is there; then two are.
	resp, _ := page(t, c, "POST", r.base+"/failed", form)
	at := resp.Header.Get("Location")
	if _, body := page(t, c, "GET", r.base+at, nil); !strings.Contains(body, "Asked for: 0 of 2 are ordered again so far.") || !strings.Contains(body, "http-equiv=\"refresh\"") {
		t.Errorf("without a bridge %s says:\n%s", at, body)
	}
	r.carryOut(event.ChoresOfBridge)
	r.carryOut(event.ChoresOfBridge)
	r.eventually("it is over", func() bool {
		_, body := page(t, c, "GET", r.base+at, nil)
		return strings.Contains(body, "Done: 2 of 2 ordered again.")
	})
	page(t, c, "POST", r.base+"/failed", form) // the same form once more
	for id, why := range map[string]string{"u-1": "another person asks for it", "u-4": "it may have gone out"} {
		var a ChoreStanding
		r.eventually("it is over: "+why, func() bool {
			r.api("POST", "/api/v1/failed", `{"do":"resend","messages":[{"user_id":"`+id+`","message":"1.welcome.email.1"}]}`, &a, "Idempotency-Key", id)
			return a.Over
		})
	}
	if d := fmt.Sprint(r.sentAgain()); d != "[1.welcome.email.1:u-1 by ola 1.welcome.email.1:u-3 by ola]" && d != "[1.welcome.email.1:u-3 by ola 1.welcome.email.1:u-1 by ola]" {
		t.Errorf("ordered were %s", d)
	}
	r.eventually("the trail tells who", func() bool { return strings.Count(strings.Join(r.audited(), "\n"), "audit.v1.chore-resend") == 3 })

	// What is sent is not listed any more, and comes back when it fails again.
	r.fact(event.Fact{Kind: event.FactSent, UserID: "u-1", Generation: 1, N: 7, Status: event.StatusUnreached, Inbox: "hr", Channel: event.ChannelEmail, Ordinal: 2})
	r.fact(event.Fact{Kind: event.FactFailed, UserID: "u-3", Generation: 1, N: 7, Status: event.StatusUnreached, Inbox: "crm", Channel: event.ChannelEmail, Ordinal: 2, Reason: "quota"})
	r.fact(event.Fact{Kind: event.FactWithdrawn, UserID: "u-2", Generation: 1, N: 7, Status: event.StatusWithdrawn, Inbox: "hr"})
	r.eventually("one is left", func() bool { return r.inList("/api/v1/failed") == 1 && r.inList("/api/v1/failed?whose=quota") == 1 })
}

// Facts come in any order: an older failure that is told later hides no acceptance, and
// the newest failure is the one that counts.
func TestMissedInAnyOrder(t *testing.T) {
	r := newRig(t)
	r.run()
	of := func(kind, reason string, generation, ordinal int) event.Fact {
		return event.Fact{Kind: kind, UserID: "u-1", Generation: generation, N: 10*generation + ordinal, Channel: event.ChannelEmail, Ordinal: ordinal, Reason: reason, Status: event.StatusUnreached, Inbox: "hr"}
	}
	read := func(facts ...event.Fact) string {
		t.Helper()
		if err := r.console.model.transaction(t.Context(), func(tx *writing) error {
			if err := forget(tx, "u-1"); err != nil {
				return err
			}
			for i, f := range facts {
				f.ID, f.At = fmt.Sprint("f-", i), time.Now()
				if err := putFact(tx, f); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, unknown := range []bool{false, true} {
			list, _, err := r.console.model.missed(seeing(t.Context(), sight{}), misses{Unknown: unknown}, time.Now(), 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range list {
				out += x.Message + " " + x.Reason
			}
		}
		return out
	}
	rejected := of(event.FactFailed, "quota", 1, 1)
	rejected.Purpose = event.PurposeRejected
	for want, facts := range map[string][]event.Fact{
		"":                                  {of(event.FactSent, "", 1, 2), of(event.FactFailed, "quota", 1, 1)},
		"1.welcome.email.2 refused":         {of(event.FactFailed, "refused", 1, 2), of(event.FactSent, "", 1, 1), of(event.FactFailed, "quota", 1, 1)},
		"1.welcome.email.1 undelivered":     {of(event.FactBounced, "undelivered", 1, 0), of(event.FactDelivered, "", 1, 0), of(event.FactSent, "", 1, 0)},
		"1.welcome.email.1 unknown_outcome": {of(event.FactFailed, event.ReasonUnknown, 1, 0), rejected},
		"2.welcome.email.1 quota":           {of(event.FactFailed, "quota", 2, 0), of(event.FactFailed, "refused", 1, 3)},
	} {
		if got := read(facts...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for what, facts := range map[string][]event.Fact{
		"it arrived after all":      {of(event.FactFailed, event.ReasonUnknown, 1, 0), of(event.FactDelivered, "", 1, 0)},
		"there was no message":      {of(event.FactFailed, event.ReasonNoProvider, 1, 0)},
		"reopened since":            {of(event.FactFailed, "quota", 1, 1), {Kind: event.FactReopened, UserID: "u-1", Generation: 2, Status: event.StatusWaiting, Inbox: "hr"}},
		"it is still tried":         {func() event.Fact { f := of(event.FactFailed, "quota", 1, 1); f.Status = event.StatusActive; return f }()},
		"the person was forgotten":  {of(event.FactFailed, "quota", 1, 1), {Kind: event.FactForgotten, UserID: "u-1", Inbox: "hr"}},
		"another purpose's failure": {rejected},
	} {
		if got := read(facts...); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// Of an unknown outcome a person says that it arrived, or has it sent again at the risk
// of a second one, which the page says.
func TestUnknownOutcomes(t *testing.T) {
	r := newRig(t)
	r.run()
	for _, id := range []string{"u-1", "u-2", "u-3"} {
		r.missed(id, "hr", event.ChannelEmail, event.ReasonUnknown)
	}
	r.missed("u-9", "crm", event.ChannelEmail, event.ReasonUnknown)
	r.eventually("all are listed", func() bool { return r.inList("/api/v1/unknown") == 4 })
	r.carryOut(event.ChoresOfBridge)
	r.carryOut(event.ChoresOfWorker)
	r.login("ola", logins.Operator, "hr")
	c := r.signedAs("ola")
	say := func(do string, ids ...string) string {
		t.Helper()
		form := url.Values{"do": {do}}
		for _, id := range ids {
			form.Add("message", "1.welcome.email.1:"+id)
		}
		_, body := page(t, c, "POST", r.base+"/unknown", form)
		if twice := strings.Contains(body, "A person may get it twice."); twice != (do == doResend) {
			t.Errorf("%s: the page says that a person may get it twice: %v", do, twice)
		}
		resp, body := page(t, c, "POST", r.base+"/unknown", formOf(body))
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d\n%s", do, resp.StatusCode, body)
		}
		at := r.base + resp.Header.Get("Location")
		r.eventually(do+" is over", func() bool {
			_, body = page(t, c, "GET", at, nil)
			return strings.Contains(body, "Done: ")
		})
		return body
	}
	if body := say(doArrived, "u-1"); !strings.Contains(body, "Done: 1 of 1 noted as delivered.") {
		t.Errorf("it arrived:\n%s", body)
	}
	r.eventually("two are left", func() bool { return r.inList("/api/v1/unknown?inbox=hr") == 2 })
	var u User
	r.eventually("the timeline tells who said so", func() bool {
		r.api("GET", "/api/v1/users/u-1", "", &u)
		last := u.Timeline[len(u.Timeline)-1]
		return last.Kind == event.FactDelivered && last.By == "console:ola"
	})
	if body := say(doResend, "u-2"); !strings.Contains(body, "Done: 1 of 1 ordered again.") {
		t.Errorf("it is sent again:\n%s", body)
	}
	// Whose outcome is known is not sent again, whatever another console still shows.
	var a ChoreStanding
	r.eventually("it is over", func() bool {
		r.api("POST", "/api/v1/unknown", `{"do":"resend","messages":[{"user_id":"u-1","message":"1.welcome.email.1"}]}`, &a, "Idempotency-Key", "again")
		return a.Over
	})
	if a.Gone != 1 || a.Done != 0 {
		t.Errorf("one that arrived is sent again: %+v", a)
	}
	if got := fmt.Sprint(r.sentAgain()); got != "[1.welcome.email.1:u-2 by ola]" {
		t.Errorf("ordered were %s", got)
	}
	// Those of another inbox are not there.
	if _, body := page(t, c, "GET", r.base+"/unknown", nil); strings.Contains(body, "u-9") || strings.Contains(body, "crm") {
		t.Errorf("another inbox's:\n%s", body)
	}
	form := url.Values{"do": {"arrived"}, "messages": {"1.welcome.email.1:u-9 1.welcome.email.1:u-3"}, "event_id": {event.NewID()}}
	if resp, _ := page(t, c, "POST", r.base+"/unknown", form); resp.StatusCode != http.StatusNotFound {
		t.Errorf("about another inbox: %d", resp.StatusCode)
	}
	if n := r.inList("/api/v1/unknown"); n != 3 {
		t.Errorf("%d are left", n)
	}
}

// Above a hundred the number must be typed.
func TestManyFailedMessages(t *testing.T) {
	r := newRig(t)
	r.run()
	const many = mustType + 1
	if err := r.console.model.transaction(t.Context(), func(tx *writing) error {
		for i := range many {
			f := event.Fact{ID: fmt.Sprint(i), Kind: event.FactFailed, UserID: fmt.Sprint("u-", i), Generation: 1, N: 3, Channel: event.ChannelEmail, Reason: "quota", Status: event.StatusUnreached, Inbox: "hr", At: time.Now()}
			if err := putFact(tx, f); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := r.signed()
	r.typesTheNumber(c, "/failed", "resend", many, "messages")
	var list pageOfMissed
	seen := map[string]bool{}
	for cursor := ""; ; cursor = list.NextCursor {
		list = pageOfMissed{}
		r.api("GET", "/api/v1/failed?cursor="+cursor, "", &list)
		for _, x := range list.Messages {
			seen[x.UserID] = true
		}
		if list.NextCursor == "" {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d are on the pages", len(seen), many)
	}
	_, next, err := r.console.model.missed(seeing(context.Background(), sight{}), misses{}, time.Now(), 60)
	if err != nil {
		t.Fatal(err)
	}
	rest, _, err := r.console.model.missed(seeing(context.Background(), sight{}), misses{Cursor: next}, time.Now(), 60)
	if err != nil || len(rest) != many-60 {
		t.Errorf("behind 60 are %d, %v", len(rest), err)
	}
}
