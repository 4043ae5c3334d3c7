package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/event"
)

// Records reads what the operators dropped.
type Records interface {
	// Record reads the user of a message of USERS; ok is false when the message is
	// gone or is about another user.
	Record(ctx context.Context, seq uint64, userID string) (u event.User, ok bool, err error)
}

// onOrder handles what only an operator may say. A run that is open takes it as
// a signal; about an onboarding that is over, a run of its own carries it out.
// PEOPLE takes each order before its effect, one at a time, so that the same event
// has it once, however late it comes again, and no order takes another's place.
func (b *Bridge) onOrder(ctx context.Context, v event.Verification) (outcome string, err error) {
	for range 3 {
		p, ok, err := b.People.Get(ctx, v.UserID)
		if err != nil {
			return "", err
		}
		switch {
		case !ok && v.Verb == event.VerbWithdrawn: // may come before its user, like a decision
			outcome, err = b.toWorkflow(ctx, v)
		case !ok:
			return "", refuse(denied, event.ReasonUnknownUser, fmt.Errorf("there is no user for the order %s; replay it when the user is there", v.Verb))
		case p.Opened.Identity == v.Identity && !p.Status.Final():
			outcome, err = b.openAgain(ctx, p, v) // a start may be missing
		case p.Order != nil && p.Order.Identity == v.Identity:
			outcome, err = b.carryOut(ctx, p, v)
		case p.Did(v.Identity):
			return known, b.tellAgain(ctx, p, v)
		case p.Order != nil:
			outcome, err = b.behind(ctx, p, v)
		case v.Verb == event.VerbReopened:
			outcome, err = b.reopen(ctx, p, v)
		case !p.Status.Final():
			outcome, err = b.toWorkflow(ctx, v)
		default:
			outcome, err = b.afterTheEnd(ctx, p, v)
		}
		if !errors.Is(err, errMoved) {
			return outcome, err
		}
	}
	return "", errors.New("gave up: the user's record kept changing; it will be retried")
}

var (
	// errMoved says that PEOPLE changed between a look and a step.
	errMoved = errors.New("the person has changed meanwhile")

	// errWaits says that another event about the user goes first. That may take as
	// long as messages are tried, so it uses up no delivery.
	errWaits = errors.New("waiting for another operation on this user")
)

// moved is errMoved when PEOPLE has refused a change that a look allowed.
func moved(err error) error {
	if refused(err) {
		return errMoved
	}
	return err
}

// reopen begins the next generation of a user whose onboarding is over.
func (b *Bridge) reopen(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	look := p
	switch err := look.Reopen(v); {
	case errors.Is(err, event.RefusedOpen):
		return b.decline(ctx, p, v, event.EffectUnchanged)
	case errors.Is(err, event.RefusedLate):
		return b.declineLate(ctx, p, v)
	case err != nil:
		return "", moved(err)
	}
	// The end is in PEOPLE before its run has closed, and such a run may carry out an
	// order: it must not take the next generation's events.
	if _, open, err := b.Workflows.Open(ctx, v.UserID); err != nil {
		return "", err
	} else if open {
		return "", errWaits
	}
	p, err := b.People.Update(ctx, v.UserID, func(now *event.Person) error {
		if !sameRuns(*now, p) { // a run that was started meanwhile may still be open
			return event.RefusedOrder
		}
		return now.Reopen(v)
	})
	if err != nil {
		return "", moved(err)
	}
	b.Fault.At("bridge.reopened")
	return b.openAgain(ctx, p, v)
}

// sameRuns tells whether no run has begun or ended between two looks.
func sameRuns(p, q event.Person) bool {
	return p.Generation == q.Generation && p.Status == q.Status && p.N == q.N && (p.Order == nil) == (q.Order == nil) &&
		slices.EqualFunc(p.Orders, q.Orders, func(a, b event.Order) bool { return a.Identity == b.Identity })
}

