package inbox

import (
	"context"
	"errors"
	"os"
	"path"
	"slices"
	"time"

	"usher/ingest/files"
)

// A file is complete when no program has it open for writing, which the kernel tells
// by granting a read lease, and when it has not changed for a moment after that.
// File events only say when to look; every decision comes from the file. Where
// there are no leases, a longer quiet has to do.

// candidate is a file that may be complete.
type candidate struct {
	look    files.Look
	seen    time.Time     // when it was first seen
	quiet   time.Time     // since when nothing has changed and no writer was found
	next    time.Time     // when to look again
	backoff time.Duration // between two looks at a file that is open for writing
	whole   bool          // it came with its bytes and was not written since: renamed into place
	free    bool          // it was not open for writing at the last look
	said    bool          // that it has been here for long
}

// Times of the detector. They are measured on this process's clock: a file's own
// times say little, because copying may preserve them.
const (
	wholeFor  = 50 * time.Millisecond  // unchanged, for a file that was renamed into place
	unwritten = 100 * time.Millisecond // without a change before a lease is asked for
	mostWait  = 30 * time.Second       // that writers who come back can stretch this to
	longest   = time.Second            // between two looks at a file that is open
	calmDown  = time.Minute            // after which a stretched wait is halved
	tooLong   = time.Hour              // after which a file that is not taken is spoken of
	folderFor = 5                      // times the pause between two looks that a folder lies here before it is told of
)

// settler decides about the files of one folder. It is owned by settle.
type settler struct {
	*watcher
	f          *Folder
	candidates map[string]*candidate
	leases     bool // they tell something on this file system
	saidSlow   bool
	wait       time.Duration        // unchanged, for a file written in place
	calmed     time.Time            // when wait was last changed
	odd        map[string]time.Time // when what is left alone was first seen
	saidOdd    int
}

// settle claims the files of a folder as they become complete and queues them,
// until ctx ends or the folder is another one.
func (w *watcher) settle(ctx context.Context, f *Folder, h *hints, q *queue) error {
	s := &settler{watcher: w, f: f, candidates: map[string]*candidate{}, leases: !files.OnNetwork(f.Dir), wait: w.Settle, odd: map[string]time.Time{}}
	rescan, check := time.NewTimer(0), time.NewTicker(recheck)
	defer rescan.Stop()
	defer check.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		gone, overrun := false, false
		var hinted map[string]hint
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
			hinted, overrun, gone = h.drain()
			for name, what := range hinted {
				s.hint(name, what)
			}
		case <-rescan.C:
			overrun = true
		case <-check.C:
			gone = true
		case <-w.Switch.Changed():
			s.lookAtAll()
		case <-wake.C:
		}
		if gone {
			if err := errors.Join(f.same(), f.lock.check()); err != nil {
				return err
			}
		}
		if overrun {
			if err := s.scan(q); err != nil {
				return err
			}
			rescan.Reset(w.Rescan)
		}
		wake.Reset(s.look(q))
	}
}

// hint takes what file events say. A file that is new and has its bytes already
// was renamed into place, unless a writer is found.
func (s *settler) hint(name string, what hint) {
	now := time.Now()
	if base, ok := s.Beside.of(name); ok {
		if c := s.candidates[base]; c != nil {
			c.next = now
		}
		return
	}
	c := s.candidates[name]
	if c == nil {
		if c = s.consider(name, now); c != nil {
			c.whole = !what.written && c.look.Size > 0
			c.next = now.Add(wholeFor)
		}
		return
	}
	if l, ok := files.At(s.f.Root, name); ok && l.Same(c.look) {
		if what.written {
			c.change(s, l, now)
		}
		return
	}
	c.change(s, files.Look{}, now)
	c.next = now // another file under this name: the next look sees it
}

