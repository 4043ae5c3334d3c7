package event

import (
	"errors"
	"testing"
	"time"
)

// Which messages can be sent again: the latest of its channel, which did not arrive as far
// as is known, to a person for whom that makes sense.
func TestMissed(t *testing.T) {
	key := func(generation, ordinal int) string {
		return SendKey(generation, PurposeWelcome, ChannelEmail, ordinal)
	}
	of := func(states ...SendState) map[string]Send {
		out := map[string]Send{}
		for i, s := range states {
			out[key(2, i+1)] = Send{State: s, Date: time.Unix(1, 0)}
		}
		return out
	}
	for name, tc := range map[string]struct {
		p    Person
		key  string
		want Miss
	}{
		"failed":                    {Person{Status: StatusUnreached, Sends: of(SendFailed)}, key(2, 1), MissedFailed},
		"bounced":                   {Person{Status: StatusWelcomed, Sends: of(SendBounced)}, key(2, 1), MissedFailed},
		"its time ran out":          {Person{Status: StatusPartlyWelcomed, Sends: of("")}, key(2, 1), MissedFailed},
		"no answer":                 {Person{Status: StatusUnreached, Sends: of(SendUnknown)}, key(2, 1), MissedUnknown},
		"its worker died":           {Person{Status: StatusUnreached, Sends: of(SendSubmitting)}, key(2, 1), MissedUnknown},
		"being handed over":         {Person{Status: StatusUnreached, Order: &Outstanding{}, Sends: of(SendFailed, SendSubmitting)}, key(2, 2), MissedNot},
		"accepted":                  {Person{Status: StatusWelcomed, Sends: of(SendAccepted)}, key(2, 1), MissedNot},
		"delivered":                 {Person{Status: StatusUnreached, Sends: of(SendDelivered)}, key(2, 1), MissedNot},
		"another one was sent":      {Person{Status: StatusUnreached, Sends: of(SendFailed, SendAccepted)}, key(2, 1), MissedNot},
		"another one failed, too":   {Person{Status: StatusUnreached, Sends: of(SendFailed, SendFailed)}, key(2, 1), MissedNot},
		"the latest of them":        {Person{Status: StatusUnreached, Sends: of(SendFailed, SendFailed)}, key(2, 2), MissedFailed},
		"of a generation past":      {Person{Status: StatusUnreached, Sends: of(SendFailed)}, key(1, 1), MissedNot},
		"there was none":            {Person{Status: StatusUnreached}, key(2, 1), MissedNot},
		"no key":                    {Person{Status: StatusUnreached, Sends: of(SendFailed)}, "x", MissedNot},
		"withdrawn":                 {Person{Status: StatusWithdrawn, Sends: of(SendFailed)}, key(2, 1), MissedNot},
		"not over":                  {Person{Status: StatusActive, Sends: of(SendFailed)}, key(2, 1), MissedNot},
		"forgotten":                 {Person{Status: StatusUnreached, Forgotten: true, Sends: of(SendFailed)}, key(2, 1), MissedNot},
		"the account is taken back": {Person{Status: StatusUnreached, Account: &Account{}, Sends: of(SendFailed)}, key(2, 1), MissedNot},
	} {
		tc.p.Generation = 2
		if got := tc.p.Missed(tc.key); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	for key, want := range map[string]string{"1.welcome.sms.2": ChannelSMS, "1.rejected.email.1": "", "0.welcome.email.1": "", "1.welcome.fax.1": "", "01.welcome.email.1": "", "1.welcome.email": "", "": ""} {
		if got, ok := WelcomeOn(key); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v", key, got, ok)
		}
	}
}

// An order that names a message has its effect only while that did not arrive; so of
// two about one message one has.
func TestAnOrderInsteadOfAMessage(t *testing.T) {
	const failed = "1.welcome.email.1"
	order := func(id string, seq uint64) Verification {
		return Verification{Identity: Identity{SourceConsole, id}, Verb: VerbResend, Channels: []string{ChannelEmail}, Instead: failed, Stored: time.Unix(int64(seq), 0), Seq: seq}
	}
	p := NewPerson("hr", Opened{Seq: 1, Stored: time.Unix(1, 0)})
	p.Status, p.Sends = StatusUnreached, map[string]Send{failed: {State: SendUnknown}}
	if err := p.TakeOrder(order("a", 2)); err != nil || p.Order.Verification("u-1").Instead != failed {
		t.Fatalf("%v, %+v", err, p.Order)
	}
	if err := p.TakeOrder(order("b", 3)); !errors.Is(err, RefusedOrder) {
		t.Errorf("a second one meanwhile: %v", err)
	}
	p.Order = nil
	p.Sends["1.welcome.email.2"] = Send{State: SendAccepted}
	if err := p.TakeOrder(order("b", 3)); !errors.Is(err, RefusedNothing) || p.Order != nil {
		t.Errorf("a second one afterwards: %v", err)
	}
	delete(p.Sends, "1.welcome.email.2")
	p.Sends[failed] = Send{State: SendDelivered}
	if err := p.TakeOrder(order("c", 4)); !errors.Is(err, RefusedNothing) {
		t.Errorf("it has arrived meanwhile: %v", err)
	}
}

// A message that ran out of time behind a try without an answer may have gone out, which
// the fact about it says.
func TestAFailureThatMayHaveGoneOut(t *testing.T) {
	for state, want := range map[SendState]string{SendUnknown: ReasonUnknown, SendSubmitting: ReasonUnknown, SendFailed: ReasonExpired, "": ReasonExpired} {
		p := Person{Generation: 1, Sends: map[string]Send{"1.welcome.email.1": {State: state}}}
		f, told := p.Heeded(Fact{Kind: FactFailed, Generation: 1, Reason: ReasonExpired, Note: &Note{Send: "1.welcome.email.1"}})
		if !told || f.Kind != FactFailed || f.Reason != want {
			t.Errorf("%q: %+v", state, f)
		}
	}
}
