package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// Ledger keeps one entry a message.
type Ledger interface {
	// UpdateSend changes an entry by compare-and-set: change sees what is stored
	// now (the zero Send when there is none) and may be asked several times. Its
	// error is returned as it is, and nothing is stored. A change that changes
	// nothing is a read.
	UpdateSend(ctx context.Context, userID, key string, change func(*event.Send) error) (event.Send, error)
}

// Request is one message to one person.
type Request struct {
	UserID     string
	Generation int
	Purpose    string // names the template
	Channel    string // event.ChannelEmail or event.ChannelSMS
	Ordinal    int    // 1, and one more each time an operator asks for it again

	Name, Email, Phone, Locale string
	Attributes                 map[string]string

	Decided time.Time // the date of the message, however often it is tried

	// Backoff is the pause before the next try after so many failed ones, 1 at
	// least. A pause of the provider counts as none. Nil: there is no next try.
	Backoff func(failed int) time.Duration

	Canary bool // nobody reads it, so no figure counts it

	Content *Content // of an e-mail that is no template's; nil: the template's
}

func (r Request) key() string {
	return event.SendKey(r.Generation, r.Purpose, r.Channel, r.Ordinal)
}

// Policies for a message of which nobody can tell whether it went out.
const (
	Resend = "resend" // send it again and count the copy; at most MaxCopies
	Hold   = "hold"   // leave it to a person
)

// MaxCopies is how often one message is sent again after an unknown outcome.
const MaxCopies = 3

// Config joins a Sender to its neighbours.
type Config struct {
	Ledger    Ledger
	Providers Providers
	Templates fs.FS  // nil: the ones that come with usher
	OnUnknown string // Resend (default) or Hold; a template may say Hold for itself
	// What is kept beside the ledger: the addresses that get nothing, by hashes of
	// Keys, and where receipts belong. Nil: no list, no receipts.
	Suppressions Suppressions
	Keys         Keys
	Receipts     *Receipts
	ReturnPath   string // where bounces of e-mail go, "": to the sender

	Allowed  []string      // if any, who may get messages: see recipients
	MaxPause time.Duration // the longest pause that an error asks for, or that a provider gets; default 1 h
	Grace    time.Duration // how long a message that is being handed over is waited for after a stop; default 8 s

	Metrics *metrics.Worker
	Log     *slog.Logger
	Fault   event.Fault
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	Config
	templates *templates
	allowed   recipients
	channels  map[string][]*provider // in order of preference
	unread    *metrics.Worker        // takes what canary messages would count
	hands     hands
}

// transport hands one rendered message to a provider.
type transport interface {
	// provider is its name in metrics and facts.
	provider() string
	// deliver hands m over. It calls commit right before the first step from which
	// on the provider may take the message, and stops when commit fails; again
	// only after the provider said that it did not take it. Errors are *failure,
	// or what commit returned.
	deliver(ctx context.Context, m message, commit func() error) (providerID string, err error)
	// describe says what deliver would say, with secrets masked.
	describe(m message) (string, error)
	close()
}

// message is rendered and addressed.
type message struct {
	to, name  string
	from      string // where bounces go, "": to the sender
	messageID string
	date      time.Time
	locale    string
	content   content
}

// ref names the message, and all copies of it, where an @ is not wanted.
func (m message) ref() string {
	ref, _, _ := strings.Cut(m.messageID, "@")
	return ref
}

// New checks the settings and renders every template with hostile recipients, so
// that a broken one is found now.
func New(c Config) (*Sender, error) {
	c.OnUnknown = cmp.Or(c.OnUnknown, Resend)
	c.Grace = cmp.Or(c.Grace, 8*time.Second)
	c.MaxPause = cmp.Or(c.MaxPause, time.Hour)
	if c.OnUnknown != Resend && c.OnUnknown != Hold {
		return nil, fmt.Errorf("the policy for unknown outcomes is %q, it must be %s or %s", c.OnUnknown, Resend, Hold)
	}
	t, err := loadTemplates(c.Templates)
	if err != nil {
		return nil, err
	}
	allowed, err := parseRecipients(c.Allowed)
	if err != nil {
		return nil, err
	}
	mail, text, err := c.Providers.open(c.Grace, c.MaxPause)
	if err != nil {
		return nil, err
	}
	nowhere := prometheus.NewRegistry()
	s := &Sender{
		Config: c, templates: t, allowed: allowed, channels: map[string][]*provider{event.ChannelEmail: mail, event.ChannelSMS: text},
		unread: metrics.NewWorker(nowhere, metrics.NewShared(nowhere)),
	}
	for channel, providers := range s.channels {
		for _, p := range providers {
			c.Metrics.Provider(channel, p.name, Reasons)
			p.gate.changed = s.told(channel, p.name)
		}
	}
	return s, nil
}

