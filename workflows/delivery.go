package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// channel is one way to reach the user for one purpose, and the latest message
// on it.
type channel struct {
	name, activity, purpose string

	ordinal int  // of the latest message; 0: none yet
	reached bool // a message was accepted
	absent  bool // the system sends nothing on it

	future workflow.Future // nil when nothing is on its way
	result event.Fact      // told by the activity when the message is accepted
	end    *Ending         // written by the activity when its message is the last
	again  func() workflow.Future
}

func newChannels(sent map[string]event.Sent) []*channel {
	out := []*channel{
		{name: event.ChannelEmail, activity: activityEmail, purpose: event.PurposeWelcome},
		{name: event.ChannelSMS, activity: activitySMS, purpose: event.PurposeWelcome},
		{name: event.ChannelEmail, activity: activityEmail, purpose: event.PurposeRejected},
	}
	for _, c := range out[:2] {
		c.ordinal, c.reached = sent[c.name].Ordinal, sent[c.name].Accepted
	}
	return out
}

// welcomes are the channels of the welcome for which there is an address.
func (o *onboarding) welcomes() []*channel {
	var out []*channel
	for i, address := range []string{o.user.Email, o.user.Phone} {
		if address != "" {
			out = append(out, o.channels[i])
		}
	}
	return out
}

// deliver sends the welcome, all channels at once, and sets the status by what
// came of it.
func (o *onboarding) deliver(ctx workflow.Context) error {
	if !slices.ContainsFunc(o.channels, func(c *channel) bool { return c.ordinal > 0 }) {
		o.wanted = o.welcomes()
	}
	if err := o.dispatch(ctx); err != nil || o.status == event.StatusWithdrawn {
		return err
	}
	o.status = o.welcome(ctx)
	return nil
}

// welcome is what came of the welcome. A channel on which the system sends nothing
// does not count, unless the user has no other: then it says why.
func (o *onboarding) welcome(ctx workflow.Context) event.Status {
	tried, reached := 0, 0
	for _, c := range o.welcomes() {
		if !c.absent && c.ordinal > 0 { // a run for an order knows of no other
			tried++
		}
		if c.reached {
			reached++
		}
	}
	if tried == 0 && reached == 0 {
		for _, c := range o.welcomes() {
			f := c.result
			f.Kind, f.Reason, f.At = event.FactFailed, event.ReasonNoProvider, workflow.Now(ctx).UTC()
			o.pending = append(o.pending, f)
		}
	}
	switch {
	case reached == 0:
		return event.StatusUnreached
	case reached >= tried:
		return event.StatusWelcomed
	}
	return event.StatusPartlyWelcomed
}

// turnAway tells a rejected user so, by e-mail.
func (o *onboarding) turnAway(ctx workflow.Context) error {
	o.turnedAway = true
	if o.user.Email == "" {
		return nil
	}
	o.wanted = o.channels[2:]
	return o.dispatch(ctx)
}

// dispatch sends what is wanted until nothing is on its way any more. Meanwhile
// an operator may want more, or withdraw the user, which stops what was not
// handed over.
func (o *onboarding) dispatch(ctx workflow.Context) error {
	sending, stop := workflow.WithCancel(ctx)
	defer stop()
	stopped := false
	ready := o.anyReady
	if o.revision == 0 { // told the failures when all had ended
		ready = o.landed
	}
	if o.revision >= 4 { // cheaper now than while messages are on their way
		if err := o.flush(ctx); err != nil {
			return err
		}
	}
	for {
		if o.status == event.StatusWithdrawn && !stopped {
			stopped = true
			stop()
		}
		if stopped {
			o.wanted = nil
		}
		o.send(sending)
		if !o.sending() {
			return nil
		}
		err := o.await(ctx, func() bool {
			return ready() || len(o.wanted) > 0 || o.status == event.StatusWithdrawn && !stopped || o.revision >= 2 && !o.sending()
		})
		if err != nil {
			return err
		}
		if ready() {
			o.collect(ctx)
		}
	}
}

func (c *channel) busy() bool { return c.future != nil }

func (o *onboarding) sending() bool { return slices.ContainsFunc(o.channels, (*channel).busy) }

func (o *onboarding) anyReady() bool {
	return slices.ContainsFunc(o.channels, func(c *channel) bool { return c.busy() && c.future.IsReady() })
}

