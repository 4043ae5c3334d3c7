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

	"usher/event"
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
		err := l.stop(time.Minute)
		if err == nil || strings.Contains(err.Error(), "quick") || !strings.Contains(err.Error(), "stuck: did not stop in time") {
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

// However many parts hang, the stop ends in time, and those that have something in
// hand get what they need of it.
func TestLifecycleStopsInTimeThoughPartsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hangs := func(name string, within time.Duration) part {
			return part{name, func(context.Context) error { <-release; return nil }, within}
		}
		var had time.Duration
		handsOver := part{"worker", func(ctx context.Context) error {
			<-ctx.Done()
			began := time.Now()
			select {
			case <-time.After(handOver - time.Millisecond):
			case <-release:
			}
			had = time.Since(began)
			return nil
		}, handOver}
		late := part{"late", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(3 * time.Second) // longer than it is waited for, and done in the end
			return nil
		}, time.Second}
		l := newLifecycle(slog.New(slog.DiscardHandler))
		l.start(t.Context(), hangs("ops", 2*time.Second))
		l.start(t.Context(), hangs("catcher", 3*time.Second))
		l.startSure(t.Context(), handOver, handsOver, hangs("bridge", 7*time.Second))
		l.start(t.Context(), late, hangs("watch", 5*time.Second))
		l.start(t.Context(), hangs("canary", time.Second))
		began := time.Now()
		err := l.stop(levelsWithin)
		if took := time.Since(began); took > levelsWithin {
			t.Errorf("the stop took %s, want %s at most", took, levelsWithin)
		}
		if want := handOver - time.Millisecond; had != want {
			t.Errorf("the worker had %s for what it had in hand, want %s", had, want)
		}
		for name, want := range map[string]bool{"ops": true, "catcher": true, "bridge": true, "watch": true, "canary": true, "worker": false, "late": false} {
			if got := err != nil && strings.Contains(err.Error(), name+": did not stop"); got != want {
				t.Errorf("%s is called hanging: %v, want %v", name, got, want)
			}
		}
		close(release)
		synctest.Wait()
	})
}

func TestLifecycleReportsTheFirstFailure(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	broken := errors.New("broken")
	l.start(t.Context(), part{"a", func(context.Context) error { return broken }, time.Second})
	if err := <-l.failed; !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("got %v", err)
	}
	if err := l.stop(time.Minute); !errors.Is(err, broken) {
		t.Errorf("the stop hides the failure: %v", err)
	}
}

// A part that panics has failed: it is told, the others stop, and the process ends
// with a sentence instead of a crash.
func TestAPartThatPanicsHasFailed(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	told := make(chan *event.PanicError, 1)
	l.guard = func(p *event.PanicError) { told <- p }
	stopped := make(chan struct{})
	l.start(t.Context(), part{"steady", func(ctx context.Context) error { <-ctx.Done(); close(stopped); return nil }, time.Second})
	l.start(t.Context(), part{"broken", func(context.Context) error { panic("ann@example.org") }, time.Second})
	if p := <-told; p.Where != "broken" {
		t.Errorf("told of %+v", p)
	}
	if err := <-l.failed; err == nil || err.Error() != "broken: usher failed in broken (string)" {
		t.Errorf("the process ends with %v", err)
	}
	_ = l.stop(time.Second) // says the same
	<-stopped
}
