package workflows

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// Names under which activities are registered. They stand in histories, so they
// never change.
const (
	activityPublish    = "PublishFacts"
	activityKeep       = "KeepRecord"
	activityActivate   = "Activate"
	activityDeactivate = "Deactivate"
	activityEmail      = "SendEmail"
	activitySMS        = "SendSMS"
	activityFinish     = "Finish"
	activityOrphans    = "DeadLetterOrphans"
	activityLookUp     = "LookUp"
)

// Facts publishes facts. The same fact again is a success; stored tells whether
// it was new.
type Facts interface {
	Fact(ctx context.Context, f event.Fact) (stored bool, err error)
}

// People changes the record of a person by compare-and-set; change may be asked
// several times.
type People interface {
	Update(ctx context.Context, userID string, change func(*event.Person) error) (event.Person, error)
}

// Orphanage keeps verifications that no workflow can use as dead letters. The
// same one again is kept once.
type Orphanage interface {
	Orphan(ctx context.Context, v event.Verification, reason string) error
}

// Activities are the steps that touch the world.
type Activities struct {
	Facts     Facts
	People    People
	Sender    Sender
	Accounts  Accounts
	Orphanage Orphanage
	Metrics   *metrics.Worker
	Tracer    tracing.Tracer
	Log       *slog.Logger
	Fault     event.Fault
}

// guard stops panics of the steps and of what they start.
func (a *Activities) guard() event.Guard { return a.Metrics.Guard("workflows", a.Log) }

// Story says to which trace a step belongs: that of the decision. The one of the
// file came before; a wait of any length lies between.
type Story struct {
	Trace  string `json:"trace,omitempty"`  // W3C traceparent
	Before string `json:"before,omitempty"` // W3C traceparent
}

// step begins a span of the story.
func (a *Activities) step(ctx context.Context, s Story, name, userID string) (context.Context, tracing.Span) {
	attempt := int32(0)
	if activity.IsActivity(ctx) {
		attempt = activity.GetInfo(ctx).Attempt
	}
	ctx, span := a.Tracer.Start(tracing.With(ctx, s.Trace), name, tracing.Inside, tracing.UserID(userID), tracing.Attempt(int(attempt)))
	span.LinkTo(s.Before)
	return ctx, span
}

// Ending is the input of Finish.
type Ending struct {
	UserID     string          `json:"user_id"`
	Generation int             `json:"generation"`
	Status     event.Status    `json:"status"`
	Opened     time.Time       `json:"opened"`
	Decided    *event.Decided  `json:"decided,omitempty"`
	N          int             `json:"n,omitempty"`      // of the last fact
	Record     uint64          `json:"record,omitempty"` // in USERS, when it is another than at the start
	At         event.Place     `json:"at,omitzero"`      // of that record
	Opener     event.Opener    `json:"opener,omitempty"`
	Orders     []event.Order   `json:"orders,omitempty"` // that took effect
	Order      *event.Identity `json:"order,omitempty"`  // that the run was started for
	Facts      []event.Fact    `json:"facts,omitempty"`
	Unsure     []event.Fact    `json:"unsure,omitempty"` // of messages: told when the ledger says that they went out
	Story      Story           `json:"story,omitzero"`
}

// Keep is the input of KeepRecord.
type Keep struct {
	UserID     string       `json:"user_id"`
	Generation int          `json:"generation"`
	Record     uint64       `json:"record"`      // in USERS: where the user's data stand now
	At         event.Place  `json:"at,omitzero"` // of that record
	Facts      []event.Fact `json:"facts,omitempty"`
}

// Orphans is the input of DeadLetterOrphans.
type Orphans struct {
	UserID string               `json:"user_id"`
	Events []event.Verification `json:"events"`
	Reason string               `json:"reason,omitempty"` // of the dead letters; "" means that the user never came
}

// Publish publishes facts in order. What a fact has a note of, PEOPLE is told before.
func (a *Activities) Publish(ctx context.Context, facts []event.Fact) error {
	for _, f := range facts {
		if n := f.Note; n != nil {
			p, err := a.change(ctx, f.UserID, func(p *event.Person) error { return p.Heed(f.Generation, *n) })
			if err != nil {
				return boundary(err, "")
			}
			told := false
			if f, told = p.Heeded(f); !told {
				continue
			}
		}
		stored, err := a.Facts.Fact(ctx, f)
		if err != nil {
			return boundary(err, "")
		}
		if stored {
			a.count(f)
		}
	}
	return nil
}

// KeepRecord notes in PEOPLE which record of USERS holds the user's data.
func (a *Activities) KeepRecord(ctx context.Context, k Keep) error {
	at := place(k.At, k.Record)
	if _, err := a.change(ctx, k.UserID, func(p *event.Person) error { return p.KeepRecord(k.Generation, at) }); err != nil {
		return boundary(err, "")
	}
	return a.Publish(ctx, k.Facts)
}

// place is that of a record; a run that an earlier worker went on with tells its
// sequence only.
func place(at event.Place, record uint64) event.Place {
	if at.Seq == 0 {
		at.Seq = record
	}
	return at
}

