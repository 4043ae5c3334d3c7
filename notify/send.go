package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
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
// The entry returned is what the ledger holds in the end, also beside an error.
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
	providers, ok := s.channels[r.Channel]
	if !ok {
		return event.Send{}, event.Permanent(fmt.Errorf("there is no channel %q", r.Channel))
	}
	if len(providers) == 0 {
		return event.Send{Reason: ReasonNoProvider}, event.Permanent(fmt.Errorf("no provider is configured for %s", r.Channel))
	}
	message, began := r.UserID+"/"+r.key(), time.Now()
	if !s.hands.acquire(message) {
		return event.Send{}, event.Paused(errInHand, inHandPause)
	}
	defer s.hands.release(message)
	if s.Lives != nil {
		defer s.Lives.Hold()()
	}
	first := providers[0] // or the one that an earlier try was for
	found, err := s.find(ctx, r)
	if err != nil {
		return found, err
	}
	if i := slices.IndexFunc(providers, func(p *provider) bool { return p.name == found.Provider }); i >= 0 {
		first = providers[i]
	}
	if found.State != event.SendSubmitting {
		s.watch.forget(message)
	}
	switch found.State {
	case event.SendAccepted, event.SendDelivered, event.SendBounced:
		s.referTaken(ctx, r, found)
		return found, nil
	case event.SendFailed:
		return found, event.Permanent(fmt.Errorf("the message failed before: %s", found.Reason))
	case event.SendSubmitting:
		if pause, err := s.leased(ctx, r, found); err != nil {
			return found, err
		} else if pause > 0 {
			return found, event.Paused(errLeased, pause)
		}
		fallthrough
	case event.SendUnknown:
		if s.onUnknown(r) == Hold || found.Copies >= MaxCopies {
			return s.hold(ctx, r, first)
		}
	}
	if err := s.stopped.refuse(s.Switch); err != nil {
		return found, err
	}
	m, pinned, err := s.render(r, found)
	a := attempt{began: began, found: found, pinned: pinned}
	if err != nil {
		return s.record(ctx, r, first, a, failureOf(ReasonRender, runtimeError(err)))
	}
	if !s.allowed.has(m.to) {
		return s.record(ctx, r, first, a, failureOf(ReasonNotAllowed, errors.New("the allow-list of this system does not have the recipient")))
	}
	f, err := s.suppressed(ctx, r, m.to)
	if err != nil {
		return found, err
	}
	if f != nil {
		return s.record(ctx, r, first, a, f)
	}
	if err := s.refer(ctx, r, &m); err != nil {
		return found, err
	}
	s.Fault.At("notify.rendered")
	return s.offer(ctx, r, m, a)
}

// render makes the whole message, with what an earlier try pinned.
func (s *Sender) render(r Request, found event.Send) (message, event.Send, error) {
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

// offer asks one provider after the other. The next one is asked only when those
// before are known not to have taken the message, and another might.
func (s *Sender) offer(ctx context.Context, r Request, m message, a attempt) (event.Send, error) {
	var last error
	var wait time.Duration // until the first of those that are paused may be asked
	parked := ""           // why, when the trouble is a provider's own
	open := false          // one was asked and is not paused like that
	var waits event.Wait   // for the first that was not asked
	for _, p := range s.channels[r.Channel] {
		pause, trouble := p.gate.enter(ctx, r.UserID+"/"+r.key())
		switch {
		case pause > 0 && trouble == "":
			return a.found, event.Paused(errRate, pause) // it waits for its turn, and not for another provider
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
		if err := s.stopped.refuse(s.Switch); err != nil { // since the message waited for its turn
			p.gate.leave(unasked)
			return a.found, err
		}
		entry, f, err := s.ask(ctx, r, p, m, &a)
		a.found, last = entry, err
		if f == nil || event.IsPermanent(err) || f.class == unknown || f.reason == ReasonMailboxFull || !errors.As(err, new(*failure)) {
			return entry, err
		}
		if f.class == spent {
			a.spent++
			continue
		}
		pause, trouble = p.gate.paused(r.UserID + "/" + r.key())
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
		a.found = s.tellWait(ctx, r, a.found, waits)
	}
	switch {
	case ctx.Err() != nil:
		return a.found, cmp.Or(last, ctx.Err())
	case parked != "" && !open:
		return a.found, event.Paused(fmt.Errorf("%w: %s", errPaused, parked), wait)
	case last == nil:
		return a.found, event.RetryAfter(fmt.Errorf("%w: %s", errPaused, ReasonTransient), wait)
	}
	return a.found, last
}

// tellWait notes in the ledger for which provider a message waits, once for each
// trouble of it. A note that cannot be written is not worth failing for.
func (s *Sender) tellWait(ctx context.Context, r Request, found event.Send, w event.Wait) event.Send {
	if r.Canary || found.State != "" || w.Reason == "" || found.Waits.Provider == w.Provider && found.Waits.Reason == w.Reason {
		return found
	}
	entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		if e.State == "" {
			e.Waits = w
		}
		return nil
	})
	if err != nil {
		s.Log.Debug("it is not noted for which provider a message waits", "channel", r.Channel, "provider", w.Provider, "error", err)
		return found
	}
	return entry
}

