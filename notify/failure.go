package notify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// Reasons why a message was not accepted: a bounded set for both channels, in
// the ledger, in facts and as a metric label.
const (
	ReasonRecipient   = "recipient_invalid"
	ReasonBlocked     = "recipient_blocked"
	ReasonMailboxFull = "mailbox_full"
	ReasonContent     = "content_rejected"
	ReasonSender      = "sender_rejected"
	ReasonConfig      = "config" // credentials, TLS, no credit
	ReasonRateLimited = "rate_limited"
	ReasonTransient   = "transient"
	ReasonUnknown     = "unknown_outcome"
	ReasonRender      = "render_error"
	ReasonNotAllowed  = "not_allowed"       // the allow-list does not have the recipient
	ReasonSuppressed  = "suppressed"        // the suppression list has it
	ReasonUndelivered = "undelivered"       // of receipts: taken, and not delivered
	ReasonExpired     = event.ReasonExpired // tried for as long as it may be
	ReasonNoProvider  = event.ReasonNoProvider
)

// Reasons lists the bounded set.
var Reasons = []string{
	ReasonRecipient, ReasonBlocked, ReasonMailboxFull, ReasonContent, ReasonSender,
	ReasonConfig, ReasonRateLimited, ReasonTransient, ReasonUnknown, ReasonRender, ReasonNotAllowed, ReasonSuppressed, ReasonUndelivered, ReasonExpired, ReasonNoProvider,
}

type class int

const (
	transient class = iota // surely not sent; another try may help
	permanent              // surely not sent, and no other try will help
	unknown                // it may have been sent
)

// classes of the reasons, and whether a failure of that kind says something about
// the provider instead of the message.
var classes = map[string]struct {
	class  class
	blames bool
	pause  time.Duration // unless the provider names one
}{
	ReasonRecipient:   {class: permanent},
	ReasonBlocked:     {class: permanent},
	ReasonMailboxFull: {pause: 15 * time.Minute},
	ReasonContent:     {class: permanent},
	ReasonSender:      {blames: true, pause: time.Minute},
	ReasonConfig:      {blames: true, pause: time.Minute},
	ReasonRateLimited: {blames: true, pause: 30 * time.Second},
	ReasonTransient:   {blames: true},
	ReasonUnknown:     {class: unknown},
	ReasonRender:      {class: permanent},
	ReasonNotAllowed:  {class: permanent},
	ReasonSuppressed:  {class: permanent},
	ReasonUndelivered: {class: permanent},
	ReasonExpired:     {class: permanent},
	ReasonNoProvider:  {class: permanent},
}

// failure is why a provider did not take a message. err holds a code or a
// network error, never a text of the provider.
type failure struct {
	reason string
	class  class
	pause  time.Duration // before the next try, 0 when the provider did not say
	blames bool          // the provider's trouble: every other message would meet it too
	soft   bool          // perhaps this message's alone after all: only several in a row blame the provider
	closed bool          // the connection is of no more use
	ours   bool          // usher's own word: no provider was asked, or none needed to be
	err    error
}

func (f *failure) Error() string { return f.reason + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failureOf is a failure of a reason of the bounded set.
func failureOf(reason string, err error) *failure {
	c := classes[reason]
	return &failure{reason: reason, class: c.class, pause: c.pause, blames: c.blames, err: err}
}

func configFailure(text string) *failure {
	f := failureOf(ReasonConfig, errors.New(text))
	f.closed = true
	return f
}

// ReasonMap gives codes of a provider a reason of the bounded set.
type ReasonMap map[string]string

func (m ReasonMap) check() error {
	for _, code := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(Reasons, m[code]) {
			return fmt.Errorf("reasons: %q for the code %s is none of %s", m[code], code, strings.Join(Reasons, ", "))
		}
	}
	return nil
}

// phase of an SMTP transaction in which a reply came.
type phase int

const (
	phaseConnect phase = iota
	phaseAuth
	phaseMail
	phaseRcpt
	phaseData
	phaseDot // from the final dot on
)

// failure reads the reply, or its absence.
func (t *smtpTransport) failure(p phase, err error) *failure {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		f := failureOf(ReasonTransient, errors.New("the connection to the SMTP server failed"))
		if p == phaseDot {
			f = failureOf(ReasonUnknown, errors.New("no reply after the final dot"))
		}
		f.closed = true
		return f
	}
	code := codeError{reply.Code, reply.EnhancedCode}
	f := failureOf(cmp.Or(t.Reasons[code.String()], t.Reasons[itoa(reply.Code)], smtpReason(p, reply)), code)
	f.closed = reply.Code == 421 || p <= phaseAuth
	if p == phaseRcpt && reply.Code != 421 {
		// What a server says of a recipient (greylisting, its own limits) is no word
		// about others, unless it says of each that it does not relay.
		f.blames, f.soft = f.reason == ReasonConfig || f.reason == ReasonSender, true
	}
	return f
}

// smtpReason is what usher knows of replies. Codes are those of RFC 5321,
// enhanced ones of RFC 3463 and RFC 5248.
func smtpReason(p phase, reply *smtp.SMTPError) string {
	subject, detail := reply.EnhancedCode[1], reply.EnhancedCode[2]
	switch {
	case p <= phaseAuth && reply.Code >= 500, reply.Code == 530, reply.Code == 534, reply.Code == 535, reply.Code == 538:
		return ReasonConfig
	case subject == 2 && detail == 2:
		return ReasonMailboxFull
	case reply.Code == 421, reply.Code < 500 && subject == 7:
		return ReasonRateLimited
	case reply.Code < 500:
		return ReasonTransient
	case p == phaseMail:
		return ReasonSender
	case p == phaseRcpt && subject == 7 && (reply.Code == 554 || detail == 54 || detail == 64):
		return ReasonSender // as postfix and Exchange say that they do not relay for this client
	case p == phaseRcpt && subject == 7:
		return ReasonContent
	case p == phaseRcpt, subject == 1:
		return ReasonRecipient
	}
	return ReasonContent
}

type codeError struct {
	code     int
	enhanced smtp.EnhancedCode
}

func (e codeError) Error() string { return "SMTP " + e.String() }

// String is the reply as "550" or "550 5.7.1".
func (e codeError) String() string {
	if e.enhanced[0] <= 0 {
		return itoa(e.code)
	}
	return fmt.Sprintf("%d %d.%d.%d", e.code, e.enhanced[0], e.enhanced[1], e.enhanced[2])
}
