package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// Onboard is the onboarding of one user, from the first event to the last
// message. It ends completed whatever was decided; only a parked run whose user
// never came ends failed, so that its id is free again.
func Onboard(ctx workflow.Context, in event.Onboarding) error {
	o := newOnboarding(in)
	if err := o.setup(ctx); err != nil {
		return err
	}
	return o.run(ctx)
}

// setup registers the query and starts the one coroutine that takes signals.
func (o *onboarding) setup(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, event.QueryStatus, o.query); err != nil {
		return err
	}
	signals := o.signals(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for ctx.Err() == nil {
			signals.Select(ctx)
		}
	})
	return nil
}

func (o *onboarding) signals(ctx workflow.Context) workflow.Selector {
	verification := func(c workflow.ReceiveChannel, _ bool) {
		var v event.Verification
		c.Receive(ctx, &v)
		o.onVerification(ctx, v)
	}
	return workflow.NewSelector(ctx).
		AddReceive(workflow.GetSignalChannel(ctx, event.SignalUser), func(c workflow.ReceiveChannel, _ bool) {
			var e event.UserEvent
			c.Receive(ctx, &e)
			o.onUser(ctx, e)
		}).
		AddReceive(workflow.GetSignalChannel(ctx, event.SignalVerification), verification).
		AddReceive(workflow.GetSignalChannel(ctx, event.SignalWithdraw), verification)
}

func (o *onboarding) run(ctx workflow.Context) error {
	if o.generation == 0 {
		if err := o.park(ctx); err != nil {
			return err
		}
	}
	o.detail(ctx)
	if err := o.await(ctx, func() bool { return o.decided != nil }); err != nil {
		return err
	}
	o.detail(ctx)
	if o.status == event.StatusApproved {
		if err := o.activate(ctx); err != nil {
			return err
		}
		if err := o.welcome(ctx); err != nil {
			return err
		}
	}
	return o.finish(ctx)
}

// park holds verifications until their user arrives. When none does, they become
// dead letters and the run fails.
func (o *onboarding) park(ctx workflow.Context) error {
	o.detail(ctx)
	timer, cancel := workflow.WithCancel(ctx)
	late := workflow.NewTimer(timer, o.settings.ParkedFor)
	if err := o.await(ctx, func() bool { return o.generation > 0 || late.IsReady() }); err != nil {
		cancel()
		return err
	}
	cancel()
	for o.generation == 0 && len(o.held) > 0 {
		given := o.held
		o.held = nil
		if err := o.do(ctx, activityOrphans, Orphans{UserID: o.userID, Events: given}); err != nil {
			return err
		}
	}
	if o.generation == 0 {
		return temporal.NewApplicationError("the user did not come in time", "unknown_user")
	}
	return nil
}

// activate makes the account usable. No target is configured yet, so it records
// the decision and says so.
func (o *onboarding) activate(ctx workflow.Context) error {
	step := Step{UserID: o.userID, Generation: o.generation, Opened: o.opened.Stored, Decided: *o.decision(), Before: o.takePending(), Story: o.story()}
	o.status = event.StatusActive
	step.Result = o.fact(ctx, event.FactActivated)
	step.Result.Target = "none"
	return o.do(ctx, activityActivate, step)
}

