package event

import (
	"reflect"
	"slices"
)

// The verbs are all that a person goes through. PEOPLE stores what they make of
// a record, by compare-and-set, and nothing else writes one: a test looks. Each
// checks what must hold before, and either changes the record or returns a
// Refusal and leaves it as it is. Check says what holds between them.

// Refusal is why a verb leaves a person as it is.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// The refusals.
const (
	RefusedForgotten  Refusal = "the person was forgotten"
	RefusedGeneration Refusal = "the person is in another generation"
	RefusedOpen       Refusal = "the onboarding is not over"
	RefusedOver       Refusal = "the onboarding is over"
	RefusedOrder      Refusal = "another order is being carried out"
	RefusedKnown      Refusal = "the order had its effect before"
	RefusedLate       Refusal = "a later event came first"
	RefusedNothing    Refusal = "there is nothing that could be done about it"
	RefusedTaken      Refusal = "the provider has taken the message"
)

// NewPerson is the record of a user whom an inbox brings for the first time, by
// the event that opens the first generation.
func NewPerson(source string, opened Opened) Person {
	return Person{Source: source, Generation: 1, Status: StatusWaiting, Opened: opened, Record: opened.Seq}
}

// RecordPlace is where the record stands whose data count.
func (p *Person) RecordPlace() Place {
	at := Place{Seq: p.Record, Stored: p.RecordAt}
	if at.Stored.IsZero() && p.Generation == 1 && p.Opened.Seq == p.Record {
		at.Stored = p.Opened.Stored
	}
	return at
}

// KeepRecord notes which record of USERS holds the data of a generation. One that
// is older than the one known is RefusedLate.
func (p *Person) KeepRecord(generation int, at Place) error {
	switch {
	case p.Forgotten:
		return RefusedForgotten
	case p.Generation != generation:
		return RefusedGeneration
	case at.Seq == 0 || p.Record > 0 && p.RecordPlace().After(at):
		return RefusedLate
	case at.Seq != p.Record:
		p.Record, p.RecordAt = at.Seq, at.Stored
	}
	return nil
}

// Reopen begins the next generation of a person whose onboarding is over. A
// reopening that was said before a decision that counted is RefusedLate: it had
// nothing to reopen, or a withdrawal was the last word; and the next generation
// would take that decision for its own when it comes again. The same holds before a
// withdrawal that found nothing to stop. An order that is being carried out goes
// first.
func (p *Person) Reopen(v Verification) error {
	switch {
	case p.Did(v.Identity):
		return RefusedKnown
	case !p.Status.Final():
		return RefusedOpen
	case p.Overtaken(v) || p.Decided.Latest().After(v.Place()) || p.withdrawnAfter(v.Place()):
		return RefusedLate
	case p.Order != nil:
		return RefusedOrder
	}
	p.RecordAt = p.RecordPlace().Stored // the first generation told it
	p.rememberDecisions()
	p.Generation++
	p.Status, p.Decided, p.N, p.Opener, p.Forgotten = StatusWaiting, nil, 0, OpenerBegan, false
	p.Opened = Opened{Identity: v.Identity, Seq: v.Seq, Stored: v.Stored, Since: v.Since}
	p.remember(Order{Identity: v.Identity, Place: v.Place()})
	return nil
}

// TakeOrder takes an order about a person whose onboarding is over, before its
// effect: from here on it is carried out, and no other one is taken until it was.
// The same order again is no refusal.
func (p *Person) TakeOrder(v Verification) error {
	switch {
	case p.Order != nil && p.Order.Identity == v.Identity:
		return nil
	case p.Did(v.Identity):
		return RefusedKnown
	case !p.Status.Final():
		return RefusedOpen
	case p.Overtaken(v):
		return RefusedLate
	case !p.Stands():
		return RefusedNothing
	case v.Verb == VerbResend && p.Account != nil && !p.Account.Active:
		return RefusedNothing // no one is welcomed to an account that was taken back
	case p.Order != nil:
		return RefusedOrder
	case v.Instead != "" && p.Missed(v.Instead) == MissedNot:
		return RefusedNothing // it has arrived, or another one was sent
	}
	p.Order = &Outstanding{Identity: v.Identity, Place: v.Place(), Verb: v.Verb, Channels: v.Channels, Instead: v.Instead, Sent: p.Welcomes()}
	if CheckUserID(v.Actor) == nil { // an address or a full name is left out, as in By
		p.Order.Actor = v.Actor
	}
	p.remember(Order{Identity: v.Identity, Place: v.Place()})
	return nil
}

