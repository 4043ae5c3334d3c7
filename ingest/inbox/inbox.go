package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"usher/event"
	"usher/ingest/files"
	"usher/metrics"
)

// Config joins an inbox to what imports its files. All of it is needed, but where a
// comment says that it may be nil.
type Config struct {
	Source string // names the inbox in logs and metrics
	Dir    string

	Rescan time.Duration // between two looks that no file event asked for
	Quiet  time.Duration // how long a file must not change where leases do not work
	Empty  time.Duration // after which a file without a byte is taken as it is
	Settle time.Duration // how long a file written in place must not change
	Dead   time.Duration // after which a watcher that does not sign its inbox is taken for dead

	// Events makes what tells of new files. Its error means that the folder is looked
	// at from time to time.
	Events func() (*fsnotify.Watcher, error)

	// CutOff tells whether a file lacks its end, or may lack it. It is asked where
	// nothing tells that the file is still being written.
	CutOff func(f io.ReaderAt, size int64) bool

	Beside Beside // what must lie beside a file before it is taken

	// Begin is called when this watcher has become the one that works in the folder,
	// before the first claim is imported.
	Begin func(*Folder) error
	// Import imports a claim. What fails it tries again, until ctx ends or the folder
	// is over.
	Import func(ctx context.Context, f *Folder, id string, over func() bool)
	// Wanted reports whether a claim wants an importer now.
	Wanted func(f *Folder, id string) bool
	// Switch is that of intake: while it is paused no file is claimed. It may be nil.
	Switch event.Switch
	// Folders is told which folders lie in the inbox, after each look at all of it.
	Folders func(names []string)
	// Waits is told why no file of the inbox can be taken, nil when they can.
	Waits func(error)

	Metrics *metrics.Ingest
	Guard   event.Guard
	Log     *slog.Logger
	Fault   event.Fault
}

// watcher watches one inbox.
type watcher struct{ Config }

// Watch watches the inbox until ctx ends, and returns when its imports have ended.
func Watch(ctx context.Context, c Config) { (&watcher{c}).run(ctx) }

// Folder is an inbox as long as its path leads to the same folder. What is
// mounted, moved or made anew there is another one.
type Folder struct {
	Source string
	Dir    string
	Root   *os.Root

	place files.Place
	mount bool
	lock  *lock
}

var (
	errUnmounted = errors.New("nothing is mounted there any more")
	errReplaced  = errors.New("the folder was replaced")
	errRemoved   = errors.New("the folder was removed")
)

const recheck = 500 * time.Millisecond // whether the path still leads to the same folder

// run serves the folder at the path. One that is away is an outage, not an empty
// inbox: it is said, and watching begins again when it is back. Imports of the
// folder that was there go on in it, as far as they can.
func (w *watcher) run(ctx context.Context) {
	var imports sync.WaitGroup
	defer imports.Wait()
	mounted := false
	said := ""
	for ctx.Err() == nil {
		f, err := Open(w.Source, w.Dir, mounted)
		if err == nil {
			w.Waits(nil)
			if said != "" {
				w.Log.Warn("the inbox is back", "source", w.Source)
				said = ""
			}
			mounted = f.mount
			err = w.session(ctx, f, &imports)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		err = fmt.Errorf("the inbox %s is away: %w", w.Source, files.Reason(err))
		w.Waits(err)
		w.Metrics.Away.WithLabelValues(w.Source).Set(1)
		w.measure(nil)
		if err.Error() != said {
			said = err.Error()
			w.Log.Error("the inbox is away, waiting for it", "source", w.Source, "error", files.Reason(err))
		}
		again := recheck
		if event.Panicked(err) != nil {
			again = 5 * w.Rescan // it may happen each time
		}
		event.Sleep(ctx, again)
	}
}

// Open opens an inbox; wasMount says that it was a mount before, so that the bare
// folder beneath is not taken for it.
func Open(source, dir string, wasMount bool) (*Folder, error) {
	p, err := files.PlaceOf(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Source: source, Dir: dir, place: p, mount: files.IsMount(dir)}
	if wasMount && !f.mount {
		return nil, errUnmounted
	}
	if f.Root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	if err := f.Root.Mkdir(WorkFolder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, errors.Join(err, f.Root.Close())
	}
	return f, nil
}

// same tells why the path does not lead to this folder any more, if so.
func (f *Folder) same() error {
	p, err := files.PlaceOf(f.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errRemoved
	case err != nil:
		return err
	case p == f.place:
		return nil
	case f.mount && !files.IsMount(f.Dir):
		return errUnmounted
	}
	return errReplaced
}

// session serves a folder until ctx ends, or the folder is another one, or
// another watcher took over. The lock makes this watcher the only one that works
// there; while it is not free, this one stands by.
func (w *watcher) session(ctx context.Context, f *Folder, imports *sync.WaitGroup) error {
	lock, err := w.acquire(ctx, f)
	if lock == nil {
		return errors.Join(err, f.Root.Close())
	}
	f.lock = lock
	if err := w.Begin(f); err != nil { // a folder that is away is noticed elsewhere
		w.Log.Warn("it cannot be noted which files were in work when usher ended", "source", f.Source, "error", files.Reason(err))
	}
	w.Metrics.Away.WithLabelValues(f.Source).Set(0)
	if i, err := f.Root.Stat("."); err == nil && i.Mode()&0o002 != 0 && i.Mode()&os.ModeSticky == 0 {
		w.Log.Warn("every user of this machine may rename and remove what others drop into the inbox; take the right to write from others, or set the sticky bit (chmod +t)", "source", f.Source)
	}
	if files.OnNetwork(f.Dir) {
		w.sayMode(f, "its file system does not tell who writes on other machines")
	}
	all, stop := context.WithCancel(ctx) // imports and events; a folder that is away lets imports in hand end
	var q *queue
	q = newQueue(func(id string) { w.Import(all, f, id, q.over) })
	var beats sync.WaitGroup
	beats.Go(func() {
		if w.Guard.Do("signing the inbox", func() error { lock.keep(all); return nil }) != nil {
			lock.lose()
		}
	})
	var events sync.WaitGroup
	watching, unwatch := context.WithCancel(ctx)
	h := newHints()
	events.Go(func() { w.follow(watching, f, h) })

	err = w.Guard.Do("looking for complete files", func() error { return w.settle(ctx, f, h, q) })

	unwatch()
	events.Wait()
	w.measure(nil) // what waits here is another watcher's to count
	if errors.Is(err, errLost) {
		stop()
	}
	imports.Go(func() {
		q.drain()
		stop()
		beats.Wait()
		_ = errors.Join(lock.release(), f.Root.Close()) // nothing was written through them that is not synced
	})
	return err
}
