package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/segmentio/ksuid"
)

// candidate is a file that may be complete.
type candidate struct {
	look    look
	seen    time.Time // when it was first seen
	changed time.Time // when it was last found changed
	whole   bool      // arrived with its bytes: a file event brought it, not a scan
}

// look is what tells that a file has changed.
type look struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

// Times of the settle detector.
const (
	step       = 50 * time.Millisecond  // between two looks at candidates
	writtenFor = 600 * time.Millisecond // without a change, for a file written in place
	leaseGrown = 50 * time.Millisecond  // for a file that was renamed into place
)

// settle watches the inbox until ctx ends, claims files that are complete and
// calls start whenever there may be claims to import. File events are hints that
// save time; every decision comes from looking at the file.
func (w *Watcher) settle(ctx context.Context, in Inbox, start func()) error {
	hints, done := w.hints(ctx, in)
	defer done()
	candidates := map[string]*candidate{} // by name
	leases := true
	rescan := time.NewTimer(0)
	defer rescan.Stop()
	start()
	for {
		var tick <-chan time.Time
		if len(candidates) > 0 {
			tick = time.After(step)
		}
		select {
		case <-ctx.Done():
			return nil
		case name := <-hints:
			w.consider(in, candidates, name, true)
		case <-rescan.C:
			w.scan(in, candidates)
			start() // also what redrop and a dead watcher left
			rescan.Reset(w.Rescan)
		case <-tick:
		}
		claimed := false
		for name, c := range candidates {
			done, ok := w.decide(in, name, c, &leases)
			claimed = claimed || ok
			if done {
				delete(candidates, name)
			}
		}
		w.measure(in, candidates)
		if claimed {
			start()
		}
	}
}

// measure shows what waits in the inbox.
func (w *Watcher) measure(in Inbox, candidates map[string]*candidate) {
	oldest := time.Duration(0)
	for _, c := range candidates {
		oldest = max(oldest, time.Since(c.seen))
	}
	w.Metrics.Waiting.WithLabelValues(in.Source).Set(float64(len(candidates)))
	w.Metrics.OldestSeconds.WithLabelValues(in.Source).Set(oldest.Seconds())
}

// scan looks at the whole folder. A folder that is away is an outage, not an
// empty inbox.
func (w *Watcher) scan(in Inbox, candidates map[string]*candidate) {
	entries, err := os.ReadDir(in.Dir)
	if err != nil {
		w.wait(in.Source, errors.New("the inbox "+in.Source+" cannot be read"))
		w.Log.Error("the inbox cannot be read", "source", in.Source, "error", reason(err))
		return
	}
	w.wait(in.Source, nil)
	for _, e := range entries {
		w.consider(in, candidates, e.Name(), false)
	}
}

var rsyncName = regexp.MustCompile(`^\..+\.[A-Za-z0-9]{6}$`)

// ignored tells names of files that are on their way or nobody's.
func ignored(name string) bool {
	l := strings.ToLower(name)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || l == "thumbs.db" || l == "desktop.ini" || rsyncName.MatchString(name) {
		return true
	}
	for _, suffix := range []string{".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"} {
		if strings.HasSuffix(l, suffix) {
			return true
		}
	}
	return false
}

func (w *Watcher) consider(in Inbox, candidates map[string]*candidate, name string, hinted bool) {
	if ignored(name) || candidates[name] != nil {
		return
	}
	l, ok := lookAt(filepath.Join(in.Dir, name))
	if !ok {
		return
	}
	now := time.Now()
	candidates[name] = &candidate{look: l, seen: now, changed: now, whole: hinted && l.size > 0}
}

// lookAt reports false for what is gone or no regular file.
func lookAt(path string) (look, bool) {
	i, err := os.Lstat(path)
	if err != nil || !i.Mode().IsRegular() {
		return look{}, false
	}
	l := look{size: i.Size(), mtime: i.ModTime().UnixNano()}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		l.dev, l.ino, l.ctime = uint64(s.Dev), s.Ino, changeTime(s)
	}
	return l, true
}

