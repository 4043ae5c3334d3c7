package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/ingest/inbox"
	"usher/streams/natstest"
)

// Thousands of files at once, faster than events are read: each is imported once.
// USHER_SOAK_FILES sets another number.
func TestABurstOfFiles(t *testing.T) {
	files := 2000
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_FILES")); err == nil {
		files = n
	}
	r := newRig(t)
	r.run()
	r.drop("first.csv", list("first", 1)) // the watcher runs
	r.reports(1)
	dir := filepath.Join(r.dir, "inbox")
	began := time.Now()
	for i := range files {
		tmp := filepath.Join(dir, ".new")
		if err := os.WriteFile(tmp, fmt.Appendf(nil, "user_id,email\nu-%d,u%d@example.org\n", i, i), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, fmt.Sprintf("%d.csv", i))); err != nil {
			t.Fatal(err)
		}
	}
	dropped := time.Since(began)
	archive := filepath.Join(r.dir, "archive", "inbox")
	last, at := 0, time.Now()
	for {
		entries, err := os.ReadDir(archive)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".csv") {
				n++
			}
		}
		if n == files+1 {
			break
		}
		if n > last {
			last, at = n, time.Now()
		}
		if time.Since(at) > 20*time.Second {
			t.Fatalf("nothing has happened for 20 s, %d of %d files are done", n, files)
		}
		time.Sleep(max(50*time.Millisecond, time.Duration(files/10)*time.Millisecond)) // listing so many names is work too
	}
	t.Logf("%d files dropped in %s, imported after %s", files, dropped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	s, err := r.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Info(t.Context(), jetstream.WithSubjectFilter("users.v1.>"))
	if err != nil {
		t.Fatal(err)
	}
	if n := i.State.Subjects[event.ImportedSubject("inbox")]; n != uint64(files)+1 {
		t.Errorf("%d events of %d files", n, files+1)
	}
}

// A small file that comes after huge ones is done before them.
func TestSmallFilesDoNotWait(t *testing.T) {
	r := newRig(t)
	r.run()
	rows := inbox.Huge / 24
	for i := range inbox.Importers {
		r.drop(fmt.Sprint("huge", i), list(strings.Repeat("x", 6)+fmt.Sprint(i), rows))
	}
	r.waitClaims(inbox.Importers)
	began := time.Now()
	r.drop("small.csv", list("small", 3))
	rep := r.reports(1)
	if _, ok := rep["small.csv"]; !ok {
		t.Errorf("%v came first", rep)
	}
	t.Logf("the small file was done after %s", time.Since(began))
}

// waitClaims waits until so many files are claimed.
func (r *rig) waitClaims(n int) {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		claims, _ := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "??????????*", "*"))
		if len(claims) >= n {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d of %d files are claimed", len(claims), n)
		}
	}
}

// The broker goes away in the middle of a file for longer than it remembers
// message ids and half-sent batches, again and again. Nothing rests on such a
// memory, so nothing is lost or doubled.
func TestABrokerThatIsAwayForLongerThanItRemembers(t *testing.T) {
	const window = 200 * time.Millisecond
	dir, port := t.TempDir(), -1
	start := func() *server.Server {
		t.Helper()
		return natstest.Serve(t, &server.Options{
			Port: port, JetStream: true, StoreDir: dir, JetStreamMaxStore: 8 << 30, SyncAlways: true,
			JetStreamLimits: server.JSLimitOpts{MaxBatchTimeout: window},
		})
	}
	s := start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	_, text, _ := strings.Cut(s.ClientURL(), "127.0.0.1:")
	var err error
	if port, err = strconv.Atoi(text); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: event.StreamUsers, Subjects: []string{"users.v1.>"}, Discard: jetstream.DiscardNew, Duplicates: window,
		AllowAtomicPublish: true, AllowRollup: true, AllowMsgTTL: true, AllowDirect: true,
	}); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, dir: t.TempDir(), url: s.ClientURL(), js: js}
	points := []string{"ingest.sent", "ingest.committed", "ingest.batch", "ingest.published"}
	var outages sync.Map // those that are still to come
	for _, point := range points {
		outages.Store(point, nil)
	}
	reached, goOn := make(chan string), make(chan struct{})
	var batches atomic.Int64
	outage := make(chan struct{}, 1) // holds one from when a point is reached until the broker is back: reading and publishing are two goroutines
	r.tweak = func(c *Config) {
		c.Batch = 100
		c.Fault = func(point string) {
			if point == "ingest.batch" {
				batches.Add(1)
			}
			if batches.Load() <= 3 && point != "ingest.published" {
				return
			}
			if _, later := outages.Load(point); !later {
				return
			}
			select {
			case outage <- struct{}{}:
			default:
				if point != "ingest.published" {
					return // it comes again
				}
				if !passed(t, outage, struct{}{}) {
					return
				}
			}
			outages.Delete(point)
			if passed(t, reached, point) {
				r.waitFor(goOn)
			}
		}
	}
	r.run()
	const rows = 2000
	r.drop("a.csv", list("a", rows))
	for range points {
		point := <-reached
		s.Shutdown()
		s.WaitForShutdown()
		time.Sleep(3 * window) // the outage
		goOn <- struct{}{}
		if point != "ingest.published" && point != "ingest.committed" { // after which nothing is asked of the broker at once
			r.waits("waits")
			time.Sleep(3 * window)
		}
		s = start()
		for !nc.IsConnected() {
			time.Sleep(time.Millisecond)
		}
		<-outage
	}
	if rep := r.reports(1)["a.csv"]; rep.Published != rows || rep.Refused != 1 {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", rows)
}
