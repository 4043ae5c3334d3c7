package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher/event"
	"usher/tracing"
)

// onUser handles a message of USERS.
func (b *Bridge) onUser(ctx context.Context, m message) (outcome string, err error) {
	source, err := event.ParseImportedSubject(m.subject)
	if err != nil {
		return "", refuse(malformed, event.ReasonMalformed, err)
	}
	env, err := event.ParseEnvelope(m.header, m.data)
	if err != nil {
		return "", refuse(malformed, event.ReasonMalformed, err)
	}
	user, err := event.ParseUser(env.Data)
	if err != nil {
		return "", refuse(malformed, event.ReasonMalformed, err)
	}
	id := event.Identify(source, env.ID, env.MsgID, m.Position)
	opened := event.Opened{Identity: id, Seq: m.Seq, Stored: m.Stored}
	if env.Time.IsZero() || env.Time.After(m.Stored) {
		env.Time = m.Stored
	}
	b.Fault.At("bridge.user")
	for range 3 {
		person, err := b.People.Claim(ctx, user.UserID, event.Person{
			Source: source, Generation: 1, Status: event.StatusWaiting, Opened: opened, Record: m.Seq,
		})
		if err != nil {
			return "", err
		}
		if person.Source != source {
			return "", refuse(denied, event.ReasonConflict, fmt.Errorf("the user_id belongs to the inbox %s, this record came from %s", person.Source, source))
		}
		if person.Status.Final() {
			return known, nil
		}
		b.Fault.At("bridge.claimed")
		outcome, err := b.bring(ctx, person, arrival{opened, user})
		if outcome == started && err == nil && source != event.SourceCanary {
			b.Metrics.IntakeLatency.Observe(time.Since(env.Time).Seconds())
		}
		if !errors.Is(err, ErrNoRun) && !errors.Is(err, ErrOver) {
			return outcome, err
		}
		// The run ended between two steps: PEOPLE knows how by now.
	}
	return "", errors.New("the user's workflow comes and goes")
}

// arrival is a record that comes for a person.
type arrival struct {
	event.Opened // the event that brings it
	user         event.User
}

// bring gives a user to the workflow: the event that claimed the person starts
// it, any other signals it, and each does what the other should have done when
// that has not happened.
func (b *Bridge) bring(ctx context.Context, person event.Person, a arrival) (string, error) {
	start := func() (string, error) { return b.start(ctx, person, a) }
	signal := func() (string, error) {
		return signalled, b.signal(ctx, a.Identity, a.user.UserID, event.SignalUser, b.userEvent(ctx, person, a))
	}
	if person.Opened.Identity == a.Identity {
		if outcome, err := start(); !errors.Is(err, ErrRunning) {
			return outcome, err
		}
		return signal()
	}
	if outcome, err := signal(); !errors.Is(err, ErrNoRun) {
		return outcome, err
	}
	// A run that has closed wrote its end before, so this look is not too early.
	now, _, err := b.People.Get(ctx, a.user.UserID)
	if err != nil {
		return "", err
	}
	if now.Status.Final() || now.Generation != person.Generation {
		return "", ErrOver
	}
	outcome, err := start()
	if errors.Is(err, ErrRunning) { // somebody else just did
		return signal()
	}
	return outcome, err
}

// start starts the run of a generation. From the second one on it does so in the
// name of the event that opened it, whichever event comes first: a start that
// finds the run there can then tell it from that of the generation before.
func (b *Bridge) start(ctx context.Context, person event.Person, a arrival) (string, error) {
	begin := time.Now()
	in := b.opening(ctx, person, a.user.UserID)
	in.User, in.Record, in.Event = &a.user, a.Seq, a.Identity
	var err error
	if person.Generation > 1 {
		err = b.again(ctx, person, in)
	} else {
		err = b.Workflows.Start(ctx, a.Identity, in)
	}
	if err != nil {
		return "", err
	}
	b.Metrics.StageSeconds.WithLabelValues("start").Observe(time.Since(begin).Seconds())
	b.Fault.At("bridge.started")
	err = b.tell(ctx, event.Fact{
		Kind: event.FactStarted, UserID: a.user.UserID, Generation: person.Generation, At: time.Now().UTC(), Status: event.StatusWaiting,
		Answers: event.AnswersUser, EventID: a.ID, EventSource: a.Source, Effect: event.EffectApplied,
		Inbox: person.Source, Import: a.user.Import.ID,
	})
	return started, err
}

// again starts the run of a generation above the first, in the name of the event
// that opened it. Temporal takes such a start for the one that it knows, though
// somebody has ended that run from outside; then the generation is still open in
// PEOPLE, and gets another run. ErrOver says that the generation is over.
func (b *Bridge) again(ctx context.Context, p event.Person, in event.Onboarding) error {
	id := p.Opened.Identity
	if err := b.Workflows.Again(ctx, id, in); err != nil {
		return err
	}
	run, open, err := b.Workflows.Open(ctx, in.UserID)
	if err != nil || open {
		return err
	}
	now, _, err := b.People.Get(ctx, in.UserID) // a run that ends by itself writes its end before it closes
	if err != nil {
		return err
	}
	if now.Status.Final() || now.Generation != p.Generation {
		return ErrOver
	}
	id.ID += " " + run
	return b.Workflows.Start(ctx, id, in)
}

// userEvent is the record that comes for a person, for a run that is there.
func (b *Bridge) userEvent(ctx context.Context, p event.Person, a arrival) event.UserEvent {
	settings := b.settings(p.Source)
	return event.UserEvent{
		Identity: a.Identity, Inbox: p.Source, Generation: p.Generation, Opened: p.Opened, Record: a.Seq, User: a.user,
		Settings: &settings, Verifiers: b.Verifiers[p.Source], Trace: tracing.Context(ctx),
	}
}

// opening is what every run about a person is started with.
func (b *Bridge) opening(ctx context.Context, p event.Person, userID string) event.Onboarding {
	return event.Onboarding{
		UserID: userID, Generation: p.Generation, Inbox: p.Source, Opened: p.Opened, Settings: b.settings(p.Source), Revision: event.Revision,
		Verifiers: b.Verifiers[p.Source], Trace: tracing.Context(ctx),
	}
}
