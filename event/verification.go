package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxUndoWindow is the longest time for which a decision may be held back.
const MaxUndoWindow = time.Hour

// MaxReason is the longest reason of a decision in bytes; the rest is cut.
const MaxReason = 1000

// Verification is an event of VERIFICATIONS as the bridge hands it to the
// workflow: what the sender said, and what JetStream knows about it.
type Verification struct {
	Identity
	UserID   string    `json:"user_id"`
	Verb     string    `json:"verb"`
	Reason   string    `json:"reason,omitempty"`
	Actor    string    `json:"actor,omitempty"`    // as the sender named it; may be personal
	Channels []string  `json:"channels,omitempty"` // of resend; none means those that were not reached
	Undoes   string    `json:"undoes,omitempty"`   // of undone: the id of the console's decision that is taken back
	Stored   time.Time `json:"stored"`             // JetStream's clock
	Seq      uint64    `json:"seq"`                // in VERIFICATIONS
	Since    time.Time `json:"since,omitzero"`     // when that stream was made
	Trace    string    `json:"trace,omitempty"`    // W3C traceparent

	// Effective is when a decision of the console takes effect; until then it can be
	// undone, and what takes effect earlier goes first. Zero: at once.
	Effective time.Time `json:"effective,omitzero"`

	// Of which generation the user had to be for a decision to count that was made about
	// many at once; 0: of any.
	OfGeneration int `json:"of_generation,omitempty"`

	// Instead is the message, by its SendKey, that a resend is to take the place of; "":
	// of none. It counts only while that is the latest on its channel and has not
	// reached the person, so several orders about one message send one more.
	Instead string `json:"instead,omitempty"`

	// Checked says that the bridge's list of verifiers, which may be newer than the
	// run's, lets the source decide about this user.
	Checked bool `json:"checked,omitempty"`

	// Replay names the message when it is a dead letter that was sent again. Temporal
	// forgets a request that it knows, so a run that refused the event once would
	// never see it again; that it has one effect is then up to the run.
	Replay string `json:"replay,omitempty"`
}

// Place is where the event stands in VERIFICATIONS.
func (v Verification) Place() Place { return Place{v.Seq, v.Stored, v.Since} }

// Request is the identity under which the event is given to a run.
func (v Verification) Request() Identity {
	if v.Replay == "" {
		return v.Identity
	}
	return Identity{v.Source, v.ID + " " + v.Replay}
}

// VerificationBody is what a sender writes: the user by id, or by the address of
// a record that had no id.
type VerificationBody struct {
	UserID string `json:"user_id,omitempty"`
	Email  string `json:"email,omitempty"`
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"`

	// Of resend: email, sms. None means those that were not reached, or all when
	// all were.
	Channels []string `json:"channels,omitempty"`

	// Of a decision, from the console only: it takes effect so many seconds after it
	// was stored. At most MaxUndoWindow.
	EffectiveAfter int `json:"effective_after,omitempty"`

	// Of a decision, from the console only: it is late for a user whose generation is
	// another one, who was reopened since the decision was made. 0: of any.
	OfGeneration int `json:"of_generation,omitempty"`

	// Of resend, from the console only: the SendKey of the message that did not arrive.
	// Unless that is still so, the order has no effect.
	Instead string `json:"instead,omitempty"`

	// Of undone, from the console only: the id of the decision that is taken back.
	Undoes string `json:"undoes,omitempty"`
}

