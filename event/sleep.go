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
