package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// await blocks until done holds, and meanwhile publishes what signals bring.
func (o *onboarding) await(ctx workflow.Context, done func() bool) error {
	for {
		err := workflow.Await(ctx, func() bool { return done() || len(o.pending) > 0 || len(o.refused) > 0 })
		if err != nil {
			return err
		}
		if done() { // cancelling a run also makes its timers ready
			return ctx.Err()
		}
		if err := o.flush(ctx); err != nil {
			return err
		}
	}
}

// flush publishes the facts that no activity takes along, and keeps what was
// refused. The bridge refuses most of it before; the rest came before its user.
func (o *onboarding) flush(ctx workflow.Context) error {
	for len(o.refused) > 0 {
		given := o.refused
		o.refused = nil
		if err := o.do(ctx, activityOrphans, Orphans{UserID: o.userID, Events: given, Reason: event.ReasonDenied}, nil); err != nil {
			return err
		}
	}
	for len(o.pending) > 0 {
		var err error
		taken := o.takePending()
		if o.moved && o.revision > 0 {
			o.moved = false
			err = o.announce(ctx, activityKeep, Keep{UserID: o.userID, Generation: o.generation, Record: o.record.Seq, At: o.record, Facts: taken}, nil)
		} else {
			err = o.announce(ctx, activityPublish, taken, nil)
		}
		if err != nil {
			o.pending = append(taken, o.pending...)
			return err
		}
	}
	return nil
}

// steady is the policy of steps that must happen: they are tried until they do,
// by the server, so that an outage of any length adds nothing to the history.
var steady = temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}

// brief is the policy of a step that is tried inside the workflow task first.
var brief = temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumAttempts: 3}

func (o *onboarding) do(ctx workflow.Context, activity string, in, out any) error {
	return o.begin(ctx, activity, in, 30*time.Second).Get(ctx, out)
}

// begin starts a steady step, of which one try may take limit. When it is
// cancelled, its future waits for its end.
func (o *onboarding) begin(ctx workflow.Context, activity string, in any, limit time.Duration) workflow.Future {
	retries := steady
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: limit, RetryPolicy: &retries, WaitForCancellation: true})
	return workflow.ExecuteActivity(ctx, activity, in)
}

// announce does a step that says what became of events. It is a local one, unless what it
// says depends on what else came into the same task. A worker may die with a task in
// which it has told something; the task is tried again with what came since, and then
// decides anew. So an order, an end without a decision, and what happens while other
// steps are on their way stand in the history before they are told.
func (o *onboarding) announce(ctx workflow.Context, activity string, in, out any) error {
	if o.revision < 4 || !o.depends && o.landed() {
		return o.doLocally(ctx, activity, in, out)
	}
	o.depends = false // what comes during the step is told by the next one
	err := o.do(ctx, activity, in, out)
	if err != nil {
		o.depends = true
	}
	return err
}

// doLocally does a quick step inside the workflow task, which costs one event. A
// step that fails there becomes an ordinary activity. out may be nil.
func (o *onboarding) doLocally(ctx workflow.Context, activity string, in, out any) error {
	retries := brief
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 3 * time.Second, RetryPolicy: &retries})
	err := workflow.ExecuteLocalActivity(local, activity, in).Get(local, out)
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	return o.do(ctx, activity, in, out)
}
