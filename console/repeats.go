package console

import (
	"sync"
	"time"
)

// repeats tells the first of many equal failures from the others: in an outage each
// request and each page that renews itself fails alike.
type repeats struct {
	mu sync.Mutex
	of map[string]*repeat // by what failed and how
}

type repeat struct {
	said, last time.Time
	more       int // since it was said
}

const (
	mostRepeats = 100              // different failures; what is beyond them is said each time
	sayAgain    = time.Minute      // a failure that goes on is told so often
	ended       = 10 * time.Second // a failure that did not come for so long is over
)

// first tells whether a failure is to be said; another like it is counted.
func (r *repeats) first(what string, err error) bool {
	key, now := what+": "+err.Error(), time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.of[key]; x != nil {
		x.more++
		x.last = now
		return false
	}
	if r.of == nil {
		r.of = map[string]*repeat{}
	}
	if len(r.of) < mostRepeats {
		r.of[key] = &repeat{said: now, last: now}
	}
	return true
}

// summarise calls say with each failure that came more often than it was said, when it
// is over or has gone on for a while, or at the end.
func (r *repeats) summarise(end bool, say func(failure string, more int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, x := range r.of {
		over := end || time.Since(x.last) >= ended
		if x.more > 0 && (over || time.Since(x.said) >= sayAgain) {
			say(key, x.more)
			x.said, x.more = time.Now(), 0
		}
		if over {
			delete(r.of, key)
		}
	}
}

// logRepeats says how often what failed has failed again.
func (k *Console) logRepeats(end bool) {
	k.repeats.summarise(end, func(failure string, more int) {
		k.Log.Warn("a failure came again, so often", "error", failure, "times", more)
	})
}