// ParseVerificationBody reads and checks the body of a verification. Errors wrap
// ErrMalformed and name no value of the body.
func ParseVerificationBody(data []byte) (VerificationBody, error) {
	var b VerificationBody
	wire := struct {
		*VerificationBody
		UserID textOrNumber `json:"user_id"` // in place of the body's
	}{VerificationBody: &b}
	if err := json.Unmarshal(data, &wire); err != nil {
		return b, wrongType(err, "the verification")
	}
	b.UserID = string(wire.UserID)
	if b.UserID == "" && b.Email == "" {
		return b, fmt.Errorf("%w: neither user_id nor email says who is meant", ErrMalformed)
	}
	if b.UserID != "" {
		if err := CheckUserID(b.UserID); err != nil {
			return b, fmt.Errorf("%w: user_id: %w", ErrMalformed, err)
		}
	}
	for _, c := range b.Channels {
		if c != ChannelEmail && c != ChannelSMS {
			return b, fmt.Errorf("%w: channels: each must be email or sms", ErrMalformed)
		}
	}
	if b.EffectiveAfter < 0 || time.Duration(b.EffectiveAfter)*time.Second > MaxUndoWindow {
		return b, fmt.Errorf("%w: effective_after must be a number of seconds from 0 to %d", ErrMalformed, int(MaxUndoWindow.Seconds()))
	}
	b.Reason = cut(b.Reason, MaxReason)
	b.Actor = cut(b.Actor, MaxUserID)
	return b, nil
}

// textOrNumber is an id as senders write it: text, or a whole number, which many
// systems have as their key. The number's digits are the text; some encoders put a
// .0 behind them.
type textOrNumber string

func (t *textOrNumber) UnmarshalJSON(b []byte) error {
	digits, fraction, _ := strings.Cut(string(b), ".")
	if digits != "" && strings.Trim(digits, "0123456789") == "" && strings.Trim(fraction, "0") == "" {
		*t = textOrNumber(digits)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// wrongType names the field of a body that has the wrong type, and no value. The
// error wraps ErrMalformed.
func wrongType(err error, what string) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return fmt.Errorf("%w: %s is not JSON", ErrMalformed, what)
	}
	kind, _, _ := strings.Cut(mismatch.Value, " ") // a number comes with its value
	if mismatch.Field == "" {
		return fmt.Errorf("%w: %s must be an object, got %s", ErrMalformed, what, kind)
	}
	wanted := "text"
	switch mismatch.Type.Kind() {
	case reflect.Slice:
		wanted = "a list"
	case reflect.Map, reflect.Struct:
		wanted = "an object"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		wanted = "a whole number"
	}
	return fmt.Errorf("%w: %s must be %s, got %s", ErrMalformed, mismatch.Field, wanted, kind)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// ParseVerificationSubject splits verifications.v1.<source>.<verb>. Errors wrap
// ErrMalformed.
func ParseVerificationSubject(subject string) (source, verb string, err error) {
	t := strings.Split(subject, ".")
	if len(t) != 4 || t[0] != "verifications" || t[1] != "v1" {
		return "", "", fmt.Errorf("%w: the subject is not verifications.v1.<source>.<verb>", ErrMalformed)
	}
	if err := CheckSource(t[2]); err != nil {
		return "", "", fmt.Errorf("%w: subject: the source may have lower-case letters, digits and - only", ErrMalformed)
	}
	switch t[3] {
	case VerbApproved, VerbRejected, VerbWithdrawn, VerbReopened, VerbResend, VerbUndone:
		return t[2], t[3], nil
	}
	return "", "", fmt.Errorf("%w: subject: the verb must be approved, rejected, withdrawn, reopened, resend or undone", ErrMalformed)
}

// Order tells whether only operators may say this, about an onboarding that may
// be over.
func (v Verification) Order() bool {
	return v.Verb == VerbWithdrawn || v.Verb == VerbReopened || v.Verb == VerbResend
}

// Decline is the order as PEOPLE remembers it when it is answered and has no effect.
func (v Verification) Decline(effect Effect, generation int) Order {
	return Order{Identity: v.Identity, Place: v.Place(), Declined: effect, Generation: generation, Verb: v.Verb}
}

// When is when a decision takes effect.
func (v Verification) When() time.Time {
	if v.Effective.After(v.Stored) {
		return v.Effective
	}
	return v.Stored
}

// By names who decided as it may stand in facts: the source, and the actor when
// its name has the form of a user id (an address or a full name is left out).
func (v Verification) By() string {
	if v.Actor == "" || CheckUserID(v.Actor) != nil {
		return v.Source
	}
	return v.Source + ":" + v.Actor
}
