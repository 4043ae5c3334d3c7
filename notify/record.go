package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"usher/event"
)

// accept writes that the provider took the message.
func (d *delivery) accept(ctx context.Context, providerID string) (err error) {
	d.metrics().Attempts.WithLabelValues(d.Channel, d.p.name, "accepted", "").Inc()
	d.countCopy()
	d.entry, err = d.write(ctx, event.Answer{Token: d.token, State: event.SendAccepted, Provider: d.p.name, ProviderID: providerID, At: now()}, untilTheEnd(ctx))
	if err != nil {
		return fmt.Errorf("the message was accepted, but the ledger cannot be written: %w", err)
	}
	d.metrics().Messages.WithLabelValues(d.Channel, d.p.name, "accepted").Inc()
	return nil
}

// countCopy counts a try that went out, or may have, after an earlier one that may have
// too. One that was put off was no copy.
func (d *delivery) countCopy() {
	if d.isCopy {
		d.metrics().Copies.WithLabelValues(d.Channel, d.p.name).Inc()
	}
}

// conclusion is what a failed try makes of its message.
type conclusion struct {
	result  string          // of the try: retry, failed or unknown
	outcome string          // of the message: failed or unknown, "" when it is tried again
	state   event.SendState // in the ledger, "" when it is tried again
	reason  string          // beside the state
	final   bool            // no provider of the channel takes the message
}

func (d *delivery) conclude(f *failure) conclusion {
	final := f.class == permanent || f.class == spent && d.spent+1 >= len(d.channels[d.Channel])
	doubtful := d.entry.Copies > 0 || d.entry.State == event.SendSubmitting || d.entry.State == event.SendUnknown
	switch {
	case f.class == unknown && d.onUnknown() == Hold:
		return conclusion{"unknown", "unknown", event.SendUnknown, f.reason, false}
	case f.class == unknown:
		return conclusion{"unknown", "", event.SendUnknown, f.reason, false}
	case final && doubtful: // this try failed for good, but an earlier one may have gone out
		return conclusion{"failed", "unknown", event.SendUnknown, ReasonUnknown, true}
	case final:
		return conclusion{"failed", "failed", event.SendFailed, f.reason, true}
	}
	return conclusion{result: "retry", reason: f.reason}
}

// beforeCopy is how many failed tries a message without an answer counts as, in its
// pause: meanwhile a trouble of the provider's may pass, and a receipt may say that it
// arrived. Copies are few, and were used up within seconds.
const beforeCopy = 4

// grown is the pause before the next try, as it grows with those that failed.
func (d *delivery) grown(f *failure) time.Duration {
	pause := d.Backoff(max(d.entry.Failed, len(d.entry.Tries)) + 1)
	if f.class != unknown {
		return pause
	}
	copies := d.entry.Copies
	if d.isCopy {
		copies++
	}
	return max(pause, d.Backoff(copies+1+beforeCopy))
}

// record writes why a try failed and returns the error that says what to do.
func (d *delivery) record(ctx context.Context, f *failure) error {
	is := d.conclude(f)
	try := event.Try{At: now(), Provider: d.p.name, Result: is.result, Reason: f.reason, Code: f.err.Error()}
	wait := min(f.pause, d.MaxPause)
	if is.outcome == "" && d.Backoff != nil {
		wait = max(wait, d.grown(f))
		next := try.At.Add(wait)
		try.Next = &next
	}
	d.metrics().Attempts.WithLabelValues(d.Channel, d.p.name, is.result, f.reason).Inc()
	if f.class == unknown {
		d.countCopy()
	}
	var err error
	if d.committed {
		n := event.Answer{Token: d.token, State: is.state, Provider: d.p.name, Reason: is.reason, At: try.At, Try: &try}
		d.entry, err = d.write(ctx, n, untilTheEnd(ctx))
	} else {
		d.entry, err = d.note(ctx, try, is)
	}
	if err != nil {
		return fmt.Errorf("the ledger cannot be written after %s: %w", f.reason, err)
	}
	if d.entry.Taken() {
		return nil // its receipt was faster than its answer, or another try
	}
	if n := len(d.entry.Tries); n == 0 || !d.entry.Tries[n-1].At.Equal(try.At) {
		return errRaced
	}
	if is.outcome != "" {
		d.metrics().Messages.WithLabelValues(d.Channel, d.p.name, is.outcome).Inc()
	} else {
		d.metrics().Retries.WithLabelValues(d.Channel, f.reason).Inc()
	}
	d.Log.Info("message not accepted", "channel", d.Channel, "provider", d.p.name, "result", is.result, "reason", f.reason, "error", f.err)
	switch {
	case is.outcome == "unknown":
		return event.Permanent(fmt.Errorf("%w: %w", ErrHeld, f))
	case is.final:
		return event.Permanent(f)
	case f.waits:
		return event.Paused(f, max(wait, time.Second))
	case wait > 0:
		return event.RetryAfter(f, wait)
	}
	return f
}

// hold leaves a message of unknown outcome to a person.
func (d *delivery) hold(ctx context.Context) (err error) {
	d.entry, err = d.Ledger.UpdateSend(ctx, d.UserID, d.key(), func(e *event.Send) error {
		if e.State == event.SendSubmitting {
			e.State, e.Reason, e.At = event.SendUnknown, ReasonUnknown, now()
			e.Owner, e.Limit = event.Process{}, 0
		}
		if n := len(e.Tries); n > 0 && e.State == event.SendUnknown { // nothing comes next
			e.Tries = slices.Clone(e.Tries)
			e.Tries[n-1].Next = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.entry.Taken() {
		return nil
	}
	d.metrics().Messages.WithLabelValues(d.Channel, d.p.name, "unknown").Inc()
	return event.Permanent(ErrHeld)
}

// onUnknown is the policy for the message: the stricter one of the settings and its
// template. A report is never sent again in doubt: the next one says it all.
func (d *delivery) onUnknown() string {
	if d.Content != nil || d.templates.holds(d.Purpose) {
		return Hold
	}
	return d.OnUnknown
}
