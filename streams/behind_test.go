package streams

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// A bridge that believed such a copy opened a reopened user without the record, who
// then waited in vain, and made a dead letter of an order to send again.
func TestARecordIsNotGoneBecauseACopyIsBehind(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	want := event.User{UserID: "u-1", Email: "u1@example.org", Import: event.Import{ID: "i", File: "f", Record: 1, Line: 2}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := js.Publish(t.Context(), event.ImportedSubject(event.SourceInbox), data)
	if err != nil {
		t.Fatal(err)
	}
	records := NewRecords(natstest.Behind{JetStream: js})
	if u, ok, err := records.Record(t.Context(), ack.Sequence, "u-1"); err != nil || !ok || !u.SameData(want) {
		t.Errorf("the record is there: %v, %v, %+v", ok, err, u)
	}
	if _, ok, err := records.Record(t.Context(), ack.Sequence+1, "u-1"); ok || err != nil {
		t.Errorf("a record that is in no copy: %v, %v", ok, err)
	}
}

// behindOnce is JetStream whose first consumer lives on a copy that has no message yet.
type behindOnce struct {
	jetstream.JetStream
	made *int
}

func (b behindOnce) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.JetStream.Stream(ctx, name)
	return streamBehindOnce{s, b.made}, err
}

type streamBehindOnce struct {
	jetstream.Stream
	made *int
}

func (s streamBehindOnce) CreateConsumer(ctx context.Context, c jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if *s.made++; *s.made == 1 {
		c.DeliverPolicy, c.OptStartSeq, c.OptStartTime = jetstream.DeliverNewPolicy, 0, nil
	}
	return s.Stream.CreateConsumer(ctx, c)
}

// A consumer is put on any copy of a stream. One that is behind is at its end before the
// stream is: a list of all people missed those who came last, or everyone, and what they
// need could be purged (issue 14; seen as 0 of 2,000 messages, without an error).
func TestAReadingDoesNotEndWhereACopyIsBehind(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	old := time.Now()
	for i := range 3 {
		if _, err := js.Publish(t.Context(), event.ImportedSubject(event.SourceInbox), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		sel      Selection
		want     int
		sessions int // one more where the first one missed something
	}{
		"all":                 {Selection{}, 3, 2},
		"the latest":          {Selection{Latest: true}, 3, 2},
		"one subject":         {Selection{Subjects: []string{"users.v1.imported.*"}}, 3, 2},
		"one that has none":   {Selection{Subjects: []string{"users.v1.progress.>"}}, 0, 1},
		"from the third":      {Selection{From: 3}, 1, 2},
		"from behind the end": {Selection{From: 4}, 0, 1},
		"since before":        {Selection{Since: old.Add(-time.Hour)}, 3, 2},
		"since now":           {Selection{Since: time.Now().Add(time.Hour)}, 0, 1},
	} {
		made, got := 0, 0
		err := Read(t.Context(), behindOnce{js, &made}, event.StreamUsers, tc.sel, func(Message, uint64) error { got++; return nil })
		if err != nil || got != tc.want || made != tc.sessions {
			t.Errorf("%s: %d messages by %d consumers, want %d by %d: %v", name, got, made, tc.want, tc.sessions, err)
		}
	}
}
