package inbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"usher/event"
	"usher/ingest/files"
)

// hints collects what file events say about one folder. They save time and decide
// nothing: every file is found by a scan too, just later.
type hints struct {
	wake chan struct{} // holds one; its reader calls drain

	mu      sync.Mutex
	names   map[string]hint
	overrun bool // events were lost: only a scan tells what happened
	gone    bool // the folder itself was moved or removed
}

// hint is what happened to one name since the last look.
type hint struct{ written bool }

// mostHints bounds the memory of names that have not been looked at yet.
const mostHints = 100_000

func newHints() *hints { return &hints{wake: make(chan struct{}, 1), names: map[string]hint{}} }

// drain empties the collection.
func (h *hints) drain() (names map[string]hint, overrun, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	names, overrun, gone = h.names, h.overrun, h.gone
	h.names, h.overrun, h.gone = map[string]hint{}, false, false
	return names, overrun, gone
}

func (h *hints) note(change func()) {
	h.mu.Lock()
	change()
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default: // a look is due already
	}
}

func (h *hints) event(dir string, e fsnotify.Event) {
	name := filepath.Base(e.Name)
	switch {
	case filepath.Clean(e.Name) == filepath.Clean(dir):
		if e.Has(fsnotify.Remove | fsnotify.Rename) {
			h.note(func() { h.gone = true })
		}
	case name == wakeFile && e.Has(fsnotify.Create):
		h.note(func() { h.overrun = true })
	case e.Has(fsnotify.Create|fsnotify.Write) && !Ignored(name):
		h.note(func() {
			if len(h.names) >= mostHints {
				h.overrun = true
				return
			}
			was := h.names[name]
			h.names[name] = hint{written: was.written || e.Has(fsnotify.Write)}
		})
	}
}

// wakeFile is made and removed again by those who put a claim into the inbox.
const wakeFile = ".usher-wake"

// Wake lets the watcher of an inbox look for claims at once. Without it, it looks from
// time to time.
func Wake(root *os.Root) {
	if root.WriteFile(wakeFile, nil, 0o600) == nil {
		_ = root.Remove(wakeFile)
	}
}

// Times of the watch.
const (
	rewatch  = 5 * time.Second // before a watch that failed is tried again
	selfTest = time.Second     // in which the event of a file of our own must come
)

// follow collects hints until ctx ends. While there is no watch, it says so once
// and tries again from time to time.
func (w *watcher) follow(ctx context.Context, f *Folder, h *hints) {
	said := ""
	for ctx.Err() == nil {
		err := w.Guard.Do("following file events", func() error { return w.watchOnce(ctx, f, h) })
		if ctx.Err() != nil {
			return
		}
		h.note(func() { h.overrun = true }) // something may have happened unseen
		if err == nil {
			continue
		}
		w.Metrics.WatchLost.WithLabelValues(f.Source, watchCause(err)).Inc()
		if err.Error() != said {
			said = err.Error()
			w.Log.Warn("file events are not available for now, looking from time to time", "source", f.Source, "every", w.Rescan, "cause", said)
		}
		event.Sleep(ctx, rewatch)
	}
}

var (
	errOverflow = errors.New("the file-event queue overflowed")
	errSilent   = errors.New("no events come from this folder, as is usual for network folders")
)

// watchCause is one of metrics.WatchCauses.
func watchCause(err error) string {
	switch {
	case errors.Is(err, errOverflow):
		return "overflow"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "limit"
	case errors.Is(err, errSilent):
		return "silent"
	}
	return "other"
}

// watchOnce forwards events until ctx ends, the watch is lost, or events were
// lost: then the queue is emptied by watching anew. It proves with a file of its
// own that events come at all.
func (w *watcher) watchOnce(ctx context.Context, f *Folder, h *hints) error {
	fw, err := w.Events()
	if errors.Is(err, unix.EMFILE) {
		return fmt.Errorf("%w: raise the limit of open files, or fs.inotify.max_user_instances", unix.EMFILE)
	}
	if err != nil {
		return files.Reason(err)
	}
	defer fw.Close()
	if err := fw.Add(f.Dir); errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: the system has no more watches; raise fs.inotify.max_user_watches", unix.ENOSPC)
	} else if err != nil {
		return files.Reason(err)
	}
	h.note(func() { h.overrun = true }) // what came before the watch stood is seen by a scan
	test := ".usher-test-" + f.lock.me
	if err := f.Root.WriteFile(test, nil, 0o600); err != nil {
		return files.Reason(err)
	}
	if err := f.Root.Remove(test); err != nil {
		return files.Reason(err)
	}
	silent := time.NewTimer(selfTest)
	defer silent.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-silent.C:
			return errSilent
		case err := <-fw.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.Metrics.WatchLost.WithLabelValues(f.Source, "overflow").Inc()
				w.Log.Warn("file events were lost, looking at the whole folder", "source", f.Source, "cause", errOverflow)
				h.note(func() { h.overrun = true })
				continue
			}
			return files.Reason(err)
		case e := <-fw.Events:
			w.Fault.At("ingest.event")
			if filepath.Base(e.Name) == test {
				silent.Stop()
				continue
			}
			h.event(f.Dir, e)
		}
	}
}
