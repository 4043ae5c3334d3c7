package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"usher/event"
)

// model stands for Temporal, the workers and JetStream, as far as one user goes, in
// memory. Its rules of request ids are those of the real server: a start is a
// success when the last run, open or closed, was started in that name; a signal is
// one when that run knows it, even when it has closed.
type model struct {
	person *event.Person
	users  map[uint64]event.User
	facts  []event.Fact
	dead   []event.DeadLetter
	last   *onboard // nil: Temporal knows none, or has forgotten it
	faults []string // of the model's own checks

	reached map[event.Identity]bool // events that some run was given
	lost    map[event.Identity]bool // in a run that was ended from outside before it wrote its end
	sends   map[string]string       // by ledger key: what asked for it
	welcome []event.User            // what was sent, in order
	over    map[event.Identity]bool // records that a run was given which carries out an order
	ended   int                     // runs that were ended from outside
	parked  []event.Identity        // what started a run that waits for its user
}

// onboard is a run: what the workflow does with what it is given, in the fewest
// words. It acts in steps, between which anything may happen.
type onboard struct {
	in       event.Onboarding
	name     string // request id of the start
	requests map[string]bool
	queue    []any // signals that it has not seen
	open     bool
	failed   bool

	arrived bool
	gen     int
	opened  event.Opened
	user    event.User
	record  event.Place
	moved   bool
	another bool // than the opener began the run
	untold  bool // it was started from PEOPLE
	looked  bool // what PEOPLE says
	over    bool // the generation was when it began
	order   *event.OrderStart
	status  event.Status
	decided *event.Decided
	n       int
	held    []event.Verification
	seen    map[event.Identity]bool
	orders  []event.Order
	wanted  []string // messages, by what asked for them
	ordinal int
	undo    bool // an account stands
	written bool
}

func (m *model) begin(name string, in event.Onboarding) {
	o := &onboard{
		in: in, name: name, requests: map[string]bool{}, open: true, gen: in.Generation, opened: in.Opened, status: event.StatusParked, seen: map[event.Identity]bool{},
	}
	if in.User != nil {
		o.arrived, o.user, o.record, o.status = true, *in.User, in.At, event.StatusWaiting
		o.seen[in.Event] = true
		m.reached[in.Event] = true
		if in.Generation > 1 || in.Event == (event.Identity{}) {
			o.seen[in.Opened.Identity] = true
			m.reached[in.Opened.Identity] = true // with the data of PEOPLE, which are these or newer ones
		} else if in.Event != in.Opened.Identity {
			o.another = true
		}
		o.untold = in.Generation == 1 && in.Event == (event.Identity{}) && in.Order == nil
	}
	m.last = o
}

// look lets PEOPLE say where a run begins that was started from it.
func (m *model) look(o *onboard) {
	o.looked = true
	p := m.person
	order := o.in.Order
	if order != nil && (p.Order == nil || p.Order.Identity != order.Identity) {
		order = nil
	}
	final := p.Status.Final()
	if p.Generation != o.gen {
		o.user, o.record = event.User{}, event.Place{}
		o.arrived, o.status = false, event.StatusParked
		clear(o.seen)
	}
	for _, d := range p.Orders {
		o.seen[d.Identity] = true
	}
	o.gen, o.opened = p.Generation, p.Opened
	if !final {
		if !o.arrived {
			delete(o.seen, o.opened.Identity)
		}
		return
	}
	if p.Generation > 1 {
		o.seen[o.opened.Identity] = true
	}
	o.over, o.arrived, o.status, o.decided, o.n, o.written = true, true, p.Status, p.Decided, p.N, true
	o.undo = p.Account != nil && p.Account.Active
	o.ordinal = p.Welcomes()[event.ChannelEmail].Ordinal
	if d := p.Decided; d != nil {
		o.seen[d.Identity], o.seen[d.Before] = true, true
	}
	if o.order = order; order != nil {
		o.ordinal, o.written = p.Order.Sent[event.ChannelEmail].Ordinal, false
		delete(o.seen, order.Identity)
		m.reached[order.Identity] = true
		m.verification(o, order.Verification)
	}
}

func (m *model) start(name string, in event.Onboarding, again bool) error {
	switch o := m.last; {
	case o == nil:
	case o.name == name:
		return nil
	case o.open:
		return ErrRunning
	case !again && !o.failed:
		return ErrOver
	}
	m.begin(name, in)
	return nil
}

func (m *model) signal(name string, id event.Identity, arg any) error {
	o := m.last
	switch {
	case o == nil:
		return ErrNoRun
	case o.requests[name]:
		return nil
	case !o.open:
		return ErrNoRun
	}
	o.requests[name] = true
	o.queue = append(o.queue, arg)
	m.reached[id] = true
	return nil
}

