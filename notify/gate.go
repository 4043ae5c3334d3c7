package notify

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// gate decides when a provider is asked: not faster than its rate, and not while
// its own trouble lasts. Trouble with credentials, the sender or a quota pauses
// the provider at once; trouble that may be a message's own, after several in a row.
// When a pause is over, one message tries whether the trouble has gone, while the
// others wait. What a provider says of a recipient is no trouble.
type gate struct {
	limiter *rate.Limiter // nil without a rate
	most    time.Duration // of a pause
	changed func(reason string, paused bool)

	mu      sync.Mutex
	trouble string    // why it is paused, "" while it is not
	until   time.Time // of the pause
	probing bool      // one message tries now
	pauses  int       // in a row
	failed  int       // tries in a row that failed without a pause
	slots   map[string]time.Time
}

func newGate(r Rate, most time.Duration) *gate {
	g := &gate{most: most, changed: func(string, bool) {}, slots: map[string]time.Time{}}
	if r.Limit > 0 {
		g.limiter = rate.NewLimiter(r.Limit, max(1, int(r.Limit)))
	}
	return g
}

const (
	mostFailed   = 5                // such failures in a row that make a pause
	pauseFirst   = 10 * time.Second // the first such pause
	pauseMost    = 15 * time.Minute // pauses double up to here, unless the provider names a longer one
	waitInPlace  = 2 * time.Second  // longer waits for the rate give the worker back
	mostSlots    = 10000            // remembered places in the queue; beyond it the oldest are looked through
	slotForgiven = time.Minute      // a place is lost so long after its time
)

// enter asks whether message may be handed over now; the caller must leave then.
// When it may not, it says for how long, and of which trouble; trouble is "" when
// the message has to wait for the rate.
func (g *gate) enter(ctx context.Context, message string) (wait time.Duration, trouble string) {
	g.mu.Lock()
	now := time.Now()
	probe := g.trouble != ""
	if probe {
		if left := g.until.Sub(now); left > 0 || g.probing {
			defer g.mu.Unlock()
			return spread(max(left, time.Second)), g.trouble
		}
		g.probing = true
	}
	at := g.slot(message, now)
	g.mu.Unlock()

	if wait = at.Sub(now); wait <= 0 {
		return 0, ""
	}
	if wait <= waitInPlace {
		select {
		case <-time.After(wait):
			return 0, ""
		case <-ctx.Done():
		}
	}
	if probe {
		g.mu.Lock()
		g.probing = false
		g.mu.Unlock()
	}
	return wait, ""
}

// paused says for how long the provider is not asked, and why.
func (g *gate) paused() (left time.Duration, trouble string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return spread(max(time.Until(g.until), time.Second)), g.trouble
}

// slot is when the rate lets message through. A message that has to wait long
// comes back at the time that it was told, and finds its place kept.
func (g *gate) slot(message string, now time.Time) time.Time {
	if g.limiter == nil {
		return now
	}
	at, kept := g.slots[message]
	if !kept || now.Sub(at) > slotForgiven {
		at = now.Add(g.limiter.ReserveN(now, 1).DelayFrom(now))
	}
	delete(g.slots, message)
	if at.Sub(now) > waitInPlace {
		if len(g.slots) >= mostSlots {
			for m, t := range g.slots {
				if now.Sub(t) > slotForgiven {
					delete(g.slots, m)
				}
			}
		}
		g.slots[message] = at
	}
	return at
}

// leave takes in what came of the message that entered; nil when the provider
// took it.
func (g *gate) leave(f *failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	switch {
	case f != nil && f.ours:
		// The provider was not asked, which is no word about it.
	case f == nil || !f.blames && f.class != unknown:
		// It took the message, or refused it for what it is: the provider works.
		was := g.trouble
		g.trouble, g.pauses, g.failed = "", 0, 0
		if was != "" {
			g.changed(was, false)
		}
	case f.class == unknown:
		// Neither good nor bad; the next one may try.
	case (f.soft || f.reason == ReasonTransient && f.pause == 0) && g.trouble == "" && g.failed+1 < mostFailed:
		g.failed++
	default:
		g.pause(f)
	}
}

func (g *gate) pause(f *failure) {
	if time.Now().Before(g.until) && f.reason == g.trouble {
		return // others that were on their way when the pause began
	}
	first := f.pause
	if first == 0 {
		first = pauseFirst
	}
	d := max(f.pause, min(first<<min(g.pauses, 10), pauseMost))
	if f.reason == ReasonRateLimited {
		d = first // it knows its own limits
	}
	d = min(d, g.most)
	if g.trouble != "" && g.trouble != f.reason {
		g.changed(g.trouble, false)
	}
	if g.trouble != f.reason {
		g.changed(f.reason, true)
	}
	g.trouble, g.until, g.failed = f.reason, time.Now().Add(d), 0
	g.pauses++
}

// spread keeps those who wait from coming back all at once.
func spread(d time.Duration) time.Duration {
	return d + rand.N(d/2+1)
}
