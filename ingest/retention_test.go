package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/ingest/inbox"
)

// Old files and their reports go, whatever their own times say; what remembers
// that a content is known stays.
func TestOldFilesAreRemoved(t *testing.T) {
	r := newRig(t)
	r.drop("a.csv", list("a", 3))
	stop := r.run()
	r.reports(1)
	stop()
	old, err := ksuid.NewRandomWithTime(time.Now().Add(-101 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	young, err := ksuid.NewRandomWithTime(time.Now().Add(-99 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	archive, refused, work := filepath.Join(r.dir, "archive", "inbox"), filepath.Join(r.dir, "refused", "inbox"), filepath.Join(r.dir, "inbox", inbox.WorkFolder)
	gone := []string{filepath.Join(archive, old.String()+"-x.csv"), filepath.Join(archive, old.String()+"-x.csv.report.json"), filepath.Join(refused, old.String()+"-x.csv.refused.csv")}
	kept := []string{filepath.Join(archive, young.String()+"-y.csv"), filepath.Join(refused, young.String()+"-y.csv.refused.csv"), filepath.Join(archive, "notes.txt"), filepath.Join(archive, digests, old.String())}
	for _, path := range append(gone, kept...) {
		if err := os.WriteFile(path, nil, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	draft := filepath.Join(work, ".draft-"+old.String())
	if err := os.Mkdir(draft, 0o700); err != nil {
		t.Fatal(err)
	}
	r.tweak = func(c *Config) { c.Keep = 100 * time.Hour }
	r.run()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left := ""
		for _, path := range append(gone, draft) {
			if _, err := os.Lstat(path); err == nil {
				left = path
			}
		}
		if left == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", left)
		}
	}
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if imported, _ := filepath.Glob(filepath.Join(archive, "*-a.csv")); len(imported) != 1 {
		t.Errorf("the file of today: %v", imported)
	}
}

// When the bridge is far behind, intake pauses between batches, says so in its
// progress, and goes on when the bridge has caught up.
func TestIntakeKeepsPaceWithTheBridge(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	bridge, err := r.js.CreateConsumer(ctx, event.StreamUsers, jetstream.ConsumerConfig{
		Durable: event.ConsumerUsers, FilterSubject: "users.v1.imported.>", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 5000,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.tweak = func(c *Config) { c.Behind, c.Batch = 100, 150 }
	r.run()
	const rows = 450
	r.drop("a.csv", list("a", rows))
	paused := func() float64 { return testutil.ToFloat64(r.watcher.Metrics.Paused.WithLabelValues("inbox", "bridge")) }
	acked := 0
	for range 3 {
		for deadline := time.Now().Add(20 * time.Second); paused() == 0 || len(r.users()) == acked; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("intake does not pause")
			}
		}
		published := len(r.users())
		if published-acked > 300 { // it looks once a second
			t.Errorf("%d records wait for the bridge, 100 may", published-acked)
		}
		if r.watcher.Ready() != nil {
			t.Errorf("keeping pace is no trouble, but it says %v", r.watcher.Ready())
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			work := InWork("a.csv", filepath.Join(r.dir, "inbox"))
			if len(work) == 1 && work[0].State == event.ImportWaiting && strings.Contains(work[0].Reason, "wait for the bridge") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the progress is %+v", work)
			}
		}
		msgs, err := bridge.Fetch(published - acked)
		if err != nil {
			t.Fatal(err)
		}
		for m := range msgs.Messages() {
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
			acked++
		}
	}
	if rep := r.reports(1)["a.csv"]; rep.Published != rows {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", rows)
}
