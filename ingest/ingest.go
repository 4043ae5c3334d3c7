package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// Inbox is one folder to watch.
type Inbox struct {
	Source string // names the event source
	Dir    string
	Region string // ISO 3166 country of phone numbers without a country code; "" refuses them

	// Limits of a file, held against it before its first record is published.
	// Beyond one the whole file is refused; 0 is no limit.
	AllOrNothing      bool    // refuse the file when one row is refused
	MaxRows           int     // rows of a file
	MaxRefused        int     // refused rows
	MaxRefusedPercent float64 // refused rows of 100, in files of more than 20
}

func (i Inbox) work() string { return filepath.Join(i.Dir, workFolder) }

// workFolder is where claims are, inside the inbox so that a claim is a rename.
const workFolder = ".usher"

// Config joins a Watcher to its neighbours.
type Config struct {
	Inboxes   []Inbox
	Archive   string // folder for originals that were imported
	Refused   string // folder for rows and files that were not
	Key       event.Key
	JetStream jetstream.JetStream

	Rescan time.Duration // between two looks that no file event asked for; default 2 s
	Quiet  time.Duration // how long a file must not change where leases do not work; default 5 s
	Empty  time.Duration // after which a file without a byte is taken as it is; default 10 s

	Metrics *metrics.Ingest
	Tracer  tracing.Tracer
	Log     *slog.Logger
	Fault   event.Fault
}

// Watcher is the watch role.
type Watcher struct {
	Config
	publisher *publisher

	mu      sync.Mutex
	waiting map[string]error // by inbox or import: why it waits
}

// New makes the folders. Its error says which one cannot be used.
func New(c Config) (*Watcher, error) {
	c.Rescan = orDefault(c.Rescan, 2*time.Second)
	c.Quiet = orDefault(c.Quiet, 5*time.Second)
	c.Empty = orDefault(c.Empty, 10*time.Second)
	for _, in := range c.Inboxes {
		for _, dir := range []string{in.Dir, in.work(), filepath.Join(c.Archive, in.Source), filepath.Join(c.Refused, in.Source)} {
			if err := os.MkdirAll(dir, 0o750); err != nil {
				return nil, fmt.Errorf("the inbox %s cannot be used: %w", in.Source, err)
			}
		}
	}
	w := &Watcher{Config: c, waiting: map[string]error{}}
	w.publisher = &publisher{js: c.JetStream, metrics: c.Metrics, fault: c.Fault}
	return w, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Run watches all inboxes until ctx ends. Work in hand stops at the next batch;
// the next start goes on from there.
func (w *Watcher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(w.Inboxes))
	for i, in := range w.Inboxes {
		wg.Go(func() { errs[i] = w.watch(ctx, in) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Ready returns nil, or why files wait.
func (w *Watcher) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.waiting {
		return err
	}
	return nil
}

func (w *Watcher) wait(key string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.waiting, key)
	} else {
		w.waiting[key] = err
	}
}

// importers is how many files of an inbox are imported at once, so that a small
// one does not wait for a huge one.
const importers = 4

// watch serves one inbox. The folder's lock makes this watcher the only one that
// claims and imports there; another one stands by until the lock is free.
func (w *Watcher) watch(ctx context.Context, in Inbox) error {
	lock, err := w.lockInbox(ctx, in)
	if lock == nil {
		return err
	}
	defer lock.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, importers)
	active := map[string]bool{} // claims in work; owned by start and done
	var mu sync.Mutex
	start := func() {
		ids, err := claims(in)
		if err != nil {
			w.Log.Error("the claims cannot be listed", "source", in.Source, "error", err)
		}
		for _, id := range ids {
			mu.Lock()
			busy := active[id]
			active[id] = true
			mu.Unlock()
			if busy {
				continue
			}
			wg.Go(func() {
				defer func() { mu.Lock(); delete(active, id); mu.Unlock() }()
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				defer func() { <-slots }()
				w.finish(ctx, in, id)
			})
		}
	}
	return w.settle(ctx, in, start)
}

// finish imports a claim until it is done or ctx ends. What fails is tried again.
func (w *Watcher) finish(ctx context.Context, in Inbox, id string) {
	key := in.Source + "/" + id
	defer w.wait(key, nil)
	inWork := w.Metrics.ImportsInWork.WithLabelValues(in.Source) // also while it waits for the next try
	inWork.Inc()
	defer inWork.Dec()
	for attempt := 0; ; attempt++ {
		err := w.runImport(ctx, in, id)
		if err == nil || ctx.Err() != nil {
			return
		}
		if attempt == 0 {
			w.Log.Warn("an import waits and is tried again", "source", in.Source, "import", id, "error", err)
		}
		w.wait(key, fmt.Errorf("import %s waits: %w", id, err))
		w.Metrics.Retries.WithLabelValues("publish", "transient").Inc()
		if !sleep(ctx, min(100*time.Millisecond<<min(attempt, 8), 10*time.Second)) {
			return
		}
	}
}

// runImport guards against a file that makes the importer panic: the process and
// the other files go on.
func (w *Watcher) runImport(ctx context.Context, in Inbox, id string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the importer failed on this file (%T)", p)
		}
	}()
	return w.process(ctx, in, id)
}

// lockInbox waits for the inbox's lock; nil without an error means that ctx ended.
func (w *Watcher) lockInbox(ctx context.Context, in Inbox) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(in.work(), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the inbox %s cannot be locked: %w", in.Source, err)
	}
	for first := true; ; first = false {
		if tryLock(f) == nil {
			w.wait(in.Source, nil)
			return f, nil
		}
		if first {
			w.Log.Warn("another watcher serves the inbox, standing by", "source", in.Source)
			w.wait(in.Source, fmt.Errorf("another watcher serves the inbox %s", in.Source))
		}
		if !sleep(ctx, time.Second) {
			return nil, f.Close()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
