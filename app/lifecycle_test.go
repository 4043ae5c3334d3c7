package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Levels stop in reverse; a part that stopped long before a slower one of its
// level was waited for is no failure; one that does not stop is named.
func TestLifecycleStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		takes := func(name string, d, within time.Duration) part {
			return part{name, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(d)
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				return nil
			}, within}
		}
		l := newLifecycle(slog.New(slog.DiscardHandler))
		l.start(t.Context(), takes("first", 0, time.Second))
		l.start(t.Context(), takes("slow", 8*time.Second, 9*time.Second), takes("quick", time.Second, 2*time.Second))
		l.start(t.Context(), takes("stuck", time.Hour, time.Second))
		err := l.stop()
		if err == nil || strings.Contains(err.Error(), "quick") || !strings.Contains(err.Error(), "stuck: did not stop within 1s") {
			t.Errorf("got %v", err)
		}
		mu.Lock()
		if want := []string{"quick", "slow", "first"}; !slices.Equal(order, want) {
			t.Errorf("stopped in the order %v, want %v", order, want)
		}
		mu.Unlock()
		time.Sleep(time.Hour) // lets the stuck one end
	})
}

func TestLifecycleReportsTheFirstFailure(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	broken := errors.New("broken")
	l.start(t.Context(), part{"a", func(context.Context) error { return broken }, time.Second})
	if err := <-l.failed; !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("got %v", err)
	}
	if err := l.stop(); !errors.Is(err, broken) {
		t.Errorf("the stop hides the failure: %v", err)
	}
}