func (m *model) park(in event.Onboarding, v event.Verification) error {
	name := v.Request().RequestID()
	if o := m.last; o != nil && !o.open && !o.failed {
		if o.name == name || o.requests[name] {
			return nil
		}
		return ErrOver
	}
	if o := m.last; o == nil || !o.open {
		m.begin(name, in)
		m.parked = append(m.parked, v.Identity)
	}
	return m.signal(name, v.Identity, v)
}

// terminate ends the run from outside. What it was given and has not seen is gone.
func (m *model) terminate() {
	o := m.last
	if o == nil || !o.open {
		return
	}
	o.open, o.failed = false, true
	m.ended++
	for _, s := range o.queue {
		switch s := s.(type) {
		case event.UserEvent:
			m.lost[s.Identity] = true
		case event.Verification:
			m.lost[s.Identity] = true
		}
	}
	for id := range o.seen {
		m.lost[id] = true // its effect, at least
	}
}

// step lets the run do the next thing, and reports false when there is none.
func (m *model) step() bool {
	o := m.last
	if o == nil || !o.open {
		return false
	}
	final := o.status.Final()
	switch {
	case o.in.FromPeople && !o.looked:
		m.look(o)
	case len(o.queue) > 0:
		s := o.queue[0]
		o.queue = o.queue[1:]
		switch s := s.(type) {
		case event.UserEvent:
			m.record(o, s)
		case event.Verification:
			m.verification(o, s)
		}
	case o.moved && !final:
		o.moved = false
		m.change(func(p *event.Person) error { return p.KeepRecord(o.gen, o.record) })
	case o.status == event.StatusApproved:
		m.change(func(p *event.Person) error { return p.Activated(o.gen, event.Account{Target: "scim"}) })
		o.undo, o.status, o.wanted = true, event.StatusActive, []string{"approval of generation " + o.opened.ID}
	case len(o.wanted) > 0:
		m.send(o)
	case o.status == event.StatusActive:
		o.n++
		o.status, o.written = event.StatusWelcomed, false
	case o.undo && (o.status == event.StatusWithdrawn || o.status == event.StatusRejected):
		m.change(func(p *event.Person) error { return p.Deactivated(o.gen) })
		o.undo = false
	case final && !o.written:
		o.written = true
		end := event.Ended{Generation: o.gen, Status: o.status, Decided: o.decided, N: o.n, Orders: o.orders}
		if o.another {
			end.Opener = event.OpenerUnseen
			if o.seen[o.opened.Identity] {
				end.Opener = event.OpenerAnswered
			}
		}
		if o.moved {
			end.Record = o.record
		}
		if o.order != nil {
			end.Order = &o.order.Identity
		}
		m.change(func(p *event.Person) error { return p.End(end) })
		if a := m.person.Account; a != nil && a.Active && (o.status == event.StatusWithdrawn || o.status == event.StatusRejected) {
			o.undo = true
		}
	case final:
		o.open = false
	default:
		return false // waits
	}
	return true
}

func (m *model) change(verb func(*event.Person) error) {
	if m.person == nil {
		m.faults = append(m.faults, "a run changes a person who is not in PEOPLE")
		return
	}
	was := *m.person
	if err := verb(m.person); err != nil {
		*m.person = was
	}
	m.check(was)
}

// check looks at what PEOPLE became.
func (m *model) check(was event.Person) {
	if err := m.person.Check(); err != nil {
		m.faults = append(m.faults, err.Error())
	}
	if was.Record > 0 && was.RecordPlace().After(m.person.RecordPlace()) {
		m.faults = append(m.faults, "PEOPLE names an older record than before")
	}
	if o := was.Order; o != nil && m.person.Order != nil && m.person.Order.Identity != o.Identity {
		m.faults = append(m.faults, "an order took the place of "+o.String())
	}
}

// send sends one message, unless the ledger has it.
func (m *model) send(o *onboard) {
	why := o.wanted[0]
	o.wanted = o.wanted[1:]
	o.ordinal++
	key := event.SendKey(o.gen, event.PurposeWelcome, event.ChannelEmail, o.ordinal)
	if _, sent := m.person.Sends[key]; !sent {
		m.welcome = append(m.welcome, o.user)
		for k, w := range m.sends {
			id := event.Identity{Source: event.SourceCLI, ID: strings.TrimPrefix(why, "order ")}
			if w == why && k != key && !m.lost[id] { // what a run did that was ended from outside, no other one knows
				m.faults = append(m.faults, why+" was sent twice: "+k+" and "+key)
			}
		}
		m.sends[key] = why
	}
	m.change(func(p *event.Person) error {
		_, err := p.ChangeSend(key, func(s *event.Send) error { s.State = event.SendAccepted; return nil })
		return err
	})
}

