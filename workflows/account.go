package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// The saga: the account is made usable before the welcome, and that is taken back
// when the user is withdrawn, the run is cancelled, or the inbox asks for it
// because no message reached its user. When the user is withdrawn or rejected, PEOPLE tells
// whether one stands that an earlier generation made; it is taken back too.

// accountLimit is the time for one try at the target, which may take several
// requests.
const accountLimit = 2 * time.Minute

// activate makes the account usable. Without a target the decision is recorded
// and told as if it were.
func (o *onboarding) activate(ctx workflow.Context) error {
	taken := o.takePending()
	step := Step{
		UserID: o.userID, Generation: o.generation, Opened: o.opened.Stored, Decided: *o.decided, Before: taken, Story: o.story(),
		Target: o.settings.Target, Result: o.fact(ctx, event.FactActivated),
	}
	step.Result.Status, step.Result.Target = event.StatusActive, target(o.settings.Target)
	if step.Target != "" {
		step.User = &o.user
	}
	o.made, o.madeAt = true, o.settings.Target // before the step: what failed half-way is undone too
	var err error
	switch {
	case o.revision == 0:
		o.status = event.StatusActive
		return o.do(ctx, activityActivate, step, nil)
	case step.Target == "":
		err = o.announce(ctx, activityActivate, step, nil)
	default:
		err = o.untilWithdrawn(ctx, activityActivate, step)
	}
	if temporal.IsCanceledError(err) && (o.revision >= 2 || o.status == event.StatusApproved) {
		o.pending = append(taken, o.pending...) // whether the step told them is not known; told twice they are one fact
		if o.status == event.StatusApproved {   // the run is cancelled, not only the step
			return err
		}
	}
	switch {
	case o.status != event.StatusApproved: // withdrawn meanwhile
	case err != nil:
		o.status, o.reason = event.StatusFailed, reasonOf(err)
	default:
		o.status = event.StatusActive
	}
	return nil
}

// untilWithdrawn does a step that a withdrawal cancels, and returns when the step
// has ended.
func (o *onboarding) untilWithdrawn(ctx workflow.Context, activity string, in any) error {
	step, stop := workflow.WithCancel(ctx)
	defer stop()
	f := o.begin(step, activity, in, accountLimit)
	o.activation = f
	if err := o.await(ctx, func() bool { return f.IsReady() || o.status == event.StatusWithdrawn }); err != nil {
		return err
	}
	stop()
	if err := o.await(ctx, f.IsReady); err != nil {
		return err
	}
	return f.Get(ctx, nil)
}

// mustUndo tells whether an account stands that should not.
func (o *onboarding) mustUndo() bool {
	switch o.status {
	case event.StatusWithdrawn, event.StatusFailed:
		return o.made
	case event.StatusRejected: // PEOPLE said so
		return o.made && o.revision >= 3
	case event.StatusUnreached:
		return o.made && o.settings.UndoUnreached
	}
	return false
}

// undo takes the account back. The target is asked even when it is not known whether
// the activation arrived.
func (o *onboarding) undo(ctx workflow.Context) error {
	taken := o.takePending()
	result := o.fact(ctx, event.FactDeactivated)
	result.Target = target(o.madeAt)
	if o.madeAt == "" {
		o.pending = append(taken, result)
		o.made = false
		return nil
	}
	err := o.begin(ctx, activityDeactivate, Step{
		UserID: o.userID, Generation: o.generation, Opened: o.opened.Stored, Before: taken, Story: o.story(),
		Target: o.madeAt, Result: result,
	}, accountLimit).Get(ctx, nil)
	if temporal.IsCanceledError(err) {
		o.pending = append(taken, o.pending...)
		return err
	}
	o.made = false
	if err != nil {
		o.status, o.reason = event.StatusFailed, reasonOf(err)
	}
	return nil
}

// cancelled takes back what a run has done that was cancelled in Temporal.
// It is a withdrawal like any other. ctx is not the one that was cancelled.
func (o *onboarding) cancelled(ctx workflow.Context) error {
	if err := o.await(ctx, o.landed); err != nil {
		return err
	}
	o.collect(ctx)
	o.drain(ctx)
	if !o.arrived {
		if err := o.nobodyCame(ctx); err != nil {
			return err
		}
	}
	if !o.status.Final() {
		o.withdraw(ctx, event.Verification{
			Identity: event.Identity{Source: event.SourceTemporal, ID: "cancelled-" + workflow.GetInfo(ctx).WorkflowExecution.RunID},
			UserID:   o.userID, Verb: event.VerbWithdrawn, Stored: workflow.Now(ctx).UTC(),
		})
	}
	return o.toTheEnd(ctx)
}

// landed tells whether no step is on its way any more.
func (o *onboarding) landed() bool {
	for _, c := range o.channels {
		if c.busy() && !c.future.IsReady() {
			return false
		}
	}
	return o.activation == nil || o.activation.IsReady()
}

// target is how facts name a target.
func target(kind string) string {
	if kind == "" {
		return "none"
	}
	return kind
}

// reasonOf is the bounded reason that an activity gave for a final failure.
func reasonOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.NonRetryable() {
		var reason string
		if app.Details(&reason) == nil && reason != "" {
			return reason
		}
		return "refused"
	}
	return event.ReasonExpired
}
