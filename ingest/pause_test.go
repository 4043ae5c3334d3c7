package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/ingest/inbox"
)

// toggle is a stage's switch in the hands of a test.
type toggle struct {
	mu      sync.Mutex
	pause   event.Pause
	changed chan struct{}
}

func newToggle(paused bool) *toggle {
	return &toggle{pause: event.Pause{Paused: paused}, changed: make(chan struct{})}
}

func (t *toggle) now() (event.Pause, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pause, t.changed
}

func (t *toggle) set(paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause.Paused = paused
	close(t.changed)
	t.changed = make(chan struct{})
}

// comesTrue waits for something to become true.
func (r *rig) comesTrue(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("it does not come true that %s\n%s", what, r.log.String())
		}
	}
}

// Issue 20: while intake is paused a file stays in the inbox, one that is half
// published stops behind a checkpoint and says why, and both go on at once.
func TestAPauseOfIntake(t *testing.T) {
	r := newRig(t)
	const rows = 50
	sw, stands := newToggle(false), make(chan struct{})
	var half, waits sync.Once
	r.tweak = func(c *Config) {
		c.Switch, c.Batch, c.Rescan = sw.now, 5, time.Hour // nothing but the end of the pause has the inbox looked at
		c.Fault = func(point string) {
			switch point {
			case "ingest.committed":
				half.Do(func() { sw.set(true) })
			case "ingest.paused":
				waits.Do(func() { close(stands) })
			}
		}
	}
	r.drop("half.csv", list("half", rows))
	r.run()
	<-stands
	published := len(r.users())
	if published == 0 || published == rows || published%5 != 0 {
		t.Errorf("%d of %d records are published, want whole batches", published, rows)
	}
	if n := testutil.ToFloat64(r.watcher.Metrics.Paused.WithLabelValues("inbox", "operator")); n != 1 {
		t.Errorf("%v imports are shown as paused, want 1", n)
	}
	r.drop("new.csv", list("new", 3))
	r.comesTrue("the import says why it waits", func() bool {
		work := InWork("", filepath.Join(r.dir, "inbox"))
		return len(work) == 1 && work[0].State == event.ImportWaiting && strings.Contains(work[0].Reason, "paused by an operator")
	})
	r.comesTrue("the new file is seen", func() bool {
		return testutil.ToFloat64(r.watcher.Metrics.Waiting.WithLabelValues("inbox")) == 1
	})
	if _, err := os.Stat(filepath.Join(r.dir, "inbox", "new.csv")); err != nil {
		t.Errorf("the new file was taken: %v", err)
	}
	if n := len(r.users()); n != published {
		t.Errorf("%d records were published in the pause", n-published)
	}
	if err := r.watcher.Ready(); err != nil {
		t.Errorf("a pause is no trouble: %v", err)
	}
	sw.set(false)
	r.reports(2)
	r.eachOnce(map[string]int{"half.csv": rows, "new.csv": 3})
	if n := testutil.ToFloat64(r.watcher.Metrics.Paused.WithLabelValues("inbox", "operator")); n != 0 {
		t.Errorf("%v imports are still shown as paused", n)
	}
}

// Issue 20: kills in a pause lose nothing, double nothing, and do not count against
// the file, however many there are.
func TestKilledInAPauseOfIntake(t *testing.T) {
	r := newRig(t)
	const rows = 30
	r.drop("a.csv", list("a", rows))
	if !r.killed("INGEST_AT=ingest.committed:2", "INGEST_BATCH=5") {
		t.Fatal("the first child was not killed")
	}
	before := len(r.users())
	for i := range mostDeaths + 2 {
		if !r.killed("INGEST_AT=ingest.paused", "INGEST_BATCH=5", "INGEST_PAUSED=1") {
			t.Fatalf("child %d was not killed in the pause", i)
		}
		if n := len(r.users()); n != before {
			t.Fatalf("child %d published %d records in the pause", i, n-before)
		}
	}
	r.run()
	if rep := r.reports(1)["a.csv"]; rep.Published != rows || rep.Result != resultArchived {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", rows)
	r.comesTrue("nothing is left in the work folder", func() bool { // the claim goes behind the report
		left, err := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "??????????*"))
		return err == nil && len(left) == 0
	})
}
