package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A part runs until its context ends, leaves no goroutine behind and returns nil
// after a clean stop.
type part struct {
	name   string
	run    func(context.Context) error
	within time.Duration // for a clean stop
}

// lifecycle starts parts in order and stops them in reverse, each level within
// its time. The first part that fails stops all of them.
type lifecycle struct {
	log    *slog.Logger
	levels []level
	failed chan error
}

type level struct {
	cancel context.CancelFunc
	parts  []running
}

type running struct {
	part
	done chan error
}

func newLifecycle(log *slog.Logger) *lifecycle {
	return &lifecycle{log: log, failed: make(chan error, 1)}
}

// start runs parts that stop together, before the ones that were started earlier.
// They outlive ctx: only stop ends them.
func (l *lifecycle) start(ctx context.Context, parts ...part) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	lv := level{cancel: cancel}
	for _, p := range parts {
		r := running{p, make(chan error, 1)}
		go func() {
			err := p.run(ctx)
			if err == nil && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", p.name, err)
				select {
				case l.failed <- err:
				default:
				}
			}
			r.done <- err
		}()
		lv.parts = append(lv.parts, r)
	}
	l.levels = append(l.levels, lv)
}

// stop ends all levels, the last started first. A part that does not stop in
// time is an error and is left behind.
func (l *lifecycle) stop() error {
	var errs []error
	for i := len(l.levels) - 1; i >= 0; i-- {
		l.levels[i].cancel()
		began := time.Now()
		for _, r := range l.levels[i].parts {
			errs = append(errs, r.wait(began.Add(r.within)))
		}
	}
	return errors.Join(errs...)
}

// wait returns what the part ended with. Another part may have been waited for
// beyond the deadline, so an end that is there already comes first.
func (r running) wait(deadline time.Time) error {
	select {
	case err := <-r.done:
		return err
	default:
	}
	select {
	case err := <-r.done:
		return err
	case <-time.After(time.Until(deadline)):
		return fmt.Errorf("%s: did not stop within %s", r.name, r.within)
	}
}
