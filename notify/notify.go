package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

	Canary bool // nobody reads it, so no figure counts it
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
	SMTP      SMTPConfig
	SMS       SMSConfig
	Templates fs.FS         // nil: the ones that come with usher
	OnUnknown string        // Resend (default) or Hold
	MaxPause  time.Duration // the longest pause that an error asks for; default 1 h
	Grace     time.Duration // how long a message that is being handed over is waited for after a stop; default 8 s

	Metrics *metrics.Worker
	Log     *slog.Logger
	Fault   event.Fault
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	Config
	templates *templates
	channels  map[string]transport
	unread    *metrics.Worker // takes what canary messages would count
}

// transport hands one rendered message to a provider.
type transport interface {
	// provider is its name in metrics and facts.
	provider() string
	// deliver hands m over. It calls commit exactly once, right before the first
	// step from which on the provider may take the message, and stops when commit
	// fails. Errors are *failure, or what commit returned.
	deliver(ctx context.Context, m message, commit func() error) (providerID string, err error)
}

// message is rendered and addressed.
type message struct {
	to, name  string
	messageID string
	date      time.Time
	content   content
}

// New checks the settings and renders every template once with a hostile
// recipient, so that a broken one is found now.
func New(c Config) (*Sender, error) {
	if c.Templates == nil {
		c.Templates = builtin
	}
	if c.OnUnknown == "" {
		c.OnUnknown = Resend
	}
	if c.MaxPause <= 0 {
		c.MaxPause = time.Hour
	}
	if c.Grace <= 0 {
		c.Grace = 8 * time.Second
	}
	if c.OnUnknown != Resend && c.OnUnknown != Hold {
		return nil, fmt.Errorf("the policy for unknown outcomes is %q, it must be %s or %s", c.OnUnknown, Resend, Hold)
	}
	t, err := loadTemplates(c.Templates)
	if err != nil {
		return nil, err
	}
	mail, err := newSMTP(c.SMTP, c.Grace)
	if err != nil {
		return nil, err
	}
	text, err := newSMS(c.SMS, c.Grace)
	if err != nil {
		return nil, err
	}
	nowhere := prometheus.NewRegistry()
	s := &Sender{c, t, map[string]transport{event.ChannelEmail: mail, event.ChannelSMS: text}, metrics.NewWorker(nowhere, metrics.NewShared(nowhere))}
	for channel, tr := range s.channels {
		c.Metrics.Provider(channel, tr.provider(), Reasons)
	}
	return s, nil
}

// metrics are where a message is counted.
func (s *Sender) metrics(r Request) *metrics.Worker {
	if r.Canary {
		return s.unread
	}
	return s.Metrics
}

// Close gives back what the Sender holds. Nothing may be sent afterwards.
func (s *Sender) Close() error { return nil }

// Errors that end an attempt without an answer of the provider.
var (
	// ErrHeld is wrapped by the error for a message that waits for a person,
	// because nobody can tell whether it went out.
	ErrHeld = errors.New("nobody can tell whether the message went out")

	errAccepted = errors.New("the message was accepted meanwhile")
	errRaced    = errors.New("somebody else sends the message")
)

// Send sends the message unless it was accepted before, which is a success too.
// The entry returned is what the ledger holds in the end, also beside an error.
//
// Errors: event.Permanent when the message surely did not go out and will not,
// or is held; event.RetryAfter when the provider asks for a pause; any other
// error is transient. When ctx ends before the provider may have the message,
// nothing is sent; when it ends later, the answer is waited for within
// Config.Grace and then recorded as unknown.
func (s *Sender) Send(ctx context.Context, r Request) (event.Send, error) {
	t, ok := s.channels[r.Channel]
	if !ok {
		return event.Send{}, event.Permanent(fmt.Errorf("there is no channel %q", r.Channel))
	}
	began := time.Now()
	found, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
	if err != nil {
		return found, err
	}
	switch found.State {
	case event.SendAccepted:
		return found, nil
	case event.SendFailed:
		return found, event.Permanent(fmt.Errorf("the message failed before: %s", found.Reason))
	case event.SendSubmitting, event.SendUnknown:
		if s.OnUnknown == Hold || found.Copies >= MaxCopies {
			return s.hold(ctx, r, t)
		}
	}
	m, pinned, err := s.render(r, found)
	if err != nil {
		return s.record(ctx, r, t, attempt{found: found, pinned: pinned}, &failure{reason: ReasonRender, class: permanent, err: err})
	}
	s.Fault.At("notify.rendered")
	a := attempt{found: found, pinned: pinned, token: ksuid.New().String()}
	handing, span := tracing.Child(ctx, "hand over", tracing.Client, tracing.Channel(r.Channel))
	id, err := t.deliver(handing, m, func() error {
		err := s.commit(ctx, r, &a)
		tracing.Event(handing, "ledger says submitting")
		return err
	})
	span.Done(err)
	if err == nil {
		s.Fault.At("notify.handed")
		sent, err := s.accept(ctx, r, t, a, id)
		if err == nil {
			s.metrics(r).StageSeconds.WithLabelValues(r.Channel).Observe(time.Since(began).Seconds())
			s.Fault.At("notify.accepted")
		}
		return sent, err
	}
	var f *failure
	switch {
	case errors.Is(err, errAccepted):
		return s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
	case !errors.As(err, &f):
		return found, err // commit's own
	}
	return s.record(ctx, r, t, a, f)
}

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
		pinned.MessageID = hex.EncodeToString(sum[:16]) + "@" + s.SMTP.domain()
		pinned.Date = r.Decided.UTC()
		pinned.Locale = s.templates.match(r.Purpose, r.Locale)
		pinned.Template = s.templates.version(r.Purpose, pinned.Locale)
	}
	m := message{to: r.Email, name: cleanName(r.Name), messageID: pinned.MessageID, date: pinned.Date}
	if r.Channel == event.ChannelSMS {
		m.to = r.Phone
	}
	var err error
	m.content, err = s.templates.render(r.Purpose, pinned.Locale, person{Name: m.name, UserID: r.UserID, Attributes: r.Attributes})
	return m, pinned, err
}

