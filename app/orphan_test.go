package app

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

// lagging answers direct gets as a copy of a stream does that has not got the
// newest messages yet.
type lagging struct{ jetstream.JetStream }

func (l lagging) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := l.JetStream.Stream(ctx, name)
	return laggingCopy{s}, err
}

type laggingCopy struct{ jetstream.Stream }

func (laggingCopy) GetMsg(context.Context, uint64, ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	return nil, jetstream.ErrMsgNotFound
}

// A dead letter keeps the original message, also when a copy of the stream does not
// have it yet.
func TestAnOrphanIsKeptAsItWasSent(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	body := `{"user_id":"u-1", "reason":"seen in person", "more":"than usher reads"}`
	ack, err := js.Publish(t.Context(), event.VerificationSubject("crm", event.VerbApproved), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), ack.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	v := event.Verification{Identity: event.Identity{Source: "crm", ID: "v1"}, UserID: "u-1", Verb: event.VerbApproved, Seq: ack.Sequence, Stored: m.Time}
	o := orphanage{lagging{js}, streams.NewPublisher(js, metrics.NewShared(prometheus.NewRegistry()))}
	if err := o.Orphan(t.Context(), v, event.ReasonUnknownUser); err != nil {
		t.Fatal(err)
	}
	letter, err := streams.NewLetters(lagging{js}).Get(t.Context(), 1)
	if err != nil || string(letter.Data) != body {
		t.Errorf("the dead letter holds %q, %v", letter.Data, err)
	}
}
