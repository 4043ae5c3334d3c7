package workflows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

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

// Sender sends one message. A message that was accepted before is a success and
// is not sent again. Errors are marked with event.Permanent or event.RetryAfter;
// any other is transient. When ctx ends while a message is being handed over,
// Send waits for the answer within its own limit.
type Sender interface {
	Send(ctx context.Context, d Delivery) (event.Send, error)
}

// Accounts makes a user's account usable, and takes that back. Both may be asked
// again: the same key is the same request. Errors are marked with event.Permanent
// or event.RetryAfter; any other is transient.
type Accounts interface {
	// Activate returns what it made. target is the kind that the run was started
	// with; one that this worker does not have is a transient error.
	Activate(ctx context.Context, target, key string, u event.User) (event.Account, error)
	// Deactivate succeeds also when there is no account.
	Deactivate(ctx context.Context, target, key, userID string, made event.Account) error
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

// Step is the input of Activate and Deactivate: facts to publish first, the
// decision to record, and the fact that tells the result.
type Step struct {
	UserID     string        `json:"user_id"`
	Generation int           `json:"generation"`
	Opened     time.Time     `json:"opened"`
	Decided    event.Decided `json:"decided"`
	Target     string        `json:"target,omitempty"` // "" asks for nothing but the facts
	User       *event.User   `json:"user,omitempty"`   // for the target
	Before     []event.Fact  `json:"before,omitempty"`
	Result     event.Fact    `json:"result"`
	Story      Story         `json:"story,omitzero"`
}

// Delivery is the input of SendEmail and SendSMS.
type Delivery struct {
	UserID     string     `json:"user_id"`
	Generation int        `json:"generation"`
	Purpose    string     `json:"purpose"`
	Channel    string     `json:"channel"`
	Ordinal    int        `json:"ordinal"`
	User       event.User `json:"user"`
	Decided    time.Time  `json:"decided"`
	Result     event.Fact `json:"result"`
	Story      Story      `json:"story,omitzero"`

	Backoff func(failed int) time.Duration `json:"-"` // the pause before the next try after so many failed ones

	End *LastMessage `json:"end,omitempty"` // to write when the message is the last
}

// LastMessage is the end of an onboarding, to be written by the message after
// which all are accepted.
type LastMessage struct {
	Ending
	After []string `json:"after,omitempty"` // ledger keys of the others
}

// Sent is the result of SendEmail and SendSMS.
type Sent struct {
	Ended bool `json:"ended,omitempty"` // it was the last, and wrote the end
}

// Ending is the input of Finish.
type Ending struct {
	UserID     string         `json:"user_id"`
	Generation int            `json:"generation"`
	Status     event.Status   `json:"status"`
	Opened     time.Time      `json:"opened"`
	Decided    *event.Decided `json:"decided,omitempty"`
	N          int            `json:"n,omitempty"`      // of the last fact
	Record     uint64         `json:"record,omitempty"` // in USERS, when it is another than at the start
	Orders     []event.Order  `json:"orders,omitempty"` // that took effect
	Facts      []event.Fact   `json:"facts,omitempty"`
	Story      Story          `json:"story,omitzero"`
}

// Keep is the input of KeepRecord.
type Keep struct {
	UserID     string       `json:"user_id"`
	Generation int          `json:"generation"`
	Record     uint64       `json:"record"` // in USERS: where the user's data stand now
	Facts      []event.Fact `json:"facts,omitempty"`
}

// Orphans is the input of DeadLetterOrphans.
type Orphans struct {
	UserID string               `json:"user_id"`
	Events []event.Verification `json:"events"`
	Reason string               `json:"reason,omitempty"` // of the dead letters; "" means that the user never came
}

// Publish publishes facts in order.
func (a *Activities) Publish(ctx context.Context, facts []event.Fact) error {
	for _, f := range facts {
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
	_, err := a.People.Update(ctx, k.UserID, func(p *event.Person) error {
		if p.Generation == k.Generation {
			p.Record = max(p.Record, k.Record)
		}
		return nil
	})
	if err != nil {
		return boundary(err, "")
	}
	return a.Publish(ctx, k.Facts)
}

// Activate makes the account usable, and tells it.
func (a *Activities) Activate(ctx context.Context, s Step) (err error) {
	start := time.Now()
	ctx, span := a.step(ctx, s.Story, activityActivate, s.UserID)
	defer func() { span.Done(err) }()
	if err := a.Publish(ctx, s.Before); err != nil {
		return err
	}
	a.Fault.At("activate.before")
	if s.Target != "" {
		made, err := a.Accounts.Activate(ctx, s.Target, stepKey(s, "activate"), *s.User)
		if err != nil {
			return boundary(err, reasonIn(err))
		}
		a.Fault.At("activate.made")
		_, err = a.People.Update(ctx, s.UserID, func(p *event.Person) error {
			if p.Generation == s.Generation {
				p.Account = keepCreated(p.Account, made)
			}
			return nil
		})
		if err != nil {
			return boundary(err, "")
		}
	}
	a.Fault.At("activate.after")
	if err := a.Publish(ctx, []event.Fact{s.Result}); err != nil {
		return err
	}
	a.Metrics.StageSeconds.WithLabelValues("activate").Observe(time.Since(start).Seconds())
	return nil
}

// reasonIn is the bounded reason that an error carries, or a general one.
func reasonIn(err error) string {
	var r interface{ Reason() string }
	if errors.As(err, &r) {
		return r.Reason()
	}
	return "account_refused"
}

// stepKey is the idempotency key of a call about one generation's account.
func stepKey(s Step, act string) string {
	return fmt.Sprintf("%s.%d.%s", s.UserID, s.Generation, act)
}

// keepCreated is what is known of an account after another activation: an account
// that usher made once stays usher's.
func keepCreated(was *event.Account, made event.Account) *event.Account {
	if was != nil && was.Target == made.Target && was.Ref == made.Ref {
		made.Created = made.Created || was.Created
	}
	made.Active = true
	return &made
}

// Deactivate takes the account back, and tells it.
func (a *Activities) Deactivate(ctx context.Context, s Step) (err error) {
	ctx, span := a.step(ctx, s.Story, activityDeactivate, s.UserID)
	defer func() { span.Done(err) }()
	if err := a.Publish(ctx, s.Before); err != nil {
		return err
	}
	var made event.Account
	_, err = a.People.Update(ctx, s.UserID, func(p *event.Person) error {
		if p.Account != nil {
			made = *p.Account
		}
		return nil
	})
	if err != nil {
		return boundary(err, "")
	}
	a.Fault.At("deactivate.before")
	if err := a.Accounts.Deactivate(ctx, s.Target, stepKey(s, "deactivate"), s.UserID, made); err != nil {
		return boundary(err, reasonIn(err))
	}
	a.Fault.At("deactivate.made")
	_, err = a.People.Update(ctx, s.UserID, func(p *event.Person) error {
		if p.Account != nil {
			p.Account.Active = false
		}
		return nil
	})
	if err != nil {
		return boundary(err, "")
	}
	a.Fault.At("deactivate.after")
	return a.Publish(ctx, []event.Fact{s.Result})
}

// Send sends one message and reports it. It is registered under a name of its
// own for each channel.
func (a *Activities) Send(ctx context.Context, d Delivery) (result Sent, err error) {
	ctx, span := a.step(ctx, d.Story, "Send", d.UserID)
	span.SetAttributes(tracing.Channel(d.Channel))
	defer func() { span.Done(err) }()
	stop := beat(ctx)
	defer stop()
	ctx, cancel := untilStop(ctx)
	defer cancel()
	d.Backoff = backoff(activity.GetInfo(ctx).RetryPolicy)
	sent, err := a.Sender.Send(ctx, d)
	if err != nil {
		span.SetAttributes(tracing.Reason(sent.Reason))
		return result, boundary(err, sent.Reason)
	}
	a.Fault.At("send.accepted")
	ctx = context.WithoutCancel(ctx)
	f := d.Result
	f.At, f.Provider, f.Copies = sent.At, sent.Provider, sent.Copies
	if err := a.Publish(ctx, []event.Fact{f}); err != nil || d.End == nil {
		return result, err
	}
	for i := range d.End.Facts {
		d.End.Facts[i].At = sent.At
	}
	result.Ended, err = a.end(ctx, d.End.Ending, d.End.After)
	return result, err
}

// backoff is the policy's pause after so many failed tries. Temporal itself would
// also count the attempts that only found a provider paused.
func backoff(p *temporal.RetryPolicy) func(failed int) time.Duration {
	if p == nil {
		return nil
	}
	return func(failed int) time.Duration {
		d := float64(p.InitialInterval)
		for range failed - 1 {
			if d *= p.BackoffCoefficient; d >= float64(p.MaximumInterval) {
				return p.MaximumInterval
			}
		}
		return time.Duration(d)
	}
}

// Finish writes the end of the generation into PEOPLE and tells it.
func (a *Activities) Finish(ctx context.Context, e Ending) (err error) {
	ctx, span := a.step(ctx, e.Story, activityFinish, e.UserID)
	defer func() { span.Done(err) }()
	_, err = a.end(ctx, e, nil)
	return err
}

// end writes the end into PEOPLE and tells it, once the messages after which it
// comes are all accepted; done tells whether they are.
func (a *Activities) end(ctx context.Context, e Ending, after []string) (done bool, err error) {
	a.Fault.At("finish.before")
	_, err = a.People.Update(ctx, e.UserID, func(p *event.Person) error {
		done = true
		for _, key := range after {
			done = done && p.Sends[key].Taken()
		}
		if done && p.Generation == e.Generation && e.N >= p.N { // a later end of this generation stays
			p.Status, p.Decided, p.N = e.Status, e.Decided, e.N
			p.Record = max(p.Record, e.Record)
			p.Remember(e.Orders...)
			p.Order = nil
		}
		return nil
	})
	if err != nil || !done {
		return false, boundary(err, "")
	}
	a.Fault.At("finish.after")
	return true, a.Publish(ctx, e.Facts)
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
		a.Metrics.WelcomeLatency.Observe(seconds(f.DecidedAt, &f.At))
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

// beat reports that the activity is alive until the returned function is called,
// so that a killed worker's send is taken over within the heartbeat timeout. Each
// report is an action to pay for, so a quick send makes none.
func beat(ctx context.Context) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout <= 0 {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(timeout / 3)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-gone }
}

// untilStop is ctx that also ends when the worker is asked to stop.
func untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(ctx)
	stopping := activity.GetWorkerStopChannel(ctx)
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-out.Done():
		}
	}()
	return out, cancel
}

// kindPaused is the type of an error that was marked by event.Paused. It stands in
// histories, so it never changes.
const kindPaused = "paused"

// boundary turns the marks of an error into Temporal's, which are the only ones
// that survive its serialisation and count only when outermost.
func boundary(err error, reason string) error {
	if err == nil {
		return nil
	}
	opts := temporal.ApplicationErrorOptions{NonRetryable: event.IsPermanent(err)}
	if opts.NonRetryable && reason != "" {
		opts.Details = []any{reason}
	}
	if d, ok := event.RetryDelay(err); ok {
		opts.NextRetryDelay = d
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("the worker stops: %w", err)
	}
	kind := "transient"
	switch {
	case opts.NonRetryable:
		kind = "permanent"
	case event.IsPaused(err):
		kind = kindPaused
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, opts)
}
