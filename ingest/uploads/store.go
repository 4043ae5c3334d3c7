package uploads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"usher/event"
	"usher/ingest"
	"usher/ingest/files"
	"usher/metrics"
	"usher/table"
)

// Config joins a Store to its neighbours. A field is needed unless its comment says
// what it means that it is empty.
type Config struct {
	Dir     string // folder of its own; what is in it is removed
	Archive string // the watcher's folder of files that were imported
	Refused string // the watcher's folder of rows and files that were not
	Inboxes []ingest.Inbox
	Key     event.Key // the one of the watcher
	Columns Columns

	Most int64 // bytes of one file; 0: as many as the disk has room for

	Metrics *metrics.Console
	Guard   event.Guard
	Log     *slog.Logger
}

// Columns are what was said about the columns of files of an inbox, by fingerprint.
type Columns interface {
	Saved(ctx context.Context, source string) (map[string]table.Mapping, error)
	Save(ctx context.Context, s event.SavedColumns) error
}

// State is where an upload stands.
type State string

// States of an upload.
const (
	Looking  State = "looking"  // its columns are being told
	Checking State = "checking" // each row is judged
	Giving   State = "giving"   // it is on its way to the inbox
	Ready    State = "ready"    // it waits for its person
	Given    State = "given"    // the watcher has it
)

// Upload is a file that a person brought.
type Upload struct {
	ID     string
	File   string // its name, as it may be shown
	Inbox  string
	By     string
	At     time.Time
	Bytes  int64
	Digest string // lower-case hexadecimal SHA-256

	State    State
	Progress event.Progress // of a check in work
	Known    bool           // it is imported even though its content is known
	KnownAs  string         // import that had the same content; "" is none
	Chosen   table.Mapping  // what its person said about its columns
	Seen     *ingest.Report // what the last look or check told; nil before the first
	Checked  bool           // Seen is of a check
	Import   string         // id, once it is given
	Problem  string         // why the last step came to nothing; "" when it did not
}

// Busy reports whether something is done with it now.
func (u Upload) Busy() bool { return u.State == Looking || u.State == Checking || u.State == Giving }

// Sure reports whether nothing about it asks for a person: its columns are told, and
// its content is new.
func (u Upload) Sure() bool {
	return u.Seen != nil && u.Seen.Code == "" && !u.Unsure() && (u.KnownAs == "" || u.Known)
}

// Unsure reports whether what a column is taken for should be looked at.
func (u Upload) Unsure() bool {
	return u.Seen != nil && (u.Seen.Code == "E_HEADER" || slices.ContainsFunc(u.Seen.Warnings, func(w table.Warning) bool { return w.Code == "W_COLUMN" }))
}

const (
	keptFor     = time.Hour        // from the last step
	mostUploads = 200              // kept at once
	mostWaiting = 500              // steps
	stepFor     = 15 * time.Minute // a look or a check
	sweepEvery  = time.Minute
)

// step is done in its turn. Checks have a turn of their own, so that no look waits
// behind one.
type step struct {
	id   string
	do   State
	then State // Giving: if the upload is sure it is given; "": nothing
}

// upload is one as the store keeps it.
type upload struct {
	Upload
	titles []string      // of its columns, as the last look found them
	last   time.Time     // its last step
	idle   chan struct{} // closed while nothing is done with it
	stop   context.CancelFunc
}

// Store is the uploads of one console.
type Store struct {
	Config
	root   *os.Root
	looks  chan step
	checks chan step

	mu        sync.Mutex
	of        map[string]*upload
	receiving int
}

// New empties the folder.
func New(c Config) (*Store, error) {
	if err := event.Whole(c, "Most"); err != nil {
		return nil, err
	}
	s := &Store{Config: c, looks: make(chan step, mostWaiting), checks: make(chan step, mostWaiting), of: map[string]*upload{}}
	err := os.MkdirAll(c.Dir, 0o700)
	if err == nil {
		s.root, err = os.OpenRoot(c.Dir)
	}
	if err == nil {
		err = files.Names(s.root, ".", func(name string) { _ = s.root.RemoveAll(name) }) // what stays is tried again at the next start
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of uploads: %w", files.Reason(err))
	}
	return s, nil
}