func (m *model) record(o *onboard, e event.UserEvent) {
	place := e.At
	switch {
	case o.over:
		f, told := m.person.Heeded(event.Fact{Generation: o.gen, EventID: e.ID, EventSource: e.Source, Note: &event.Note{Over: true}})
		if m.over[e.Identity] = true; told {
			m.answer(o, event.AnswersUser, f.Effect, e.Identity)
		}
	case o.untold && e.Identity == o.opened.Identity:
		o.untold = false
		m.answer(o, event.AnswersUser, event.EffectApplied, e.Identity)
	case o.seen[e.Identity]:
		m.answer(o, event.AnswersUser, event.EffectDuplicate, e.Identity)
	case !o.arrived:
		o.arrived, o.user, o.record, o.status = true, e.User, place, event.StatusWaiting
		if o.moved = o.gen > 0 || e.Identity != e.Opened.Identity; o.gen == 0 {
			o.gen, o.opened = e.Generation, e.Opened
		}
		if o.gen == 1 && e.Identity != e.Opened.Identity {
			o.another = true
		}
		m.answer(o, event.AnswersUser, event.EffectApplied, e.Identity)
		held := o.held
		o.held = nil
		for _, v := range held {
			m.take(o, v)
		}
	case o.record.Seq > 0 && o.record.After(place):
		m.answer(o, event.AnswersUser, event.EffectLate, e.Identity)
	case o.user.SameData(e.User):
		o.record, o.moved = place, true
		m.answer(o, event.AnswersUser, event.EffectUnchanged, e.Identity)
	case o.status == event.StatusWaiting:
		o.user, o.record, o.moved = e.User, place, true
		m.answer(o, event.AnswersUser, event.EffectUpdated, e.Identity)
	default:
		m.answer(o, event.AnswersUser, event.EffectLate, e.Identity)
	}
	o.seen[e.Identity] = true
}

func (m *model) verification(o *onboard, v event.Verification) {
	switch {
	case o.seen[v.Identity]:
		m.answer(o, event.AnswersVerification, event.EffectDuplicate, v.Identity)
	case !o.arrived:
		o.held = append(o.held, v)
	default:
		m.take(o, v)
	}
	o.seen[v.Identity] = true
}

func (m *model) take(o *onboard, v event.Verification) {
	effect := event.EffectApplied
	over := slices.Contains([]event.Status{event.StatusRejected, event.StatusExpired, event.StatusWithdrawn, event.StatusFailed}, o.status)
	switch {
	case o.gen > 1 && o.opened.Place().After(v.Place()):
		effect = event.EffectLate
	case v.Verb == event.VerbWithdrawn && over, !v.Order() && o.status != event.StatusWaiting:
		effect = event.EffectLate
	case v.Verb == event.VerbResend && (o.ordinal == 0 || !o.undo || over):
		effect = event.EffectUnchanged
	case v.Verb == event.VerbResend:
		o.wanted, o.orders = append(o.wanted, "order "+v.ID), append(o.orders, event.Order{Identity: v.Identity, Place: v.Place()})
		o.written = false
	default:
		o.decided = o.decided.Instead(v)
		o.n++
		o.written = false
		switch v.Verb {
		case event.VerbApproved:
			o.status = event.StatusApproved
		case event.VerbRejected:
			o.status = event.StatusRejected
		default:
			o.status, o.wanted = event.StatusWithdrawn, nil
			o.orders = append(o.orders, event.Order{Identity: v.Identity, Place: v.Place()})
		}
	}
	if v.Order() && effect != event.EffectApplied {
		declined := v.Decline(effect, o.gen)
		note := event.Note{Declined: &declined}
		m.change(func(p *event.Person) error { return p.Heed(o.gen, note) })
		f, _ := m.person.Heeded(event.Fact{Effect: effect, Note: &note})
		effect = f.Effect
	}
	m.answer(o, event.AnswersVerification, effect, v.Identity)
}

func (m *model) answer(o *onboard, answers string, effect event.Effect, id event.Identity) {
	if o.another && id == o.opened.Identity {
		note := event.Note{Opener: event.OpenerAnswered}
		m.change(func(p *event.Person) error { return p.Heed(o.gen, note) })
		f, _ := m.person.Heeded(event.Fact{Generation: o.gen, EventID: id.ID, EventSource: id.Source, Effect: effect, Note: &note})
		effect = f.Effect
	}
	m.tell(event.Fact{Kind: string(effect), UserID: o.in.UserID, Generation: o.gen, Status: o.status, Answers: answers, EventID: id.ID, EventSource: id.Source, Effect: effect})
}

