package bridge

import (
	"context"
	"errors"

	"usher/event"
)

// mostCalls is how many calls that start runs, and how many others, are open at
// Temporal at once. More gain nothing: they wait in its database instead of here.
const mostCalls = 32

// bounded is Workflows with so many calls open at once, and with its errors marked
// as a server's. More messages than that are in hand, because some wait for
// JetStream meanwhile.
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

// Again implements Workflows.
func (b *bounded) Again(ctx context.Context, id event.Identity, in event.Onboarding) error {
	return within(ctx, b.starts, func() error { return b.Workflows.Again(ctx, id, in) })
}

// Park implements Workflows. It may start a run.
func (b *bounded) Park(ctx context.Context, in event.Onboarding, v event.Verification) error {
	return within(ctx, b.starts, func() error { return b.Workflows.Park(ctx, in, v) })
}

// Open implements Workflows.
func (b *bounded) Open(ctx context.Context, userID string) (runID string, open bool, err error) {
	err = within(ctx, b.signals, func() (err error) {
		runID, open, err = b.Workflows.Open(ctx, userID)
		return err
	})
	return runID, open, err
}

// Signal implements Workflows.
func (b *bounded) Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	return within(ctx, b.signals, func() error { return b.Workflows.Signal(ctx, id, userID, signal, arg) })
}

// within waits for a slot and makes the call. What Workflows may find is no error
// of a server.
func within(ctx context.Context, slots chan struct{}, call func() error) error {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return answered(ctx.Err())
	}
	defer func() { <-slots }()
	err := call()
	if errors.Is(err, ErrRunning) || errors.Is(err, ErrNoRun) || errors.Is(err, ErrOver) {
		return err
	}
	return answered(err)
}
