package streams

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

func publishRecord(t *testing.T, js jetstream.JetStream, inbox, userID, id string) uint64 {
	t.Helper()
	data, err := json.Marshal(event.User{UserID: userID, Email: userID + "@example.org", Import: event.Import{ID: id}})
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Subject: event.ImportedSubject(inbox), Header: nats.Header{"ce-id": {"e-" + userID}}, Data: data}
	ack, err := js.PublishMsg(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func TestJournalReadsWhatIsThere(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	j := NewJournal(js)
	none := func(err error, n int) {
		t.Helper()
		if err != nil || n != 0 {
			t.Errorf("of empty streams: %d, %v", n, err)
		}
	}
	n := 0
	none(j.Imported(t.Context(), 0, 100, func(Record) error { n++; return nil }), n)
	none(j.Checkpoints(t.Context(), func(Checkpoint) error { n++; return nil }), n)
	none(j.Facts(t.Context(), time.Now().Add(-time.Hour), time.Now(), func(event.Fact) { n++ }), n)
	none(j.People(t.Context(), func(string, event.Person) error { n++; return nil }), n)

	for i := range 1200 { // more than is pulled at once
		publishRecord(t, js, []string{"inbox", "hr"}[i%2], fmt.Sprintf("u-%d", i+1), "imp")
	}
	if _, err := js.Publish(t.Context(), event.ImportedSubject("inbox"), []byte(`{"user_id":`)); err != nil {
		t.Fatal(err)
	}
	checkpoint := []byte(`{"import":"imp","file":"a.csv","source":"inbox","published":1200,"done":true}`)
	if _, err := js.Publish(t.Context(), event.CheckpointSubject("inbox", "abc"), checkpoint); err != nil {
		t.Fatal(err)
	}
	var got []Record
	if err := j.Imported(t.Context(), 3, 1100, func(r Record) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1097 || got[0].Seq != 4 || got[0].UserID != "u-4" || got[0].Inbox != "hr" || got[0].Import != "imp" || got[0].ID != "e-u-4" {
		t.Errorf("%d records, the first %+v", len(got), got[0])
	}
	if err := j.Imported(t.Context(), 1202, 5000, func(Record) error { return fmt.Errorf("there is none") }); err != nil {
		t.Error(err)
	}
	counts, err := j.ImportedBetween(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if d := cmp.Diff(map[string]int{"inbox": 601, "hr": 600}, counts); d != "" || err != nil {
		t.Error(d, err)
	}
	if counts, err = j.ImportedBetween(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)); len(counts) != 0 || err != nil {
		t.Error(counts, err)
	}
	var checkpoints []Checkpoint
	if err := j.Checkpoints(t.Context(), func(c Checkpoint) error { checkpoints = append(checkpoints, c); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Checkpoint{{event.Checkpoint{Import: "imp", File: "a.csv", Source: "inbox", Published: 1200, Done: true}, 1202}}, checkpoints); d != "" {
		t.Error(d)
	}

	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"u-1", "u-2", "u-3"} {
		if _, err := people.Claim(t.Context(), id, event.Person{Source: "inbox", Status: event.StatusWaiting}); err != nil {
			t.Fatal(err)
		}
	}
	kv, err := js.KeyValue(t.Context(), event.BucketPeople)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "u-2"); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	if err := j.People(t.Context(), func(id string, p event.Person) error { known[id] = p.Source == "inbox"; return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]bool{"u-1": true, "u-3": true}, known); d != "" {
		t.Error(d)
	}

	pub := NewPublisher(js, nil)
	f := event.Fact{Kind: event.FactWelcomed, UserID: "u-1", Generation: 1, N: 3}.WithID()
	for range 2 { // a fact may be there twice
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), event.FactSubject(f.Kind, f.UserID), data); err != nil {
			t.Fatal(err)
		}
	}
	facts := 0
	if err := j.Facts(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(event.Fact) { facts++ }); err != nil || facts != 1 {
		t.Errorf("%d facts, %v", facts, err)
	}
	for _, seq := range []uint64{7, 9} {
		if err := pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: seq, Subject: event.ImportedSubject("inbox"), Reason: event.ReasonConflict}); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamVerifications, Sequence: 8, Reason: event.ReasonDenied}); err != nil {
		t.Fatal(err)
	}
	dead, err := j.DeadRecords(t.Context())
	if d := cmp.Diff(map[uint64]bool{7: true, 9: true}, dead); d != "" || err != nil {
		t.Error(d, err)
	}
}

// The bounds say how far the bridge has dealt with everything, not how far it
// has read.
func TestJournalKnowsHowFarTheBridgeIs(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	j := NewJournal(js)
	for i := range 4 {
		publishRecord(t, js, "inbox", fmt.Sprintf("u-%d", i), "imp")
	}
	settled := func(want uint64) {
		t.Helper()
		if b, err := j.Users(t.Context()); err != nil || b.Settled != want || b.First != 1 || b.Born.IsZero() {
			t.Errorf("%+v, %v, want settled %d", b, err, want)
		}
	}
	settled(0)
	c, err := js.CreateConsumer(t.Context(), event.StreamUsers, jetstream.ConsumerConfig{Durable: event.ConsumerUsers, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: event.ImportedSubject("*")})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(3)
	if err != nil {
		t.Fatal(err)
	}
	var taken []jetstream.Msg
	for m := range batch.Messages() {
		taken = append(taken, m)
	}
	ack := func(i int) {
		t.Helper()
		if err := taken[i].DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ack(0)
	ack(2) // the second is still open
	settled(1)
	ack(1)
	settled(3)
	if batch, err = c.Fetch(1); err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		taken = append(taken, m)
	}
	ack(3)
	if _, err := js.Publish(t.Context(), event.CheckpointSubject("inbox", "abc"), []byte(`{"import":"imp"}`)); err != nil {
		t.Fatal(err)
	}
	settled(5) // the rest is no record
}

func TestReportsAreSentOnce(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	r, err := NewReports(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	const name, key = "=usher-digest-2026-11-24T09.00.00Z.abc", "0.digest.email.1"
	read := func(s *event.Send) error { return nil }
	if s, err := r.UpdateSend(t.Context(), name, key, read); err != nil || s.State != "" {
		t.Fatalf("%+v %v", s, err)
	}
	accept := func(s *event.Send) error { s.State, s.Attempts = event.SendAccepted, s.Attempts+1; return nil }
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			_, err := r.UpdateSend(context.WithoutCancel(t.Context()), name, key, accept)
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s, err := r.UpdateSend(t.Context(), name, key, read); err != nil || s.State != event.SendAccepted || s.Attempts != cap(done) {
		t.Errorf("%+v %v", s, err)
	}
	stop := fmt.Errorf("stop")
	if _, err := r.UpdateSend(t.Context(), name, key, func(*event.Send) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
	if err := r.Store(t.Context(), "state", 7, "x"); err == nil {
		t.Error("a stale write succeeds")
	}
}
