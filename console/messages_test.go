package console

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/event"
)

// ledger is the record of one person, or away.
type ledger struct {
	person event.Person
	away   atomic.Bool
}

func (l *ledger) Get(context.Context, string) (event.Person, bool, error) {
	if l.away.Load() {
		return event.Person{}, false, errors.New("no responders")
	}
	return l.person, true, nil
}

// The page tells of each message what is known and no more: accepted is not
// delivered, and what bounced is not sent.
func TestMessagesAreShownTruthfully(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	next := at.Add(30 * time.Second)
	key := func(generation int, channel string, ordinal int) string {
		return event.SendKey(generation, event.PurposeWelcome, channel, ordinal)
	}
	trouble := event.Trouble{Target: "scim", Reason: "name_taken", Tries: 4, At: at, Next: next}
	l := &ledger{person: event.Person{Generation: 3, Status: event.StatusActive, Trouble: &trouble, Sends: map[string]event.Send{
		key(1, "email", 1): {State: event.SendBounced, Provider: "main", Reason: "recipient_invalid", Code: "5.1.1", At: at},
		key(1, "sms", 1):   {State: event.SendDelivered, Provider: "twilio", At: at},
		key(2, "email", 1): {State: event.SendAccepted, Provider: "main", Copies: 2, At: at},
		key(2, "sms", 1):   {State: event.SendFailed, Reason: "suppressed", At: at},
		key(2, "sms", 2):   {State: event.SendUnknown, Provider: "twilio", Reason: "unknown_outcome", At: at},
		key(3, "email", 1): {State: event.SendSubmitting, Provider: "main", At: at},
		key(3, "sms", 1):   {Failed: 1, Tries: []event.Try{{At: at, Provider: "twilio", Result: "retry", Reason: "rate_limited", Code: "HTTP 429", Next: &next}}},
	}}}
	r := newRig(t)
	r.change = func(c *Config) { c.Ledger = l }
	r.run()
	r.user("u-1", "Ann")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("u-1 waits", func() bool { return r.statusOf("u-1") == event.StatusWaiting })
	c := browser(t)
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})

	_, body := page(t, c, "GET", r.base+"/users/u-1", nil)
	_, table, _ := strings.Cut(body, "<h2>Messages</h2>")
	table, _, _ = strings.Cut(table, "</table>")
	rows := strings.Split(table, "<tr>")[2:]
	for i, want := range []struct{ has, lacks []string }{
		{[]string{`scope="row">email</th>`, `"status bounced">bounced<`, "there is no such address or number", "<small>5.1.1</small>", "2026-11-24 09:00:00"}, []string{"accepted", "delivered"}},
		{[]string{`scope="row">sms</th>`, `"status delivered">delivered<`, "delivered, says twilio"}, []string{"accepted", "not known"}},
		{[]string{`scope="row">email, generation 2</th>`, `"status accepted">accepted<`, "accepted by main; whether it arrived is not known", "sent again 2 times after an unknown outcome"}, []string{"delivered"}},
		{[]string{`scope="row">sms, generation 2</th>`, `"status failed">failed<`, "not sent: the address is on the suppression list"}, []string{"accepted", "delivered"}},
		{[]string{`scope="row">sms, sending 2, generation 2</th>`, `"status unknown">unknown<`, "it is not known whether it went out"}, []string{"accepted", "delivered"}},
		{[]string{`scope="row">email, generation 3</th>`, `"status submitting">submitting<`, "being handed over"}, []string{"accepted", "delivered"}},
		{[]string{`scope="row">sms, generation 3</th>`, `">waiting<`, "not sent yet; it is tried again"}, []string{"accepted", "0001-01-01"}},
		{[]string{"twilio rate_limited: the provider asks for fewer messages (HTTP 429)", "2026-11-24 09:00:00", "2026-11-24 09:00:30"}, []string{"accepted"}},
	} {
		if i >= len(rows) {
			t.Fatalf("%d rows in %s", len(rows), table)
		}
		for _, w := range want.has {
			if !strings.Contains(rows[i], w) {
				t.Errorf("row %d lacks %q: %s", i, w, rows[i])
			}
		}
		for _, w := range want.lacks {
			if strings.Contains(rows[i], w) {
				t.Errorf("row %d says %q: %s", i, w, rows[i])
			}
		}
	}

	for _, want := range []string{"The account is not usable yet: another account has the user&#39;s name (name_taken), try 4, ", ">2026-11-24 09:00:00 UTC<", "; next try ", ">2026-11-24 09:00:30 UTC<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	var u User
	if code := r.api("GET", "/api/v1/users/u-1", "", &u); code != 200 || len(u.Messages) != 7 || u.Messages[0].State != event.SendBounced || u.Messages[0].Code != "5.1.1" || u.Trouble == nil || *u.Trouble != trouble {
		t.Errorf("the API: %d %+v", code, u.Messages)
	}
	l.away.Store(true)
	var blind User
	if code := r.api("GET", "/api/v1/users/u-1", "", &blind); code != 200 || blind.Messages != nil || !strings.Contains(blind.Away, "cannot be read now") {
		t.Errorf("the API with the ledger away: %d %+v, %q", code, blind.Messages, blind.Away)
	}
	if _, body = page(t, c, "GET", r.base+"/users/u-1", nil); !strings.Contains(body, "cannot be read now") || strings.Contains(body, "<h2>Messages</h2>") || !strings.Contains(body, "What happened") {
		t.Errorf("with the ledger away:\n%s", body)
	}
}
