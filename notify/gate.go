package notify

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher/event"
)

// gate decides when a provider is asked: not faster than its rate, and not while
// its own trouble lasts. Trouble with credentials, the sender or a quota pauses
// the provider at once; trouble that may be a message's own, after several in a row.
// When a pause is over, one message tries whether the trouble has gone, while the
// others wait. What a provider says of a recipient is no trouble, unless it says the
// same of several: see evidence.
type gate struct {
	limiter *rate.Limiter // nil without a rate
	most    time.Duration // of a pause
	changed func(reason string, paused bool)

	mu       sync.Mutex
	evidence evidence
	trouble  string        // why it is paused, "" while it is not
	away     bool          // it cannot even be asked, or does not answer
	since    time.Time     // of the trouble
	until    time.Time     // of the pause
	probing  chan struct{} // one message tries now; closed when it has
	pauses   int           // in a row
	waiting  int           // messages that come back after this pause
	failed   int           // tries in a row that failed without a pause
	slots    map[string]time.Time
}

func newGate(r Rate, most time.Duration) *gate {
	g := &gate{most: most, changed: func(string, bool) {}, slots: map[string]time.Time{}}
	if r.Limit > 0 {
		g.limiter = rate.NewLimiter(r.Limit, max(1, int(r.Limit)))
	}
	return g
}

const (
	mostFailed   = 5                      // such failures in a row that make a pause
	waitInPlace  = 2 * time.Second        // longer waits for the rate give the worker back
	probeInPlace = 500 * time.Millisecond // so long others wait for what becomes of a probe; then they give the worker back
	askedInVain  = time.Second            // so much later a message comes back that was refused
	comeBack     = 50                     // messages a second that come back after a pause
	comeBackMost = 10 * time.Minute       // the last of them
	mostSlots    = 10000                  // remembered places in the queue; beyond it the oldest are looked through
	slotForgiven = time.Minute            // a place is lost so long after its time
)

// enter asks whether message may be handed over now; the caller must leave then.
// When it may not, it says for how long, and of which trouble; trouble is "" when
// the message has to wait for the rate.
func (g *gate) enter(ctx context.Context, message string) (wait time.Duration, trouble string) {
	probe, wait, trouble := g.admit(ctx, message)
	if wait > 0 {
		return wait, trouble
	}
	g.mu.Lock()
	now := time.Now()
	at := g.slot(message, now)
	g.mu.Unlock()

	if wait = at.Sub(now); wait <= 0 {
		return 0, ""
	}
	if wait <= waitInPlace && event.Sleep(ctx, wait) {
		return 0, ""
	}
	if probe {
		g.mu.Lock()
		g.probed()
		g.mu.Unlock()
	}
	return wait, ""
}

// admit lets a message in unless the provider is paused; probe says that it tries
// whether the pause may end.
func (g *gate) admit(ctx context.Context, message string) (probe bool, wait time.Duration, trouble string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for waited := false; g.trouble != ""; waited = true {
		if left := time.Until(g.until); left > 0 {
			return false, g.turn(message, left), g.trouble
		}
		if g.probing == nil {
			g.probing = make(chan struct{})
			return true, 0, ""
		}
		if waited {
			return false, g.turn(message, time.Second), g.trouble
		}
		probing := g.probing
		g.mu.Unlock()
		select {
		case <-probing:
		case <-time.After(probeInPlace):
		case <-ctx.Done():
		}
		g.mu.Lock()
	}
	return false, 0, ""
}

// turn is when the next one of those who wait comes back: one after another, so
// that a probe comes right after the pause, and the others as soon as it has ended
// well, without all coming at once. Who was refused comes after the others: or it
// would probe each time, and keep all of them waiting for what may be its own fault.
func (g *gate) turn(message string, left time.Duration) time.Duration {
	d := min(time.Duration(g.waiting)*time.Second/comeBack, comeBackMost)
	g.waiting++
	if _, refused := g.evidence.refused[message]; refused {
		d += askedInVain
	}
	return left + d
}

// probed ends a probe.
func (g *gate) probed() {
	if g.probing != nil {
		close(g.probing)
		g.probing = nil
	}
}

// paused says for how long the provider is not asked, and why. The trouble is ""
// when it is not paused.
func (g *gate) paused(message string) (left time.Duration, trouble string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trouble == "" {
		return 0, ""
	}
	return g.turn(message, max(time.Until(g.until), time.Second)), g.trouble
}

// lasting tells that the provider is paused for a trouble of its own, which costs its
// messages no time, however long it takes.
func (g *gate) lasting() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.trouble != "" && (g.trouble != ReasonTransient || g.away)
}

// troubled says since when the provider is paused, and why.
func (g *gate) troubled() (since time.Time, trouble string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since, g.trouble
}

// took takes in that the provider took a recipient's message.
func (g *gate) took(message, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.evidence.took(message, to)
}

// weigh is a failure in the light of those of other messages.
func (g *gate) weigh(message, to string, f *failure) *failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.evidence.weigh(message, to, f)
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
	defer g.probed()
	switch {
	case f != nil && f.ours:
		// The provider was not asked, which is no word about it.
	case f == nil, !f.blames && f.class == permanent, f.reason == ReasonMailboxFull:
		// It took the message, or refused it for what it is: the provider works.
		g.open()
	case f.class == unknown && !f.blames:
		// Neither good nor bad; the next one may try.
	case f.class == unknown:
		g.pause(&failure{reason: ReasonTransient, pause: f.pause, most: f.most, away: true})
	case !f.blames && (g.trouble == "" || g.trouble == ReasonTransient || g.trouble == ReasonRateLimited && f.reason != ReasonDeferred):
		g.open() // it is there, whatever it says of this message
	case !f.blames:
		g.until = time.Now().Add(min(pauseProbe, g.most)) // that it works is not shown yet
	case (f.soft || f.reason == ReasonTransient && f.pause == 0) && g.trouble == "" && g.failed+1 < mostFailed:
		g.failed++
	default:
		g.pause(f)
	}
}

// open ends a pause.
func (g *gate) open() {
	was := g.trouble
	g.trouble, g.pauses, g.failed, g.waiting = "", 0, 0, 0
	if was != "" {
		g.changed(was, false)
	}
}

func (g *gate) pause(f *failure) {
	now := time.Now()
	if now.Before(g.until) && f.reason == g.trouble {
		return // others that were on their way when the pause began
	}
	first := cmp.Or(f.pause, pauseFirst)
	d := max(f.pause, min(first<<min(g.pauses, 10), cmp.Or(f.most, pauseMost)))
	switch {
	case f.reason == ReasonRateLimited:
		d = first // it knows its own limits
	case f.grows && g.trouble == f.reason:
		d = max(d, min(now.Sub(g.since)/pausePart, pauseMost))
	}
	d = min(d, g.most)
	if g.trouble != "" && g.trouble != f.reason {
		g.changed(g.trouble, false)
	}
	if g.trouble != f.reason {
		g.since = now
		g.changed(f.reason, true)
	}
	g.trouble, g.away, g.until, g.failed, g.waiting = f.reason, f.away, now.Add(d), 0, 0
	g.pauses++
}
