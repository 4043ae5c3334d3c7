package notify

import (
	"errors"
	"time"

	"github.com/emersion/go-smtp"
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
)

// Reasons lists the bounded set.
var Reasons = []string{
	ReasonRecipient, ReasonBlocked, ReasonMailboxFull, ReasonContent, ReasonSender,
	ReasonConfig, ReasonRateLimited, ReasonTransient, ReasonUnknown, ReasonRender,
}

type class int

const (
	transient class = iota // surely not sent; another try may help
	permanent              // surely not sent, and no other try will help
	unknown                // it may have been sent
)

// failure is why a provider did not take a message. err holds a code or a
// network error, never a text of the provider.
type failure struct {
	reason string
	class  class
	pause  time.Duration // before the next try, 0 when the provider did not say
	err    error
}

func (f *failure) Error() string { return f.reason + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

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

// Pauses after troubles that are the provider's and pass slowly.
const (
	pauseLimited = 30 * time.Second
	pauseConfig  = time.Minute
	pauseFull    = 15 * time.Minute
)

// smtpFailure reads the reply, or its absence. Codes are those of RFC 5321,
// enhanced ones of RFC 3463 and RFC 5248.
func smtpFailure(p phase, err error) *failure {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		if p == phaseDot {
			return &failure{reason: ReasonUnknown, class: unknown, err: errors.New("no reply after the final dot")}
		}
		return &failure{reason: ReasonTransient, err: errors.New("the connection to the SMTP server failed")}
	}
	f := &failure{err: codeError{reply.Code, reply.EnhancedCode}}
	subject, detail := reply.EnhancedCode[1], reply.EnhancedCode[2]
	switch {
	case p <= phaseAuth && reply.Code >= 500, reply.Code == 530, reply.Code == 534, reply.Code == 535, reply.Code == 538:
		f.reason, f.pause = ReasonConfig, pauseConfig
	case subject == 2 && detail == 2:
		f.reason, f.pause = ReasonMailboxFull, pauseFull
	case reply.Code == 421, reply.Code < 500 && subject == 7:
		f.reason, f.pause = ReasonRateLimited, pauseLimited
	case reply.Code < 500:
		f.reason = ReasonTransient
	case p == phaseMail:
		f.reason, f.pause = ReasonSender, pauseConfig
	case p == phaseRcpt && subject == 7:
		f.reason, f.class = ReasonContent, permanent
	case p == phaseRcpt:
		f.reason, f.class = ReasonRecipient, permanent
	case subject == 1:
		f.reason, f.class = ReasonRecipient, permanent
	default:
		f.reason, f.class = ReasonContent, permanent
	}
	return f
}

type codeError struct {
	code     int
	enhanced smtp.EnhancedCode
}

func (e codeError) Error() string {
	if e.enhanced[0] <= 0 {
		return "SMTP " + itoa(e.code)
	}
	return "SMTP " + itoa(e.code) + " " + itoa(e.enhanced[0]) + "." + itoa(e.enhanced[1]) + "." + itoa(e.enhanced[2])
}
