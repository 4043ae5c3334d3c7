package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// Onboard is the onboarding of one user, from the first event to the last
// message, or one order of an operator about a user whose onboarding is over.
// It ends completed whatever was decided; only a parked run whose user never came
// ends failed, so that its id is free again.
func Onboard(ctx workflow.Context, in event.Onboarding) error {
	if in.Revision > event.Revision {
		// A worker that is older than the run must leave it alone: the task fails and
		// is tried again until a newer worker takes it.
		panic("workflows: the run follows a later revision than this worker knows; upgrade the workers first")
	}
	o := newOnboarding(in)
	if err := o.setup(ctx, in.FromPeople); err != nil {
		return err
	}
	if in.Order != nil && o.order != nil {
		o.onVerification(ctx, in.Order.Verification)
	}
	err := o.run(ctx)
	if temporal.IsCanceledError(err) && o.revision > 0 {
		ctx, _ := workflow.NewDisconnectedContext(ctx)
		return o.cancelled(ctx)
	}
	return err
}

// setup registers the query and starts the one coroutine that takes signals, once
// the run knows where it begins.
func (o *onboarding) setup(ctx workflow.Context, look bool) error {
	if err := workflow.SetQueryHandler(ctx, event.QueryStatus, o.query); err != nil {
		return err
	}
	if look {
		if err := o.look(ctx); err != nil {
			return err
		}
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

// run tells the story: the user arrives, is decided about, and what the decision
// asks for is done.
func (o *onboarding) run(ctx workflow.Context) error {
	if err := o.park(ctx); err != nil {
		return err
	}
	o.detail(ctx)
	if err := o.wait(ctx); err != nil {
		return err
	}
	return o.toTheEnd(ctx)
}

// park holds verifications until their user arrives. When none does, they become
// dead letters, and the run fails unless it is about a user who is known.
func (o *onboarding) park(ctx workflow.Context) error {
	if o.arrived {
		return nil
	}
	o.detail(ctx)
	timer, cancel := workflow.WithCancel(ctx)
	late := workflow.NewTimer(timer, o.settings.ParkedFor)
	err := o.await(ctx, func() bool { return o.arrived || late.IsReady() })
	cancel()
	if err != nil || o.arrived {
		return err
	}
	return o.nobodyCame(ctx)
}

// nobodyCame ends the parking. What is held becomes dead letters, and when the
// user comes in the last moment or meanwhile, the story goes on.
func (o *onboarding) nobodyCame(ctx workflow.Context) error {
	for o.lastCall(ctx); len(o.held) > 0; o.lastCall(ctx) {
		if err := o.orphan(ctx); err != nil {
			return err
		}
	}
	switch {
	case o.arrived && o.revision >= 2:
	case o.generation == 0:
		return errNobody
	default:
		o.status = event.StatusExpired
	}
	return nil
}

// errNobody ends a parked run, so that the id is free for the user.
var errNobody = temporal.NewApplicationError("the user did not come in time", "unknown_user")

// orphan makes dead letters of the verifications that are held.
func (o *onboarding) orphan(ctx workflow.Context) error {
	for len(o.held) > 0 {
		given := o.held
		o.held = nil
		if err := o.do(ctx, activityOrphans, Orphans{UserID: o.userID, Events: given}, nil); err != nil {
			return err
		}
	}
	return nil
}

// wait ends with the decision, or when it took too long. The time counts from the
// event that opened the generation, so a run that is built anew from the streams
// ends when the first one would have.
func (o *onboarding) wait(ctx workflow.Context) error {
	decided := func() bool { return o.status != event.StatusWaiting }
	over := func() bool { return false }
	if o.settings.ExpireAfter > 0 && !decided() {
		left := o.settings.ExpireAfter - workflow.Now(ctx).Sub(o.opened.Stored)
		timer, cancel := workflow.WithCancel(ctx)
		defer cancel()
		over = workflow.NewTimer(timer, max(left, time.Second)).IsReady
	}
	for {
		if err := o.await(ctx, func() bool { return decided() || over() || o.due() }); err != nil || decided() {
			return err
		}
		o.lastCall(ctx)
		o.takeEffect(ctx)
		if over() && !decided() {
			o.status = event.StatusExpired
			o.closeWindows(ctx)
		}
		if decided() {
			return nil
		}
	}
}

// lastCall takes the signals that came together with the end of a wait: they
// were there in time, but the listener has its turn after the story.
func (o *onboarding) lastCall(ctx workflow.Context) {
	if o.revision >= 2 {
		o.drain(ctx)
	}
}

// toTheEnd does what the status asks for and writes the end, until no signal asks
// for more.
func (o *onboarding) toTheEnd(ctx workflow.Context) error {
	for {
		o.detail(ctx)
		if err := o.carryOut(ctx); err != nil {
			return err
		}
		if err := o.finish(ctx); err != nil {
			return err
		}
		o.drain(ctx)
		if o.unfinished() {
			continue
		}
		untold := len(o.pending)+len(o.refused) > 0
		if err := o.flush(ctx); err != nil || !untold || o.revision < 2 {
			return err
		} // while that was told, another signal may have come
	}
}

// carryOut does what the status asks for. Each step may change it.
func (o *onboarding) carryOut(ctx workflow.Context) error {
	for _, step := range []struct {
		due func() bool
		do  func(workflow.Context) error
	}{
		{func() bool { return o.status == event.StatusApproved }, o.activate},
		{func() bool { return o.status == event.StatusActive || len(o.wanted) > 0 }, o.deliver},
		{func() bool { return o.status == event.StatusRejected && o.settings.TellRejected && !o.turnedAway }, o.turnAway},
		{o.mustUndo, o.undo},
	} {
		if !step.due() {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
		o.detail(ctx)
	}
	return nil
}

// finish writes the end into PEOPLE and tells it, unless the last message did.
func (o *onboarding) finish(ctx workflow.Context) error {
	if o.written() {
		return nil
	}
	end, taken := o.ending(ctx), o.takePending()
	end.Facts = append(taken, end.Facts...)
	var out Finished
	o.depends = o.depends || o.status == event.StatusExpired
	if err := o.announce(ctx, activityFinish, end, &out); err != nil {
		o.pending = append(taken, o.pending...)
		return err
	}
	o.told, o.recorded, o.unsure = o.status, len(end.Orders), nil
	if out.Stands != nil && o.revision >= 3 {
		o.made, o.madeAt = true, out.Stands.Target
	}
	return nil
}

// written tells whether PEOPLE knows the end.
func (o *onboarding) written() bool {
	return o.told == o.status && o.recorded == len(o.orders)
}

// unfinished tells whether something is left to do after an end was written.
func (o *onboarding) unfinished() bool {
	return !o.written() || len(o.wanted) > 0 || o.mustUndo()
}

// ending is the end as it stands now, with the fact that tells it when no
// decision did.
func (o *onboarding) ending(ctx workflow.Context) Ending {
	end := Ending{
		UserID: o.userID, Generation: o.generation, Status: o.status, Opened: o.opened.Stored, Decided: o.decided, Story: o.story(), Opener: o.opener(), Orders: o.orders,
		Order: o.order, Unsure: slices.Clone(o.unsure),
	}
	if kind := endKind(o.status); kind != "" && (o.told != o.status || o.shown != o.status) {
		f := o.fact(ctx, kind)
		f.Reason = o.reason
		if o.told == "" {
			o.tellDecision(&f)
		}
		end.Facts = append(end.Facts, f)
	}
	end.N = o.n
	if o.moved {
		end.Record, end.At = o.record.Seq, o.record
	}
	return end
}

// opener is what the run made of the record that opened the generation.
func (o *onboarding) opener() event.Opener {
	switch {
	case !o.overtaken:
		return event.OpenerBegan
	case o.seen[o.opened.Identity]:
		return event.OpenerAnswered
	}
	return event.OpenerUnseen
}

// endKind is the fact that tells of an end which no decision told.
func endKind(s event.Status) string {
	switch s {
	case event.StatusRejected, event.StatusWithdrawn:
		return ""
	case event.StatusWelcomed:
		return event.FactWelcomed
	case event.StatusExpired:
		return event.FactExpired
	}
	return event.FactFinished
}

// drain takes the signals that came while the end was written. The server does
// not let a run complete that has not seen all of its signals.
func (o *onboarding) drain(ctx workflow.Context) {
	// One that came in this very task is in the listener's hands and in no channel:
	// it goes first, because coroutines take their turns in the order of their start.
	turn := workflow.NewChannel(ctx)
	workflow.Go(ctx, func(workflow.Context) { turn.Close() })
	turn.Receive(ctx, nil)
	signals := o.signals(ctx)
	for signals.HasPending() {
		signals.Select(ctx)
	}
}

// detail shows the status in Temporal's own pages. It costs no event.
func (o *onboarding) detail(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, string(o.status))
}
