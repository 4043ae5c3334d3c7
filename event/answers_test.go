package event

import (
	"errors"
	"testing"
)

// ended is a person whose onboarding has ended by a decision at place 5.
func ended(status Status) *Person {
	p := NewPerson(SourceInbox, Opened{Identity: Identity{SourceInbox, "r1"}, Seq: 1, Stored: at(1).Stored})
	p.Status, p.N = status, 2
	p.Decided = &Decided{Identity: Identity{"crm", "v1"}, Verb: VerbApproved, Seq: 5, At: at(5).Stored}
	return &p
}

// An order that was answered has no effect later, whatever there is to do then.
func TestAnOrderThatWasDeclined(t *testing.T) {
	p := ended(StatusWelcomed)
	resend := order(VerbResend, 10)
	if err := p.Decline(resend.Decline(EffectUnchanged, 1)); err != nil {
		t.Fatal(err)
	}
	if err := p.TakeOrder(resend); !errors.Is(err, RefusedKnown) {
		t.Errorf("taken after all: %v", err)
	}
	if o, _ := p.Remembered(resend.Identity); o.Declined != EffectUnchanged || o.Generation != 1 {
		t.Errorf("it is remembered as %+v", o)
	}
	if err := p.Decline(resend.Decline(EffectLate, 1)); !errors.Is(err, RefusedKnown) {
		t.Errorf("answered in another way: %v", err)
	}

	// One that PEOPLE took may find nothing to do after all, and stays answered when it
	// is given up.
	taken := order(VerbResend, 11)
	if err := errors.Join(p.TakeOrder(taken), p.Decline(taken.Decline(EffectUnchanged, 1)), p.DropOrder(taken.Identity)); err != nil {
		t.Fatal(err)
	}
	if o, _ := p.Remembered(taken.Identity); o.Declined != EffectUnchanged {
		t.Errorf("it is remembered as %+v", o)
	}

	// A withdrawal that found nothing to stop is the last word all the same.
	p = ended(StatusRejected)
	if err := p.Decline(order(VerbWithdrawn, 20).Decline(EffectLate, 1)); err != nil {
		t.Fatal(err)
	}
	if err := p.Reopen(order(VerbReopened, 19)); !errors.Is(err, RefusedLate) {
		t.Errorf("reopened: %v", err)
	}
	if err := p.Reopen(order(VerbReopened, 21)); err != nil {
		t.Error(err)
	}
	if !p.Known(Identity{"crm", "v1"}) {
		t.Error("the decision of the first generation is forgotten")
	}
}

// What was forgotten stays forgotten when others are given up. A regression of issue
// 14: then there was room again, and a resend of long ago was done again.
func TestOrdersThatWereForgotten(t *testing.T) {
	p := ended(StatusWelcomed)
	for seq := range uint64(MaxOrders + 1) {
		if err := p.Decline(order(VerbResend, 10+seq).Decline(EffectUnchanged, 1)); err != nil {
			t.Fatal(err)
		}
	}
	last := order(VerbResend, 99)
	if err := errors.Join(p.TakeOrder(last), p.DropOrder(last.Identity)); err != nil {
		t.Fatal(err)
	}
	if len(p.Orders) != MaxOrders-1 {
		t.Fatalf("PEOPLE remembers %d orders", len(p.Orders))
	}
	for seq, wants := range map[uint64]error{10: RefusedLate, 11: RefusedLate, 12: RefusedKnown, 98: nil} {
		now := *p
		if err := now.TakeOrder(order(VerbResend, seq)); !errors.Is(err, wants) {
			t.Errorf("the resend at %d: got %v, want %v", seq, err, wants)
		}
	}
	if err := p.Reopen(order(VerbReopened, 11)); !errors.Is(err, RefusedLate) {
		t.Errorf("a reopening from before one that is forgotten: %v", err)
	}
}

// A fact with a note is told as PEOPLE knows it.
func TestFactsThatPeopleKnowBetter(t *testing.T) {
	p := ended(StatusWelcomed)
	key := SendKey(1, PurposeWelcome, ChannelEmail, 1)
	p.Sends = map[string]Send{key: {State: SendAccepted, Provider: "smtp", At: at(6).Stored}}
	done, late := order(VerbResend, 10), order(VerbResend, 11)
	p.Orders = []Order{{Identity: done.Identity, Place: done.Place()}, late.Decline(EffectLate, 1)}
	decline := func(v Verification) *Note { o := v.Decline(EffectUnchanged, 1); return &Note{Declined: &o} }
	opener := func(n Note) Fact {
		return Fact{Kind: FactUnchanged, Generation: 1, EventSource: SourceInbox, EventID: "r1", Effect: EffectUnchanged, Note: &n}
	}
	for name, tc := range map[string]struct {
		f      Fact
		opener Opener
		kind   string
		told   bool
	}{
		"without a note":                     {Fact{Kind: FactSent}, OpenerBegan, FactSent, true},
		"an order that was done":             {Fact{Kind: FactUnchanged, Note: decline(done)}, OpenerBegan, FactDuplicate, true},
		"an order that was late":             {Fact{Kind: FactUnchanged, Note: decline(late)}, OpenerBegan, FactLate, true},
		"a message that is out":              {Fact{Kind: FactFailed, Note: &Note{Send: key}}, OpenerBegan, FactSent, true},
		"a message that is not":              {Fact{Kind: FactFailed, Note: &Note{Send: "1.welcome.sms.1"}}, OpenerBegan, FactFailed, true},
		"the opener, seen at last":           {opener(Note{Opener: OpenerAnswered}), OpenerAnswered, FactUnchanged, true},
		"the opener, answered by the bridge": {opener(Note{Opener: OpenerAnswered}), OpenerLate, FactLate, true},
		"the opener after the end":           {opener(Note{Over: true}), OpenerUnseen, FactLate, true},
		"an answered opener after the end":   {opener(Note{Over: true}), OpenerAnswered, "", false},
		"another record after the end":       {Fact{Kind: FactLate, Generation: 1, EventID: "r2", Note: &Note{Over: true}}, OpenerUnseen, "", false},
	} {
		p.Opener = tc.opener
		f, told := p.Heeded(tc.f)
		if told != tc.told || told && (f.Kind != tc.kind || f.Note != nil) {
			t.Errorf("%s: told %v as %+v", name, told, f)
		}
	}
}

// What was not handed over, or was put off, says nothing about an earlier attempt of
// which the outcome is not known, and counts as no copy of it.
func TestAnAnswerSaysNothingAboutAnEarlierAttempt(t *testing.T) {
	free := Answer{Token: "second", At: at(6).Stored}
	for name, tc := range map[string]struct {
		copies int
		state  SendState
		left   int
	}{
		"the first attempt":             {0, "", 0},
		"one after an unknown outcome":  {1, SendUnknown, 0},
		"one after several without any": {3, SendUnknown, 2},
	} {
		s := Send{State: SendSubmitting, Token: "second", Copies: tc.copies}
		for range 2 { // it may be brought twice
			if s.Settle(free); s.State != tc.state || s.Copies != tc.left || s.Token != "" || (s.Reason == ReasonUnknown) != (tc.state == SendUnknown) {
				t.Errorf("%s: %q with %d copies, of %q", name, s.State, s.Copies, s.Token)
			}
		}
	}
}
