package bridge

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// instead orders a message of u-1 again that takes the place of one that did not arrive.
func (r *rig) instead(source, id, message string) {
	r.Helper()
	r.publish("verifications.v1."+source+".resend", id, fmt.Sprintf(`{"user_id":"u-1","channels":["sms"],"instead":%q}`, message))
}

// becomes changes what PEOPLE has.
func (r *rig) becomes(userID string, change func(*event.Person)) {
	r.Helper()
	if _, err := r.people.Update(context.Background(), userID, func(p *event.Person) error { change(p); return nil }); err != nil {
		r.Fatal(err)
	}
}

// Issue 16: two consoles, or two people, order one message again. One run is started for
// it; the other order goes to that run while it is open, and has no effect afterwards.
func TestOrdersAboutOneMessage(t *testing.T) {
	r := newRig(t)
	r.run()
	const failed = "1.welcome.sms.1"
	r.over("u-1", event.StatusPartlyWelcomed)
	r.instead(event.SourceConsole, "a", failed)
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	if p := r.person("u-1"); p.Order == nil || p.Order.Instead != failed {
		t.Errorf("PEOPLE has %+v", p.Order)
	}
	r.instead(event.SourceConsole, "b", failed) // the run decides: it knows what is under way
	want["VERIFICATIONS signalled"]++
	r.waitOutcomes(want)

	// It was sent, and failed again; the run is over.
	r.close("u-1")
	r.becomes("u-1", func(p *event.Person) {
		p.N, p.Order = 7, nil
		p.Sends["1.welcome.sms.2"] = event.Send{State: event.SendFailed}
	})
	r.instead(event.SourceConsole, "c", failed)
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	r.instead(event.SourceConsole, "a", failed) // by a process that took the chore over
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	if n := len(r.runs.again); n != 1 {
		t.Errorf("%d runs were started", n)
	}
	r.instead(event.SourceConsole, "d", "1.welcome.sms.2")
	want["VERIFICATIONS started"]++
	r.waitOutcomes(want)
	if d := cmp.Diff([]string{"started", "late", "duplicate"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}

// Who was withdrawn meanwhile gets nothing; and what is no name of a message is refused.
func TestOrdersAboutOneMessageThatComeTooLate(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusWithdrawn)
	r.instead(event.SourceConsole, "a", "1.welcome.sms.1")
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS known": 1}
	r.waitOutcomes(want)
	r.instead(event.SourceConsole, "b", "everything")
	want["VERIFICATIONS malformed"]++
	r.waitOutcomes(want)
	if n := len(r.runs.again); n != 0 {
		t.Errorf("%d runs were started", n)
	}
}

// A message arrives, as its provider or a person says, while a run carries out an order
// about the other channel. That run does not know of it, so it is not asked.
func TestAMessageArrivesDuringAnotherOrder(t *testing.T) {
	r := newRig(t)
	r.run()
	const failed = "1.welcome.sms.1"
	r.over("u-1", event.StatusPartlyWelcomed)
	r.publish("verifications.v1.console.resend", "a", `{"user_id":"u-1","channels":["email"]}`)
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	r.becomes("u-1", func(p *event.Person) { p.Sends[failed] = event.Send{State: event.SendDelivered} })
	r.instead(event.SourceConsole, "b", failed)
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)

	// A run that was started by hand, or that has not closed yet, is not asked either.
	r.becomes("u-1", func(p *event.Person) { p.Order = nil })
	r.instead(event.SourceConsole, "c", failed)
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	if d := cmp.Diff([]string{"started", "late", "late"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}
