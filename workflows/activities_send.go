package workflows

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"usher/event"
	"usher/tracing"
)

// Sender sends one message. A message that was accepted before is a success and
// is not sent again. Errors are marked with event.Permanent or event.RetryAfter;
// any other is transient. When ctx ends while a message is being handed over,
// Send waits for the answer within its own limit.
type Sender interface {
	Send(ctx context.Context, d Delivery) (event.Send, error)
}

// Delivery is the input of SendEmail and SendSMS.
type Delivery struct {
	UserID     string     `json:"user_id"`
	Generation int        `json:"generation"`
	Purpose    string     `json:"purpose"`
	Channel    string     `json:"channel"`
	Ordinal    int        `json:"ordinal"`
	User       event.User `json:"user"`
	Decided    time.Time  `json:"decided"`
	Result     event.Fact `json:"result"`
	Story      Story      `json:"story,omitzero"`

	Backoff func(failed int) time.Duration `json:"-"` // the pause before the next try after so many failed ones

	// Keep is given an answer that the ledger could not take at once, and Answer is
	// what an earlier try kept: it goes into the ledger before anything else. Kept tells
	// whether Temporal has what Keep was given last.
	Keep   func(event.Answer) `json:"-"`
	Kept   func() bool        `json:"-"`
	Answer *event.Answer      `json:"-"`

	End *LastMessage `json:"end,omitempty"` // to write when the message is the last
}

// LastMessage is the end of an onboarding, to be written by the message after
// which all are accepted.
type LastMessage struct {
	Ending
	After []string `json:"after,omitempty"` // ledger keys of the others
}

// Sent is the result of SendEmail and SendSMS.
type Sent struct {
	Ended bool `json:"ended,omitempty"` // it was the last, and wrote the end

	// Absent says that this system sends nothing on this channel: no provider of it is
	// configured, so there is no message and no failure.
	Absent bool `json:"absent,omitempty"`
}

// Send sends one message and reports it. It is registered under a name of its
// own for each channel.
func (a *Activities) Send(ctx context.Context, d Delivery) (result Sent, err error) {
	ctx, span := a.step(ctx, d.Story, "Send", d.UserID)
	span.SetAttributes(tracing.Channel(d.Channel))
	defer func() { span.Done(err) }()
	p, err := newPulse(ctx, a.guard())
	if err != nil {
		return result, boundary(err, "")
	}
	defer p.start(ctx)()
	ours, cancel := untilStop(ctx)
	defer cancel()
	d.Backoff = backoff(activity.GetInfo(ctx).RetryPolicy)
	d.Keep, d.Kept, d.Answer = p.keep, p.kept, p.carried()
	sent, err := a.Sender.Send(ours, d)
	if sent.Reason == event.ReasonNoProvider {
		return Sent{Absent: true}, nil
	}
	if err != nil {
		p.handOver(ours)
		span.SetAttributes(tracing.Reason(sent.Reason))
		return result, boundary(err, sent.Reason)
	}
	a.Fault.At("send.accepted")
	ctx = context.WithoutCancel(ctx)
	f := d.Result
	f.At, f.Provider, f.Copies = sent.At, sent.Provider, sent.Copies
	if err := a.Publish(ctx, []event.Fact{f}); err != nil || d.End == nil {
		return result, err
	}
	for i := range d.End.Facts {
		d.End.Facts[i].At = sent.At
	}
	result.Ended, err = a.end(ctx, d.End.Ending, d.End.After)
	return result, err
}

// backoff is the policy's pause after so many failed tries. Temporal itself would
// also count the attempts that only found a provider paused.
func backoff(p *temporal.RetryPolicy) func(failed int) time.Duration {
	if p == nil {
		return nil
	}
	return func(failed int) time.Duration {
		d := float64(p.InitialInterval)
		for range failed - 1 {
			if d *= p.BackoffCoefficient; d >= float64(p.MaximumInterval) {
				return p.MaximumInterval
			}
		}
		return time.Duration(d)
	}
}

// untilStop is a context for the work itself. It has ctx's deadline, and ends when
// the worker is asked to stop or the run takes the step back. It goes on when
// Temporal does not hear of the activity and takes it for dead: then a message that
// is being handed over still has its answer to come.
func untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if d, ok := ctx.Deadline(); ok {
		var end context.CancelFunc
		out, end = context.WithDeadline(out, d)
		inner := cancel
		cancel = func() { end(); inner() }
	}
	leave := context.AfterFunc(ctx, func() {
		if temporal.IsCanceledError(context.Cause(ctx)) {
			cancel()
		}
	})
	stopping := activity.GetWorkerStopChannel(ctx)
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-out.Done():
		}
	}()
	return out, func() { leave(); cancel() }
}
