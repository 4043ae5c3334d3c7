package event

import "slices"

// What PEOPLE remembers of orders and decisions, and what it says of them, so that
// each is answered once: by the same answer each time, however late it comes again.

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

// Heed does what a note says. That a run has answered the opener is noted before its
// end, too: the last message may write an end that was made before the opener came.
func (p *Person) Heed(generation int, n Note) error {
	unseen := p.Opener == OpenerUnseen || p.Opener == OpenerBegan && n.Opener == OpenerAnswered
	if (n.Opener == OpenerAnswered || n.Opener == OpenerLate) && p.Generation == generation && unseen {
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
// order, and the record that opened the first generation. Only the run that wrote the
// end knows whether it answered a record that came after it; of those records only the
// one that opened the first generation still needs an answer. A message that the ledger
// has as taken did not fail, and one that it has as handed over may have gone out.
func (p *Person) Heeded(f Fact) (out Fact, told bool) {
	n := f.Note
	if f.Note = nil; n == nil {
		return f, true
	}
	switch s := p.Sends[n.Send]; {
	case n.Send == "":
	case s.Taken(): // and only the step could not say so
		f.Kind, f.Reason, f.At, f.Provider, f.Copies = FactSent, "", s.At, s.Provider, s.Copies
	case s.State == SendUnknown || s.State == SendSubmitting: // its time ran out behind a try without an answer
		f.Reason = ReasonUnknown
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
