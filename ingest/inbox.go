package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/segmentio/ksuid"
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

// workFolder is where claims are, inside the inbox so that a claim is a rename.
const workFolder = ".usher"

// claimPath is a claim's folder, from the inbox on.
func claimPath(id string) string { return path.Join(workFolder, id) }

// folder is an inbox as long as its path leads to the same folder. What is
// mounted, moved or made anew there is another one.
type folder struct {
	Inbox
	root  *os.Root
	place place
	mount bool
	lock  *lock
}

var (
	errUnmounted = errors.New("nothing is mounted there any more")
	errReplaced  = errors.New("the folder was replaced")
	errRemoved   = errors.New("the folder was removed")
)

const recheck = 500 * time.Millisecond // whether the path still leads to the same folder

// serve watches an inbox until ctx ends. A folder that is away is an outage, not
// an empty inbox: it is said, and watching begins again when the folder is back.
// Imports of the folder that was there go on in it, as far as they can.
func (w *Watcher) serve(ctx context.Context, in Inbox) {
	var imports sync.WaitGroup
	defer imports.Wait()
	mounted := false
	said := ""
	for ctx.Err() == nil {
		f, err := openFolder(in, mounted)
		if err == nil {
			w.wait(in.Source, nil)
			if said != "" {
				w.Log.Warn("the inbox is back", "source", in.Source)
				said = ""
			}
			mounted = f.mount
			err = w.session(ctx, f, &imports)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		err = fmt.Errorf("the inbox %s is away: %w", in.Source, reason(err))
		w.wait(in.Source, err)
		w.Metrics.Away.WithLabelValues(in.Source).Set(1)
		w.measure(in.Source, nil)
		if err.Error() != said {
			said = err.Error()
			w.Log.Error("the inbox is away, waiting for it", "source", in.Source, "error", reason(err))
		}
		sleep(ctx, recheck)
	}
}

// openFolder opens an inbox; wasMount says that it was a mount before, so that
// the bare folder beneath is not taken for it.
func openFolder(in Inbox, wasMount bool) (*folder, error) {
	p, err := placeOf(in.Dir)
	if err != nil {
		return nil, err
	}
	f := &folder{Inbox: in, place: p, mount: isMount(in.Dir)}
	if wasMount && !f.mount {
		return nil, errUnmounted
	}
	if f.root, err = os.OpenRoot(in.Dir); err != nil {
		return nil, err
	}
	if err := f.root.Mkdir(workFolder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, errors.Join(err, f.root.Close())
	}
	return f, nil
}

// same tells why the path does not lead to this folder any more, if so.
func (f *folder) same() error {
	p, err := placeOf(f.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errRemoved
	case err != nil:
		return err
	case p == f.place:
		return nil
	case f.mount && !isMount(f.Dir):
		return errUnmounted
	}
	return errReplaced
}

// session serves a folder until ctx ends, or the folder is another one, or
// another watcher took over. The lock makes this watcher the only one that works
// there; while it is not free, this one stands by.
func (w *Watcher) session(ctx context.Context, f *folder, imports *sync.WaitGroup) error {
	lock, err := w.acquire(ctx, f)
	if lock == nil {
		return errors.Join(err, f.root.Close())
	}
	f.lock = lock
	if err := w.countDeath(f); err != nil { // a folder that is away is noticed elsewhere
		w.Log.Warn("it cannot be noted which files were in work when usher ended", "source", f.Source, "error", reason(err))
	}
	w.Metrics.Away.WithLabelValues(f.Source).Set(0)
	if i, err := f.root.Stat("."); err == nil && i.Mode()&0o002 != 0 && i.Mode()&os.ModeSticky == 0 {
		w.Log.Warn("anybody may rename and remove what others drop into the inbox; take the right to write from others, or set the sticky bit (chmod +t)", "source", f.Source)
	}
	if onNetwork(f.Dir) {
		w.sayMode(f, "its file system does not tell who writes on other machines")
	}
	all, stop := context.WithCancel(ctx) // imports and events; a folder that is away lets imports in hand end
	var q *queue
	q = newQueue(func(id string) { w.finish(all, f, id, q.over) })
	var beats sync.WaitGroup
	beats.Go(func() { lock.keep(all) })
	var events sync.WaitGroup
	watching, unwatch := context.WithCancel(ctx)
	h := newHints()
	events.Go(func() { w.follow(watching, f, h) })

	err = w.settle(ctx, f, h, q)

	unwatch()
	events.Wait()
	if errors.Is(err, errLost) {
		stop()
	}
	imports.Go(func() {
		q.drain()
		stop()
		beats.Wait()
		_ = errors.Join(lock.release(), f.root.Close()) // nothing was written through them that is not synced
	})
	return err
}

// claims lists the import ids that are in work or wait for it.
func claims(root *os.Root) ([]string, error) {
	var ids []string
	err := names(root, workFolder, func(name string) {
		if _, err := ksuid.Parse(name); err == nil {
			ids = append(ids, name)
		}
	})
	return ids, err
}

// claimSize is how many bytes a claim holds; one that is gone has none.
func claimSize(f *folder, id string) (size int64) {
	_ = names(f.root, claimPath(id), func(name string) {
		if l, ok := lookAt(f.root, path.Join(claimPath(id), name)); ok {
			size += l.size
		}
	})
	return size
}
