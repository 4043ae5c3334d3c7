package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"usher/event"
)

// Lives shows others that this process lives, and tells which of them do.
type Lives interface {
	// Hold says that a message is in hand, for which signs of life are given until
	// release.
	Hold() (release func())
	// Show returns once there is a sign that is young enough for no other process to
	// take this one for gone now. renewed tells that there was none, so that some may
	// have done so before.
	Show(ctx context.Context) (renewed bool, err error)
	// Gone tells whether p is gone for good, and may wait for a sign of it meanwhile.
	// The caller must Hold.
	Gone(ctx context.Context, p event.Process) (bool, error)
}

var errLeased = errors.New("another process hands the message over")

// Pauses while another process has the message: as long as it was seen to have it,
// within these bounds.
const (
	leasePauseLeast = 2 * time.Second
	leasePauseMost  = 30 * time.Second
)

// leased tells for how long to leave a message alone that another process hands
// over. 0 means that there is no lease: its process is gone, or it is our own, which does
// not have it in hand any more, or the attempt's own limit has passed, or none was written.
func (d *delivery) leased(ctx context.Context) (time.Duration, error) {
	owner := d.entry.Owner
	if owner == (event.Process{}) || owner == d.Process || d.Lives == nil {
		return 0, nil
	}
	seen := d.watch.since(d.name(), d.entry.Token)
	if d.entry.Limit > 0 && seen >= d.entry.Limit {
		return 0, nil
	}
	gone, err := d.Lives.Gone(ctx, owner)
	if err != nil {
		return 0, err
	}
	if !gone {
		return min(max(seen, leasePauseLeast), leasePauseMost), nil
	}
	d.Log.Info("a message is taken over from a process that is gone", "channel", d.Channel, "process", owner.ID, "start", owner.Start)
	return 0, nil
}

// watch remembers since when this process has seen others hand messages over, on
// its own clock.
type watch struct {
	mu   sync.Mutex
	seen map[string]watched
}

type watched struct {
	token string
	since time.Time
}

// mostWatched is how many messages are remembered; beyond it those of more than a
// day ago are forgotten.
const mostWatched = 10000

// since is for how long the message was seen with this token.
func (w *watch) since(message, token string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m, ok := w.seen[message]; ok && m.token == token {
		return time.Since(m.since)
	}
	if w.seen == nil {
		w.seen = map[string]watched{}
	}
	if len(w.seen) >= mostWatched {
		for m, x := range w.seen {
			if time.Since(x.since) > 24*time.Hour {
				delete(w.seen, m)
			}
		}
	}
	w.seen[message] = watched{token, time.Now()}
	return 0
}

// forget is for a message that no other process has.
func (w *watch) forget(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, message)
}
