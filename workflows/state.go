package workflows

import (
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// onboarding is the state of one run. It is changed by events (this file) and by
// the steps of the story (workflows.go), and by nothing else.
type onboarding struct {
	userID     string
	inbox      string
	generation int // 0 while parked
	opened     event.Opened
	user       event.User
	settings   event.Settings
	verifiers  event.Verifiers

	trace string // of the step that started the run, "" without tracing

	status  event.Status
	decided *event.Verification  // the one that counted
	held    []event.Verification // while parked, in order of arrival
	refused []event.Verification // of sources that do not decide about this inbox
	seen    map[event.Identity]bool

	n       int          // of the last fact
	pending []event.Fact // not published yet
}

func newOnboarding(in event.Onboarding) *onboarding {
	o := &onboarding{
		userID: in.UserID, inbox: in.Inbox, generation: in.Generation, opened: in.Opened, settings: in.Settings, verifiers: in.Verifiers, trace: in.Trace,
		status: event.StatusParked,
		seen:   map[event.Identity]bool{},
	}
	if in.User != nil {
		o.user = *in.User
		o.status = event.StatusWaiting
		o.seen[in.Opened.Identity] = true
	}
	return o
}

// onUser takes an imported event for a user whose run exists already.
func (o *onboarding) onUser(ctx workflow.Context, e event.UserEvent) {
	switch {
	case o.seen[e.Identity]:
		o.answer(ctx, event.AnswersUser, event.FactDuplicate, event.EffectDuplicate, e.Identity)
	case o.generation == 0:
		o.arrive(ctx, e)
	case o.user.SameData(e.User):
		o.answer(ctx, event.AnswersUser, event.FactUnchanged, event.EffectUnchanged, e.Identity)
	case o.decided == nil:
		o.user = e.User
		o.answer(ctx, event.AnswersUser, event.FactUpdated, event.EffectUpdated, e.Identity)
	default:
		o.answer(ctx, event.AnswersUser, event.FactLate, event.EffectLate, e.Identity)
	}
	o.seen[e.Identity] = true
}

// arrive ends the parking: the user is there, and what was held is applied in
// the order in which it came.
func (o *onboarding) arrive(ctx workflow.Context, e event.UserEvent) {
	o.user, o.inbox, o.generation, o.opened, o.trace = e.User, e.Inbox, e.Generation, e.Opened, e.Trace
	o.verifiers = e.Verifiers
	o.status = event.StatusWaiting
	o.n = 0
	o.answer(ctx, event.AnswersUser, event.FactStarted, event.EffectApplied, e.Identity)
	held := o.held
	o.held = nil
	for _, v := range held {
		o.decide(ctx, v)
	}
}

// onVerification takes a decision, or holds it while its user is not there.
func (o *onboarding) onVerification(ctx workflow.Context, v event.Verification) {
	switch {
	case o.seen[v.Identity]:
		o.answer(ctx, event.AnswersVerification, event.FactDuplicate, event.EffectDuplicate, v.Identity)
	case o.generation == 0:
		o.held = append(o.held, v)
		if v.Identity != o.opened.Identity { // that one was reported by the bridge
			o.answer(ctx, event.AnswersVerification, event.FactParked, "", v.Identity)
		}
	default:
		o.decide(ctx, v)
	}
	o.seen[v.Identity] = true
}

// decide applies v when it is the first decision about this generation.
func (o *onboarding) decide(ctx workflow.Context, v event.Verification) {
	if !o.verifiers.Allow(v.Source) {
		o.refused = append(o.refused, v)
		return
	}
	reopened := o.generation > 1
	if o.decided != nil || reopened && v.Stored.Before(o.opened.Stored) {
		o.answer(ctx, event.AnswersVerification, event.FactLate, event.EffectLate, v.Identity)
		return
	}
	o.decided = &v
	switch v.Verb {
	case event.VerbApproved:
		o.status = event.StatusApproved
	case event.VerbWithdrawn:
		o.status = event.StatusWithdrawn
	default:
		o.status = event.StatusRejected
	}
	o.answer(ctx, event.AnswersVerification, v.Verb, event.EffectApplied, v.Identity)
}

// answer reports what became of an event.
func (o *onboarding) answer(ctx workflow.Context, answers, kind string, effect event.Effect, id event.Identity) {
	f := o.fact(ctx, kind)
	f.Answers, f.EventID, f.EventSource, f.Effect = answers, id.ID, id.Source, effect
	o.tellDecision(&f)
	o.pending = append(o.pending, f)
}

func (o *onboarding) tellDecision(f *event.Fact) {
	if o.decided != nil {
		opened, at := o.opened.Stored, o.decided.Stored
		f.OpenedAt, f.Verdict, f.DecidedBy, f.DecidedAt = &opened, o.decided.Verb, o.decided.By(), &at
	}
}

// fact makes the next fact of this generation.
func (o *onboarding) fact(ctx workflow.Context, kind string) event.Fact {
	o.n++
	return event.Fact{
		Kind: kind, UserID: o.userID, Generation: o.generation, N: o.n,
		At: workflow.Now(ctx).UTC(), Status: o.status, Inbox: o.inbox, Import: o.user.Import.ID,
	}
}

// takePending hands the facts that wait to whoever publishes them.
func (o *onboarding) takePending() []event.Fact {
	p := o.pending
	o.pending = nil
	return p
}

// story says where the steps after the decision belong.
func (o *onboarding) story() Story {
	s := Story{Before: o.trace}
	if o.decided != nil {
		s.Trace = o.decided.Trace
	}
	return s
}

func (o *onboarding) decision() *event.Decided {
	if o.decided == nil {
		return nil
	}
	return &event.Decided{Identity: o.decided.Identity, Verb: o.decided.Verb, By: o.decided.By(), At: o.decided.Stored}
}

func (o *onboarding) query() (event.OnboardingStatus, error) {
	s := event.OnboardingStatus{UserID: o.userID, Generation: o.generation, Status: o.status}
	if o.decided != nil {
		at := o.decided.Stored
		s.Verdict, s.DecidedBy, s.DecidedAt = o.decided.Verb, o.decided.By(), &at
	}
	return s, nil
}
