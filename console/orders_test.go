package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"usher/event"
	"usher/streams"
)

// What operators may do about a user is offered where the status allows it, and
// is the event that the commands publish.
func TestOrders(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	c := browser(t)
	form := url.Values{"event_id": {event.NewID()}, "order": {event.VerbWithdrawn}, "reason": {"left the company"}}
	address := r.base + "/users/u-1/order"
	if resp, _ := page(t, c, "POST", address, form); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without signing in: %s", resp.Status)
	}
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	forged, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	forged.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	forged.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := c.Do(forged)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s", resp.Status)
	}
	shown := func(want string, offered ...string) {
		t.Helper()
		_, body := page(t, c, "GET", r.base+"/users/u-1", nil)
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
		for _, verb := range []string{event.VerbWithdrawn, event.VerbReopened, event.VerbResend} {
			if has, wanted := strings.Contains(body, `name="order" value="`+verb+`"`), strings.Contains(strings.Join(offered, " "), verb); has != wanted {
				t.Errorf("%s offers %s: %v", want, verb, has)
			}
		}
	}
	give := func(verb, reason string) {
		t.Helper()
		f := url.Values{"event_id": form["event_id"], "order": {verb}, "reason": {reason}}
		if resp, _ := page(t, c, "POST", address, f); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/users/u-1" {
			t.Errorf("%s: %s to %s", verb, resp.Status, resp.Header.Get("Location"))
		}
	}
	shown("Ann", event.VerbWithdrawn)
	give(event.VerbWithdrawn, " ")
	shown("a reason is needed", event.VerbWithdrawn)
	give(event.VerbReopened, "again")
	shown("does not allow this", event.VerbWithdrawn)
	give(event.VerbApproved, "an order is no decision")
	shown("does not allow this", event.VerbWithdrawn)
	if n := r.stored(event.StreamVerifications); n != 0 {
		t.Fatalf("%d events are stored, want none yet", n)
	}
	give(event.VerbWithdrawn, "left the company")
	shown("Done: withdrawn.", event.VerbReopened)
	give(event.VerbWithdrawn, "left the company") // the same form again
	shown("Done: withdrawn.", event.VerbReopened)
	if resp, _ := page(t, c, "POST", r.base+"/users/nobody/order", form); resp.StatusCode != http.StatusNotFound {
		t.Errorf("nobody: %s", resp.Status)
	}

	var body event.VerificationBody
	if subject := r.only(event.StreamVerifications, &body); subject != "verifications.v1.console.withdrawn" || body.UserID != "u-1" || body.Reason != "left the company" || body.Actor != "admin" {
		t.Errorf("%s %+v", subject, body)
	}
	var audit map[string]string
	if subject := r.only("AUDIT", &audit, "audit.v1.order"); subject != "audit.v1.order" || audit["user_id"] != "u-1" || audit["order"] != event.VerbWithdrawn || audit["actor"] != "admin" || audit["event_id"] == "" || audit["reason"] != "" {
		t.Errorf("%s %v", subject, audit)
	}
}

// only reads the one message of a stream, or of one of its subjects.
func (r *rig) only(stream string, into any, subjects ...string) (subject string) {
	r.Helper()
	n := 0
	err := streams.Read(r.Context(), r.js, stream, streams.Selection{Subjects: subjects}, func(m streams.Message, _ uint64) error {
		n++
		subject = m.Subject
		return json.Unmarshal(m.Data, into)
	})
	if err != nil || n != 1 {
		r.Errorf("%d messages in %s: %v", n, stream, err)
	}
	return subject
}

// Each status offers what the bridge would carry out.
func TestOrdersOfEachStatus(t *testing.T) {
	want := map[event.Status]string{
		"": "", event.StatusParked: "withdrawn", event.StatusWaiting: "withdrawn", event.StatusApproved: "withdrawn", event.StatusActive: "withdrawn",
		event.StatusWelcomed: "resend reopened withdrawn", event.StatusPartlyWelcomed: "resend reopened withdrawn", event.StatusUnreached: "resend reopened withdrawn",
		event.StatusRejected: "reopened", event.StatusExpired: "reopened", event.StatusWithdrawn: "reopened", event.StatusFailed: "",
	}
	for _, s := range append(event.Statuses(), "") {
		var got []string
		for _, o := range orders(s) {
			got = append(got, o.Verb)
		}
		if strings.Join(got, " ") != want[s] {
			t.Errorf("%q offers %q, want %q", s, got, want[s])
		}
	}
}
