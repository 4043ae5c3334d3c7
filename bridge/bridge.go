package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// People are the records that outlive Temporal's retention.
type People interface {
	// Get reads a record from the leader; ok is false when there is none.
	Get(ctx context.Context, userID string) (p event.Person, ok bool, err error)
	// Claim stores p for a user who has no record and returns the record that is
	// there then; of several claims one wins.
	Claim(ctx context.Context, userID string, p event.Person) (event.Person, error)
	// Update changes a record by compare-and-set; change may be asked several times,
	// and its error is returned as it is.
	Update(ctx context.Context, userID string, change func(*event.Person) error) (event.Person, error)
}

// Workflows starts and signals onboardings. The same identity again has no
// second effect.
type Workflows interface {
	// Start returns ErrRunning when the user has a run that another event
	// started, and ErrOver when that run has completed. One that was ended from
	// outside is followed by another.
	Start(ctx context.Context, id event.Identity, in event.Onboarding) error
	// Again starts a run for somebody whose last one has completed. It returns
	// ErrRunning while that has not happened.
	Again(ctx context.Context, id event.Identity, in event.Onboarding) error
	// Open tells the user's last run, "" when there is none, and whether it is open.
	Open(ctx context.Context, userID string) (runID string, open bool, err error)
	// Signal returns ErrNoRun when the user has no running workflow.
	Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error
	// Park starts a run that waits for its user and gives it v, or gives v to the
	// run that is there. It returns ErrOver when that run has completed.
	Park(ctx context.Context, in event.Onboarding, v event.Verification) error
}

// Publisher writes facts and dead letters; the same one again is kept once.
type Publisher interface {
	Fact(ctx context.Context, f event.Fact) (stored bool, err error)
	DeadLetter(ctx context.Context, d event.DeadLetter) error
}

// Config joins the bridge to its neighbours.
type Config struct {
	JetStream jetstream.JetStream
	People    People
	Workflows Workflows
	Publisher Publisher
	Records   Records

	// UserIDByEmail derives the id of a user whose record had none.
	UserIDByEmail func(email string) string
	Settings      event.Settings
	Inboxes       map[string]event.Settings  // of inboxes that have their own
	Verifiers     map[string]event.Verifiers // by inbox; one that is not there takes decisions of everybody

	MostParked int           // decisions of one source about users who are not there; default 10,000
	Workers    int           // messages in hand at once, for each stream; default 128
	AckWait    time.Duration // after which a dead bridge's messages are given to another; default 15 s
	MaxDeliver int           // deliveries before a message becomes a dead letter; default 20

	Metrics *metrics.Bridge
	Tracer  tracing.Tracer
	Log     *slog.Logger
	Fault   event.Fault
}

// Bridge is the bridge role.
type Bridge struct {
	Config
	breaker *breaker
	flood   *flood
}

// New returns a bridge that does nothing until Run.
func New(c Config) *Bridge {
	c.Workers = orDefault(c.Workers, 128)
	c.Workflows = newBounded(c.Workflows)
	c.AckWait = orDefault(c.AckWait, 15*time.Second)
	c.MaxDeliver = orDefault(c.MaxDeliver, 20)
	c.MostParked = orDefault(c.MostParked, 10000)
	return &Bridge{Config: c, breaker: newBreaker(c.Metrics.BreakerOpen), flood: newFlood(c.MostParked, orDefault(c.Settings.ParkedFor, time.Hour))}
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Run consumes both streams until ctx ends; then it finishes what is in hand or
// gives it back, and returns nil.
func (b *Bridge) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, c := range []*consumer{
		b.newConsumer(event.StreamUsers, event.ConsumerUsers, "users.v1.imported.>", "start", b.onUser),
		b.newConsumer(event.StreamVerifications, event.ConsumerVerifications, "verifications.v1.>", "signal", b.onVerification),
	} {
		wg.Go(func() { c.run(ctx) })
	}
	wg.Wait()
	return nil
}

// settings are the limits of the people of an inbox.
func (b *Bridge) settings(inbox string) event.Settings {
	if s, ok := b.Inboxes[inbox]; ok {
		return s
	}
	return b.Settings
}

// Ready returns nil, or why the bridge waits.
func (b *Bridge) Ready() error { return b.breaker.reason() }

// message is one delivery, read as far as JetStream knows it.
type message struct {
	event.Position
	subject string
	header  map[string][]string
	data    []byte
}