// told shows a pause of a provider, and its end.
func (s *Sender) told(channel, provider string) func(reason string, paused bool) {
	return func(reason string, paused bool) {
		g := s.Metrics.Paused.WithLabelValues(channel, provider, reason)
		if paused {
			g.Set(1)
			s.Log.Warn("provider paused", "channel", channel, "provider", provider, "reason", reason)
			return
		}
		g.Set(0)
		s.Log.Info("provider takes messages again", "channel", channel, "provider", provider)
	}
}

// metrics are where a message is counted.
func (s *Sender) metrics(r Request) *metrics.Worker {
	if r.Canary {
		return s.unread
	}
	return s.Metrics
}

// Close gives back what the Sender holds. Nothing may be sent afterwards.
func (s *Sender) Close() error {
	for _, providers := range s.channels {
		for _, p := range providers {
			p.close()
		}
	}
	return nil
}

// Errors that end an attempt without an answer of the provider.
var (
	// ErrHeld is wrapped by the error for a message that waits for a person,
	// because nobody can tell whether it went out.
	ErrHeld = errors.New("nobody can tell whether the message went out")

	errAccepted = errors.New("the message was accepted meanwhile")
	errRaced    = errors.New("somebody else sends the message")
	errPaused   = errors.New("no provider of this channel takes messages now")
	errRate     = errors.New("the provider's rate is used up")
)