// wait is what a message waits for while the provider is paused.
func (p *provider) wait() event.Wait {
	since, trouble := p.gate.troubled()
	return event.Wait{Provider: p.name, Reason: trouble, Since: since.UTC().Round(0)}
}

// ask makes an attempt at a provider whose gate was entered, and leaves the gate
// also when the attempt panics: a probe that is never given back would keep the
// provider paused for as long as the process lives.
func (s *Sender) ask(ctx context.Context, r Request, p *provider, m message, a *attempt) (entry event.Send, f *failure, err error) {
	f = unasked
	defer func() { p.gate.leave(f) }()
	entry, f, err = s.attempt(ctx, r, p, m, a)
	if _, trouble := p.gate.troubled(); r.Canary && f == nil && trouble == ReasonRefused {
		return entry, unasked, err // a mailbox of the provider's own would end the pause of all others
	}
	return entry, f, err
}

// shorter of two times, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// attempt hands the message to one provider and records the answer. The failure
// is nil when it was accepted, and unasked when the try ended without an answer.
func (s *Sender) attempt(ctx context.Context, r Request, p *provider, m message, a *attempt) (event.Send, *failure, error) {
	began := time.Now()
	a.token, a.written, a.committed, a.copies = ksuid.New().String(), false, false, false
	handing, span := tracing.Child(ctx, "hand over", tracing.Client, tracing.Channel(r.Channel))
	id, err := p.deliver(handing, m, func() error {
		err := s.commit(ctx, r, p, a)
		tracing.Event(handing, "ledger says submitting")
		return err
	})
	span.Done(err)
	if err == nil {
		if !r.Canary { // one to a mailbox of the provider's own would prove nothing
			p.gate.took(r.UserID+"/"+r.key(), m.to)
		}
		s.Fault.At("notify.handed")
		sent, err := s.accept(ctx, r, p, *a, id)
		if r.Channel == event.ChannelSMS {
			seg := CountSegments(m.content.sms)
			s.metrics(r).Segments.WithLabelValues(p.name, seg.Encoding()).Add(float64(seg.Count))
		}
		if err == nil {
			s.metrics(r).StageSeconds.WithLabelValues(r.Channel).Observe(time.Since(began).Seconds())
			s.Fault.At("notify.accepted")
			s.referTaken(ctx, r, sent)
		}
		return sent, nil, err
	}
	var f *failure
	if errors.As(err, &f) && takenBack(ctx) && f.class != permanent {
		f.ours = true
	}
	if f != nil && !r.Canary {
		f = p.gate.weigh(r.UserID+"/"+r.key(), m.to, f)
	}
	switch {
	case errors.Is(err, errAccepted):
		sent, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
		return sent, unasked, err
	case f == nil: // commit's own
		s.free(ctx, r, a, err)
		return a.found, unasked, err
	}
	entry, err := s.record(ctx, r, p, *a, f)
	s.suppress(ctx, r, m, f)
	return entry, f, err
}

// takenBack tells that a step was ended because it is not wanted any more, or because
// the process stops. A connection that usher itself has closed then says nothing about
// the provider, however it looks.
func takenBack(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// attempt is one try: what the ledger said before, what is pinned, and the token
// by which the try is recognised.
type attempt struct {
	began         time.Time
	found, pinned event.Send
	token         string
	spent         int  // providers that never take this message
	written       bool // `submitting` may be in the ledger
	committed     bool // it is
	copies        bool // an earlier try may have gone out
}

// unasked is what came of a try that ended before the provider had its say.
var unasked = &failure{ours: true}
