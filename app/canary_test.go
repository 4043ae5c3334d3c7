package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// What canaries left that did not arrive is taken away by the next one: of those
// who are over all of it, of those who are open their wait, of one who may still be
// on its way and of people nothing. A regression of issue 14.
func TestACanaryCleansUpBehindEarlierOnes(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	c := Canary{Client: &Client{JetStream: js, People: people, Publisher: streams.NewPublisher(js, nil)}, Inbox: t.TempDir(), MayTake: time.Nanosecond}
	publish := func(subject string, body any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), subject, b); err != nil {
			t.Fatal(err)
		}
	}
	comes := func(id, source string, known bool) {
		t.Helper()
		publish(event.ImportedSubject(source), event.User{UserID: id, Email: "sink@example.org", Import: event.Import{ID: "import-" + id}})
		publish(event.CheckpointSubject(source, "digest-"+id), map[string]any{"import": "import-" + id, "done": true})
		publish(event.VerificationSubject(source, event.VerbApproved), event.VerificationBody{UserID: id})
		for _, kind := range []string{event.FactStarted, event.FactApproved} {
			publish(event.FactSubject(kind, id), event.Fact{ID: id + kind, UserID: id, Kind: kind, Inbox: source})
		}
		if known {
			if _, err := people.Claim(t.Context(), id, event.Person{Source: source, Generation: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ends := func(id string, status event.Status) {
		t.Helper()
		if _, err := people.Update(t.Context(), id, func(p *event.Person) error { p.Status = status; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	comes("u-1", "inbox", true)
	ends("u-1", event.StatusWelcomed)
	comes("canary-over", event.SourceCanary, true)
	ends("canary-over", event.StatusUnreached)
	comes("canary-open", event.SourceCanary, true)
	comes("canary-unseen", event.SourceCanary, false) // the bridge still has it before it
	comes("u-2", "inbox", true)
	dropped := filepath.Join(c.Inbox, "canary-x.csv")
	if err := os.WriteFile(dropped, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bridge, err := js.CreateConsumer(t.Context(), event.StreamUsers, jetstream.ConsumerConfig{Durable: event.ConsumerUsers, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "users.v1.imported.>"})
	if err != nil {
		t.Fatal(err)
	}
	sweep := func() {
		t.Helper()
		if err := c.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	about := func() []string { return slices.Sorted(maps.Keys(mentioned(t, js))) }

	c.MayTake = time.Hour
	sweep()
	if got := about(); len(got) != 5 {
		t.Errorf("of canaries that may be on their way there is left %q", got)
	}
	c.MayTake = time.Nanosecond
	for range 3 { // it is asked to end once
		sweep()
	}
	want := map[string]int{
		"canary-open":   2 + 2 + 2 + 1, // one decision more
		"canary-unseen": 2 + 1 + 2,
		"u-1":           2 + 1 + 2 + 1,
		"u-2":           2 + 1 + 2 + 1,
	}
	got := mentioned(t, js)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages about whom (-want +got):\n%s", d)
	}
	if _, err := os.Stat(dropped); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that no watcher took is still there: %v", err)
	}
	// The workflow ends the open one, and the bridge says of the other that it is a
	// dead letter.
	ends("canary-open", event.StatusRejected)
	msgs, err := bridge.Fetch(4)
	if err != nil {
		t.Fatal(err)
	}
	for m := range msgs.Messages() {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if got := about(); !slices.Equal(got, []string{"u-1", "u-2"}) {
		t.Errorf("there is left %q", got)
	}
}

// mentioned counts the messages in all streams that are about somebody.
func mentioned(t *testing.T, js jetstream.JetStream) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, stream := range []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, "KV_" + event.BucketPeople} {
		err := streams.Read(t.Context(), js, stream, streams.Selection{}, func(m streams.Message, _ uint64) error {
			for _, id := range []string{"u-1", "u-2", "canary-over", "canary-open", "canary-unseen"} {
				if strings.Contains(fmt.Sprintf("%s %s", m.Subject, m.Data), id) {
					out[id]++
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	return out
}
