package bridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
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
	// Again starts a run for a user whose last one has completed. It returns
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
	Bury(ctx context.Context, d event.DeadLetter) (stored bool, err error) // as a dead letter
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
	MaxDeliver int           // tries that fail by a message's own fault before it becomes a dead letter; default 20

	Switch event.Switch // of the bridge as a stage; nil: never paused

	// Dir is where the bridge notes what it has in hand, so that the next one finds
	// out a message that ends usher. Bridges may share it. When it is empty such a
	// message is not found out, and ends usher until an operator takes it out.
	Dir string

	Metrics *metrics.Bridge
	Tracer  tracing.Tracer
	Log     *slog.Logger
	Fault   event.Fault
}

// Bridge is the bridge role.
type Bridge struct {
	Config
	guard event.Guard
	open  *gauge // whether any breaker is
	flood *flood
	hands *hands

	consumers []*consumer
}

// New returns a bridge that does nothing until Run.
func New(c Config) *Bridge {
	c.Workers = orDefault(c.Workers, 128)
	c.Workflows = newBounded(c.Workflows)
	c.AckWait = orDefault(c.AckWait, 15*time.Second)
	c.MaxDeliver = orDefault(c.MaxDeliver, 20)
	c.MostParked = orDefault(c.MostParked, 10000)
	c.People, c.Records, c.Publisher = people{c.People}, records{c.Records}, publisher{c.Publisher}
	b := &Bridge{
		Config: c, guard: c.Metrics.Guard("bridge", c.Log), open: &gauge{is: c.Metrics.BreakerOpen, times: c.Metrics.BreakerClosed},
		flood: newFlood(c.MostParked, orDefault(c.Settings.ParkedFor, time.Hour)), hands: openHands("", 0, c.Log),
	}
	b.consumers = []*consumer{
		b.newConsumer(event.StreamUsers, event.ConsumerUsers, "users.v1.imported.>", "start", b.onUser),
		b.newConsumer(event.StreamVerifications, event.ConsumerVerifications, "verifications.v1.>", "signal", b.onVerification),
	}
	return b
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
	b.hands = openHands(b.Dir, len(b.consumers)*b.Workers, b.Log)
	defer b.hands.close()
	var wg sync.WaitGroup
	for _, c := range b.consumers {
		wg.Go(func() {
			for attempt := 0; ctx.Err() == nil; attempt++ { // it ends with ctx, but for a panic
				_ = b.guard.Do("bridge.consumer", func() error { c.run(ctx); return nil })
				event.Sleep(ctx, backoff(attempt))
			}
		})
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

// Ready returns nil, or why the bridge waits: in one line, and once where both
// streams wait for the same.
func (b *Bridge) Ready() error {
	var why []string
	for _, c := range b.consumers {
		if err := c.breaker.reason(); err != nil && !slices.Contains(why, err.Error()) {
			why = append(why, err.Error())
		}
	}
	if len(why) == 0 {
		return nil
	}
	return errors.New(strings.Join(why, "; "))
}

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

func (b *Bridge) signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	begin := time.Now()
	if err := b.Workflows.Signal(ctx, id, userID, signal, arg); err != nil {
		return err
	}
	b.Metrics.StageSeconds.WithLabelValues("signal").Observe(time.Since(begin).Seconds())
	b.Fault.At("bridge.signalled")
	return nil
}

// tell publishes a fact and counts what it says of an event.
func (b *Bridge) tell(ctx context.Context, f event.Fact) error {
	stored, err := b.Publisher.Fact(ctx, f)
	if stored && f.Effect != "" && f.Inbox != event.SourceCanary {
		b.Metrics.Events.WithLabelValues(f.Answers, string(f.Effect)).Inc()
	}
	return err
}
