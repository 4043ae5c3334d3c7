package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// kept is what PEOPLE has of several people; of others it is away.
type kept map[string]event.Person

func (k kept) Get(_ context.Context, userID string) (event.Person, bool, error) {
	if p, ok := k[userID]; ok {
		return p, true, nil
	}
	return event.Person{}, false, errors.New("it is away")
}

// Who is stuck is listed with since when, why and what to do: decisions before their
// user, accounts that cannot be made, messages that do not go out.
func TestWhoIsStuck(t *testing.T) {
	r := newRig(t)
	at := time.Now().UTC()
	next := at.Add(time.Hour)
	email := event.SendKey(1, event.PurposeWelcome, event.ChannelEmail, 1)
	people := kept{
		"u-account": {Generation: 1, Trouble: &event.Trouble{Target: "scim", Reason: "config", Tries: 3, At: at, Next: next}},
		"u-message": {Generation: 1, Sends: map[string]event.Send{email: {Date: at, Waits: event.Wait{Provider: "smtp", Reason: "quota", Since: at}, Tries: []event.Try{{At: at, Reason: "quota", Next: &next}}}}},
		"u-quiet":   {Generation: 1},
	}
	r.change = func(c *Config) { c.Ledger, c.TemporalUI = people, "http://127.0.0.1:1/namespaces/x" }
	r.run()
	stands := func(id string, status event.Status, inbox string, ago time.Duration) {
		t.Helper()
		if _, err := r.pub.Fact(t.Context(), event.Fact{Kind: event.FactActivated, UserID: id, Generation: 1, N: 2, At: at.Add(-ago), Status: status, Inbox: inbox}); err != nil {
			t.Fatal(err)
		}
	}
	stands("u-account", event.StatusApproved, "hr", 3*time.Hour)
	stands("u-message", event.StatusActive, "crm", 2*time.Hour)
	stands("u-quiet", event.StatusApproved, "crm", time.Hour)
	stands("u-away", event.StatusActive, "crm", 30*time.Minute)
	stands("u-new", event.StatusApproved, "crm", 0)
	r.fact(event.Fact{Kind: event.FactParked, UserID: "u-parked", Status: event.StatusParked, Answers: event.AnswersVerification, EventID: "e1", EventSource: "crm"})
	r.fact(event.Fact{Kind: event.FactReopened, UserID: "u-again", Generation: 2, N: 1, Status: event.StatusParked, Inbox: "hr"})
	var list pageOfStuck
	r.eventually("all are listed", func() bool {
		return r.api("GET", "/api/v1/stuck", "", &list) == http.StatusOK && list.ParkedAll == 2 && list.RunsAll == 4
	})
	why := map[string]string{}
	for _, s := range append(list.Parked, list.Runs...) {
		why[s.UserID] = s.Why + " | " + s.Do
	}
	for id, want := range map[string][2]string{
		"u-account": {"not usable yet: the account service cannot be used as it is configured (config), try 3", "Mend the worker's settings"},
		"u-message": {"email: not sent yet; waits for smtp", "Mend it at the provider"},
		"u-quiet":   {"no try has failed", "Look at the run"},
		"u-away":    {"cannot be read now", "Look again"},
		"u-parked":  {"crm decided before a list has brought this user", "Drop the list that has this user_id"},
		"u-again":   {"reopened, and the record", "Drop a list"},
	} {
		if !strings.Contains(why[id], want[0]) || !strings.Contains(why[id], want[1]) {
			t.Errorf("%s: %q", id, why[id])
		}
	}
	if list.Runs[0].UserID != "u-account" || !list.Runs[0].Next.Equal(next) {
		t.Errorf("the longest is %+v", list.Runs[0])
	}
	_, body := page(t, r.signed(), "GET", r.base+"/stuck", nil)
	for _, want := range []string{`href="/users/u-account"`, `href="/users/u-parked"`, "/workflows/onboard-u-quiet"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	r.login("ola", logins.Viewer, "hr")
	_, body = page(t, r.signedAs("ola"), "GET", r.base+"/stuck", nil)
	if !strings.Contains(body, "u-account") || strings.Contains(body, "u-message") || strings.Contains(body, "u-parked") {
		t.Errorf("of one inbox:\n%s", body)
	}
}
