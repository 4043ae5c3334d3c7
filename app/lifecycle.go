package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"usher/event"
)

// A part runs until its context ends, leaves no goroutine behind and returns nil
// after a clean stop.
type part struct {
	name   string
	run    func(context.Context) error
	within time.Duration // after which the stop goes on without it
}

// lifecycle starts parts in order and stops them in reverse, a level at a time. All
// levels share one deadline: each gets what is left of it, but for what later ones
// need in any case. The first part that fails stops all of them.
type lifecycle struct {
	guard  event.Guard // told of panics; the zero one says nothing
	log    *slog.Logger
	levels []level
	failed chan error
}

type level struct {
	cancel context.CancelFunc
	parts  []*running
	floor  time.Duration // that earlier levels leave to it
}

type running struct {
	part
	done chan struct{} // closed after err is set
	err  error
}

func newLifecycle(log *slog.Logger) *lifecycle {
	return &lifecycle{log: log, failed: make(chan error, 1)}
}

// start runs parts that stop together, before the ones that were started earlier.
// They outlive ctx: only stop ends them.
func (l *lifecycle) start(ctx context.Context, parts ...part) { l.startSure(ctx, 0, parts...) }

// startSure is start for parts that get at least floor for their stop, however long
// others hang: what they have in hand must not be cut off.
func (l *lifecycle) startSure(ctx context.Context, floor time.Duration, parts ...part) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	lv := level{cancel: cancel, floor: floor}
	for _, p := range parts {
		r := &running{part: p, done: make(chan struct{})}
		go func() {
			defer close(r.done)
			err := l.guard.Do(p.name, func() error { return p.run(ctx) }) // one that panics has failed, and the others stop in order
			if err == nil && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				r.err = fmt.Errorf("%s: %w", p.name, err)
				select {
				case l.failed <- r.err:
				default:
				}
			}
		}()
		lv.parts = append(lv.parts, r)
	}
	l.levels = append(l.levels, lv)
}

// stop ends all levels within the time given, the last started first. A part that
// does not stop in its time is left behind; it is an error when it has not ended
// when everything else has.
func (l *lifecycle) stop(within time.Duration) error {
	end := time.Now().Add(within)
	var sure time.Duration // for the levels that are still to come
	for _, lv := range l.levels {
		sure += lv.floor
	}
	for i := len(l.levels) - 1; i >= 0; i-- {
		lv := l.levels[i]
		sure -= lv.floor
		lv.cancel()
		began, limit := time.Now(), end.Add(-sure)
		for _, r := range lv.parts {
			own := began.Add(max(r.within, lv.floor))
			r.wait(min(time.Until(own), time.Until(limit)))
		}
	}
	var errs []error
	for i := len(l.levels) - 1; i >= 0; i-- {
		for _, r := range l.levels[i].parts {
			errs = append(errs, r.ended())
		}
	}
	return errors.Join(errs...)
}

// wait returns when the part has ended, or after a while.
func (r *running) wait(limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
	}
}

// ended is what the part ended with, or that it has not.
func (r *running) ended() error {
	select {
	case <-r.done:
		return r.err
	default:
		return fmt.Errorf("%s: did not stop in time", r.name)
	}
}