// commit writes `submitting` unless somebody else moved the entry since it was
// read. From here on the message may have gone out.
func (s *Sender) commit(ctx context.Context, r Request, a *attempt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	written, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		switch {
		case e.State == event.SendAccepted:
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
		attempts := e.Attempts
		*e = a.pinned
		e.State, e.Token, e.Attempts, e.Copies, e.Reason, e.At = event.SendSubmitting, a.token, attempts+1, copies, "", now()
		return nil
	})
	if err != nil {
		return err
	}
	a.committed = true
	if written.Copies > a.found.Copies {
		s.metrics(r).Copies.WithLabelValues(r.Channel, s.channels[r.Channel].provider()).Inc()
	}
	s.Fault.At("notify.submitting")
	return nil
}

// accept writes that the provider took the message. It goes on trying when ctx
// has ended: an acceptance that is not written becomes a copy.
func (s *Sender) accept(ctx context.Context, r Request, t transport, a attempt, providerID string) (event.Send, error) {
	sent, err := s.write(ctx, r, a, func(e *event.Send) {
		e.State, e.Provider, e.ProviderID, e.Reason, e.At = event.SendAccepted, t.provider(), providerID, "", now()
	})
	if err != nil {
		return sent, fmt.Errorf("the message was accepted, but the ledger cannot be written: %w", err)
	}
	s.metrics(r).Attempts.WithLabelValues(r.Channel, t.provider(), "accepted", "").Inc()
	s.metrics(r).Messages.WithLabelValues(r.Channel, t.provider(), "accepted").Inc()
	return sent, nil
}

// record writes why a try failed and returns the error that says what to do.
func (s *Sender) record(ctx context.Context, r Request, t transport, a attempt, f *failure) (event.Send, error) {
	result, outcome := "retry", "" // of this try, and of the message when it comes to an end
	entry, err := a.found, error(nil)
	doubtful := a.found.Copies > 0 || a.found.State == event.SendSubmitting || a.found.State == event.SendUnknown
	switch {
	case f.class == unknown:
		result = "unknown"
		if s.OnUnknown == Hold {
			outcome = "unknown"
		}
		entry, err = s.write(ctx, r, a, func(e *event.Send) {
			e.State, e.Provider, e.Reason, e.At = event.SendUnknown, t.provider(), f.reason, now()
		})
	case f.class == permanent && doubtful:
		// This try failed for good, but an earlier one may have gone out.
		result, outcome = "failed", "unknown"
		entry, err = s.write(ctx, r, a, func(e *event.Send) {
			e.State, e.Provider, e.Reason, e.At = event.SendUnknown, t.provider(), ReasonUnknown, now()
		})
	case f.class == permanent:
		result, outcome = "failed", "failed"
		entry, err = s.write(ctx, r, a, func(e *event.Send) {
			e.State, e.Provider, e.Reason, e.At = event.SendFailed, t.provider(), f.reason, now()
		})
	case a.committed: // surely not taken: free for another try
		entry, err = s.write(ctx, r, a, func(e *event.Send) { e.State, e.Token, e.Reason, e.At = "", "", f.reason, now() })
	}
	s.metrics(r).Attempts.WithLabelValues(r.Channel, t.provider(), result, f.reason).Inc()
	if err != nil {
		return entry, fmt.Errorf("the ledger cannot be written after %s: %w", f.reason, err)
	}
	if outcome != "" {
		s.metrics(r).Messages.WithLabelValues(r.Channel, t.provider(), outcome).Inc()
	} else {
		s.metrics(r).Retries.WithLabelValues(r.Channel, f.reason).Inc()
	}
	s.Log.Info("message not accepted", "channel", r.Channel, "provider", t.provider(), "result", result, "reason", f.reason, "error", f.err)
	switch {
	case outcome == "unknown":
		return entry, event.Permanent(fmt.Errorf("%w: %w", ErrHeld, f))
	case f.class == permanent:
		return entry, event.Permanent(f)
	case f.pause > 0:
		return entry, event.RetryAfter(f, min(f.pause, s.MaxPause))
	}
	return entry, f
}

// hold leaves a message of unknown outcome to a person.
func (s *Sender) hold(ctx context.Context, r Request, t transport) (event.Send, error) {
	entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		if e.State == event.SendSubmitting {
			e.State, e.Reason, e.At = event.SendUnknown, ReasonUnknown, now()
		}
		return nil
	})
	if err != nil {
		return entry, err
	}
	if entry.State == event.SendAccepted {
		return entry, nil
	}
	s.metrics(r).Messages.WithLabelValues(r.Channel, t.provider(), "unknown").Inc()
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
			case a.committed && e.Token != a.token:
				return nil
			case !a.committed && e.State == "" && e.MessageID == "":
				*e = a.pinned
			}
			change(e)
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
