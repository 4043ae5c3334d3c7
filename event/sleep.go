package event

import (
	"context"
	"time"
)

// Sleep waits for d, or for the end of ctx, which it reports with false.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Doubling is the pause before try n+1 of a row, n from 0: first, and twice the one before
// up to most.
func Doubling(first, most time.Duration, n int) time.Duration {
	for d := first; ; d *= 2 {
		if n--; n < 0 || d >= most {
			return min(d, most)
		}
	}
}

// Every calls f at once and then once each d, until ctx ends. While f takes longer, the
// calls that it misses are left out.
func Every(ctx context.Context, d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		f()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