// send starts the messages that are wanted.
func (o *onboarding) send(ctx workflow.Context) {
	start := o.wanted
	o.wanted = nil
	for _, c := range start {
		c.ordinal++
		c.result = o.fact(ctx, event.FactSent)
		if o.told != "" { // asked for in the moment of the end, which no fact tells again
			c.result.Status, o.shown = o.told, o.told
		}
		c.result.Channel = c.name
		if c.purpose != event.PurposeWelcome {
			c.result.Purpose = c.purpose
		}
		if c.ordinal > 1 {
			c.result.Ordinal = c.ordinal
		}
	}
	end, missing := o.lastMessage(ctx, start)
	for _, c := range start {
		d := Delivery{
			UserID: o.userID, Generation: o.generation, Purpose: c.purpose, Channel: c.name, Ordinal: c.ordinal,
			User: o.user, Decided: o.decided.When(), Result: c.result, Story: o.story(),
		}
		if c.end = end; end != nil {
			d.End = &LastMessage{Ending: *end}
			for _, other := range missing {
				if other != c {
					d.End.After = append(d.End.After, event.SendKey(o.generation, other.purpose, other.name, other.ordinal))
				}
			}
		}
		options := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue:              event.QueueNotify,
			ScheduleToCloseTimeout: o.settings.SendFor,
			StartToCloseTimeout:    o.settings.SendAttempt,
			HeartbeatTimeout:       o.settings.Heartbeat,
			RetryPolicy:            sendRetries(c.name, o.settings),
			WaitForCancellation:    true,
		})
		c.again = func() workflow.Future { return workflow.ExecuteActivity(options, c.activity, d) }
		c.future = c.again()
	}
}

// lastMessage is the end that the last accepted message may write itself, which
// saves a step, and the channels that must have been reached for it. There is
// none when it would not be the end, or when not every channel has welcomed the user.
func (o *onboarding) lastMessage(ctx workflow.Context, start []*channel) (*Ending, []*channel) {
	if o.revision == 0 || o.status != event.StatusActive || len(start) == 0 {
		return nil, nil
	}
	var missing []*channel
	for _, c := range o.welcomes() {
		switch {
		case c.reached:
		case c.busy() || slices.Contains(start, c):
			missing = append(missing, c)
		default:
			return nil, nil
		}
	}
	status, shown, shownN := o.status, o.shown, o.shownN
	o.status = event.StatusWelcomed
	end := o.ending(ctx)
	o.status, o.shown, o.shownN = status, shown, shownN // nothing is told yet
	return &end, missing
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

// collect takes what came of the messages that have ended.
func (o *onboarding) collect(ctx workflow.Context) {
	for _, c := range o.channels {
		if !c.busy() || !c.future.IsReady() {
			continue
		}
		var sent Sent
		err := c.future.Get(ctx, &sent)
		c.future = nil
		if err != nil && !wasPaused(err) { // it may have gone out, and only the fact be missing: the ledger knows
			o.unsure = append(o.unsure, c.result)
		}
		switch {
		case err == nil && sent.Absent:
			c.absent = true
		case err == nil:
			c.reached, c.absent = true, false
			if sent.Ended {
				o.told, o.recorded = c.end.Status, len(c.end.Orders)
				if c.end.N > o.shownN { // else a message that was asked for meanwhile came after it
					o.shown, o.shownN = c.end.Status, c.end.N
				}
			}
		case temporal.IsCanceledError(err) || o.status == event.StatusWithdrawn:
		case wasPaused(err):
			c.future = c.again() // its time ran out while no provider took messages, so it gets it anew
		default:
			f := c.result
			f.Kind, f.Reason, f.At = event.FactFailed, reasonOf(err), workflow.Now(ctx).UTC()
			f.Note = &event.Note{Send: event.SendKey(o.generation, c.purpose, c.name, c.ordinal)}
			o.pending = append(o.pending, f)
		}
	}
}

// wasPaused tells that the last try was none: the providers took no messages.
func wasPaused(err error) bool {
	var last *temporal.ApplicationError
	return errors.As(err, &last) && last.Type() == kindPaused
}

// resend takes an operator's wish for another message. Without channels it is
// for those that did not reach the user, or for all when all did. A message that
// is still on its way did not, and is not sent a second time. No user is welcomed
// to an account that was taken back.
func (o *onboarding) resend(ctx workflow.Context, v event.Verification) {
	o.collect(ctx)
	var want, again []*channel
	for _, c := range o.welcomes() {
		switch asked := slices.Contains(v.Channels, c.name); {
		case c.busy() || c.ordinal == 0 || slices.Contains(o.wanted, c):
		case v.Instead != "" && v.Instead != event.SendKey(o.generation, c.purpose, c.name, c.ordinal): // another one was sent
		case asked || len(v.Channels) == 0 && !c.reached:
			want = append(want, c)
		case len(v.Channels) == 0:
			again = append(again, c)
		}
	}
	if len(want) == 0 && !(o.revision >= 4 && o.sending()) {
		want = again
	}
	undone := o.revision >= 2 && !o.made
	if len(want) == 0 || undone || o.status == event.StatusWithdrawn {
		o.decline(ctx, v, event.FactUnchanged, event.EffectUnchanged)
		return
	}
	o.wanted = append(o.wanted, want...)
	o.ordered(v)
	o.answer(ctx, event.AnswersVerification, event.FactResend, event.EffectApplied, v.Identity)
}
