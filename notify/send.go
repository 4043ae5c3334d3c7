package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/event"
	"usher/metrics"
)

// Errors that end an attempt without an answer of the provider.
var (
	// ErrHeld is wrapped by the error for a message that waits for a person,
	// because it is not known whether it went out.
	ErrHeld = errors.New("it is not known whether the message went out")

	errAccepted = errors.New("the message was accepted meanwhile")
	errRaced    = errors.New("another process sends the message")
	errPaused   = errors.New("no provider of this channel takes messages now")
	errRate     = errors.New("the provider's rate is used up")
)

// Send sends the message unless it was accepted before, which is a success too.
// The entry returned is what the ledger holds in the end, also beside an error; it is
// empty when the ledger was not asked, but for the reason when no provider is configured.
//
// Errors: event.Permanent when the message did not go out and will not,
// or is held; event.RetryAfter when the provider asks for a pause; event.Paused
// when delivery is paused, no provider takes messages now, another attempt that is alive
// has the message, or too little of this one is left, which is no try of it; any other
// error is transient. When ctx ends before the provider may have the message, nothing is
// sent; when it ends later, the answer is waited for within Config.Grace and then
// recorded as unknown. An answer is tried to be written into the ledger until
// shortly before ctx's deadline.
func (s *Sender) Send(ctx context.Context, r Request) (event.Send, error) {
	d := delivery{Sender: s, Request: r, began: time.Now()}
	providers, ok := s.channels[r.Channel]
	switch {
	case !ok:
		return event.Send{}, event.Permanent(fmt.Errorf("there is no channel %q", r.Channel))
	case len(providers) == 0:
		return event.Send{Reason: ReasonNoProvider}, event.Permanent(fmt.Errorf("no provider is configured for %s", r.Channel))
	case !s.hands.acquire(d.name()):
		return event.Send{}, event.Paused(errInHand, inHandPause)
	}
	defer s.hands.release(d.name())
	if s.Lives != nil {
		defer s.Lives.Hold()()
	}
	for _, step := range []func(context.Context) (over bool, err error){d.find, d.render, d.address} {
		if over, err := step(ctx); over || err != nil {
			return d.entry, err
		}
	}
	err := d.offer(ctx)
	return d.entry, err
}

// delivery is one attempt at one message. Its steps are find, render, address and offer,
// which hands it over to one provider after the other: commit is what is written right
// before, accept or record what comes of it. A step tells that all is over when none
// follows, with or without an error.
type delivery struct {
	*Sender
	Request
	began time.Time

	entry   event.Send // what the ledger held before the try at a provider, and holds after it
	pinned  event.Send // what stays as it is from the first try on
	message message    // rendered

	spent int // providers that never take this message
	handover
}

// handover is the part of a delivery at one provider.
type handover struct {
	p         *provider // before any is asked: that of an earlier try, else the first
	token     string    // by which the ledger recognises the try
	written   bool      // `submitting` may be in the ledger
	committed bool      // `submitting` is in the ledger
	isCopy    bool      // an earlier try may have gone out
}

// pin writes into an entry what stays as it is from the first try on.
func (d *delivery) pin(e *event.Send) {
	e.MessageID, e.Date, e.Template, e.Locale = d.pinned.MessageID, d.pinned.Date, d.pinned.Template, d.pinned.Locale
}

// metrics are where the message is counted.
func (d *delivery) metrics() *metrics.Worker {
	if d.Canary {
		return d.unread
	}
	return d.Metrics
}

// find reads the ledger. All is over when it tells what became of the message, and
// while another process has it in hand.
func (d *delivery) find(ctx context.Context) (over bool, err error) {
	if d.Answer != nil {
		err = d.bring(ctx, *d.Answer)
	} else {
		err = d.read(ctx)
	}
	if err != nil {
		return true, err
	}
	providers := d.channels[d.Channel]
	d.p = providers[max(0, slices.IndexFunc(providers, func(p *provider) bool { return p.name == d.entry.Provider }))]
	if d.entry.State != event.SendSubmitting {
		d.watch.forget(d.name())
	}
	switch d.entry.State {
	case event.SendAccepted, event.SendDelivered, event.SendBounced:
		d.referTaken(ctx)
		return true, nil
	case event.SendFailed:
		return true, event.Permanent(fmt.Errorf("the message failed before: %s", d.entry.Reason))
	case event.SendSubmitting:
		if pause, err := d.leased(ctx); err != nil {
			return true, err
		} else if pause > 0 {
			return true, event.Paused(errLeased, pause)
		}
		fallthrough
	case event.SendUnknown:
		if d.onUnknown() == Hold || d.entry.Copies >= MaxCopies {
			return true, d.hold(ctx)
		}
	}
	return false, d.stopped.refuse(d.Switch)
}

// render makes the whole message, with what an earlier try pinned.
func (d *delivery) render(ctx context.Context) (over bool, err error) {
	d.message, d.pinned, err = d.compose(d.Request, d.entry)
	if err != nil {
		return true, d.record(ctx, failureOf(ReasonRender, runtimeError(err)))
	}
	return false, nil
}

// compose renders a message, with what found has pinned.
func (s *Sender) compose(r Request, found event.Send) (message, event.Send, error) {
	pinned := found
	if pinned.MessageID == "" {
		sum := sha256.Sum256([]byte(r.UserID + "\x00" + r.key()))
		pinned.MessageID = hex.EncodeToString(sum[:16]) + "@" + s.Providers.domain()
		pinned.Date = r.Decided.UTC()
		pinned.Locale = s.templates.match(r.Purpose, r.Locale)
		pinned.Template = s.templates.version(r.Purpose, pinned.Locale)
	}
	m := message{to: r.Email, name: oneLine(r.Name, maxName), messageID: pinned.MessageID, date: pinned.Date, locale: pinned.Locale}
	if r.Channel == event.ChannelSMS {
		m.to = r.Phone
	}
	if r.Content != nil {
		m.content = r.Content.rendered()
		return m, pinned, nil
	}
	var err error
	m.content, err = s.templates.render(r.Purpose, pinned.Locale, newPerson(r.Name, r.UserID, r.Attributes))
	return m, pinned, err
}

// address looks whether the recipient may get messages, and makes this one findable for
// its receipts.
func (d *delivery) address(ctx context.Context) (over bool, err error) {
	if !d.allowed.has(d.message.to) {
		return true, d.record(ctx, failureOf(ReasonNotAllowed, errors.New("the allow-list of this system does not have the recipient")))
	}
	f, err := d.suppressed(ctx)
	if err != nil {
		return true, err
	}
	if f != nil {
		return true, d.record(ctx, f)
	}
	if err := d.refer(ctx); err != nil {
		return true, err
	}
	d.Fault.At("notify.rendered")
	return false, nil
}
