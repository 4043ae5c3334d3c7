package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher/event"
)

// Records reads what the operators dropped.
type Records interface {
	// Record reads the user of a message of USERS; ok is false when the message is
	// gone or is about somebody else.
	Record(ctx context.Context, seq uint64, userID string) (u event.User, ok bool, err error)
}

// onOrder handles what only an operator may say. A run that is open takes it as
// a signal; about an onboarding that is over, a run of its own carries it out.
// PEOPLE remembers each order from before its effect, so that the same event has
// it once, however late it comes again.
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
			return "", refuse(denied, event.ReasonUnknownUser, fmt.Errorf("there is nobody to say %s about; replay it when the user is there", v.Verb))
		case p.Opened.Identity == v.Identity && !p.Status.Final():
			return b.openAgain(ctx, p, v) // a start may be missing
		case p.Order != nil && *p.Order == v.Identity:
			outcome, err = b.carryOut(ctx, p, v)
		case p.Knows(v.Identity, v.Stored):
			return known, b.tellEffect(ctx, p, v, event.FactDuplicate, event.EffectDuplicate)
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
	return "", errors.New("the user's record comes and goes")
}

// errMoved says that PEOPLE changed between a look and a step.
var errMoved = errors.New("the person has changed meanwhile")

// reopen begins the next generation of somebody whose onboarding is over.
func (b *Bridge) reopen(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	if !p.Status.Final() {
		return known, b.tellEffect(ctx, p, v, event.FactUnchanged, event.EffectUnchanged)
	}
	// The end is in PEOPLE before its run has closed, and such a run may carry out an
	// order: it must not take the next generation's events.
	if _, open, err := b.Workflows.Open(ctx, v.UserID); err != nil {
		return "", err
	} else if open {
		return "", errors.New("the user's workflow still runs: the user is reopened when it has ended")
	}
	was := p
	p, err := b.People.Update(ctx, v.UserID, func(p *event.Person) error {
		if p.Generation != was.Generation || !p.Status.Final() || p.Order != nil && (was.Order == nil || *p.Order != *was.Order) || p.Knows(v.Identity, v.Stored) {
			return errMoved
		}
		p.Generation++
		p.Status, p.Decided, p.N, p.Order = event.StatusWaiting, nil, 0, nil
		p.Opened = event.Opened{Identity: v.Identity, Seq: v.Seq, Stored: v.Stored}
		p.Remember(event.Order{Identity: v.Identity, Stored: v.Stored})
		return nil
	})
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.reopened")
	return b.openAgain(ctx, p, v)
}

// openAgain starts the run of a generation that v has opened.
func (b *Bridge) openAgain(ctx context.Context, p event.Person, v event.Verification) (outcome string, err error) {
	in, err := b.reopening(ctx, p, v.UserID)
	if err != nil {
		return "", err
	}
	f := b.answer(p, v, event.FactReopened, event.EffectApplied)
	if f.Status = event.StatusParked; in.User != nil {
		f.Status, f.Import = event.StatusWaiting, in.User.Import.ID
	}
	outcome = started
	err = b.again(ctx, p, in)
	if errors.Is(err, ErrOver) {
		return "", errMoved
	}
	if errors.Is(err, ErrRunning) && in.User != nil { // a decision has started one that waits for its user
		outcome = signalled
		err = b.signal(ctx, v.Identity, v.UserID, event.SignalUser, b.userEvent(ctx, p, arrival{event.Opened{Identity: v.Identity, Seq: p.Record}, *in.User}))
	}
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.started")
	return outcome, b.tell(ctx, f)
}

// reopening is what the run of a reopened user is started with. Without a record
// the run waits for one.
func (b *Bridge) reopening(ctx context.Context, p event.Person, userID string) (event.Onboarding, error) {
	in := b.opening(ctx, p, userID)
	u, ok, err := b.Records.Record(ctx, p.Record, userID)
	if ok {
		in.User, in.Record = &u, p.Record
	}
	return in, err
}

// afterTheEnd gives an order to the run that still carries out another one, or
// else takes it into PEOPLE and starts a run for it.
func (b *Bridge) afterTheEnd(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	switch p.Status {
	case event.StatusWelcomed, event.StatusPartlyWelcomed, event.StatusUnreached:
	default: // nothing was sent and no account stands
		return known, b.tellLate(ctx, p, v)
	}
	if v.Verb == event.VerbResend && p.Account != nil && !p.Account.Active {
		return known, b.tellLate(ctx, p, v) // nobody is welcomed to an account that was taken back
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
	was := p.Generation
	p, err := b.People.Update(ctx, v.UserID, func(p *event.Person) error {
		if p.Generation != was || !p.Status.Final() || p.Knows(v.Identity, v.Stored) {
			return errMoved
		}
		p.Order = &v.Identity
		p.Remember(event.Order{Identity: v.Identity, Stored: v.Stored})
		return nil
	})
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.ordered")
	return b.carryOut(ctx, p, v)
}

// carryOut starts the run of an order that PEOPLE has taken.
func (b *Bridge) carryOut(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	in := b.opening(ctx, p, v.UserID)
	in.Order = &event.OrderStart{Verification: v, Status: p.Status, N: p.N, Decided: p.Decided, Account: p.Account, Sent: p.Welcomes()}
	if v.Verb == event.VerbResend {
		if u, ok, err := b.Records.Record(ctx, p.Record, v.UserID); err != nil {
			return "", err
		} else if ok {
			in.User = &u
		}
	}
	err := b.Workflows.Again(ctx, v.Identity, in)
	if errors.Is(err, ErrRunning) { // one that has written the end and not closed yet, or of another order
		if err = b.signal(ctx, v.Identity, v.UserID, orderSignal(v), v); errors.Is(err, ErrNoRun) {
			err = errMoved
		}
		return signalled, err
	}
	b.Fault.At("bridge.started")
	return started, err
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
		f.Verdict, f.DecidedBy, f.DecidedAt = d.Verb, d.By, &d.At
	}
	return f
}

func (b *Bridge) tellEffect(ctx context.Context, p event.Person, v event.Verification, kind string, effect event.Effect) error {
	return b.tell(ctx, b.answer(p, v, kind, effect))
}