// Stands tells whether the onboarding has ended in a way that an order may still
// change: messages went out, or an account was made. Of the forgotten, nothing is
// left to change.
func (p *Person) Stands() bool {
	return !p.Forgotten && (p.Status == StatusWelcomed || p.Status == StatusPartlyWelcomed || p.Status == StatusUnreached)
}

// RestartOrder notes that the order's run was ended from outside, so that it gets
// another one.
func (p *Person) RestartOrder(id Identity, ended string) error {
	if p.Order == nil || p.Order.Identity != id {
		return RefusedKnown
	}
	again := *p.Order
	again.After = ended
	p.Order = &again
	return nil
}

// DropOrder gives up an order that cannot be carried out, or was given to another
// run, so that it does not stand in the way of others. Said once more, it is taken
// like a new one, unless a run has answered it meanwhile.
func (p *Person) DropOrder(id Identity) error {
	if p.Order == nil || p.Order.Identity != id {
		return RefusedKnown
	}
	p.Order = nil
	p.Orders = slices.DeleteFunc(slices.Clone(p.Orders), func(o Order) bool { return o.Identity == id && o.Declined == "" })
	return nil
}

// Ended is how a generation ended, or what came of an order after the end.
type Ended struct {
	Generation int
	Status     Status
	Decided    *Decided
	N          int       // of the last fact
	Record     Place     // of the data that count, when they are others than at the start
	Opener     Opener    // of a first generation
	Orders     []Order   // that took effect
	Order      *Identity // that the run was started for
}

// End writes an end. It may be written again, and by a step that was thought
// dead, so one that is older than the end that is known is RefusedLate, and an
// order that the run did not carry out stays.
func (p *Person) End(e Ended) error {
	switch {
	case p.Forgotten:
		return RefusedForgotten
	case p.Generation != e.Generation:
		return RefusedGeneration
	case !e.Status.Final():
		return RefusedOpen
	case e.N < p.N:
		return RefusedLate
	}
	p.Status, p.Decided, p.N, p.Trouble = e.Status, e.Decided, e.N, nil
	_ = p.KeepRecord(e.Generation, e.Record) // a newer one stays
	// The run of an order does not know the opener, and what was answered stays.
	if e.Opener != OpenerBegan && p.Opener != OpenerAnswered && p.Opener != OpenerLate {
		p.Opener = e.Opener
	}
	for _, o := range e.Orders {
		p.remember(o)
	}
	if o := p.Order; o != nil {
		did := func(d Order) bool { return d.Identity == o.Identity }
		if e.Order != nil && *e.Order == o.Identity || slices.ContainsFunc(e.Orders, did) {
			p.Order = nil
		}
	}
	return nil
}

// Activated notes the account that a generation made. An account that usher made
// once stays usher's. A step that was thought dead may say so after the end.
func (p *Person) Activated(generation int, made Account) error {
	switch {
	case p.Forgotten:
		return RefusedForgotten
	case p.Generation != generation:
		return RefusedGeneration
	case p.Status.Final():
		return RefusedOver
	}
	if was := p.Account; was != nil && was.Target == made.Target && was.Ref == made.Ref {
		made.Created = made.Created || was.Created
	}
	made.Active = true
	p.Account, p.Trouble = &made, nil
	return nil
}

// Deactivated notes that a generation's account was taken back.
func (p *Person) Deactivated(generation int) error {
	switch {
	case p.Generation != generation:
		return RefusedGeneration
	case p.Account == nil:
		return RefusedNothing
	}
	made := *p.Account
	made.Active = false
	p.Account = &made
	return nil
}

// ChangeSend changes the ledger's entry of one message; change gets the zero Send
// when there is none, and its error is returned as it is, with what it made. What
// the provider has taken stays taken.
func (p *Person) ChangeSend(key string, change func(*Send) error) (Send, error) {
	was := p.Sends[key]
	s := was
	if err := change(&s); err != nil {
		return s, err
	}
	switch {
	case was.Taken() && !s.Taken():
		return was, RefusedTaken
	case reflect.ValueOf(s).IsZero():
		return s, nil
	case p.Forgotten:
		return was, RefusedForgotten
	case p.Sends == nil:
		p.Sends = map[string]Send{}
	}
	p.Sends[key] = s
	return s, nil
}

// Forget leaves a tombstone, which keeps a later list from beginning anew.
func (p *Person) Forget() error {
	switch {
	case !p.Status.Final():
		return RefusedOpen
	case p.Order != nil:
		return RefusedOrder
	}
	*p = Person{Source: p.Source, Generation: p.Generation, Status: p.Status, Orders: p.Orders, Forgot: p.Forgot, Forgotten: true}
	return nil
}