// openAgain starts the run of a generation that v has opened.
func (b *Bridge) openAgain(ctx context.Context, p event.Person, v event.Verification) (outcome string, err error) {
	in, err := b.fromPeople(ctx, p, v.UserID)
	if err == nil {
		err = b.tellReopened(ctx, p, v.UserID, in.User)
	}
	if err != nil {
		return "", err
	}
	outcome = started
	err = b.startFromPeople(ctx, p, in)
	switch {
	case errors.Is(err, ErrRunning) && in.User == nil: // it waits for its user, or has one
		return known, nil
	case errors.Is(err, ErrRunning): // a decision has started one that waits for its user
		outcome = signalled
		err = b.signal(ctx, v.Identity, v.UserID, event.SignalUser, b.userEvent(ctx, p, arrival{v.Identity, in.At, *in.User}))
	}
	if errors.Is(err, ErrOver) || errors.Is(err, ErrNoRun) {
		return "", errMoved
	}
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.started")
	return outcome, nil
}

// tellReopened answers the event that opened the generation; it waits for its user
// when u is nil. Whatever starts the run tells it before: the event itself may come
// again only when all is over.
func (b *Bridge) tellReopened(ctx context.Context, p event.Person, userID string, u *event.User) error {
	f := b.answer(p, event.Verification{Identity: p.Opened.Identity, UserID: userID}, event.FactReopened, event.EffectApplied)
	if f.Status = event.StatusParked; u != nil {
		f.Status, f.Import = event.StatusWaiting, u.Import.ID
	}
	return b.tell(ctx, f)
}

// afterTheEnd gives an order to a run that has written its end and not closed, or
// else takes it into PEOPLE and starts a run for it.
func (b *Bridge) afterTheEnd(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	look := p
	switch err := look.TakeOrder(v); {
	case errors.Is(err, event.RefusedNothing) && p.Stands() && v.Instead == "": // the account was taken back: by a run that has more to write, or long ago
		err := b.signal(ctx, v.Identity, v.UserID, orderSignal(v), v)
		if !errors.Is(err, ErrNoRun) {
			return signalled, err
		}
		return b.declineLate(ctx, p, v)
	case errors.Is(err, event.RefusedNothing), errors.Is(err, event.RefusedLate):
		return b.declineLate(ctx, p, v)
	case err != nil:
		return "", moved(err)
	}
	if err := b.signal(ctx, v.Identity, v.UserID, orderSignal(v), v); !errors.Is(err, ErrNoRun) {
		return signalled, err
	}
	if v.Verb == event.VerbResend {
		_, ok, err := b.Records.Record(ctx, p.Record, v.UserID)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", refuse(denied, event.ReasonNoRecord, errors.New("the user's record is no longer kept, so nothing can be sent; reopen the user and drop the record again"))
		}
	}
	p, err := b.People.Update(ctx, v.UserID, func(now *event.Person) error {
		if now.Generation != p.Generation {
			return event.RefusedGeneration
		}
		return now.TakeOrder(v)
	})
	if err != nil {
		return "", moved(err)
	}
	b.Fault.At("bridge.ordered")
	return b.carryOut(ctx, p, v)
}

// behind gives v to the run of the order that PEOPLE has taken before, and starts
// that run when it is not there: the event that ordered it may have become a dead
// letter, or its run was ended from outside. A reopening waits until it has ended. An
// order about a message that has arrived is declined here, for a run knows of its own
// messages only.
func (b *Bridge) behind(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	if v.Instead != "" && p.Missed(v.Instead) == event.MissedNot {
		return b.declineLate(ctx, p, v)
	}
	noRun := errMoved
	if p.Order.Verb == "" { // an earlier usher took it: only its own event can say what it was
		noRun = errWaits
	} else if _, err := b.carryOut(ctx, p, p.Order.Verification(v.UserID)); classify(err) == permanent {
		return "", errMoved // it was given up
	} else if err != nil {
		return "", err
	}
	if v.Verb == event.VerbReopened {
		return "", errWaits
	}
	err := b.signal(ctx, v.Identity, v.UserID, orderSignal(v), v)
	if errors.Is(err, ErrNoRun) {
		err = noRun
	}
	return signalled, err
}

