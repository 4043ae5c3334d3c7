package event

import (
	"fmt"
	"time"
)

// Trouble is why a decided user's account is not usable yet. It is told until the
// account is, or the onboarding ends in another way.
type Trouble struct {
	Target string    `json:"target"` // the kind of target, such as "scim"
	Reason string    `json:"reason"` // one of AccountReasons
	Tries  int       `json:"tries"`  // so far
	At     time.Time `json:"at"`     // of the last one
	Next   time.Time `json:"next,omitzero"`
}

// AccountReasons says what each reason means that a target has for not making an
// account usable, and what to do. docs/accounts.md says what follows from each.
var AccountReasons = []struct{ Name, Meaning, Do string }{
	{"name_taken", "another account has the user's name", "Rename that account in the account service, or give it the user id; it is tried again by itself."},
	{"ambiguous", "several accounts carry the user id", "Leave one account with this user id; it is tried again by itself."},
	{"rejected", "the account service refuses the user's data", "Correct the user's row, and drop the list again."},
	{"config", "the account service cannot be used as it is configured", "Mend the worker's settings for the account service, or its rights there; it is tried again by itself."},
	{"rate_limited", "the account service asks for fewer requests", "Wait: it is tried again by itself."},
	{"transient", "the account service is away or asks to try later", "Wait: it is tried again by itself. When it lasts, look whether the account service is up."},
}

// Says is the trouble in words, without the times.
func (t Trouble) Says() string {
	why := t.Reason
	for _, r := range AccountReasons {
		if r.Name == t.Reason {
			why = r.Meaning
		}
	}
	return fmt.Sprintf("not usable yet: %s (%s), try %d", why, t.Reason, t.Tries)
}

// Timeline is the trouble as a line of text.
func (t *Trouble) Timeline() string {
	if t == nil {
		return ""
	}
	s := fmt.Sprintf("  account: %s at %s", t.Says(), t.At.Local().Format(time.DateTime))
	if !t.Next.IsZero() {
		s += ", next try " + t.Next.Local().Format(time.TimeOnly)
	}
	return s + "\n"
}

// AccountFailed notes a try to make the account usable that did not. It moves
// nothing, so one that comes after the end, or after a success, is RefusedOver.
func (p *Person) AccountFailed(generation int, t Trouble) error {
	switch {
	case p.Forgotten:
		return RefusedForgotten
	case p.Generation != generation:
		return RefusedGeneration
	case p.Status.Final():
		return RefusedOver
	case p.Trouble != nil && p.Trouble.At.After(t.At):
		return RefusedLate
	}
	p.Trouble = &t
	return nil
}
