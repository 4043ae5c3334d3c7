package streams

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
	"usher/streams/natstest"
)

// pausesOf is what another process knows, and its log.
func pausesOf(t *testing.T, url string) (*Pauses, *metrics.Process, *natstest.Output) {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	m, log := metrics.NewProcess(prometheus.NewRegistry(), "v", "go"), &natstest.Output{}
	p, err := NewPauses(t.Context(), js, m.Paused, m.PauseEnds, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p, m, log
}

// changes waits until a stage is paused or not.
func changes(t *testing.T, s event.Switch, want bool) event.Pause {
	t.Helper()
	limit := time.After(10 * time.Second) // less than until the next look without a word
	for {
		changed := s.Changed()
		p, got := s.Paused()
		if got == want {
			return p
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("paused is %v, want %v", got, want)
		}
	}
}

// Issue 20: what one process says, all others heed at once; a process that starts
// later knows it from its first moment on.
func TestPauses(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	say := func(p event.Pause) {
		t.Helper()
		if err := SayPause(t.Context(), js, event.StageBridge, p); err != nil {
			t.Fatal(err)
		}
	}
	first, m, log := pausesOf(t, url)
	bridge := first.Switch(event.StageBridge)
	if _, yes := bridge.Paused(); yes || len(first.Now()) != 0 {
		t.Fatal("paused, and no word was said")
	}
	say(event.Pause{Paused: true, Actor: "ann", Reason: "a change of the database"})
	p := changes(t, bridge, true)
	if p.Actor != "ann" || p.Reason != "a change of the database" || !p.Until().IsZero() || time.Since(p.At).Abs() > time.Minute {
		t.Errorf("%+v", p)
	}
	if _, yes := first.Switch(event.StageIntake).Paused(); yes {
		t.Error("another stage is paused too")
	}
	second, _, _ := pausesOf(t, url)
	if now := second.Now(); len(now) != 1 || now[0].Stage != event.StageBridge || !strings.HasPrefix(now[0].Error(), "bridge is paused by an operator since ") {
		t.Errorf("a process that starts later knows %v", now)
	}
	if is, ends := testutil.ToFloat64(m.Paused.WithLabelValues("bridge")), testutil.ToFloat64(m.PauseEnds.WithLabelValues("bridge")); is != 1 || ends != 0 {
		t.Errorf("the gauges are %v and %v", is, ends)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if bridge.Wait(ctx) {
		t.Error("who waits in a pause is told to go on when the process stops")
	}
	say(event.Pause{Actor: "bob"})
	if !bridge.Wait(t.Context()) {
		t.Error("who waits is not told to go on")
	}
	changes(t, second.Switch(event.StageBridge), false)
	if n := strings.Count(log.String(), "an operator has paused a stage"); n != 1 || strings.Contains(log.String(), "ann") || strings.Contains(log.String(), "database") {
		t.Errorf("it is told %d times, want once and without the person and their words:\n%s", n, log.String())
	}
	if s := event.Switch(nil); !s.Wait(t.Context()) || s.Changed() != nil {
		t.Error("a stage without a switch waits")
	}
}

// Issue 20: a pause with an end goes on by itself, in processes that heard it and in
// one that starts behind its end, and says so.
func TestAPauseEndsByItself(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	p, m, log := pausesOf(t, url)
	if err := SayPause(t.Context(), js, event.StageDelivery, event.Pause{Paused: true, Actor: "ann", For: 1500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	delivery := p.Switch(event.StageDelivery)
	if said := changes(t, delivery, true); said.Until().Sub(said.At) != 1500*time.Millisecond {
		t.Errorf("%+v", said)
	}
	if ends := testutil.ToFloat64(m.PauseEnds.WithLabelValues("delivery")); ends == 0 {
		t.Error("no gauge says when it ends")
	}
	if !delivery.Wait(t.Context()) || len(p.Now()) != 0 {
		t.Error("it does not go on")
	}
	later, _, _ := pausesOf(t, url)
	if len(later.Now()) != 0 {
		t.Error("it is paused again for who starts later")
	}
	changes(t, delivery, false)
	if !strings.Contains(log.String(), "its pause was to end now") {
		t.Error("it does not say that it goes on:\n" + log.String())
	}
}

// Issue 20: what was said while the connection was lost is heeded after it is back, and
// until then what was said before.
func TestPausesAcrossAnOutage(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	link := natstest.NewLink(t, strings.TrimPrefix(url, "nats://"))
	p, _, _ := pausesOf(t, "nats://"+link.Addr())
	if err := SayPause(t.Context(), js, event.StageIntake, event.Pause{Paused: true, Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	intake := p.Switch(event.StageIntake)
	changes(t, intake, true)
	link.Cut()
	if err := SayPause(t.Context(), js, event.StageIntake, event.Pause{Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	if _, yes := intake.Paused(); !yes {
		t.Error("an outage ends the pause")
	}
	link.Thaw()
	changes(t, intake, false)
}