// Run does the steps until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, turn := range []chan step{s.looks, s.checks} {
		wg.Go(s.Guard.Func("doing the steps of uploads", func() {
			for {
				select {
				case <-ctx.Done():
					return
				case st := <-turn:
					s.do(ctx, st)
				}
			}
		}))
	}
	wg.Go(func() {
		event.Every(ctx, sweepEvery, s.Guard.Func("removing old uploads", func() { s.sweep(time.Now()) }))
	})
	wg.Wait()
	return s.root.Close()
}

// Get is one upload; its error is permanent when there is none.
func (s *Store) Get(id string) (Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.find(id)
	if err != nil {
		return Upload{}, err
	}
	return u.Upload, nil
}

// find is one upload. The caller holds mu.
func (s *Store) find(id string) (*upload, error) {
	u, ok := s.of[id]
	if !ok {
		return nil, ErrGone
	}
	return u, nil
}

// ErrGone is the error about an upload that is not there.
var ErrGone = event.Permanent(errors.New("this upload is not here any more: it was imported, discarded or older than an hour; upload the file again"))

// All are the uploads that wait for their person or are in work, the newest first.
func (s *Store) All() (out []Upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.of {
		if u.State != Given {
			out = append(out, u.Upload)
		}
	}
	slices.SortFunc(out, func(a, b Upload) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Await waits until nothing is done with an upload, or ctx ends, and returns how it
// stands then.
func (s *Store) Await(ctx context.Context, id string) (Upload, error) {
	for {
		s.mu.Lock()
		u, err := s.find(id)
		if err != nil || !u.Busy() {
			defer s.mu.Unlock()
			if err != nil {
				return Upload{}, err
			}
			return u.Upload, nil
		}
		idle := u.idle
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return s.Get(id)
		}
	}
}

// Discard forgets an upload, whatever is done with it.
func (s *Store) Discard(id string) error {
	s.mu.Lock()
	u, err := s.find(id)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if u.State == Giving {
		s.mu.Unlock()
		return event.Permanent(errors.New("it is on its way into the inbox already"))
	}
	delete(s.of, id)
	u.stop()
	s.count()
	s.mu.Unlock()
	s.Metrics.Uploads.WithLabelValues("discarded").Inc()
	return files.Reason(s.root.RemoveAll(id))
}

// sweep removes what has waited for too long.
func (s *Store) sweep(now time.Time) {
	s.mu.Lock()
	var old []string
	for id, u := range s.of {
		if !u.Busy() && now.Sub(u.last) >= keptFor {
			if u.State != Given {
				s.Metrics.Uploads.WithLabelValues("expired").Inc()
			}
			old = append(old, id)
			delete(s.of, id)
		}
	}
	s.count()
	s.mu.Unlock()
	for _, id := range old {
		_ = s.root.RemoveAll(id) // what stays is removed at the next start
	}
}

// count sets the gauge. The caller holds mu.
func (s *Store) count() {
	n := 0
	for _, u := range s.of {
		if u.State != Given {
			n++
		}
	}
	s.Metrics.UploadsWaiting.Set(float64(n))
}

// inbox is the one of a name; its error is permanent when there is none.
func (s *Store) inbox(source string) (ingest.Inbox, error) {
	i := slices.IndexFunc(s.Inboxes, func(in ingest.Inbox) bool { return in.Source == source })
	if i < 0 {
		return ingest.Inbox{}, event.Permanent(errors.New("this console does not know the folder of that inbox"))
	}
	return s.Inboxes[i], nil
}

// Standing is how the inboxes stand.
func (s *Store) Standing() (out []ingest.Standing) {
	for _, in := range s.Inboxes {
		out = append(out, ingest.StandingOf(in))
	}
	return out
}

func (s *Store) path(u Upload) string { return filepath.Join(s.Dir, u.ID, u.File) }
