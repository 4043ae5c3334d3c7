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
// over. 0 means that its lease is over: its process is gone, or it is our own, which
// does not have it in hand any more, or the attempt's own limit has passed.
func (s *Sender) leased(ctx context.Context, r Request, found event.Send) (time.Duration, error) {
	if found.Owner == (event.Process{}) || found.Owner == s.Process || s.Lives == nil {
		return 0, nil
	}
	seen := s.watch.since(r.UserID+"/"+r.key(), found.Token)
	if found.Limit > 0 && seen >= found.Limit {
		return 0, nil
	}
	gone, err := s.Lives.Gone(ctx, found.Owner)
	if err != nil {
		return 0, err
	}
	if !gone {
		return min(max(seen, leasePauseLeast), leasePauseMost), nil
	}
	s.Log.Info("a message is taken over from a process that is gone", "channel", r.Channel, "process", found.Owner.ID, "start", found.Owner.Start)
	return 0, nil
}

// errLate is for an attempt of which too little is left for the provider's answer:
// what is not waited for becomes a copy.
var errLate = errors.New("too little time is left of this attempt to wait for an answer")

// enough tells whether half of the attempt's time is left for the answer. What comes
// before the border is quick, unless the ledger was away.
func (a *attempt) enough(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return !ok || time.Until(d) >= d.Sub(a.began)/2
}

// still tells, right before the message is handed over, that the lease is this
// process's own. When it was frozen, others may have taken it for gone, so that it
// moves the entry: one that was about to take the message over finds that it has
// changed.
func (s *Sender) still(ctx context.Context, r Request, a *attempt) error {
	for s.Lives != nil {
		renewed, err := s.Lives.Show(ctx)
		if err != nil || !renewed {
			return err
		}
		_, err = s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
			switch {
			case e.Taken():
				return errAccepted
			case e.State != event.SendSubmitting || e.Token != a.token:
				return errRaced
			}
			e.At = now()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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
