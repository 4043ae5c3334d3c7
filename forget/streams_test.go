package forget

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

// All facts of a person are found, those from before their subjects told where to
// look too, and none of another person in the same place.
func TestForgetFindsAllFacts(t *testing.T) {
	js, _ := streamstest.Start(t)
	old := event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, N: 1}.WithID()
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "onboarding.v1.started", data); err != nil {
		t.Fatal(err)
	}
	p := streams.NewPublisher(js, nil)
	for _, id := range []string{"u-1", "u-2", "u-1"} {
		if _, err := p.Fact(t.Context(), event.Fact{Kind: event.FactSent, UserID: id, Generation: 1, N: 2, EventID: event.NewID()}); err != nil {
			t.Fatal(err)
		}
	}
	e := newEraser(js)
	traces, err := e.find(t.Context(), "u-1", func(context.Context, string) (bool, error) { return false, nil })
	if got := traces.Seqs[event.StreamOnboarding]; err != nil || !slices.Equal(got, []uint64{1, 2, 4}) {
		t.Errorf("messages %v of ONBOARDING (%v), want 1, 2 and 4", got, err)
	}
	if err := e.erase(t.Context(), traces); err != nil {
		t.Fatal(err)
	}
	if n := factsIn(t, js); n != 1 {
		t.Errorf("%d facts are left, want 1", n)
	}
}

func factsIn(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}