// welcome sends on every channel for which there is an address, all at once, and
// sets the status by what came of it.
func (o *onboarding) welcome(ctx workflow.Context) error {
	var sends []*send
	for _, c := range []struct{ channel, activity, address string }{
		{event.ChannelEmail, activityEmail, o.user.Email},
		{event.ChannelSMS, activitySMS, o.user.Phone},
	} {
		if c.address != "" {
			sends = append(sends, o.startSend(ctx, c.channel, c.activity))
		}
	}
	err := o.await(ctx, func() bool {
		for _, s := range sends {
			if !s.future.IsReady() {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	accepted := 0
	for _, s := range sends {
		reason, err := s.failure(ctx)
		if err != nil {
			return err
		}
		if reason == "" {
			accepted++
			continue
		}
		f := s.result
		f.Kind, f.Reason = event.FactFailed, reason
		o.pending = append(o.pending, f)
	}
	switch accepted {
	case len(sends):
		o.status = event.StatusWelcomed
	case 0:
		o.status = event.StatusUnreached
	default:
		o.status = event.StatusPartlyWelcomed
	}
	return nil
}

// send is one message on its way.
type send struct {
	future workflow.Future
	result event.Fact // published by the activity when the message was accepted
}

func (o *onboarding) startSend(ctx workflow.Context, channel, activity string) *send {
	result := o.fact(ctx, event.FactSent)
	result.Channel = channel
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              event.QueueNotify,
		ScheduleToCloseTimeout: o.settings.SendFor,
		StartToCloseTimeout:    o.settings.SendAttempt,
		HeartbeatTimeout:       o.settings.Heartbeat,
		RetryPolicy:            sendRetries(channel, o.settings),
	})
	d := Delivery{
		UserID: o.userID, Generation: o.generation, Purpose: event.PurposeWelcome, Channel: channel, Ordinal: 1,
		User: o.user, Decided: o.decided.Stored, Result: result, Story: o.story(),
	}
	return &send{workflow.ExecuteActivity(ctx, activity, d), result}
}

// sendRetries is the policy of a channel: a text message is worth less when it
// comes late, so its pauses stay shorter.
func sendRetries(channel string, s event.Settings) *temporal.RetryPolicy {
	p := &temporal.RetryPolicy{InitialInterval: s.RetryFirst, BackoffCoefficient: 2, MaximumInterval: 15 * time.Minute}
	if channel == event.ChannelSMS {
		p.MaximumInterval = 5 * time.Minute
	}
	return p
}

// failure tells why a message was given up, "" when it was accepted. An error
// means that the run itself was cancelled.
func (s *send) failure(ctx workflow.Context) (reason string, err error) {
	err = s.future.Get(ctx, nil)
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return "", nil
	case temporal.IsCanceledError(err):
		return "", err
	case errors.As(err, &app) && app.NonRetryable():
		if app.Details(&reason) == nil && reason != "" {
			return reason, nil
		}
		return "refused", nil
	}
	return "gave_up", nil
}

// finish writes the end into PEOPLE, tells it, and takes the signals that came
// while it did.
func (o *onboarding) finish(ctx workflow.Context) error {
	end := Ending{UserID: o.userID, Generation: o.generation, Status: o.status, Opened: o.opened.Stored, Decided: o.decision(), Story: o.story()}
	end.Facts = o.takePending()
	if kind := endKind(o.status); kind != "" {
		f := o.fact(ctx, kind)
		o.tellDecision(&f)
		end.Facts = append(end.Facts, f)
	}
	o.detail(ctx)
	if err := o.doLocally(ctx, activityFinish, end); err != nil {
		return err
	}
	signals := o.signals(ctx)
	for signals.HasPending() {
		signals.Select(ctx)
	}
	return o.flush(ctx)
}

// endKind is the fact that tells of an end which no decision told.
func endKind(s event.Status) string {
	switch s {
	case event.StatusRejected, event.StatusWithdrawn:
		return ""
	case event.StatusWelcomed:
		return event.FactWelcomed
	}
	return event.FactFinished
}

// await blocks until done holds, and meanwhile publishes what signals bring.
func (o *onboarding) await(ctx workflow.Context, done func() bool) error {
	for {
		err := workflow.Await(ctx, func() bool { return done() || len(o.pending) > 0 || len(o.refused) > 0 })
		if err != nil {
			return err
		}
		if done() {
			return nil
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
		if err := o.do(ctx, activityOrphans, Orphans{UserID: o.userID, Events: given, Reason: event.ReasonDenied}); err != nil {
			return err
		}
	}
	for len(o.pending) > 0 {
		if err := o.doLocally(ctx, activityPublish, o.takePending()); err != nil {
			return err
		}
	}
	return nil
}

// steady is the policy of steps that must happen: they are tried until they do.
var steady = temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}

func (o *onboarding) do(ctx workflow.Context, activity string, in any) error {
	retries := steady
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second, RetryPolicy: &retries})
	return workflow.ExecuteActivity(ctx, activity, in).Get(ctx, nil)
}

func (o *onboarding) doLocally(ctx workflow.Context, activity string, in any) error {
	retries := steady
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 10 * time.Second, RetryPolicy: &retries})
	return workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, nil)
}

// detail shows the status in Temporal's own pages. It costs no event.
func (o *onboarding) detail(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, string(o.status))
}
