package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/event"
)

// lock makes one watcher the one that works in a folder. Events do not need it: who
// may publish is decided by the checkpoint, and a claim is a rename, which one
// watcher wins; two watchers without any lock published each record once (72 files).
// What the checkpoint does not fence is what goes back to people: the draft of refused
// rows is one file in the claim, which one watcher could move away while the other
// still writes it.
//
// The system's lock goes to the next watcher as soon as its holder dies. A holder
// that is frozen, or on another machine, keeps it, so the owner also signs a file
// from time to time, and one who has not signed for long is taken for dead. When
// it thaws it finds the other's name there and stops.
type lock struct {
	w     *watcher
	root  *os.Root
	me    string
	file  *os.File // with the system's lock on it
	held  bool     // that lock is ours
	count int

	mu   sync.Mutex
	lost bool
}

// owner is what the file says.
type owner struct {
	Watcher string `json:"watcher"`
	Host    string `json:"host"`
	Locked  bool   `json:"locked"` // it holds the system's lock too
	Count   int    `json:"count"`
}

var errLost = errors.New("another watcher took over, after this one was silent for too long")

var (
	lockFile = path.Join(WorkFolder, "lock")
	// OwnerFile is signed every few seconds by the watcher that works in the inbox.
	OwnerFile = path.Join(WorkFolder, "owner")
)

// acquire waits for the folder's lock; nil without an error means that ctx ended.
func (w *watcher) acquire(ctx context.Context, f *Folder) (*lock, error) {
	file, err := f.Root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &lock{w: w, root: f.Root, me: ksuid.New().String(), file: file}
	var last owner
	since := time.Now()
	for standing := false; ; {
		l.held = l.held || disk.Lock(file) == nil
		o := l.owner()
		if o != last {
			last, since = o, time.Now()
		}
		// The process that held the system's lock on this machine is dead once we have it.
		dead := l.held && (o.Watcher == "" || o.Locked && o.Host == host())
		if dead || time.Since(since) >= w.Dead {
			if err := l.sign(); err != nil {
				return nil, errors.Join(err, file.Close())
			}
			if l.held || event.Sleep(ctx, w.Dead/20) && l.owner().Watcher == l.me {
				w.Waits(nil)
				if standing {
					w.Log.Warn("took the inbox over from a watcher that is dead or silent", "source", f.Source)
				}
				return l, nil
			}
		}
		if !standing {
			standing = true
			w.Log.Warn("another watcher serves the inbox, standing by", "source", f.Source)
			w.Waits(fmt.Errorf("another watcher serves the inbox %s", f.Source))
			w.Metrics.Away.WithLabelValues(f.Source).Set(1)
		}
		if !event.Sleep(ctx, min(w.Dead/10, time.Second)) {
			return nil, file.Close()
		}
		if err := f.same(); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
}

func host() string {
	h, _ := os.Hostname() // without a name all machines are one
	return h
}

// owner is the watcher that signed last; the zero owner when that cannot be read.
func (l *lock) owner() (o owner) {
	b, err := l.root.ReadFile(OwnerFile)
	if err == nil {
		_ = json.Unmarshal(b, &o) // a torn file has no owner
	}
	return o
}

func (l *lock) sign() error {
	l.count++
	b, err := json.Marshal(owner{l.me, host(), l.held, l.count})
	if err != nil {
		return err
	}
	tmp := OwnerFile + "." + l.me // not disk.Jot: two watchers may sign at once, and each needs a file of its own
	if err := l.root.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return l.root.Rename(tmp, OwnerFile)
}

// keep signs until ctx ends or another watcher has signed.
func (l *lock) keep(ctx context.Context) {
	for event.Sleep(ctx, l.w.Dead/5) {
		if o := l.owner(); o.Watcher != "" && o.Watcher != l.me {
			l.lose()
			return
		}
		l.held = l.held || disk.Lock(l.file) == nil
		_ = l.sign() // a folder that is away is noticed elsewhere
	}
}

// lose notes that this watcher is not the one that works here any more.
func (l *lock) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

// check returns errLost once another watcher works here.
func (l *lock) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return errLost
	}
	return nil
}

// release gives the lock away. The signature of one who held the system's lock
// need not be waited for.
func (l *lock) release() error {
	if o := l.owner(); o.Watcher == l.me {
		_ = l.root.Remove(OwnerFile) // otherwise it is waited for
	}
	return l.file.Close()
}
