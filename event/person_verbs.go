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

// Remembered is the order of that name, as far as PEOPLE remembers it.
func (p *Person) Remembered(id Identity) (Order, bool) {
	i := slices.IndexFunc(p.Orders, func(o Order) bool { return o.Identity == id })
	if i < 0 {
		return Order{}, false
	}
	return p.Orders[i], true
}

// Did tells whether the order is one that PEOPLE remembers.
func (p *Person) Did(id Identity) bool {
	_, did := p.Remembered(id)
	return did
}

// Known tells whether the event is one of those that had their effect, as far as
// PEOPLE remembers them.
func (p *Person) Known(id Identity) bool {
	return p.Did(id) || p.Opened.Identity == id || p.Decided.Counted(id)
}

// Overtaken tells whether an order that PEOPLE does not remember comes too late.
// It was said about an earlier generation; or it is no later than one that PEOPLE
// remembers no more, so it may have been answered long ago. A withdrawal that was
// answered can be seen, so of withdrawals only the former counts.
func (p *Person) Overtaken(v Verification) bool {
	forgot := p.forgot()
	return p.Generation > 1 && !v.Place().After(p.Opened.Place()) ||
		v.Verb != VerbWithdrawn && forgot != (Place{}) && !v.Place().After(forgot)
}

// forgot is Forgot. An earlier usher did not note it, so as many orders as fit may
// be all that it remembered of more.
func (p *Person) forgot() Place {
	if p.Forgot == (Place{}) && len(p.Orders) == MaxOrders {
		return p.Orders[0].Place
	}
	return p.Forgot
}

// Decline notes that an order is answered and has no effect, before the answer is
// told: then the same event has none later, when there is something that it could
// do. One that was answered stays as it was; one that was only taken finds nothing to
// do after all.
func (p *Person) Decline(o Order) error {
	was, known := p.Remembered(o.Identity)
	switch taken := p.Order != nil && p.Order.Identity == o.Identity; {
	case known && (was.Declined != "" || !taken):
		return RefusedKnown
	case known:
		p.Orders = slices.DeleteFunc(slices.Clone(p.Orders), func(r Order) bool { return r.Identity == o.Identity })
	}
	p.remember(o)
	return nil
}

// Heed does what a note says.
func (p *Person) Heed(generation int, n Note) error {
	if (n.Opener == OpenerAnswered || n.Opener == OpenerLate) && p.Generation == generation && p.Opener == OpenerUnseen {
		p.Opener = n.Opener
	}
	if n.Declined != nil {
		return p.Decline(*n.Declined)
	}
	return nil
}

// Heeded is a fact with a note as it is told once PEOPLE has the note; told is false
// when it is not.
//
// What the bridge has answered meanwhile, by PEOPLE, is answered as it was then: an
// order, and the record that opened the first generation. Of a record that came after the end no run
// but the one that wrote the end knows whether it was answered, and none needs an
// answer any more, but for that one. A message that the ledger has as taken did not
// fail.
func (p *Person) Heeded(f Fact) (out Fact, told bool) {
	n := f.Note
	if f.Note = nil; n == nil {
		return f, true
	}
	if s := p.Sends[n.Send]; n.Send != "" && s.Taken() { // and only the step could not say so
		f.Kind, f.Reason, f.At, f.Provider, f.Copies = FactSent, "", s.At, s.Provider, s.Copies
	}
	late := (p.Opener == OpenerUnseen || p.Opener == OpenerLate) && p.Generation == f.Generation && p.Opened.Identity == Identity{f.EventSource, f.EventID}
	if late {
		f.Kind, f.Effect = FactLate, EffectLate
	}
	if n.Over {
		return f, late
	}
	if n.Declined != nil {
		switch o, known := p.Remembered(n.Declined.Identity); {
		case known && o.Declined == "":
			f.Effect = EffectDuplicate
		case known:
			f.Effect, f.Generation = o.Declined, o.Generation
		}
		f.Kind = string(f.Effect)
	}
	return f, true
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

// withdrawnAfter tells whether a withdrawal is remembered that was said later.
func (p *Person) withdrawnAfter(at Place) bool {
	return slices.ContainsFunc(p.Orders, func(o Order) bool { return o.Verb == VerbWithdrawn && o.Place.After(at) })
}

// rememberDecisions keeps the names of the decisions that counted beyond their
// generation, so that they are duplicates when they come again.
func (p *Person) rememberDecisions() {
	d := p.Decided
	if d == nil {
		return
	}
	own := Place{Seq: d.Seq, Stored: d.At}
	if d.Source != SourceTemporal { // that one stands in no stream
		p.remember(Order{Identity: d.Identity, Place: own})
	}
	if d.Before == (Identity{}) {
		return
	}
	before := own // at the latest
	if d.Later != (Place{}) {
		before = d.Later
	}
	p.remember(Order{Identity: d.Before, Place: before})
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
	}
	p.Order = &Outstanding{Identity: v.Identity, Place: v.Place(), Verb: v.Verb, Channels: v.Channels, Sent: p.Welcomes()}
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

// remember adds an order that takes effect, in the order in which they were said.
func (p *Person) remember(o Order) {
	if p.Did(o.Identity) {
		return
	}
	i := len(p.Orders)
	for i > 0 && p.Orders[i-1].Place.After(o.Place) {
		i--
	}
	p.Forgot = p.forgot()
	p.Orders = slices.Insert(slices.Clone(p.Orders), i, o)
	for ; len(p.Orders) > MaxOrders; p.Orders = p.Orders[1:] {
		if at := p.Orders[0].Place; at.After(p.Forgot) {
			p.Forgot = at
		}
	}
}
