package notify

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-smtp"
)

// failure is why a provider did not take a message. err holds a code or a
// network error, never a text of the provider.
type failure struct {
	reason string
	class  class
	pause  time.Duration // before the next try, 0 when the provider did not say
	most   time.Duration // up to which pauses of the provider double, 0: pauseMost
	grows  bool          // then they grow with the trouble
	named  bool          // pause is the provider's own word
	blames bool          // the provider's trouble: every other message would meet it too
	soft   bool          // perhaps this message's alone after all: only several in a row blame the provider
	waits  bool          // for evidence, which costs the message no time
	away   bool          // no message can be at fault, because none was named yet
	closed bool          // the connection is of no more use
	ours   bool          // usher's own word: no provider was asked, or none needed to be
	err    error
}

func (f *failure) Error() string { return f.reason + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failureOf is a failure of a reason of the bounded set.
func failureOf(reason string, err error) *failure {
	e := effects[reason]
	return &failure{reason: reason, class: e.class, pause: e.pause, most: e.most, grows: e.grows, blames: e.blames, err: err}
}

func configFailure(text string) *failure {
	f := failureOf(ReasonConfig, errors.New(text))
	f.closed = true
	return f
}

// signInFailure is of one who signed in and was refused.
func signInFailure(text string) *failure {
	f := configFailure(text)
	f.pause, f.most, f.grows = pauseSignIn, pauseMost, false
	return f
}

// failure reads the reply, or its absence.
func (t *smtpTransport) failure(p phase, err error) *failure {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		t.Said.hear("%v", err)
		f := failureOf(ReasonTransient, errors.New("the connection to the SMTP server failed"))
		if p == phaseDot {
			f = failureOf(ReasonUnknown, errors.New("no reply after the final dot"))
		}
		f.closed, f.away = true, p <= phaseMail
		return f
	}
	code := codeError{reply.Code, reply.EnhancedCode}
	t.Said.hear("%s %s", code, reply.Message)
	w := smtpWord(p, reply.Code, reply.EnhancedCode, reply.Message)
	own := cmp.Or(t.Reasons[code.String()], t.Reasons[itoa(reply.Code)], t.Texts.in(reply.Message))
	f := failureOf(cmp.Or(own, w.reason), code)
	f.soft = w.some || own != "" && p == phaseRcpt || reply.Code == 421 && p >= phaseRcpt
	f.away = p <= phaseMail
	f.closed = reply.Code == 421 || p <= phaseAuth || w.anew
	if f.reason == ReasonConfig && p > phaseAuth {
		f.grows = false // nothing but the setting is wrong, so a probe does no harm
	}
	if f.reason == ReasonConfig && p == phaseAuth {
		f.pause, f.most, f.grows = pauseSignIn, pauseMost, false
	}
	if f.reason == ReasonDeferred {
		f.pause = askedPause(reply.Message)
		f.named = f.pause > 0
		if f.pause == 0 && reply.EnhancedCode[1] == 7 {
			f.pause = greylistPause
		}
	}
	return f
}

// greylistPause is how long a message waits whose server puts it off for its policy
// and names no time.
const greylistPause = 30 * time.Second

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
