package notify

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
)

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

	// Keep is given an answer that the ledger could not take at once, and keeps it
	// for the next Send of the same message, as Answer; it must not block. Nil: an
	// answer that the ledger does not take in the end is lost.
	Keep   func(event.Answer)
	Answer *event.Answer

	// Kept tells whether the next Send will bring what Keep was given last. Nil: that is
	// never known, so an answer is tried to be written for as long as the attempt lasts.
	Kept func() bool

	Canary bool // no person reads it, so no figure counts it

	Content *Content // of an e-mail that is no template's; nil: the template's
}

func (r Request) key() string {
	return event.SendKey(r.Generation, r.Purpose, r.Channel, r.Ordinal)
}

// name is how this process tells the message from others.
func (r Request) name() string { return r.UserID + "/" + r.key() }

// Policies for a message of which it is not known whether it went out.
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
	// Lives gives signs of life of Process, which owns what it hands over. Nil: no
	// leases, and a message that is found being handed over has an unknown outcome.
	Lives      Lives
	Process    event.Process // zero without Lives
	ReturnPath string        // where bounces of e-mail go, "": to the sender
	// ReceiptsURL is where services of text messages report, without a path; "": they
	// are not told.
	ReceiptsURL string

	Switch event.Switch // of delivery as a stage; nil: never paused

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
	guard     event.Guard
	watch     watch
	stopped   stopped
}

// transport hands one rendered message to a provider.
type transport interface {
	// provider is its name in metrics and facts.
	provider() string
	// deliver hands m over. It calls commit right before the first step from which
	// on the provider may take the message, and stops when commit fails; again
	// before any later step of that kind. Errors are *failure, or what commit
	// returned.
	deliver(ctx context.Context, m message, commit func() error) (providerID string, err error)
	// describe says what deliver would say, with secrets masked.
	describe(m message) (string, error)
	// probe asks the provider as far as can be without sending.
	probe(ctx context.Context, to string) Probed
	close()
}

// message is rendered and addressed.
type message struct {
	to, name  string
	from      string // where bounces go, "": to the sender
	receipts  string // where its service may report, without a path; "": nowhere
	reportAt  string // the same for this message alone
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
		unread: metrics.NewWorker(nowhere, metrics.NewShared(nowhere)), guard: c.Metrics.Guard("notify", c.Log),
	}
	for channel, providers := range s.channels {
		for _, p := range providers {
			c.Metrics.Provider(channel, p.name, Reasons)
			p.gate.changed = s.told(channel, p.name)
			if t, ok := p.transport.(*smtpTransport); ok {
				t.pool.guard = s.guard
			}
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

// Close gives back what the Sender holds. Nothing may be sent afterwards.
func (s *Sender) Close() error {
	for _, providers := range s.channels {
		for _, p := range providers {
			p.close()
		}
	}
	return nil
}
