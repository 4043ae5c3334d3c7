package bridge

import (
	"fmt"
	"testing"
	"time"

	"usher/event"
)

// A decision that takes effect later, and the event that takes it back, are the
// console's alone. From elsewhere both are dead letters, and nothing counts.
func TestOnlyTheConsoleHoldsADecisionBack(t *testing.T) {
	for _, source := range []string{"crm", event.SourceCLI, event.SourceConsole} {
		r := newRig(t)
		r.run()
		r.user("r1", "u-1")
		r.waitOutcomes(map[string]float64{"USERS started": 1})
		r.publish(event.VerificationSubject(source, event.VerbApproved), "v1", `{"user_id":"u-1","effective_after":10}`)
		r.publish(event.VerificationSubject(source, event.VerbUndone), "u1", `{"user_id":"u-1","undoes":"v1"}`)
		want := map[string]float64{"USERS started": 1, "VERIFICATIONS denied": 2}
		if source == event.SourceConsole {
			want = map[string]float64{"USERS started": 1, "VERIFICATIONS signalled": 2}
		}
		r.waitOutcomes(want)
	}
}

func TestWhatCannotBeUndoneIsSaid(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusRejected)
	for i, body := range []string{
		`{"user_id":"u-1","effective_after":3601}`,
		`{"user_id":"u-1","effective_after":-1}`,
		`{"user_id":"u-1","effective_after":"10s"}`,
	} {
		r.publish(event.VerificationSubject(event.SourceConsole, event.VerbApproved), fmt.Sprint("bad", i), body)
	}
	r.publish(event.VerificationSubject(event.SourceConsole, event.VerbUndone), "u0", `{"user_id":"u-1"}`)
	r.publish(event.VerificationSubject(event.SourceConsole, event.VerbUndone), "u1", `{"user_id":"u-9","undoes":"v1"}`)
	r.publish(event.VerificationSubject(event.SourceConsole, event.VerbUndone), "u2", `{"user_id":"u-1","undoes":"v1"}`) // too late: answered so
	r.publish(event.VerificationSubject(event.SourceConsole, event.VerbWithdrawn), "w1", `{"user_id":"u-1","effective_after":10}`)
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS malformed": 3, "VERIFICATIONS denied": 3, "VERIFICATIONS known": 1})
	if facts := r.facts(); len(facts) != 2 || facts[1] != event.FactLate {
		t.Errorf("the facts are %v, want one that is late", facts)
	}
}

// The window counts from when JetStream stored the decision, by its clock.
func TestTheWindowCountsFromTheStoredTime(t *testing.T) {
	stored := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	b := new(Bridge)
	v, err := b.parseVerification(message{
		Position: event.Position{Stream: event.StreamVerifications, Seq: 1, Stored: stored}, subject: event.VerificationSubject(event.SourceConsole, event.VerbApproved),
		data: []byte(`{"user_id":"u-1","effective_after":10}`),
	})
	if err != nil || !v.Effective.Equal(stored.Add(10*time.Second)) {
		t.Errorf("takes effect at %s: %v", v.Effective, err)
	}
}
