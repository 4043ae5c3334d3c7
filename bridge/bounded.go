package bridge

import (
	"context"

	"usher/event"
)

// mostCalls is how many starts, and how many signals, are open at Temporal at
// once. More gain nothing: they wait in its database instead of here.
const mostCalls = 32

// bounded is Workflows with so many calls open at once. More messages than that
// are in hand, because some wait for JetStream meanwhile.
type bounded struct {
	Workflows
	starts, signals chan struct{} // one a call
}

func newBounded(w Workflows) Workflows {
	return &bounded{w, make(chan struct{}, mostCalls), make(chan struct{}, mostCalls)}
}

// Start implements Workflows.
func (b *bounded) Start(ctx context.Context, id event.Identity, in event.Onboarding) error {
	return within(ctx, b.starts, func() error { return b.Workflows.Start(ctx, id, in) })
}

// Signal implements Workflows.
func (b *bounded) Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	return within(ctx, b.signals, func() error { return b.Workflows.Signal(ctx, id, userID, signal, arg) })
}

func within(ctx context.Context, slots chan struct{}, call func() error) error {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return call()
	case <-ctx.Done():
		return ctx.Err()
	}
}
