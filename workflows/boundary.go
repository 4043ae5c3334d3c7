package workflows

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"usher/event"
)

// kindPaused is the type of an error that was marked by event.Paused. It stands in
// histories, so it never changes.
const kindPaused = "paused"

// boundary turns the marks of an error into Temporal's, which are the only ones
// that survive its serialisation and count only when outermost.
func boundary(err error, reason string) error {
	if err == nil {
		return nil
	}
	opts := temporal.ApplicationErrorOptions{NonRetryable: event.IsPermanent(err)}
	if opts.NonRetryable && reason != "" {
		opts.Details = []any{reason}
	}
	if d, ok := event.RetryDelay(err); ok {
		opts.NextRetryDelay = d
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("the worker stops: %w", err)
	}
	kind := "transient"
	switch {
	case opts.NonRetryable:
		kind = "permanent"
	case event.IsPaused(err):
		kind = kindPaused
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, opts)
}
