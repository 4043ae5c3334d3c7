package cmd

import (
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// The last fact of the stream may have been deleted, as a canary's is.
func TestStatusOfAUserBehindADeletedEnd(t *testing.T) {
	js, url := natstest.Start(t)
	ctx := t.Context()
	if err := streams.Ensure(ctx, js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Claim(ctx, "u-1", event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting}); err != nil {
		t.Fatal(err)
	}
	pub := streams.NewPublisher(js, nil)
	for n, id := range []string{"u-1", "u-2"} {
		f := event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, At: time.Now(), Status: event.StatusWaiting, EventID: "e-" + id, EventSource: "inbox", N: n}
		if _, err := pub.Fact(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	s, err := js.Stream(ctx, event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"u-1": "u-1: waiting (inbox inbox)", "e-u-1": "started"} {
		code, out, errs := run(t, nil, "status", what, "--nats-url", url)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("status %s: %d\n%s%s", what, code, out, errs)
		}
	}
}