// decide claims the file when it is complete. done means that it is no candidate
// any more.
func (w *Watcher) decide(in Inbox, name string, c *candidate, leases *bool) (done, claimed bool) {
	path := filepath.Join(in.Dir, name)
	l, ok := lookAt(path)
	if !ok {
		return true, false
	}
	now := time.Now()
	if l != c.look {
		c.look, c.changed, c.whole = l, now, false
		return false, false
	}
	quiet := now.Sub(c.changed)
	if l.size == 0 && quiet < w.Empty || quiet < leaseGrown {
		return false, false
	}
	switch probe(path) {
	case leaseBusy:
		c.changed, c.whole = now, false // somebody writes
		return false, false
	case leaseNone:
		if *leases {
			*leases = false
			w.Log.Warn("usher cannot ask whether a file is still open (another owner without CAP_LEASE, or a network folder): files must be quiet for a while", "source", in.Source, "quiet", w.Quiet)
		}
		if quiet < w.Quiet {
			return false, false
		}
	case leaseFree:
		if !c.whole && quiet < writtenFor {
			return false, false
		}
	}
	if err := w.claim(in, name, c); err != nil {
		w.Log.Warn("a file cannot be claimed, trying again", "source", in.Source, "error", reason(err))
		return true, false // the next scan finds it again
	}
	return true, true
}

// claim renames the file into a folder of its own, named by a fresh import id.
func (w *Watcher) claim(in Inbox, name string, c *candidate) error {
	id := ksuid.New().String()
	dir := filepath.Join(in.work(), id)
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(in.Dir, name), filepath.Join(dir, name)); err != nil {
		return errors.Join(err, os.Remove(dir))
	}
	w.Metrics.StageSeconds.WithLabelValues("settle").Observe(time.Since(c.seen).Seconds())
	w.Log.Info("file claimed", "source", in.Source, "import", id, "bytes", c.look.size)
	w.Fault.At("ingest.claimed")
	return nil
}

// claims lists the import ids that are in work or wait for it.
func claims(in Inbox) ([]string, error) {
	entries, err := os.ReadDir(in.work())
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if _, err := ksuid.Parse(e.Name()); err == nil && e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// hints yields the names that file events bring. Without a watch, because the
// system has no more of them or the folder is away, the scan finds everything,
// just later. wait returns when ctx has ended and nothing is left of it.
func (w *Watcher) hints(ctx context.Context, in Inbox) (names <-chan string, wait func()) {
	out := make(chan string, 1024)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			err := watchOnce(ctx, in.Dir, out)
			if err != nil && ctx.Err() == nil {
				w.Log.Warn("file events are not available for now, looking from time to time", "source", in.Source, "error", reason(err))
			}
			sleep(ctx, 5*time.Second)
		}
	})
	return out, wg.Wait
}

// watchOnce forwards events until ctx ends or the watch is lost. When nobody
// takes a hint in time it is dropped; the scan does not need it.
func watchOnce(ctx context.Context, dir string, out chan<- string) error {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer fw.Close()
	if err := fw.Add(dir); err != nil {
		return err
	}
	watched, _ := lookAtFolder(dir)
	check := time.NewTicker(2 * time.Second)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fw.Errors:
			return err
		case <-check.C: // an unmount removes the watch without a word
			if now, ok := lookAtFolder(dir); !ok || now != watched {
				return errors.New("the folder was replaced")
			}
		case e := <-fw.Events:
			if filepath.Clean(e.Name) == filepath.Clean(dir) && e.Has(fsnotify.Remove|fsnotify.Rename) {
				return errors.New("the folder was removed")
			}
			if e.Has(fsnotify.Create | fsnotify.Write) {
				select {
				case out <- filepath.Base(e.Name):
				default:
				}
			}
		}
	}
}

// lookAtFolder identifies the folder itself, whatever is in it.
func lookAtFolder(dir string) ([2]uint64, bool) {
	i, err := os.Stat(dir)
	if err != nil {
		return [2]uint64{}, false
	}
	s, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return [2]uint64{}, true
	}
	return [2]uint64{uint64(s.Dev), s.Ino}, true
}

// reason is an error of the file system without the path, which may name people.
func reason(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
