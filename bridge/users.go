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
			if err := b.tellOpened(ctx, person, id, user); !errors.Is(err, ErrOver) {
				return known, err
			}
			continue
		}
		b.Fault.At("bridge.claimed")
		outcome, err := b.bring(ctx, person, arrival{id, m.Place(), user})
		if outcome == started && err == nil && source != event.SourceCanary {
			b.Metrics.IntakeLatency.Observe(time.Since(env.Time).Seconds())
		}
		if !errors.Is(err, ErrNoRun) && !errors.Is(err, ErrOver) {
			return outcome, err
		}
		// The run ended between two steps: PEOPLE knows how.
	}
	return "", errors.New("gave up: the user's workflow kept changing; it will be retried")
}

// arrival is a record that comes for a person.
type arrival struct {
	event.Identity // of the event that brings it
	at             event.Place
	user           event.User
}

// bring gives a user to the workflow. The event that claimed the person starts it.
// Any other signals it, and when it is not there, starts it from PEOPLE before: a
// start in its own name would leave open, when its answer is lost, whether this
// event began the run or was given to it.
func (b *Bridge) bring(ctx context.Context, person event.Person, a arrival) (string, error) {
	signal := func() (string, error) {
		return signalled, b.signal(ctx, a.Identity, a.user.UserID, event.SignalUser, b.userEvent(ctx, person, a))
	}
	if person.Opened.Identity == a.Identity {
		outcome, err := b.begin(ctx, person, a)
		if errors.Is(err, ErrRunning) { // another event was faster
			return signal()
		}
		return outcome, err
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
	person = now
	if err := b.ensure(ctx, person, a.user.UserID); err != nil && !errors.Is(err, ErrRunning) {
		return "", err
	}
	return signal()
}

// refused tells that PEOPLE stayed as it is.
func refused(err error) bool {
	var r event.Refusal
	return errors.As(err, &r)
}

// begin starts the run of a first generation with the record that opened it, or
// with the newer one that PEOPLE has: the run of that was ended from outside.
func (b *Bridge) begin(ctx context.Context, p event.Person, a arrival) (string, error) {
	begin := time.Now()
	in := b.opening(ctx, p, a.user.UserID)
	if p.Record != a.at.Seq && p.RecordPlace().After(a.at) {
		var err error
		if in, err = b.fromPeople(ctx, p, a.user.UserID); err != nil {
			return "", err
		}
	}
	if in.User == nil {
		in.User, in.Record, in.At = &a.user, a.at.Seq, a.at
	}
	in.Event, in.FromPeople = a.Identity, false
	if err := b.Workflows.Start(ctx, a.Identity, in); err != nil {
		return "", err
	}
	b.Metrics.StageSeconds.WithLabelValues("start").Observe(time.Since(begin).Seconds())
	b.Fault.At("bridge.started")
	return started, b.tellStarted(ctx, p, a.Identity, a.user)
}

// tellOpened answers the record that opened a first generation which is over now. The
// fact that it began the run may never have been stored; told twice it is one fact. When
// another record was faster, this one was too late, unless the run has seen and answered
// it. ErrOver says that the user was reopened meanwhile.
func (b *Bridge) tellOpened(ctx context.Context, p event.Person, id event.Identity, u event.User) error {
	switch {
	case p.Generation != 1 || p.Opened.Identity != id || p.Forgotten:
		return nil
	case p.Opener == event.OpenerBegan:
		return b.tellStarted(ctx, p, id, u)
	case p.Opener == event.OpenerUnseen: // the run may see it yet
		var err error
		p, err = b.People.Update(ctx, u.UserID, func(now *event.Person) error {
			return now.Heed(p.Generation, event.Note{Opener: event.OpenerLate})
		})
		if err != nil {
			return err
		}
	}
	switch {
	case p.Generation != 1:
		return ErrOver
	case p.Opener != event.OpenerLate:
		return nil
	}
	return b.tellLateRecord(ctx, p, id, u)
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
// with it. So this one has the name of the event that opened the generation, and
// its input is what PEOPLE says and nothing else; what an event says reaches the run
// as a signal. ErrRunning says that a run is there which was started otherwise,
// ErrOver that the generation is over.
//
// A reopening is told before the start, since PEOPLE has taken it. For a record this
// could be wrong: another one may have started the run. It is told after the start, and again
// when that record comes again: then the start has its name.
func (b *Bridge) ensure(ctx context.Context, p event.Person, userID string) error {
	in, err := b.fromPeople(ctx, p, userID)
	if err == nil && p.Generation > 1 {
		err = b.tellReopened(ctx, p, userID, in.User)
	}
	if err != nil {
		return err
	}
	return b.startFromPeople(ctx, p, in)
}

// startFromPeople is ensure with the input. It looks once more right before, because
// Temporal would start a new run even though the generation has ended. A start that is known
// may be that of a run which was ended from outside; then the generation is still open
// in PEOPLE, and gets another run, whose name has the id of the ended one in it.
func (b *Bridge) startFromPeople(ctx context.Context, p event.Person, in event.Onboarding) error {
	name := p.Opened.Identity
	start := b.Workflows.Again // the last run has completed, unless it was the first generation's
	if p.Generation == 1 {
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
	if p.Generation == 1 && in.User != nil { // before another name takes the place of the one that tells who began it
		if err := b.tellStarted(ctx, p, p.Opened.Identity, *in.User); err != nil {
			return err
		}
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
	in.FromPeople = true
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