// Send sends the message unless it was accepted before, which is a success too.
// The entry returned is what the ledger holds in the end, also beside an error.
//
// Errors: event.Permanent when the message surely did not go out and will not,
// or is held; event.RetryAfter when the provider asks for a pause; event.Paused
// when no provider takes messages now, which is no try of this message; any other
// error is transient. When ctx ends before the provider may have the message,
// nothing is sent; when it ends later, the answer is waited for within
// Config.Grace and then recorded as unknown.
func (s *Sender) Send(ctx context.Context, r Request) (event.Send, error) {
	providers, ok := s.channels[r.Channel]
	if !ok {
		return event.Send{}, event.Permanent(fmt.Errorf("there is no channel %q", r.Channel))
	}
	message := r.UserID + "/" + r.key()
	if !s.hands.take(message) {
		return event.Send{}, errInHand
	}
	defer s.hands.release(message)
	first := providers[0] // or the one that an earlier try was for
	found, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
	if err != nil {
		return found, err
	}
	if i := slices.IndexFunc(providers, func(p *provider) bool { return p.name == found.Provider }); i >= 0 {
		first = providers[i]
	}
	switch found.State {
	case event.SendAccepted, event.SendDelivered, event.SendBounced:
		s.referTaken(ctx, r, found)
		return found, nil
	case event.SendFailed:
		return found, event.Permanent(fmt.Errorf("the message failed before: %s", found.Reason))
	case event.SendSubmitting, event.SendUnknown:
		if s.onUnknown(r) == Hold || found.Copies >= MaxCopies {
			return s.hold(ctx, r, first)
		}
	}
	m, pinned, err := s.render(r, found)
	a := attempt{found: found, pinned: pinned}
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

// onUnknown is the policy for r: the stricter one of the settings and its
// template. A report is never sent again in doubt: the next one says it all.
func (s *Sender) onUnknown(r Request) string {
	if r.Content != nil || s.templates.holds(r.Purpose) {
		return Hold
	}
	return s.OnUnknown
}

// offer asks one provider after the other. The next one is asked only when those
// before surely did not take the message, and another might.
func (s *Sender) offer(ctx context.Context, r Request, m message, a attempt) (event.Send, error) {
	var last error
	var wait time.Duration // until the first of those that are paused may be asked
	parked := ""           // why, when an operator has to mend it or it is a quota
	open := false          // one was asked and is not paused like that
	for _, p := range s.channels[r.Channel] {
		pause, trouble := p.gate.enter(ctx, r.UserID+"/"+r.key())
		switch {
		case pause > 0 && trouble == "":
			return a.found, event.Paused(errRate, pause) // it waits for its turn, and not for another provider
		case pause > 0:
			wait = shorter(wait, pause)
			if trouble != ReasonTransient {
				parked = trouble
			}
			continue
		}
		entry, f, err := s.attempt(ctx, r, p, m, &a)
		p.gate.leave(f)
		a.found, last = entry, err
		if f == nil || f.class != transient || f.reason == ReasonMailboxFull || !errors.As(err, new(*failure)) {
			return entry, err
		}
		if pause, trouble = p.gate.paused(); trouble != "" {
			wait = shorter(wait, pause)
		}
		if trouble == "" || trouble == ReasonTransient {
			open = true
		} else {
			parked = trouble
		}
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
	a.token, a.committed = ksuid.New().String(), false
	handing, span := tracing.Child(ctx, "hand over", tracing.Client, tracing.Channel(r.Channel))
	id, err := p.deliver(handing, m, func() error {
		err := s.commit(ctx, r, p, a)
		tracing.Event(handing, "ledger says submitting")
		return err
	})
	span.Done(err)
	if err == nil {
		s.Fault.At("notify.handed")
		sent, err := s.accept(ctx, r, p, *a, id)
		if err == nil {
			s.metrics(r).StageSeconds.WithLabelValues(r.Channel).Observe(time.Since(began).Seconds())
			if r.Channel == event.ChannelSMS {
				seg := CountSegments(m.content.sms)
				s.metrics(r).Segments.WithLabelValues(p.name, seg.Encoding()).Add(float64(seg.Count))
			}
			s.Fault.At("notify.accepted")
			s.referTaken(ctx, r, sent)
		}
		return sent, nil, err
	}
	var f *failure
	switch {
	case errors.Is(err, errAccepted):
		sent, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
		return sent, unasked, err
	case !errors.As(err, &f):
		return a.found, unasked, err // commit's own
	}
	entry, err := s.record(ctx, r, p, *a, f)
	s.suppress(ctx, r, m.to, f)
	return entry, f, err
}

// unasked is what came of a try that ended before the provider had its say.
var unasked = &failure{ours: true}

// attempt is one try: what the ledger said before, what is pinned, and the token
// by which the try is recognised.
type attempt struct {
	found, pinned event.Send
	token         string
	committed     bool
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

// commit writes `submitting` unless somebody else moved the entry since it was
// read. From here on the message may have gone out.
func (s *Sender) commit(ctx context.Context, r Request, p *provider, a *attempt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	written, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		switch {
		case e.Taken():
			return errAccepted
		case e.Token == a.token: // an earlier write of ours arrived after all
			return nil
		case e.State != a.found.State || e.Token != a.found.Token:
			return errRaced
		}
		copies := e.Copies
		if e.State == event.SendSubmitting || e.State == event.SendUnknown {
			copies++
		}
		attempts, tries := e.Attempts, e.Tries
		*e = a.pinned
		e.State, e.Token, e.Attempts, e.Copies, e.Tries, e.Reason, e.At = event.SendSubmitting, a.token, attempts+1, copies, tries, "", now()
		e.Provider = p.name
		return nil
	})
	if err != nil {
		return err
	}
	a.committed = true
	if written.Copies > a.found.Copies {
		s.metrics(r).Copies.WithLabelValues(r.Channel, p.name).Inc()
	}
	s.Fault.At("notify.submitting")
	return nil
}

// accept writes that the provider took the message. It goes on trying when ctx
// has ended: an acceptance that is not written becomes a copy.
func (s *Sender) accept(ctx context.Context, r Request, p *provider, a attempt, providerID string) (event.Send, error) {
	sent, err := s.write(ctx, r, a, func(e *event.Send) {
		e.State, e.Provider, e.ProviderID, e.Reason, e.At = event.SendAccepted, p.name, providerID, "", now()
	})
	if err != nil {
		return sent, fmt.Errorf("the message was accepted, but the ledger cannot be written: %w", err)
	}
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, "accepted", "").Inc()
	s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, "accepted").Inc()
	return sent, nil
}