// change lets a person go through something. A refusal is no error: what the step
// would write is no longer so, and steps that were thought dead may come late.
func (a *Activities) change(ctx context.Context, userID string, verb func(*event.Person) error) (event.Person, error) {
	p, err := a.People.Update(ctx, userID, verb)
	if r := event.Refusal(""); errors.As(err, &r) {
		err = nil
	}
	return p, err
}

// Finished is the result of Finish.
type Finished struct {
	// Stands is an account that should not: the user was turned away, and an earlier
	// generation made it, or a run that was ended from outside.
	Stands *event.Account `json:"stands,omitempty"`
}

// Finish writes the end of the generation into PEOPLE and tells it.
func (a *Activities) Finish(ctx context.Context, e Ending) (out Finished, err error) {
	ctx, span := a.step(ctx, e.Story, activityFinish, e.UserID)
	defer func() { span.Done(err) }()
	p, _, err := a.write(ctx, e, nil)
	turnedAway := p.Status == event.StatusWithdrawn || p.Status == event.StatusRejected
	if turnedAway && p.Generation == e.Generation && p.Account != nil && p.Account.Active {
		out.Stands = p.Account
	}
	return out, err
}

// end writes the end into PEOPLE and tells it, once the messages after which it
// comes are all accepted; done tells whether they are.
func (a *Activities) end(ctx context.Context, e Ending, after []string) (done bool, err error) {
	_, done, err = a.write(ctx, e, after)
	return done, err
}

// write is end, and returns what PEOPLE says then.
func (a *Activities) write(ctx context.Context, e Ending, after []string) (p event.Person, done bool, err error) {
	a.Fault.At("finish.before")
	var latest time.Time // of the messages
	p, err = a.change(ctx, e.UserID, func(p *event.Person) error {
		done, latest = true, time.Time{}
		for _, key := range after {
			sent := p.Sends[key]
			done = done && sent.Taken()
			if sent.At.After(latest) {
				latest = sent.At
			}
		}
		if !done {
			return nil
		}
		for _, f := range e.Facts { // an end takes the order away that one may be about
			if f.Note != nil {
				_ = p.Heed(f.Generation, *f.Note) // what is known already stays
			}
		}
		return p.End(event.Ended{
			Generation: e.Generation, Status: e.Status, Decided: e.Decided, N: e.N, Record: place(e.At, e.Record), Opener: e.Opener, Orders: e.Orders, Order: e.Order,
		})
	})
	if err != nil || !done {
		return p, false, boundary(err, "")
	}
	a.Fault.At("finish.after")
	for i := range e.Facts {
		if e.Facts[i].At.Before(latest) {
			e.Facts[i].At = latest
		}
	}
	return p, true, a.Publish(ctx, append(wentOut(p, e.Unsure), e.Facts...))
}

// wentOut are the facts of those messages that a provider has taken, by the ledger.
// A step that is cancelled between two tries, or whose time is over, may have handed
// its message over and not told so.
func wentOut(p event.Person, unsure []event.Fact) []event.Fact {
	var out []event.Fact
	for _, f := range unsure {
		s := p.Sends[event.SendKey(f.Generation, cmp.Or(f.Purpose, event.PurposeWelcome), f.Channel, max(f.Ordinal, 1))]
		if s.Taken() {
			f.At, f.Provider, f.Copies = s.At, s.Provider, s.Copies
			out = append(out, f)
		}
	}
	return out
}

// DeadLetter keeps verifications that cannot be used.
func (a *Activities) DeadLetter(ctx context.Context, o Orphans) error {
	for _, v := range o.Events {
		if err := a.Orphanage.Orphan(ctx, v, cmp.Or(o.Reason, event.ReasonUnknownUser)); err != nil {
			return boundary(err, "")
		}
	}
	return nil
}

// count moves the metrics that tell what workflows made of events.
func (a *Activities) count(f event.Fact) {
	if f.Inbox == event.SourceCanary {
		return
	}
	if f.Effect != "" {
		a.Metrics.Events.WithLabelValues(f.Answers, string(f.Effect)).Inc()
	}
	decision := f.Answers == event.AnswersVerification && f.Effect == event.EffectApplied
	if decision {
		a.Metrics.Wait.Observe(seconds(f.OpenedAt, f.DecidedAt))
	}
	if f.Kind == event.FactWelcomed && f.DecidedAt != nil { // not by another message later
		from := f.DecidedAt
		if f.OpenedAt != nil && f.OpenedAt.After(*from) { // the decision waited for its user
			from = f.OpenedAt
		}
		a.Metrics.WelcomeLatency.Observe(seconds(from, &f.At))
	}
	switch f.Kind {
	case event.FactWelcomed, event.FactFinished, event.FactExpired, event.FactRejected, event.FactWithdrawn:
		a.Metrics.Finished.WithLabelValues(string(f.Status)).Inc()
	}
}

// seconds between two times, 0 when one is missing or clocks disagree.
func seconds(from, to *time.Time) float64 {
	if from == nil || to == nil {
		return 0
	}
	return max(0, to.Sub(*from).Seconds())
}
