package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
)

// offer asks one provider after the other. The next one is asked only when those
// before are known not to have taken the message, and another might.
func (d *delivery) offer(ctx context.Context) error {
	var last error
	var wait time.Duration // until the first of those that are paused may be asked
	parked := ""           // why, when the trouble is a provider's own
	open := false          // one was asked and is not paused like that
	var waits event.Wait   // for the first that was not asked
	for _, p := range d.channels[d.Channel] {
		pause, trouble := p.gate.enter(ctx, d.name())
		switch {
		case pause > 0 && trouble == "":
			return event.Paused(errRate, pause) // it waits for its turn, and not for another provider
		case pause > 0:
			wait = shorter(wait, pause)
			if p.gate.lasting() {
				parked = trouble
			}
			if waits == (event.Wait{}) {
				waits = p.wait()
			}
			continue
		}
		if err := d.stopped.refuse(d.Switch); err != nil { // since the message waited for its turn
			p.gate.leave(unasked)
			return err
		}
		f, err := d.ask(ctx, p)
		if last = err; !anotherMight(f, err) {
			return err
		}
		if f.class == spent {
			d.spent++
			continue
		}
		pause, trouble = p.gate.paused(d.name())
		if trouble != "" {
			wait = shorter(wait, pause)
		}
		if p.gate.lasting() {
			parked = trouble
		} else {
			open = true
		}
	}
	if last == nil {
		d.tellWait(ctx, waits)
	}
	switch {
	case ctx.Err() != nil:
		return cmp.Or(last, ctx.Err())
	case parked != "" && !open:
		return event.Paused(fmt.Errorf("%w: %s", errPaused, parked), wait)
	case last == nil:
		return event.RetryAfter(fmt.Errorf("%w: %s", errPaused, ReasonTransient), wait)
	}
	return last
}

// anotherMight tells whether the next provider may be asked after what came of a try: no
// one else has the message, and another could take it. A full mailbox is as full for it.
func anotherMight(f *failure, err error) bool {
	return f != nil && errors.As(err, new(*failure)) && !event.IsPermanent(err) && f.class != unknown && f.reason != ReasonMailboxFull
}

// shorter of two times, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// wait is what a message waits for while the provider is paused.
func (p *provider) wait() event.Wait {
	since, trouble := p.gate.troubled()
	return event.Wait{Provider: p.name, Reason: trouble, Since: since.UTC().Round(0)}
}

// tellWait notes in the ledger for which provider a message waits, once for each
// trouble of it. A note that cannot be written is not worth failing for.
func (d *delivery) tellWait(ctx context.Context, w event.Wait) {
	if d.Canary || d.entry.State != "" || w.Reason == "" || d.entry.Waits.Provider == w.Provider && d.entry.Waits.Reason == w.Reason {
		return
	}
	entry, err := d.Ledger.UpdateSend(ctx, d.UserID, d.key(), func(e *event.Send) error {
		if e.State == "" {
			e.Waits = w
		}
		return nil
	})
	if err != nil {
		d.Log.Debug("it is not noted for which provider a message waits", "channel", d.Channel, "provider", w.Provider, "error", err)
		return
	}
	d.entry = entry
}

// ask makes a try at a provider whose gate was entered, and leaves the gate also when
// the try panics: a probe that is never given back would keep the provider paused for
// as long as the process lives.
func (d *delivery) ask(ctx context.Context, p *provider) (f *failure, err error) {
	f = unasked
	defer func() { p.gate.leave(f) }()
	f, err = d.handOver(ctx, p)
	if _, trouble := p.gate.troubled(); d.Canary && f == nil && trouble == ReasonRefused {
		return unasked, err // a mailbox of the provider's own would end the pause of all others
	}
	return f, err
}

// unasked is what came of a try that ended before the provider had its say.
var unasked = &failure{ours: true}

// handOver hands the message to one provider and records the answer. The failure
// is nil when it was accepted, and unasked when the try ended without an answer.
func (d *delivery) handOver(ctx context.Context, p *provider) (*failure, error) {
	began := time.Now()
	d.handover = handover{p: p, token: ksuid.New().String()}
	handing, span := tracing.Child(ctx, "hand over", tracing.Client, tracing.Channel(d.Channel))
	id, err := p.deliver(handing, d.message, func() error {
		err := d.commit(ctx)
		tracing.Event(handing, "ledger says submitting")
		return err
	})
	span.Done(err)
	if err == nil {
		return nil, d.taken(ctx, id, began)
	}
	f := d.weigh(ctx, err)
	switch {
	case errors.Is(err, errAccepted):
		return unasked, d.read(ctx)
	case f == nil: // commit's own
		d.free(ctx, err)
		return unasked, err
	}
	err = d.record(ctx, f)
	d.suppress(ctx, f)
	return f, err
}

// taken is what follows when the provider took the message.
func (d *delivery) taken(ctx context.Context, providerID string, began time.Time) error {
	if !d.Canary { // one to a mailbox of the provider's own would prove nothing
		d.p.gate.took(d.name(), d.message.to)
	}
	d.Fault.At("notify.handed")
	err := d.accept(ctx, providerID)
	if d.Channel == event.ChannelSMS {
		seg := CountSegments(d.message.content.sms)
		d.metrics().Segments.WithLabelValues(d.p.name, seg.Encoding()).Add(float64(seg.Count))
	}
	if err != nil {
		return err
	}
	d.metrics().StageSeconds.WithLabelValues(d.Channel).Observe(time.Since(began).Seconds())
	d.Fault.At("notify.accepted")
	d.referTaken(ctx)
	return nil
}

// weigh is what a provider's answer means beside what it says of other messages; nil
// when err is none of its answers.
func (d *delivery) weigh(ctx context.Context, err error) *failure {
	var f *failure
	if !errors.As(err, &f) {
		return nil
	}
	if takenBack(ctx) && f.class != permanent {
		f.ours = true
	}
	if d.Canary {
		return f
	}
	return d.p.gate.weigh(d.name(), d.message.to, f)
}

// takenBack tells that a step was ended because it is not wanted any more, or because
// the process stops. A connection that usher itself has closed then says nothing about
// the provider, however it looks.
func takenBack(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