// tell keeps a fact, the same one once.
func (m *model) tell(f event.Fact) bool {
	f = f.WithID()
	if slices.ContainsFunc(m.facts, func(g event.Fact) bool { return g.ID == f.ID }) {
		return false
	}
	m.facts = append(m.facts, f)
	return true
}

// A handler sees the model through calls that each wait for their turn.

type modelPeople struct{ *turns }

func (p modelPeople) Get(ctx context.Context, _ string) (out event.Person, ok bool, err error) {
	err = p.call(ctx, func() error {
		if ok = p.person != nil; ok {
			out = *p.person
		}
		ctx.Value(taskKey{}).(*task).saw = p.sight()
		return nil
	})
	return out, ok, err
}

func (p modelPeople) Claim(ctx context.Context, _ string, claimed event.Person) (out event.Person, err error) {
	err = p.call(ctx, func() error {
		if p.person == nil {
			p.person = &claimed
		}
		out = *p.person
		ctx.Value(taskKey{}).(*task).saw = p.sight()
		return nil
	})
	return out, err
}

func (p modelPeople) Update(ctx context.Context, _ string, change func(*event.Person) error) (out event.Person, err error) {
	err = p.call(ctx, func() error {
		was := *p.person
		now := was
		if err := change(&now); err != nil {
			return err
		}
		*p.person = now
		ctx.Value(taskKey{}).(*task).saw = p.sight()
		p.check(was)
		out = now
		return nil
	})
	return out, err
}

func (p modelPeople) Record(ctx context.Context, seq uint64, _ string) (u event.User, ok bool, err error) {
	err = p.call(ctx, func() error { u, ok = p.users[seq]; return nil })
	return u, ok, err
}

func (p modelPeople) Fact(ctx context.Context, f event.Fact) (stored bool, err error) {
	err = p.call(ctx, func() error { stored = p.tell(f); return nil })
	return stored, err
}

func (p modelPeople) Bury(ctx context.Context, d event.DeadLetter) (stored bool, err error) {
	return true, p.call(ctx, func() error { p.dead = append(p.dead, d); return nil })
}

type modelRuns struct{ *turns }

func (r modelRuns) Start(ctx context.Context, id event.Identity, in event.Onboarding) error {
	return r.taken(ctx, r.call(ctx, func() error { return r.startAwake(ctx, id, in, false) }))
}

func (r modelRuns) Again(ctx context.Context, id event.Identity, in event.Onboarding) error {
	return r.taken(ctx, r.call(ctx, func() error { return r.startAwake(ctx, id, in, true) }))
}

// startAwake starts a run unless its bridge has slept. Where a run was terminated,
// the name of the next one differs, so Temporal cannot refuse a start that comes too
// late, when the generation has ended after the last look. That is a call away. Of a
// start that sleeps there, the bridge dies here.
func (r modelRuns) startAwake(ctx context.Context, id event.Identity, in event.Onboarding, again bool) error {
	if k := ctx.Value(taskKey{}).(*task); r.ended > 0 && k.saw != r.sight() {
		k.dead = true
		return errDied
	}
	return r.start(id.RequestID(), in, again)
}

// sight is what a start depends on.
func (m *model) sight() string {
	if m.person == nil {
		return ""
	}
	return fmt.Sprint(m.person.Generation, m.person.Status.Final(), m.person.Order)
}

// taken tells why an id is taken, by another call, as the real client has to.
func (r modelRuns) taken(ctx context.Context, err error) error {
	if err != ErrRunning && err != ErrOver {
		return err
	}
	switch _, open, err := r.Open(ctx, ""); {
	case err != nil:
		return err
	case open:
		return ErrRunning
	}
	return ErrOver
}

func (r modelRuns) Open(ctx context.Context, _ string) (run string, open bool, err error) {
	err = r.call(ctx, func() error {
		if r.last != nil {
			run, open = "run "+r.last.name, r.last.open
		}
		return nil
	})
	return run, open, err
}

func (r modelRuns) Signal(ctx context.Context, id event.Identity, _, _ string, arg any) error {
	return r.call(ctx, func() error { return r.signal(id.RequestID(), id, arg) })
}

func (r modelRuns) Park(ctx context.Context, in event.Onboarding, v event.Verification) error {
	return r.call(ctx, func() error { return r.park(in, v) })
}