// scan looks at the whole folder, at claims that redrop and dead watchers left,
// and at what has been lying here for long.
func (s *settler) scan(q *queue) error {
	now := time.Now()
	odd := map[string]time.Time{}
	var folders []string
	err := files.Names(s.f.Root, ".", func(name string) {
		_, beside := s.Beside.of(name)
		switch {
		case name == WorkFolder, Nobodys(name):
		case Ignored(name), beside:
			odd[name] = now
		case s.candidates[name] == nil && s.consider(name, now) == nil:
			odd[name] = now
			folders = append(folders, name)
		}
	})
	if err != nil {
		return err
	}
	s.speakOf(odd, now)
	s.tellFolders(folders, now)
	ids, err := s.f.Claims()
	if err != nil {
		return err
	}
	held := 0
	for _, id := range ids {
		if q.has(id) {
			continue
		}
		if s.Wanted(s.f, id) {
			q.add(id, func() int64 { return s.f.size(id) })
		} else if _, noted := files.At(s.f.Root, path.Join(ClaimPath(id), HeldNote)); noted {
			held++
		}
	}
	s.Metrics.Held.WithLabelValues(s.Source).Set(float64(held))
	s.measure(s.candidates)
	return nil
}

// tellFolders tells of the folders that have been here for a while: programs that
// upload make some and remove them again.
func (s *settler) tellFolders(names []string, now time.Time) {
	names = slices.DeleteFunc(names, func(name string) bool {
		l, ok := files.At(s.f.Root, name)
		return !ok || l.Kind != os.ModeDir || now.Sub(s.odd[name]) < folderFor*s.Rescan
	})
	slices.Sort(names)
	s.Folders(names)
}

// speakOf says once an hour how many files lie here that usher leaves alone.
func (s *settler) speakOf(odd map[string]time.Time, now time.Time) {
	long := 0
	for name := range odd {
		if first, known := s.odd[name]; known {
			odd[name] = first
		}
		if now.Sub(odd[name]) > tooLong {
			long++
		}
	}
	s.odd = odd
	if long != s.saidOdd {
		s.saidOdd = long
		if long > 0 {
			s.Log.Warn("files whose names say that they are on their way, or folders, have been in the inbox for an hour; rename them, or take them out", "source", s.f.Source, "files", long)
		}
	}
}

// consider makes a candidate of what is no folder. A scan knows nothing of how
// the file came, so it is not taken for whole.
func (s *settler) consider(name string, now time.Time) *candidate {
	l, ok := files.At(s.f.Root, name)
	if !ok || l.Kind == os.ModeDir {
		return nil
	}
	c := &candidate{look: l, seen: now, quiet: now, next: now.Add(unwritten), backoff: wholeFor}
	s.candidates[name] = c
	return c
}

// change notes that the file is not as it was. One that had looked complete makes
// usher more patient for a while.
func (c *candidate) change(s *settler, l files.Look, now time.Time) {
	if c.free {
		s.wait, s.calmed = min(2*s.wait, mostWait), now
	}
	c.look, c.quiet, c.whole, c.free, c.backoff = l, now, false, false, wholeFor
	c.next = now.Add(unwritten)
}

// look decides about the candidates whose time has come and returns when the
// next one's has.
func (s *settler) look(q *queue) time.Duration {
	now := time.Now()
	if s.wait > s.Settle && now.Sub(s.calmed) > calmDown {
		s.wait, s.calmed = max(s.wait/2, s.Settle), now
	}
	soon := s.Rescan
	for name, c := range s.candidates {
		if now.Before(c.next) {
			soon = min(soon, c.next.Sub(now))
			continue
		}
		s.decide(name, c, now, q)
		if s.candidates[name] != nil {
			soon = min(soon, c.next.Sub(now))
		}
	}
	s.measure(s.candidates)
	return max(soon, time.Millisecond)
}

// lookAtAll has all candidates looked at now: they may have waited for the end of a
// pause.
func (s *settler) lookAtAll() {
	for _, c := range s.candidates {
		c.next = time.Now()
	}
}

