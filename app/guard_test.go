package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

// A probe that panics is a server that is not known to be there, and the next probe
// is asked.
func TestAPanicOfAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := metrics.NewShared(prometheus.NewRegistry())
		asked := 0
		p := &pulse{probe: func(context.Context) error {
			if asked++; asked == 1 {
				panic("ann@example.org")
			}
			return nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- pulses{p}.guardedBy(shared.Guard("app", slog.New(slog.DiscardHandler))).run(ctx, func() {})
		}()
		synctest.Wait()
		if err := p.ready(); err == nil || strings.Contains(err.Error(), "ann@") {
			t.Errorf("after the panic: %v", err)
		}
		<-time.After(probeEvery + 1)
		synctest.Wait()
		if err := p.ready(); err != nil || asked != 2 {
			t.Errorf("after the next one: %v, asked %d times", err, asked)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := testutil.ToFloat64(shared.Panics.WithLabelValues("app")); n != 1 {
			t.Errorf("%v panics are counted", n)
		}
	})
}

// A sampler that panics looks again.
func TestAPanicOfASampler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		shared := metrics.NewShared(reg)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 2)
		sampler := &streams.Sampler{Errors: prometheus.NewCounter(prometheus.CounterOpts{}), Guard: shared.Guard("streams", slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler), Every: probeEvery}
		room := &streams.Room{Guard: sampler.Guard, Log: sampler.Log, Every: probeEvery}
		go func() { done <- sampler.Run(ctx) }() // without JetStream each look panics
		go func() { done <- room.Run(ctx) }()
		synctest.Wait()
		<-time.After(probeEvery + 1)
		synctest.Wait()
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := testutil.ToFloat64(shared.Panics.WithLabelValues("streams")); n != 4 {
			t.Errorf("%v panics are counted", n)
		}
	})
}

// panicking is a log that cannot be written.
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("ann@example.org") }

// What the client of NATS calls, it calls from goroutines that stop no panic.
func TestAPanicInWhatTheNATSClientCalls(t *testing.T) {
	s := natstest.Run(t, t.TempDir(), server.RANDOM_PORT)
	told := make(chan *event.PanicError, 9)
	nc, err := connectNATS(t.Context(), s.ClientURL(), NATSAccess{}, "test", pings{time.Minute, 2}, slog.New(panicking{}), func(p *event.PanicError) { told <- p })
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s.Shutdown() // the connection is lost
	if p := <-told; p.Kind != "string" || strings.Contains(p.Error(), "ann@") {
		t.Errorf("%v", p)
	}
	if nc.IsClosed() {
		t.Error("the client does not try to come back")
	}
}

// The SDK counts on goroutines that stop no panic: a metric that cannot be made, or
// counted down, is told of and ends nothing.
func TestAPanicInAMetricOfTheSDK(t *testing.T) {
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	h := newSDKMetrics(reg, shared.Guard("app", slog.New(slog.DiscardHandler)))
	h.Counter("temporal_fine").Inc(-1)
	h.Gauge("no name of Prometheus\xff").Update(1)
	h.Timer("usher_panics_total\xff").Record(1)
	h.Counter("temporal_fine").Inc(1)
	if n := testutil.ToFloat64(shared.Panics.WithLabelValues("app")); n != 3 {
		t.Errorf("%v panics are counted", n)
	}
	if n := testutil.ToFloat64(h.known.counters["temporal_fine_total"].WithLabelValues()); n != 1 {
		t.Errorf("the good one counts %v", n)
	}
}
