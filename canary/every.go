package canary

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"usher/event"
	"usher/metrics"
)

// Regular sends one canary after another and exports how each went.
type Regular struct {
	Journey
	Every   time.Duration
	Metrics *metrics.Canary
	Guard   event.Guard
	Log     *slog.Logger
}

// limit is how long a canary may take.
func (r Regular) limit() time.Duration { return max(r.Every, time.Minute) }

// Run sends canaries until ctx ends.
func (r Regular) Run(ctx context.Context) error {
	r.MayTake = 2 * r.limit()
	event.Every(ctx, r.Every, func() { r.one(ctx) })
	return nil
}

func (r Regular) one(ctx context.Context) {
	run, cancel := context.WithTimeout(ctx, r.limit())
	var took time.Duration
	err := r.Guard.Do("sending a canary user", func() (err error) { took, err = r.Journey.Run(run); return err })
	cancel()
	if ctx.Err() != nil {
		return
	}
	var stopped *Error
	switch {
	case errors.As(err, &stopped):
		r.Metrics.Runs.WithLabelValues("failed", stopped.Step).Inc()
		r.Log.Warn("a canary user did not arrive", "step", stopped.Step, "error", stopped.Err)
	case err != nil: // a panic, which was counted and told of; at which step is not known
	default:
		r.Metrics.Runs.WithLabelValues("welcomed", "").Inc()
		r.Metrics.Seconds.Observe(took.Seconds())
		r.Metrics.Last.SetToCurrentTime()
	}
}
