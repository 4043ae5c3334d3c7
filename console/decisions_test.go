package console

import (
	"encoding/json"
	"testing"

	"usher/event"
)

// A decision without an id is known by its place in its stream. The console showed
// no reason for it, and kept the reason when the user was forgotten.
func TestTheReasonOfADecisionWithoutAnID(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("u-1", "Ada")
	subject := event.VerificationSubject("crm", event.VerbRejected)
	ack, err := r.js.Publish(t.Context(), subject, []byte(`{"user_id":"u-1","reason":"left the company","actor":"eve"}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	i := s.CachedInfo()
	at := event.Position{Stream: event.StreamVerifications, Created: event.Birth(i.Config.Metadata, i.Created), Seq: ack.Sequence}
	id := event.Identify("crm", "", "", at) // as the bridge finds it
	r.fact(event.Fact{Kind: event.FactRejected, UserID: "u-1", Generation: 1, N: 2, Status: event.StatusRejected, EventID: id.ID, EventSource: id.Source})
	r.eventually("the reason is in the timeline", func() bool {
		var u User
		r.api("GET", "/api/v1/users/u-1", "", &u)
		return len(u.Timeline) == 1 && u.Timeline[0].Reason == "left the company" && u.Timeline[0].Actor == "eve"
	})

	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-1", Generation: 1})
	r.eventually("the reason is forgotten", func() bool {
		var n int
		if err := r.console.model.db.QueryRow(`SELECT count(*) FROM decisions`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// What a console reads with is gone when it ends.
func TestAConsoleLeavesNothingBehind(t *testing.T) {
	r := newRig(t)
	r.run()()
	for _, name := range []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters} {
		s, err := r.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.CachedInfo().State.Consumers; n > 0 {
			t.Errorf("%d consumers are left on %s", n, name)
		}
	}
}

// An entry of the timeline is a fact with more in it, and can be read as one.
func TestAnEntryIsAFact(t *testing.T) {
	b, err := json.Marshal(Entry{Fact: event.Fact{ID: "f-1", Kind: event.FactRejected}, Reason: "the contract has ended", Note: "since May", Actor: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	var f event.Fact
	if err := json.Unmarshal(b, &f); err != nil || f.ID != "f-1" {
		t.Errorf("%s: %+v, %v", b, f, err)
	}
}
