package streams

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
)

func TestTheSamplerShowsWhatConsumersOwe(t *testing.T) {
	js := start(t)
	ctx := t.Context()
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	pub := NewPublisher(js, metrics.NewShared(reg))
	s := Sampler{JetStream: js, Metrics: metrics.NewStreams(reg), Errors: prometheus.NewCounter(prometheus.CounterOpts{}), Log: slog.New(slog.DiscardHandler), MaxStore: 1 << 30}
	if err := s.Look(ctx); err != nil { // before any bridge has run
		t.Fatal(err)
	}
	c, err := js.CreateConsumer(ctx, event.StreamVerifications, jetstream.ConsumerConfig{
		Durable: event.ConsumerVerifications, FilterSubject: "verifications.v1.>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := pub.Verification(ctx, "crm", event.VerbApproved, event.NewID(), event.VerificationBody{UserID: "u-1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.DeadLetter(ctx, event.DeadLetter{Stream: event.StreamUsers, Sequence: 1, Reason: event.ReasonMalformed, Stored: time.Now()}); err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := (<-batch.Messages()).DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	if batch, err = c.Fetch(1); err != nil { // one more is in hand
		t.Fatal(err)
	}
	inHand := <-batch.Messages()
	for range 500 { // the server counts what is pending a moment after it has stored it
		i, err := c.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if i.NumPending == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}

	if err := s.Look(ctx); err != nil {
		t.Fatal(err)
	}
	m := s.Metrics
	for _, x := range []struct {
		what string
		got  prometheus.Collector
		want float64
	}{
		{"pending", m.Pending.WithLabelValues(event.ConsumerVerifications), 2},
		{"not given yet", m.NumPending.WithLabelValues(event.StreamVerifications, event.ConsumerVerifications), 1},
		{"in hand", m.NumAckPending.WithLabelValues(event.StreamVerifications, event.ConsumerVerifications), 1},
		{"messages", m.Messages.WithLabelValues(event.StreamVerifications), 3},
		{"dead letters", m.DeadLetters.WithLabelValues(event.StreamUsers, event.ReasonMalformed), 1},
		{"room", m.MaxStorage, 1 << 30},
	} {
		if got := testutil.ToFloat64(x.got); got != x.want {
			t.Errorf("%s: got %v, want %v", x.what, got, x.want)
		}
	}
	if lag := testutil.ToFloat64(m.LagSeconds.WithLabelValues(event.ConsumerVerifications)); lag <= 0 || lag > 60 {
		t.Errorf("lag: got %v seconds", lag)
	}

	if err := inHand.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	if batch, err = c.Fetch(1); err != nil {
		t.Fatal(err)
	}
	if err := (<-batch.Messages()).DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if lag := testutil.ToFloat64(m.LagSeconds.WithLabelValues(event.ConsumerVerifications)); lag != 0 {
		t.Errorf("lag with nothing left: got %v", lag)
	}
}