// carryOut starts the run of an order that PEOPLE has taken.
func (b *Bridge) carryOut(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	in := b.opening(ctx, p, v.UserID)
	in.Order, in.FromPeople = &event.OrderStart{Verification: v}, true
	if v.Verb == event.VerbResend {
		if u, ok, err := b.Records.Record(ctx, p.Record, v.UserID); err != nil {
			return "", err
		} else if ok {
			in.User, in.Record, in.At = &u, p.Record, p.RecordPlace()
		}
	}
	err := b.Workflows.Again(ctx, p.Order.Run(), in)
	if err == nil {
		err = b.unlessEnded(ctx, v.Identity, in)
	}
	switch {
	case errors.Is(err, ErrOver): // it was open a moment ago
		return "", errMoved
	case errors.Is(err, ErrRunning): // one that was started when PEOPLE had not taken this: it is given the order instead
		if err = b.drop(ctx, v.UserID, *p.Order); err == nil {
			err = errMoved
		}
		return "", err
	case classify(err) == permanent: // Temporal will never take it
		return "", errors.Join(err, b.drop(ctx, v.UserID, *p.Order))
	}
	b.Fault.At("bridge.started")
	return started, err
}

// decline answers an order that has no effect. PEOPLE remembers it before that is
// told, so that it has none when it comes again and there is something to do.
func (b *Bridge) decline(ctx context.Context, p event.Person, v event.Verification, effect event.Effect) (string, error) {
	if p.Known(v.Identity) { // it opened the generation or decided about it
		return known, b.tellEffect(ctx, p, v, event.EffectDuplicate)
	}
	p, err := b.People.Update(ctx, v.UserID, func(now *event.Person) error {
		if !sameRuns(*now, p) { // there may be something to do
			return event.RefusedOrder
		}
		return now.Decline(v.Decline(effect, now.Generation))
	})
	if err != nil {
		return "", moved(err)
	}
	b.Fault.At("bridge.declined")
	return known, b.tellAgain(ctx, p, v)
}

// tellAgain answers an order that PEOPLE remembers. One that had no effect is
// answered as before: the process that noted it may have died before it was told.
func (b *Bridge) tellAgain(ctx context.Context, p event.Person, v event.Verification) error {
	o, _ := p.Remembered(v.Identity)
	if o.Declined == "" {
		return b.tellEffect(ctx, p, v, event.EffectDuplicate)
	}
	f := b.answer(p, v, string(o.Declined), o.Declined)
	if o.Generation != p.Generation { // of whose decision nothing is known
		f.Generation, f.Verdict, f.DecidedBy, f.DecidedAt, f.FirstBy = o.Generation, "", "", nil, ""
	}
	return b.tell(ctx, f)
}

// drop gives up an order that PEOPLE has taken, unless it was given another run
// meanwhile: then that is the one which is open.
func (b *Bridge) drop(ctx context.Context, userID string, o event.Outstanding) error {
	_, err := b.People.Update(ctx, userID, func(p *event.Person) error {
		if p.Order != nil && p.Order.After != o.After {
			return event.RefusedOrder
		}
		return p.DropOrder(o.Identity)
	})
	if refused(err) {
		return nil
	}
	return err
}

// unlessEnded starts the run of an order once more when it was ended from outside:
// one that ends by itself tells PEOPLE before it closes.
func (b *Bridge) unlessEnded(ctx context.Context, order event.Identity, in event.Onboarding) error {
	run, open, err := b.Workflows.Open(ctx, in.UserID)
	if err != nil || open {
		return err
	}
	p, err := b.People.Update(ctx, in.UserID, func(p *event.Person) error { return p.RestartOrder(order, run) })
	if refused(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.Workflows.Again(ctx, p.Order.Run(), in)
}

func orderSignal(v event.Verification) string {
	if v.Verb == event.VerbWithdrawn {
		return event.SignalWithdraw
	}
	return event.SignalVerification
}

// answer is a fact of the bridge's own about an event.
func (b *Bridge) answer(p event.Person, v event.Verification, kind string, effect event.Effect) event.Fact {
	f := event.Fact{
		Kind: kind, UserID: v.UserID, Generation: p.Generation, At: time.Now().UTC(), Status: p.Status, Inbox: p.Source,
		Answers: event.AnswersVerification, EventID: v.ID, EventSource: v.Source, Effect: effect,
	}
	if d := p.Decided; d != nil {
		at := d.When()
		f.Verdict, f.DecidedBy, f.DecidedAt, f.FirstBy = d.Verb, d.By, &at, d.Two()
	}
	return f
}

// tellEffect tells an effect that leaves everything as it is; its fact is named as
// the effect is.
func (b *Bridge) tellEffect(ctx context.Context, p event.Person, v event.Verification, effect event.Effect) error {
	return b.tell(ctx, b.answer(p, v, string(effect), effect))
}
