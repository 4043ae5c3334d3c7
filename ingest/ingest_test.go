package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
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
	"usher/streams/natstest"
	"usher/tracing"
)

func TestMain(m *testing.M) {
	if os.Getenv("INGEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	child()
}

func config(dir string, js jetstream.JetStream, log slog.Handler) Config {
	reg := prometheus.NewRegistry()
	batch, _ := strconv.Atoi(os.Getenv("INGEST_BATCH"))
	held, _ := strconv.Atoi(os.Getenv("INGEST_HELD"))
	return Config{
		Inboxes: []Inbox{{Source: "inbox", Dir: filepath.Join(dir, "inbox"), LastLine: os.Getenv("INGEST_LAST_LINE"), Complete: os.Getenv("INGEST_COMPLETE")}},
		Archive: filepath.Join(dir, "archive"), Refused: filepath.Join(dir, "refused"),
		Key: event.Key("a key for these tests"), JetStream: js, Rescan: 100 * time.Millisecond, Quiet: 200 * time.Millisecond, Empty: 200 * time.Millisecond, Dead: time.Second, Settle: 50 * time.Millisecond, Batch: batch, Held: held,
		Metrics: metrics.NewIngest(reg, metrics.NewShared(reg), RowCodes, "inbox"), Log: slog.New(log),
	}
}

type rig struct {
	*testing.T
	dir string
	url string
	js  jetstream.JetStream

	tweak   func(*Config) // changes what the next watcher gets
	settle  time.Duration
	watcher *Watcher // the last one

	log     natstest.Output
	handler slog.Handler // guards log
}

func newRig(t *testing.T) *rig {
	t.Helper()
	js, url := natstest.Start(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: event.StreamUsers, Subjects: []string{"users.v1.>"}, Discard: jetstream.DiscardNew, MaxBytes: 32 << 20,
		AllowAtomicPublish: true, AllowRollup: true, AllowMsgTTL: true, AllowDirect: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{T: t, dir: t.TempDir(), url: url, js: js}
}

// run starts a watcher that stops with the test, or with the returned function.
func (r *rig) run() (stop func()) {
	r.Helper()
	if r.handler == nil {
		r.handler = slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	c := config(r.dir, r.js, r.handler)
	if r.settle > 0 {
		c.Settle = r.settle
	}
	if r.tweak != nil {
		r.tweak(&c)
	}
	w, err := New(c)
	if err != nil {
		r.Fatal(err)
	}
	r.watcher = w
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
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

// waitFor blocks a fault point until c is ready or closed, and no longer than the test
// runs: one that has failed must not wait for its own watcher.
func (r *rig) waitFor(c <-chan struct{}) {
	select {
	case <-c:
	case <-r.Context().Done():
	}
}

// passed sends from a fault point, unless the test ends first.
func passed[T any](t *testing.T, to chan<- T, what T) bool {
	select {
	case to <- what:
		return true
	case <-t.Context().Done():
		return false
	}
}

func (r *rig) drop(name, content string) {
	r.Helper()
	dir := filepath.Join(r.dir, "inbox")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".new"), []byte(content), 0o640); err != nil {
		r.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, name)); err != nil {
		r.Fatal(err)
	}
}

// reports waits until n files are done and returns their reports by file name.
func (r *rig) reports(n int) map[string]Report {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out := map[string]Report{}
		for _, folder := range []string{"archive", "refused"} {
			paths, _ := filepath.Glob(filepath.Join(r.dir, folder, "inbox", "*.report.json"))
			for _, p := range paths {
				b, err := os.ReadFile(p)
				if err != nil {
					r.Fatal(err)
				}
				var rep Report
				if err := json.Unmarshal(b, &rep); err != nil {
					r.Fatal(err)
				}
				if _, err := os.Lstat(strings.TrimSuffix(p, ".report.json")); err == nil {
					out[rep.File] = rep
				}
			}
		}
		if len(out) >= n {
			return out
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d of %d files are done: %v\n%s", len(out), n, out, r.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// users are all imported events, and it is an error when two have the same id.
func (r *rig) users() []event.User {
	r.Helper()
	ctx := context.Background()
	s, err := r.js.Stream(ctx, event.StreamUsers)
	if err != nil {
		r.Fatal(err)
	}
	i, err := s.Info(ctx, jetstream.WithSubjectFilter("users.v1.imported.>"))
	if err != nil {
		r.Fatal(err)
	}
	left := uint64(0)
	for _, n := range i.State.Subjects {
		left += n
	}
	if left == 0 {
		return nil
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"users.v1.imported.>"}})
	if err != nil {
		r.Fatal(err)
	}
	msgs, err := c.Messages()
	if err != nil {
		r.Fatal(err)
	}
	defer msgs.Stop()
	var out []event.User
	ids := map[string]bool{}
	for ; left > 0; left-- {
		m, err := msgs.Next(jetstream.NextMaxWait(10 * time.Second))
		if err != nil {
			r.Fatal(err)
		}
		env, err := event.ParseEnvelope(m.Headers(), m.Data())
		if err != nil {
			r.Fatal(err)
		}
		u, err := event.ParseUser(env.Data)
		if err != nil {
			r.Fatal(err)
		}
		if ids[env.ID] {
			r.Errorf("the event %s of record %d was published twice", env.ID, u.Import.Record)
		}
		ids[env.ID] = true
		out = append(out, u)
	}
	return out
}

// waits returns once the watcher says that it waits for something.
func (r *rig) waits(words string) {
	r.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := r.watcher.Ready()
		if words == "" && err == nil || words != "" && err != nil && strings.Contains(err.Error(), words) {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("it says %v, not %q\n%s", err, words, r.log.String())
		}
	}
}