// trace is the sender's W3C trace context, whatever the case of the header.
func (m message) trace() string {
	for k, v := range m.header {
		if strings.EqualFold(k, event.HeaderTraceParent) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// eventID is the id that facts name the event by, as far as it can be read.
func (m message) eventID() string {
	env, _ := event.ParseEnvelope(m.header, m.data) // what is malformed may still say its id
	return event.Identify("", env.ID, env.MsgID, m.Position).ID
}

// Outcomes of messages, as counted in usher_bridge_messages_total.
const (
	started   = "started"
	signalled = "signalled"
	parked    = "parked"
	known     = "known"
	malformed = "malformed"
	denied    = "denied"
	exhausted = "exhausted"
)

// refusal is a permanent error with the outcome and the dead letter's reason.
type refusal struct {
	outcome, reason string
	err             error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(outcome, reason string, err error) error {
	return event.Permanent(&refusal{outcome, reason, err})
}

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

func (b *Bridge) signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	begin := time.Now()
	if err := b.Workflows.Signal(ctx, id, userID, signal, arg); err != nil {
		return err
	}
	b.Metrics.StageSeconds.WithLabelValues("signal").Observe(time.Since(begin).Seconds())
	b.Fault.At("bridge.signalled")
	return nil
}

// onVerification handles a message of VERIFICATIONS.
func (b *Bridge) onVerification(ctx context.Context, m message) (outcome string, err error) {
	v, err := b.parseVerification(m)
	if err != nil {
		return "", err
	}
	v.Trace = tracing.Context(ctx)
	b.Fault.At("bridge.verification")
	if v.Order() {
		return b.onOrder(ctx, v)
	}
	return b.toWorkflow(ctx, v)
}

// toWorkflow gives a verification to the user's workflow, or parks it until there
// is one. It answers it from PEOPLE when the onboarding is over. The run of a
// reopened user that is not there yet it starts itself: a parked one would take
// that run's id.
func (b *Bridge) toWorkflow(ctx context.Context, v event.Verification) (outcome string, err error) {
	for range 3 {
		// Of a decision, a running workflow knows all that PEOPLE could tell, but for a
		// list of verifiers that is newer than the run.
		v.Checked = len(b.Verifiers) == 0
		if len(b.Verifiers) > 0 || v.Order() {
			person, ok, err := b.People.Get(ctx, v.UserID)
			if err != nil {
				return "", err
			}
			if ok && !b.Verifiers[person.Source].Allow(v.Source) {
				return "", refuse(denied, event.ReasonDenied, fmt.Errorf("%s does not decide about people of the inbox %s", v.Source, person.Source))
			}
			if ok && person.Status.Final() && v.Order() {
				return "", errMoved
			}
			v.Checked = v.Checked || ok
		}
		err := b.signal(ctx, v.Request(), v.UserID, orderSignal(v), v)
		if !errors.Is(err, ErrNoRun) {
			return signalled, err
		}
		// No run: it has ended, or the user is still to come.
		person, ok, err := b.People.Get(ctx, v.UserID)
		if err != nil {
			return "", err
		}
		if ok && person.Status.Final() {
			if v.Order() {
				return "", errMoved
			}
			return known, b.tellLate(ctx, person, v)
		}
		if ok && person.Generation > 1 {
			in, err := b.reopening(ctx, person, v.UserID)
			if err == nil {
				err = b.again(ctx, person, in)
			}
			if err != nil && !errors.Is(err, ErrRunning) && !errors.Is(err, ErrOver) {
				return "", err
			}
			continue
		}
		if !ok && !b.flood.allow(v.Source) {
			return "", refuse(denied, event.ReasonUnknownUser, fmt.Errorf("%s has decided about too many users who are not there; replay it when the user is there", v.Source))
		}
		if outcome, err := b.park(ctx, v); !errors.Is(err, ErrOver) {
			return outcome, err
		}
	}
	return "", errors.New("the user's workflow comes and goes")
}

func (b *Bridge) park(ctx context.Context, v event.Verification) (string, error) {
	opened := event.Opened{Identity: v.Identity, Seq: v.Seq, Stored: v.Stored}
	err := b.Workflows.Park(ctx, event.Onboarding{UserID: v.UserID, Opened: opened, Settings: b.Settings, Revision: event.Revision, Trace: v.Trace}, v)
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.parked")
	err = b.tell(ctx, event.Fact{
		Kind: event.FactParked, UserID: v.UserID, At: time.Now().UTC(), Status: event.StatusParked,
		Answers: event.AnswersVerification, EventID: v.ID, EventSource: v.Source,
	})
	return parked, err
}

// tellLate answers a verification whose generation is over, from PEOPLE.
func (b *Bridge) tellLate(ctx context.Context, p event.Person, v event.Verification) error {
	if p.Decided != nil && p.Decided.Identity == v.Identity {
		return b.tellEffect(ctx, p, v, event.FactDuplicate, event.EffectDuplicate)
	}
	return b.tellEffect(ctx, p, v, event.FactLate, event.EffectLate)
}

// tell publishes a fact and counts what it says of an event.
func (b *Bridge) tell(ctx context.Context, f event.Fact) error {
	stored, err := b.Publisher.Fact(ctx, f)
	if stored && f.Effect != "" && f.Inbox != event.SourceCanary {
		b.Metrics.Events.WithLabelValues(f.Answers, string(f.Effect)).Inc()
	}
	return err
}

func (b *Bridge) parseVerification(m message) (event.Verification, error) {
	var v event.Verification
	source, verb, err := event.ParseVerificationSubject(m.subject)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	env, err := event.ParseEnvelope(m.header, m.data)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	body, err := event.ParseVerificationBody(env.Data)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	if verb != event.VerbApproved && verb != event.VerbRejected {
		if source != event.SourceConsole && source != event.SourceCLI {
			return v, refuse(denied, event.ReasonDenied, fmt.Errorf("only operators may say %s, by the console or the command line", verb))
		}
	}
	v = event.Verification{
		Identity: event.Identify(source, env.ID, env.MsgID, m.Position), UserID: body.UserID,
		Verb: verb, Reason: body.Reason, Actor: body.Actor, Channels: body.Channels, Stored: m.Stored, Seq: m.Seq,
	}
	if strings.HasPrefix(env.MsgID, event.ReplayPrefix) {
		v.Replay = env.MsgID
	}
	if v.UserID == "" {
		v.UserID = b.UserIDByEmail(event.NormalizeEmail(body.Email))
	}
	return v, nil
}
