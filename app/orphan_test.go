package app

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
	"usher/streams/streamstest"
)

// A dead letter keeps the original message, also when a copy of the stream does not
// have it yet.
func TestAnOrphanIsKeptAsItWasSent(t *testing.T) {
	js, _ := streamstest.Start(t)
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
	o := orphanage{natstest.Behind{JetStream: js}, streams.NewPublisher(js, metrics.NewShared(prometheus.NewRegistry()))}
	if err := o.Orphan(t.Context(), v, event.ReasonUnknownUser); err != nil {
		t.Fatal(err)
	}
	letter, err := streams.NewLetters(natstest.Behind{JetStream: js}).Get(t.Context(), 1)
	if err != nil || string(letter.Data) != body {
		t.Errorf("the dead letter holds %q, %v", letter.Data, err)
	}
}
