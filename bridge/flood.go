package bridge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// flood caps how many decisions about users who are not there one source may
// have parked. Each costs a workflow until its user comes or its time is over, so
// a system that uses other ids than the lists would fill Temporal with them.
//
// It is a token bucket: full at the start of the process, and refilled within
// the time for which a decision is parked. It knows of this process only, so
// several bridges allow several times as many.
type flood struct {
	most  int
	every time.Duration

	mu      sync.Mutex
	buckets map[string]*rate.Limiter // by source, of which there are few
}

func newFlood(most int, parkedFor time.Duration) *flood {
	return &flood{most: most, every: parkedFor, buckets: map[string]*rate.Limiter{}}
}

// allow takes a token of the source.
func (f *flood) allow(source string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.buckets[source]
	if b == nil {
		b = rate.NewLimiter(rate.Every(f.every/time.Duration(f.most)), f.most)
		f.buckets[source] = b
	}
	return b.Allow()
}
