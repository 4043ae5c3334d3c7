package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

type rig struct {
	*testing.T
	js      jetstream.JetStream
	url     string
	runs    *runs
	people  *streams.People
	metrics *metrics.Bridge
	bridge  *Bridge

	workflows  Workflows // runs, when it is nil
	verifiers  map[string]event.Verifiers
	mostParked int
	with       func(*Config) // changes what the next bridge is made with
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, 32<<20)
}

// newRigWith is newRig with so many bytes for all streams.
func newRigWith(t *testing.T, room int64) *rig {
	t.Helper()
	js, url := natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: room}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{T: t, js: js, url: url, people: people, runs: &runs{byUser: map[string]*run{}}}
}

// run starts a bridge that stops with the test, or with the returned function.
func (r *rig) run() (stop func()) {
	r.Helper()
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	r.metrics = metrics.NewBridge(reg, shared)
	records := streams.NewRecords(r.js)
	workflows := r.workflows
	if workflows == nil {
		workflows = r.runs
	}
	cfg := Config{
		JetStream: r.js, People: r.people, Workflows: workflows, Publisher: streams.NewPublisher(r.js, shared), Records: records,
		UserIDByEmail: func(email string) string { return event.Key("a key for this test").UserID(email, "") },
		Settings:      event.DefaultSettings(), Verifiers: r.verifiers, MostParked: r.mostParked, AckWait: time.Second, Workers: 16,
		Metrics: r.metrics, Log: slog.New(slog.DiscardHandler),
	}
	if r.with != nil {
		r.with(&cfg)
	}
	r.bridge = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	b := r.bridge
	go func() { done <- b.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				r.Error(err)
			}
		})
	}
	r.Cleanup(stop)
	return stop
}

func (r *rig) publish(subject, id, body string, header ...string) {
	r.Helper()
	m := nats.NewMsg(subject)
	m.Data = []byte(body)
	if id != "" {
		m.Header.Set("ce-id", id)
	}
	for i := 0; i+1 < len(header); i += 2 {
		m.Header.Set(header[i], header[i+1])
	}
	if _, err := r.js.PublishMsg(context.Background(), m); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) user(id, userID string) {
	r.Helper()
	r.publish("users.v1.imported.inbox", id, fmt.Sprintf(`{"user_id":%q,"email":"x@example.org"}`, userID))
}

func (r *rig) approve(id, userID string) {
	r.Helper()
	r.publish("verifications.v1.crm.approved", id, fmt.Sprintf(`{"user_id":%q}`, userID))
}

// outcomes are the counts that are not zero.
func (r *rig) outcomes() map[string]float64 {
	out := map[string]float64{}
	for _, stream := range []string{event.StreamUsers, event.StreamVerifications} {
		for _, o := range metrics.Outcomes {
			if n := testutil.ToFloat64(r.metrics.Messages.WithLabelValues(stream, o)); n > 0 {
				out[stream+" "+o] = n
			}
		}
	}
	return out
}

func (r *rig) waitOutcomes(want map[string]float64) {
	r.Helper()
	r.eventually(func() error {
		if d := cmp.Diff(want, r.outcomes()); d != "" {
			return errors.New("outcomes (-want +got)\n" + d)
		}
		return nil
	})
}

func (r *rig) eventually(check func() error) {
	r.Helper()
	r.within(20*time.Second, check)
}

func (r *rig) within(limit time.Duration, check func() error) {
	r.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// facts are the kinds of the facts that were told, in order.
func (r *rig) facts() []string {
	kinds := r.messages(event.StreamOnboarding, "onboarding.v1.")
	for i := range kinds {
		kinds[i], _, _ = strings.Cut(kinds[i], ".")
	}
	return kinds
}

// redelivered is how many messages of a consumer were delivered more than once.
func (r *rig) redelivered(stream, consumer string) uint64 {
	r.Helper()
	c, err := r.js.Consumer(context.Background(), stream, consumer)
	if err != nil {
		r.Fatal(err)
	}
	i := c.CachedInfo()
	return i.Delivered.Consumer - i.Delivered.Stream // the rigs' consumers filter nothing out
}

func (r *rig) messages(stream, prefix string) []string {
	r.Helper()
	var out []string
	s, err := r.js.Stream(context.Background(), stream)
	if err != nil {
		r.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(context.Background(), seq)
		if err != nil {
			r.Fatal(err)
		}
		out = append(out, strings.TrimPrefix(m.Subject, prefix))
	}
	return out
}

func newRigConsumer(r *rig) *consumer {
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	b := New(Config{JetStream: r.js, Publisher: streams.NewPublisher(r.js, shared), Metrics: metrics.NewBridge(reg, shared), Log: slog.New(slog.DiscardHandler)})
	return b.newConsumer(event.StreamVerifications, event.ConsumerVerifications, "verifications.v1.>", "signal", b.onVerification)
}