func TestTheSameContentIsADuplicateUntilItIsRedropped(t *testing.T) {
	r := newRig(t)
	r.run()
	content := "email\na@example.org\nb@example.org\n"
	r.drop("a.csv", content)
	first := r.reports(1)["a.csv"]
	r.drop("b.csv", content)
	rep := r.reports(2)["b.csv"]
	if rep.Result != resultDuplicate || rep.DuplicateOf != first.Import {
		t.Errorf("the second file: %+v", rep)
	}
	path := filepath.Join(t.TempDir(), "c.csv")
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	id, err := Redrop(path, Inbox{Source: "inbox", Dir: filepath.Join(r.dir, "inbox")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(3)["c.csv"]; rep.Import == first.Import || rep.Published != 2 { // the id may be a later one
		t.Log(id)
		t.Errorf("after redrop: %+v", rep)
	}
	if n := len(r.users()); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
	// A stream that was made anew has no checkpoint, but the archive remembers.
	if err := r.js.DeleteStream(t.Context(), event.StreamUsers); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: event.StreamUsers, Subjects: []string{"users.v1.>"}, AllowAtomicPublish: true, AllowRollup: true, AllowMsgTTL: true, AllowDirect: true}); err != nil {
		t.Fatal(err)
	}
	r.drop("d.csv", content)
	if rep := r.reports(4)["d.csv"]; rep.Code != "E_KNOWN" {
		t.Errorf("after the stream was made anew: %+v", rep)
	}
}

// A stop in the middle of a huge file is quick, and the next start goes on.
func TestStopInAHugeFile(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	const rows = 40_000
	var b strings.Builder
	b.WriteString("user_id,email\n")
	for i := range rows {
		fmt.Fprintf(&b, "u-%d,u%d@example.org\n", i, i)
	}
	r.drop("huge.csv", b.String())
	for len(r.users()) == 0 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the stop took %s", took)
	}
	r.run()
	if rep := r.reports(1)["huge.csv"]; rep.Published != rows {
		t.Errorf("%d of %d published", rep.Published, rows)
	}
	s, err := r.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != rows+3 { // with the checkpoint, the end of the import, and how the file ended
		t.Errorf("%d messages, want %d", n, rows+3)
	}
}

