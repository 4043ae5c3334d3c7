package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams"
)

// slowStarts holds starts up until the test lets them go on.
type slowStarts struct {
	*runs
	began chan string
	goOn  chan struct{}
}

func (s slowStarts) Start(ctx context.Context, id event.Identity, in event.Onboarding) error {
	s.began <- in.UserID
	<-s.goOn
	return s.runs.Start(ctx, id, in)
}

// heeds gives the next bridges the switch of real pauses.
func (r *rig) heeds() {
	r.Helper()
	m := metrics.NewProcess(prometheus.NewRegistry(), "v", "go")
	p, err := streams.NewPauses(r.Context(), r.js, m.Paused, m.PauseEnds, slog.New(slog.DiscardHandler))
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
	r.with = func(c *Config) { c.Switch = p.Switch(event.StageBridge) }
}

// say pauses the bridge or resumes it, and returns when the bridge has heard.
func (r *rig) say(paused bool) {
	r.Helper()
	if err := streams.SayPause(r.Context(), r.js, event.StageBridge, event.Pause{Paused: paused, Actor: "ann"}); err != nil {
		r.Fatal(err)
	}
	for {
		changed := r.bridge.Switch.Changed()
		if _, yes := r.bridge.Switch.Paused(); yes == paused {
			return
		}
		<-changed
	}
}

// asked is how many requests for messages wait at the server, and pending how many records
// no one has taken. Both are errors while a consumer is not there yet.
func (r *rig) asked() (n int, pending uint64, err error) {
	for stream, name := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
		c, err := r.js.Consumer(context.Background(), stream, name)
		if err != nil {
			return 0, 0, err
		}
		n += c.CachedInfo().NumWaiting
		if stream == event.StreamUsers {
			pending = c.CachedInfo().NumPending
		}
	}
	return n, pending, nil
}

// Issue 20: a paused bridge ends what it has in hand and takes nothing more, of neither
// stream; so does one that is started in the pause. Then it takes what came meanwhile,
// each message delivered once.
func TestAPauseOfTheBridge(t *testing.T) {
	r := newRig(t)
	slow := slowStarts{r.runs, make(chan string, 1), make(chan struct{})}
	r.workflows = slow
	r.heeds()
	stop := r.run()
	r.user("e-1", "u-1")
	if got := <-slow.began; got != "u-1" {
		t.Fatal(got)
	}
	r.say(true)
	close(slow.goOn)
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	r.eventually(func() error {
		n, _, err := r.asked()
		if err == nil && n > 0 {
			err = fmt.Errorf("%d requests for messages wait at the server", n)
		}
		return err
	})
	r.user("e-2", "u-2")
	r.approve("d-1", "u-1")
	stop()
	r.run()
	r.user("e-3", "u-3")
	r.eventually(func() error { // what is taken is never pending again
		asked, pending, err := r.asked()
		if err == nil && (pending != 2 || asked != 0 || len(r.outcomes()) != 0) {
			err = fmt.Errorf("%d records wait, %d requests, outcomes %v: want 2, 0 and none", pending, asked, r.outcomes())
		}
		return err
	})
	if err := r.bridge.Ready(); err != nil {
		t.Errorf("a pause is no trouble: %v", err)
	}
	r.say(false)
	for range 2 {
		<-slow.began
	}
	r.waitOutcomes(map[string]float64{"USERS started": 2, "VERIFICATIONS signalled": 1})
	if n := r.redelivered(event.StreamUsers, event.ConsumerUsers); n != 0 {
		t.Error(errors.New("messages were delivered more than once"), n)
	}
}
