package streams

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"usher/event"
)

// All facts of a person are found, those from before their subjects told where to
// look too, and none of another person in the same place.
func TestForgetFindsAllFacts(t *testing.T) {
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	old := event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, N: 1}.WithID()
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "onboarding.v1.started", data); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(js, nil)
	for _, id := range []string{"u-1", "u-2", "u-1"} {
		if _, err := p.Fact(t.Context(), event.Fact{Kind: event.FactSent, UserID: id, Generation: 1, N: 2, EventID: event.NewID()}); err != nil {
			t.Fatal(err)
		}
	}
	e := NewEraser(js)
	traces, err := e.Find(t.Context(), "u-1", func(context.Context, string) (bool, error) { return false, nil })
	if got := traces.Seqs[event.StreamOnboarding]; err != nil || !slices.Equal(got, []uint64{1, 2, 4}) {
		t.Errorf("messages %v of ONBOARDING (%v), want 1, 2 and 4", got, err)
	}
	if err := e.Erase(t.Context(), traces); err != nil {
		t.Fatal(err)
	}
	if n := info(t, js, event.StreamOnboarding).State.Msgs; n != 1 {
		t.Errorf("%d facts are left, want 1", n)
	}
}