// Of rivals who publish the same file at once, each batch has one winner, and a
// batch that lost leaves nothing.
func TestTheFence(t *testing.T) {
	r := newRig(t)
	c := config(r.dir, r.js, slog.DiscardHandler)
	p := &publisher{js: r.js, metrics: c.Metrics}
	const rivals, rows = 4, 10
	commit := func(expect uint64) (uint64, error) {
		var events []*nats.Msg
		for i := range rows {
			m, err := userEvent(event.User{UserID: fmt.Sprint("u-", i), Email: "a@example.org", Import: event.Import{Record: i + 1}}, "inbox", "d", time.Now(), time.Now(), "")
			if err != nil {
				return 0, err
			}
			events = append(events, m)
		}
		l, err := p.lane("d", expect, func(batch) {})
		if err != nil {
			return 0, err
		}
		defer l.close()
		_, span := tracing.Child(t.Context(), "publish", tracing.Producer)
		err = l.commit(t.Context(), batch{span: span, events: events, checkpoint: event.Checkpoint{Import: "i", Source: "inbox"}})
		return l.seq, errors.Join(err, l.awaitStored(t.Context()))
	}
	var seq uint64
	for round := range 3 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		winners, next := 0, uint64(0)
		for range rivals {
			wg.Go(func() {
				got, err := commit(seq)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					winners, next = winners+1, got
				case !errors.Is(err, errFence):
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if winners != 1 {
			t.Fatalf("round %d has %d winners", round, winners)
		}
		seq = next
	}
	s, err := r.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 3*rows+1 { // one checkpoint is left of three
		t.Errorf("%d messages, want %d", n, 3*rows+1)
	}
}

// Two watchers on one inbox: one works, the other stands by and takes over.
func TestTwoWatchers(t *testing.T) {
	r := newRig(t)
	first := r.run()
	second := r.run()
	for i := range 5 {
		r.drop(fmt.Sprintf("%d.csv", i), fmt.Sprintf("user_id,email\nu-%d,u%d@example.org\n", i, i))
	}
	r.reports(5)
	first()
	r.drop("5.csv", "user_id,email\nu-5,u5@example.org\n")
	r.reports(6)
	second()
	if n := len(r.users()); n != 6 {
		t.Errorf("%d users, want 6", n)
	}
}

// A full stream makes the import wait, and say so, until there is room.
func TestAFullStreamIsWaitedFor(t *testing.T) {
	r := newRig(t)
	resize := func(bytes int64) {
		t.Helper()
		s, err := r.js.Stream(t.Context(), event.StreamUsers)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		cfg.MaxBytes = bytes
		if _, err := r.js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	resize(1 << 20)
	c := config(r.dir, r.js, slog.DiscardHandler)
	gauge := func(v *prometheus.GaugeVec, labels ...string) float64 {
		return testutil.ToFloat64(v.WithLabelValues(append([]string{"inbox"}, labels...)...))
	}
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() { cancel(); <-done }()
	const rows = 5000
	var b strings.Builder
	b.WriteString("user_id,email\n")
	for i := range rows {
		fmt.Fprintf(&b, "u-%d,u%d@example.org\n", i, i)
	}
	r.drop("a.csv", b.String())
	for deadline := time.Now().Add(20 * time.Second); w.Ready() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the watcher does not say that it waits")
		}
	}
	if err := w.Ready(); !errors.Is(err, errFull) {
		t.Errorf("it waits because %v", err)
	}
	if n := gauge(c.Metrics.ImportsInWork); n != 1 {
		t.Errorf("%v imports are shown in work while one waits", n)
	}
	resize(32 << 20)
	if rep := r.reports(1)["a.csv"]; rep.Published != rows || len(r.users()) != rows {
		t.Errorf("%d of %d published", rep.Published, rows)
	}
	cancel()
	<-done
	done <- nil
	if n, all, some := gauge(c.Metrics.ImportsInWork), gauge(c.Metrics.ImportRows, "total"), gauge(c.Metrics.ImportRows, "done"); n+all+some != 0 {
		t.Errorf("after the end %v imports with %v rows are shown, %v of them done", n, all, some)
	}
}

func TestLogsNameNobody(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.drop("maria.secret@example.org.csv", "user_id,email,phone,name\nu-1,maria.secret@example.org,+49301234567,Maria Secret\nx y,maria.secret,12,Maria Secret\n")
	rep := r.reports(1)["maria.secret@example.org.csv"]
	stop()
	for _, text := range []string{r.log.String(), strings.ReplaceAll(rep.Text(), rep.File, "")} {
		if l := strings.ToLower(text); strings.Contains(l, "maria") || strings.Contains(l, "secret") || strings.Contains(l, "1234567") {
			t.Errorf("personal data in\n%s", text)
		}
	}
}

// What keeps an import from its end is told without the name of the file.
func TestAnImportThatWaitsNamesNobody(t *testing.T) {
	r := newRig(t)
	var inTheWay string
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point == "ingest.refused" && inTheWay == "" {
				claims, _ := filepath.Glob(filepath.Join(r.dir, "inbox", ".usher", "*", "maria*"))
				if len(claims) != 1 {
					t.Errorf("claims: %q", claims)
					return
				}
				id := filepath.Base(filepath.Dir(claims[0]))
				inTheWay = filepath.Join(r.dir, "archive", "inbox", id+"-maria.csv.report.json.new")
				if err := os.Mkdir(inTheWay, 0o750); err != nil {
					t.Error(err)
				}
			}
		}
	}
	stop := r.run()
	r.drop("maria.csv", list("a", 1))
	r.waits("is a directory")
	if err := r.watcher.Ready(); err == nil || strings.Contains(err.Error(), "maria") {
		t.Errorf("/readyz says: %v", err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	r.reports(1)
	stop()
	if strings.Contains(r.log.String(), "maria") {
		t.Errorf("the log says\n%s", r.log.String())
	}
}

// A partner's titles of columns and names of attributes are no formulas in the
// files of refused rows either, and come back as they were.
func TestTitlesInRefusedRowsAreNoFormulas(t *testing.T) {
	r := newRig(t)
	r.run()
	r.drop("a.csv", "user_id,email,=1+1,'@x\nu-1,nobody,a,b\n")
	r.drop("b.jsonl", `{"user_id":"u-2","name":"äöüäöüäöüäöü","email":"two@example.org","=HYPERLINK(0)":"`+"\xff\"}\n")
	reports := r.reports(2)
	refused := func(name string) string {
		b, err := os.ReadFile(filepath.Join(r.dir, "refused", "inbox", reports[name].Import+"-"+name+".refused.csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r\uff1d\uff0b\uff0d\uff20", []rune(cell)[0]) {
					t.Errorf("%s: a formula stands in the refused rows: %q", name, cell)
				}
			}
		}
		return string(b)
	}
	if b := refused("b.jsonl"); !strings.Contains(b, ",'=HYPERLINK(0),") {
		t.Errorf("the attribute is not named: %s", b)
	}
	r.drop("mended.csv", strings.ReplaceAll(refused("a.csv"), "nobody", "one@example.org"))
	r.reports(3)
	users := r.users()
	if len(users) != 1 {
		t.Fatalf("%d users", len(users))
	}
	if d := cmp.Diff(map[string]string{"=1+1": "a", "'@x": "b"}, users[0].Attributes); d != "" {
		t.Errorf("attributes (-want +got)\n%s", d)
	}
}
