package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/metrics"
	"usher/table"
	"usher/tracing"
)

// Config joins a Watcher to its neighbours. A field is needed unless its comment
// says what it means that it is empty.
type Config struct {
	Inboxes   []Inbox
	Archive   string // folder for originals that were imported
	Refused   string // folder for rows and files that were not
	Key       event.Key
	JetStream jetstream.JetStream

	Rescan time.Duration // between two looks that no file event asked for; default 2 s
	Quiet  time.Duration // how long a file must not change where leases do not work; default 5 s
	Empty  time.Duration // after which a file without a byte is taken as it is; default 60 s
	Settle time.Duration // how long a file written in place must not change; default 500 ms
	Batch  int           // records that commit together with their checkpoint; default and at most 999
	Held   int           // identities of one file that are held in memory, 16 bytes each, before they go to the disk; default 1<<18
	Keep   time.Duration // how long archived and refused files are kept; 0 is for ever
	Behind int           // records that may wait for the bridge before intake pauses; 0 is no limit
	Dead   time.Duration // after which a watcher that does not sign its inbox is taken for dead; default 15 s
	Switch event.Switch  // of intake as a stage; nil: never paused

	// Events makes what tells of new files, the system's when it is nil. Its error
	// means that inboxes are looked at from time to time.
	Events func() (*fsnotify.Watcher, error)

	Metrics *metrics.Ingest
	Tracer  tracing.Tracer // zero: nothing is traced
	Log     *slog.Logger
	Fault   event.Fault // of tests; nil: none
}

// Watcher is the watch role.
type Watcher struct {
	Config
	guard     event.Guard
	publisher *publisher
	backlog   *backlog
	memories  *memories
	releases  *releases
	folders   map[string]chan []string // by inbox: those that lie in it, of the last look

	inWork sync.RWMutex // held by files in work; by one on which usher may have died, alone

	mu      sync.Mutex
	waiting map[string]error // by inbox or import: why it waits
}

// New makes the folders. Its error says which one cannot be used, or what c lacks.
// An inbox that is away is no error: it is waited for.
func New(c Config) (*Watcher, error) {
	if err := event.Whole(c, "Rescan", "Quiet", "Empty", "Settle", "Batch", "Held", "Keep", "Behind", "Dead", "Switch", "Events", "Tracer", "Fault"); err != nil {
		return nil, err
	}
	c.Rescan = orDefault(c.Rescan, 2*time.Second)
	c.Quiet = orDefault(c.Quiet, 5*time.Second)
	c.Empty = orDefault(c.Empty, time.Minute)
	c.Settle = orDefault(c.Settle, 500*time.Millisecond)
	c.Dead = orDefault(c.Dead, 15*time.Second)
	if c.Batch <= 0 || c.Batch > perBatch {
		c.Batch = perBatch
	}
	for _, in := range c.Inboxes {
		if err := in.CheckWhole(); err != nil {
			return nil, fmt.Errorf("inbox %s: %w", in.Source, err)
		}
		for _, dir := range []string{filepath.Join(c.Archive, in.Source), filepath.Join(c.Refused, in.Source)} {
			if err := os.MkdirAll(dir, 0o750); err != nil {
				return nil, fmt.Errorf("the output folder of the inbox %s cannot be made: %w", in.Source, err)
			}
		}
		if err := os.MkdirAll(in.Dir, 0o750); err != nil {
			c.Log.Error("the inbox cannot be made", "source", in.Source, "error", files.Reason(err))
		}
	}
	if c.Events == nil {
		c.Events = fsnotify.NewWatcher
	}
	w := &Watcher{Config: c, guard: c.Metrics.Guard("ingest", c.Log), waiting: map[string]error{}}
	w.publisher = &publisher{js: c.JetStream, metrics: c.Metrics, fault: c.Fault}
	w.backlog = &backlog{js: c.JetStream, most: c.Behind}
	w.memories = &memories{publisher: w.publisher}
	w.releases = &releases{publisher: w.publisher, waiting: map[[2]string]event.Release{}}
	w.folders = map[string]chan []string{}
	for _, in := range c.Inboxes {
		w.folders[in.Source] = make(chan []string, 1)
	}
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
	for _, in := range w.Inboxes {
		wg.Go(func() { inbox.Watch(ctx, w.inbox(in)) })
		wg.Go(w.guard.Func("telling of folders", func() { w.tellFolders(ctx, in) }))
	}
	wg.Go(w.guard.Func("looking for answers about held files", func() { w.releases.run(ctx, w.Rescan/2) }))
	wg.Go(w.guard.Func("removing old files", func() { w.retire(ctx) }))
	wg.Wait()
	return nil
}

// inbox joins an inbox to the imports.
func (w *Watcher) inbox(in Inbox) inbox.Config {
	return inbox.Config{
		Source: in.Source, Dir: in.Dir, Rescan: w.Rescan, Quiet: w.Quiet, Empty: w.Empty, Settle: w.Settle, Dead: w.Dead,
		Begin: countDeath,
		Import: func(ctx context.Context, f *inbox.Folder, id string, over func() bool) {
			w.finish(ctx, in, f, id, over)
		},
		Wanted:  w.wanted,
		Switch:  w.Switch,
		Beside:  besides(in),
		CutOff:  table.CutOff,
		Folders: func(names []string) { w.foldersNow(in.Source, names) },
		Waits:   func(err error) { w.wait(in.Source, err) },
		Events:  w.Events,
		Metrics: w.Metrics, Guard: w.guard, Log: w.Log, Fault: w.Fault,
	}
}

// Ready returns nil, or why inboxes and files wait.
func (w *Watcher) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	const most = 3 // are said in full
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(w.waiting)) {
		if len(errs) == most {
			errs = append(errs, fmt.Errorf("and %d more", len(w.waiting)-most))
			break
		}
		errs = append(errs, w.waiting[key])
	}
	return errors.Join(errs...)
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

// finish imports a claim until it is done or ctx ends. What fails is tried again,
// unless the folder is over.
func (w *Watcher) finish(ctx context.Context, in Inbox, f *inbox.Folder, id string, over func() bool) {
	key := f.Source + "/" + id
	defer w.wait(key, nil)
	inWork := w.Metrics.ImportsInWork.WithLabelValues(f.Source) // also while it waits for the next try
	inWork.Inc()
	defer inWork.Dec()
	paused := ""
	pause := func(reason string) {
		for r, by := range map[string]float64{paused: -1, reason: 1} {
			if r != "" {
				w.Metrics.Paused.WithLabelValues(f.Source, r).Add(by)
			}
		}
		paused = reason
	}
	defer pause("")
	for attempt := 0; ctx.Err() == nil; attempt++ {
		err := files.Pathless(w.guard.Do("an import", func() error { return w.process(ctx, in, f, id) }))
		if err == nil || ctx.Err() != nil || over() {
			return
		}
		if attempt == 0 {
			w.Log.Warn("an import waits and is tried again", "source", f.Source, "import", id, "error", err)
		}
		w.wait(key, fmt.Errorf("import %s waits: %w", id, err))
		if now := pauseReason(err); now != paused {
			pause(now)
		}
		w.Metrics.Retries.WithLabelValues("publish", "transient").Inc()
		if !event.Sleep(ctx, event.Doubling(100*time.Millisecond, 10*time.Second, attempt)) {
			return
		}
	}
}

// pauseReason is one of metrics.PauseReasons.
func pauseReason(err error) string {
	var full *errRoom
	switch {
	case errors.As(err, &full), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "disk"
	case errors.Is(err, errFull):
		return "stream"
	}
	return "other"
}
