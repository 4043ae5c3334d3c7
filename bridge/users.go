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
		person, err := b.People.Claim(ctx, user.UserID, event.NewPerson(source, opened))
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
		outcome, err := b.bring(ctx, person, arrival{id, m.Place(), user})
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
	event.Identity // of the event that brings it
	at             event.Place
	user           event.User
}

// bring gives a user to the workflow: the event that claimed the person starts
// it, any other signals it, and each does what the other should have done when
// that has not happened.
func (b *Bridge) bring(ctx context.Context, person event.Person, a arrival) (string, error) {
	signal := func() (string, error) {
		return signalled, b.signal(ctx, a.Identity, a.user.UserID, event.SignalUser, b.userEvent(ctx, person, a))
	}
	opens := person.Opened.Identity == a.Identity
	if !opens {
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
		person = now
	}
	first := opens && person.Record == person.Opened.Seq // also when it stands in the stream twice
	if person.Generation > 1 || !first && person.RecordPlace().After(a.at) {
		if err := b.ensure(ctx, person, a.user.UserID); err != nil && !errors.Is(err, ErrRunning) {
			return "", err
		}
		return signal()
	}
	if !opens { // the run will have data that PEOPLE does not know
		_, err := b.People.Update(ctx, a.user.UserID, func(p *event.Person) error { return p.KeepRecord(person.Generation, a.at) })
		if refused(err) {
			return "", ErrOver
		}
		if err != nil {
			return "", err
		}
	}
	outcome, err := b.start(ctx, person, a)
	if errors.Is(err, ErrRunning) { // something else just did
		return signal()
	}
	return outcome, err
}

// refused tells that PEOPLE stayed as it is.
func refused(err error) bool {
	var r event.Refusal
	return errors.As(err, &r)
}

// start starts the run of a first generation with a record that comes for it.
func (b *Bridge) start(ctx context.Context, person event.Person, a arrival) (string, error) {
	begin := time.Now()
	in := b.opening(ctx, person, a.user.UserID)
	in.User, in.Record, in.At, in.Event = &a.user, a.at.Seq, a.at, a.Identity
	if err := b.Workflows.Start(ctx, a.Identity, in); err != nil {
		return "", err
	}
	b.Metrics.StageSeconds.WithLabelValues("start").Observe(time.Since(begin).Seconds())
	b.Fault.At("bridge.started")
	return started, b.tellStarted(ctx, person, a.Identity, a.user)
}

func (b *Bridge) tellStarted(ctx context.Context, p event.Person, id event.Identity, u event.User) error {
	return b.tell(ctx, event.Fact{
		Kind: event.FactStarted, UserID: u.UserID, Generation: p.Generation, At: time.Now().UTC(), Status: event.StatusWaiting,
		Answers: event.AnswersUser, EventID: id.ID, EventSource: id.Source, Effect: event.EffectApplied,
		Inbox: p.Source, Import: u.Import.ID,
	})
}

// ensure sees to it that a user whose onboarding is open has a run. Temporal
// answers a start with success when it knows its name, though another input came
// with it. So this one has a name of its own in each generation, and its input is
// what PEOPLE says and nothing else; what an event says reaches the run as a
// signal. ErrRunning says that a run is there which was started otherwise, ErrOver
// that the generation is over.
func (b *Bridge) ensure(ctx context.Context, p event.Person, userID string) error {
	in, err := b.fromPeople(ctx, p, userID)
	switch { // before the start: when its answer is lost, the next event finds a run and starts none
	case err != nil:
	case p.Generation > 1:
		err = b.tellReopened(ctx, p, userID, in.User)
	case in.User != nil:
		err = b.tellStarted(ctx, p, p.Opened.Identity, *in.User)
	}
	if err != nil {
		return err
	}
	return b.startFromPeople(ctx, p, in)
}

// startFromPeople is ensure with the input. It looks once more right before, because
// of a generation that has ended Temporal would start another run. A start that is known may be that of a
// run which was ended from outside; then the generation is still open in PEOPLE,
// and gets another run, whose name has the id of the ended one in it.
func (b *Bridge) startFromPeople(ctx context.Context, p event.Person, in event.Onboarding) error {
	name := p.Opened.Identity
	start := b.Workflows.Again // the last run has completed, unless it was the first generation's
	if p.Generation == 1 {
		name.ID += " from PEOPLE" // the event itself starts one with what it brings
		start = b.Workflows.Start
	}
	if now, _, err := b.People.Get(ctx, in.UserID); err != nil {
		return err
	} else if now.Status.Final() || now.Generation != p.Generation {
		return ErrOver
	}
	if err := start(ctx, name, in); err != nil {
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
	name.ID += " " + run
	return b.Workflows.Start(ctx, name, in)
}

// userEvent is the record that comes for a person, for a run that is there.
func (b *Bridge) userEvent(ctx context.Context, p event.Person, a arrival) event.UserEvent {
	settings := b.settings(p.Source)
	return event.UserEvent{
		Identity: a.Identity, Inbox: p.Source, Generation: p.Generation, Opened: p.Opened, Record: a.at.Seq, At: a.at, User: a.user,
		Settings: &settings, Verifiers: b.Verifiers[p.Source], Trace: tracing.Context(ctx),
	}
}

// fromPeople is what the run of an open generation is started with when no event
// brings the user. Without a record the run waits for one.
func (b *Bridge) fromPeople(ctx context.Context, p event.Person, userID string) (event.Onboarding, error) {
	in := b.opening(ctx, p, userID)
	u, ok, err := b.Records.Record(ctx, p.Record, userID)
	if ok {
		in.User, in.Record, in.At = &u, p.Record, p.RecordPlace()
	}
	return in, err
}

// opening is what every run about a person is started with.
func (b *Bridge) opening(ctx context.Context, p event.Person, userID string) event.Onboarding {
	return event.Onboarding{
		UserID: userID, Generation: p.Generation, Inbox: p.Source, Opened: p.Opened, Settings: b.settings(p.Source), Revision: event.Revision,
		Verifiers: b.Verifiers[p.Source], Trace: tracing.Context(ctx),
	}
}