// record writes why a try failed and returns the error that says what to do.
func (s *Sender) record(ctx context.Context, r Request, p *provider, a attempt, f *failure) (event.Send, error) {
	result, outcome := "retry", "" // of this try, and of the message when it comes to an end
	state, reason := event.SendState(""), f.reason
	doubtful := a.found.Copies > 0 || a.found.State == event.SendSubmitting || a.found.State == event.SendUnknown
	switch {
	case f.class == unknown:
		result, state = "unknown", event.SendUnknown
		if s.onUnknown(r) == Hold {
			outcome = "unknown"
		}
	case f.class == permanent && doubtful:
		// This try failed for good, but an earlier one may have gone out.
		result, outcome, state, reason = "failed", "unknown", event.SendUnknown, ReasonUnknown
	case f.class == permanent:
		result, outcome, state = "failed", "failed", event.SendFailed
	}
	try := event.Try{At: now(), Provider: p.name, Result: result, Reason: f.reason, Code: f.err.Error()}
	wait := min(f.pause, s.MaxPause)
	entry, err := s.write(ctx, r, a, func(e *event.Send) {
		if outcome == "" && r.Backoff != nil {
			wait = max(wait, r.Backoff(e.Failed+1))
			next := try.At.Add(wait)
			try.Next = &next
		}
		e.Note(try)
		switch {
		case state != "":
			e.State, e.Provider, e.Reason, e.At = state, p.name, reason, try.At
		case a.committed: // surely not taken: free for another try
			e.State, e.Token, e.Reason, e.At = "", "", f.reason, try.At
		}
	})
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, result, f.reason).Inc()
	if err != nil {
		return entry, fmt.Errorf("the ledger cannot be written after %s: %w", f.reason, err)
	}
	if entry.Taken() {
		return entry, nil // its receipt was faster than its answer, or another try
	}
	if n := len(entry.Tries); n == 0 || !entry.Tries[n-1].At.Equal(try.At) {
		return entry, errRaced
	}
	if outcome != "" {
		s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, outcome).Inc()
	} else {
		s.metrics(r).Retries.WithLabelValues(r.Channel, f.reason).Inc()
	}
	s.Log.Info("message not accepted", "channel", r.Channel, "provider", p.name, "result", result, "reason", f.reason, "error", f.err)
	switch {
	case outcome == "unknown":
		return entry, event.Permanent(fmt.Errorf("%w: %w", ErrHeld, f))
	case f.class == permanent:
		return entry, event.Permanent(f)
	case wait > 0:
		return entry, event.RetryAfter(f, wait)
	}
	return entry, f
}

// hold leaves a message of unknown outcome to a person.
func (s *Sender) hold(ctx context.Context, r Request, p *provider) (event.Send, error) {
	entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		if e.State == event.SendSubmitting {
			e.State, e.Reason, e.At = event.SendUnknown, ReasonUnknown, now()
		}
		if n := len(e.Tries); n > 0 && e.State == event.SendUnknown { // nothing comes next
			e.Tries = slices.Clone(e.Tries)
			e.Tries[n-1].Next = nil
		}
		return nil
	})
	if err != nil {
		return entry, err
	}
	if entry.Taken() {
		return entry, nil
	}
	s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, "unknown").Inc()
	return entry, event.Permanent(ErrHeld)
}

// How long an answer is tried to be written into the ledger.
const writeFor = 30 * time.Second

// write changes the entry after an answer, even when ctx has ended. The entry is
// left alone when another try has taken it over.
func (s *Sender) write(ctx context.Context, r Request, a attempt, change func(*event.Send)) (event.Send, error) {
	limit := writeFor
	if ctx.Err() != nil {
		limit = 2 * time.Second // the process is about to end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
			switch {
			case a.committed && e.Token != a.token, !a.committed && (e.State != a.found.State || e.Token != a.found.Token):
				return nil
			case !a.committed && e.State == "" && e.MessageID == "":
				*e = a.pinned
			}
			before := *e
			change(e)
			if before.State == event.SendDelivered || before.State == event.SendBounced { // a receipt was faster, and knows more
				e.State, e.Reason, e.Code, e.At = before.State, before.Reason, before.Code, before.At
			}
			return nil
		})
		if err == nil || event.IsPermanent(err) {
			return entry, err
		}
		select {
		case <-time.After(min(pause, time.Second)):
		case <-ctx.Done():
			return entry, err
		}
	}
}

// now has no monotonic part, so that entries compare equal after storage.
func now() time.Time { return time.Now().UTC().Round(0) }