// decide claims the file when it is complete, or says when to look again.
func (s *settler) decide(name string, c *candidate, now time.Time, q *queue) {
	l, ok := files.At(s.f.Root, name)
	if !ok || l.Kind == os.ModeDir {
		delete(s.candidates, name)
		return
	}
	if l != c.look {
		c.change(s, l, now)
		return
	}
	if _, paused := s.Switch.Paused(); paused { // the file stays where it is, and is not opened
		c.next = now.Add(s.Rescan)
		return
	}
	if !c.said && now.Sub(c.seen) > tooLong {
		c.said = true
		s.Log.Warn("a file has been in the inbox for an hour and is not complete: a program still has it open for writing, it keeps changing, or the marker or checksum that this inbox asks for is not beside it, or is older than the file", "source", s.f.Source, "bytes", l.Size)
	}
	switch {
	case !l.Regular():
		s.claimAndQueue(name, c, false, q) // its import refuses it
		return
	case s.Beside.Endings != nil && !s.vouched(name, c):
		c.next = now.Add(longest)
		return
	case l.Links > 1 && now.Sub(c.quiet) < s.Quiet: // linked into place: the other name may go yet
		c.next = now.Add(unwritten)
		return
	case l.Links > 1:
		s.claimAndQueue(name, c, false, q)
		return
	case l.Size == 0 && s.Beside.Endings == nil && now.Sub(c.quiet) < s.Empty:
		c.next = c.quiet.Add(s.Empty)
		return
	}
	file, opened, err := files.OpenPlain(s.f.Root, name)
	if err == nil {
		defer file.Close()
		if opened != c.look {
			c.change(s, opened, now)
			return
		}
	}
	state := leaseNone
	if s.leases && err == nil {
		state = takeLease(file)
	}
	need := s.wait
	switch state {
	case leaseBusy:
		if c.free {
			c.change(s, l, now)
		}
		c.quiet, c.whole, c.free = now, false, false
		c.next = now.Add(c.backoff)
		c.backoff = min(2*c.backoff, longest)
		return
	case leaseNone:
		need = s.Quiet
		switch {
		case s.Beside.Endings != nil:
			need = wholeFor // what lies beside it says more than any quiet
		case err == nil && s.CutOff(file, l.Size):
			need *= 4
		}
		if s.leases && err == nil && !s.saidSlow {
			s.saidSlow = true
			s.sayMode(s.f, "the file has another owner, and usher has no CAP_LEASE")
		}
	case leaseFree:
		if c.whole {
			need = wholeFor
		}
	}
	c.free = true
	if left := need - now.Sub(c.quiet); left > 0 {
		if state == leaseFree {
			giveLease(file)
		}
		c.next = now.Add(left)
		return
	}
	// Closing the file gives the lease back; until then no program begins to write.
	s.claimAndQueue(name, c, state == leaseNone && s.Beside.Endings == nil, q)
}

// vouched reports whether what the inbox asks for lies beside the file.
func (s *settler) vouched(name string, c *candidate) bool {
	_, ok := s.Beside.find(s.f, name, c.look)
	return ok
}

// claimAndQueue claims a file and queues it. One of which the system does not tell whether it
// is still open is queued by a later scan, when it has been looked at once more.
func (s *settler) claimAndQueue(name string, c *candidate, unsure bool, q *queue) {
	delete(s.candidates, name) // when it fails, the next scan finds it again
	id, err := s.claim(s.f, name, c.look, unsure)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.Log.Warn("a file cannot be claimed, trying again", "source", s.f.Source, "error", files.Reason(err))
		}
		return
	}
	s.Metrics.StageSeconds.WithLabelValues("settle").Observe(time.Since(c.seen).Seconds())
	s.Log.Info("file claimed", "source", s.f.Source, "import", id, "bytes", c.look.Size)
	if unsure {
		return
	}
	q.add(id, func() int64 { return c.look.Size })
}

// measure shows what waits in an inbox; nil says that this watcher does not serve it.
func (w *watcher) measure(candidates map[string]*candidate) {
	oldest := time.Duration(0)
	for _, c := range candidates {
		oldest = max(oldest, time.Since(c.seen))
	}
	w.Metrics.Waiting.WithLabelValues(w.Source).Set(float64(len(candidates)))
	w.Metrics.OldestSeconds.WithLabelValues(w.Source).Set(oldest.Seconds())
	if candidates == nil {
		w.Metrics.Held.WithLabelValues(w.Source).Set(0)
	}
}

// sayMode says that a folder is taken slowly, and why.
func (w *watcher) sayMode(f *Folder, cause string) {
	w.Log.Warn("usher cannot ask whether a file is still open, so files must be quiet for a while", "source", f.Source, "quiet", w.Quiet, "cause", cause)
}
