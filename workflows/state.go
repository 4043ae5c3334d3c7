package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// onboarding is the state of one run. It is changed by events (this file) and by
// the steps of the story (workflows.go, account.go, delivery.go), and by nothing
// else.
type onboarding struct {
	userID     string
	inbox      string
	generation int  // 0 while the user is not known
	arrived    bool // the user's data are here, or not needed
	opened     event.Opened
	user       event.User
	record     event.Place          // of these data, in USERS
	moved      bool                 // PEOPLE does not know record yet
	overtaken  bool                 // another record than the one that opened the first generation began the run
	windows    []window             // decisions that have not taken effect yet
	undone     []undoing            // of decisions that did not come yet, in order of arrival
	votes      []event.Verification // decisions that wait for a second person's, one a voter, in order of arrival
	uploaders  []string             // of the records that were taken
	fell       string               // why votes fell, until the next fact tells it
	depends    bool                 // what is told next depends on what came together
	untold     bool                 // the run was started from PEOPLE, so that one may have no answer yet
	over       bool                 // the generation was over when the run began
	settings   event.Settings
	verifiers  event.Verifiers
	revision   int

	status  event.Status
	reason  string               // of StatusFailed
	decided *event.Decided       // the decision that counted
	held    []event.Verification // while parked, in order of arrival
	refused []event.Verification // of sources that do not decide about this inbox
	seen    map[event.Identity]bool
	denied  map[event.Identity]bool // were in refused

	order      *event.Identity // that the run was started for
	made       bool            // an account may stand that usher made usable
	madeAt     string          // its target
	activation workflow.Future // of the account, nil before
	channels   []*channel
	wanted     []*channel    // messages that were asked for and not started
	turnedAway bool          // a rejected user was told, or need not be
	orders     []event.Order // that took effect in this run

	n        int          // of the last fact that moved the status
	pending  []event.Fact // not published yet
	unsure   []event.Fact // of messages whose step ended without saying that they went out
	told     event.Status // the end that PEOPLE knows, "" before
	shown    event.Status // by the fact with the highest n
	shownN   int          // that n
	recorded int          // orders that PEOPLE knows

	trace, decisionTrace string // W3C trace contexts of the start and of the decision
}

func newOnboarding(in event.Onboarding) *onboarding {
	o := &onboarding{
		userID: in.UserID, inbox: in.Inbox, generation: in.Generation, opened: in.Opened, settings: in.Settings, verifiers: in.Verifiers,
		revision: in.Revision, trace: in.Trace,
		status:   event.StatusParked,
		seen:     map[event.Identity]bool{},
		denied:   map[event.Identity]bool{},
		channels: newChannels(nil),
	}
	if in.User != nil {
		o.user, o.record, o.arrived = *in.User, place(in.At, in.Record), true
		o.uploadedBy(o.user)
		o.status = event.StatusWaiting
		o.seen[in.Opened.Identity], o.seen[in.Event] = true, true
		if o.revision >= 3 && in.Generation == 1 && in.Event != (event.Identity{}) && in.Event != in.Opened.Identity {
			delete(o.seen, in.Opened.Identity) // another record was faster, so that one's data never came
			o.overtaken = true
		}
		o.untold = in.Generation == 1 && in.Event == (event.Identity{}) && in.Order == nil
	}
	if was := in.Order; was != nil {
		o.order, o.decisionTrace = &was.Identity, was.Trace
		if !in.FromPeople {
			o.resume(Standing{
				Generation: in.Generation, Opened: in.Opened, Status: was.Status, N: was.N, Decided: was.Decided, Account: was.Account, Sent: was.Sent, Done: was.Done, Order: true,
			})
		}
	}
	return o
}

// onUser takes an imported event for a user whose run exists already.
func (o *onboarding) onUser(ctx workflow.Context, e event.UserEvent) {
	switch {
	case o.untold && e.Identity == o.opened.Identity:
		o.untold = false
		o.answerAgain(ctx, e)
	case o.seen[e.Identity]:
		o.answer(ctx, event.AnswersUser, event.FactDuplicate, event.EffectDuplicate, e.Identity)
	case !o.arrived:
		o.arrive(ctx, e)
	case o.older(e):
		o.answerLateRecord(ctx, e)
	case o.user.SameData(e.User):
		if o.revision >= 3 && e.Record > 0 { // what is older than this one comes too late from now on
			o.record, o.moved = place(e.At, e.Record), true
		}
		o.user = o.user.WithParts(e.User)
		o.uploadedBy(e.User)
		o.dropVotes(ctx, event.WhyUploader, func(v event.Verification) bool { return v.Uploaded(e.User.Import.UploadedBy) })
		o.answer(ctx, event.AnswersUser, event.FactUnchanged, event.EffectUnchanged, e.Identity)
	case o.status == event.StatusWaiting:
		o.user, o.record, o.moved = e.User, place(e.At, e.Record), true
		o.uploadedBy(e.User)
		o.dropVotes(ctx, event.WhyCorrected, func(event.Verification) bool { return true })
		o.answer(ctx, event.AnswersUser, event.FactUpdated, event.EffectUpdated, e.Identity)
	default:
		o.answerLateRecord(ctx, e)
	}
	o.seen[e.Identity] = true
}

// arrive ends the parking: the user is there, and what was held is applied in
// the order in which it came.
func (o *onboarding) arrive(ctx workflow.Context, e event.UserEvent) {
	o.user, o.record, o.inbox, o.arrived, o.trace = e.User, place(e.At, e.Record), e.Inbox, true, e.Trace
	o.verifiers = e.Verifiers
	if e.Settings != nil {
		o.settings = *e.Settings
	}
	o.uploadedBy(e.User)
	if o.generation == 0 {
		o.generation, o.opened, o.n = e.Generation, e.Opened, 0
		o.moved = o.revision >= 3 && e.Identity != e.Opened.Identity // another record than that which claimed the person
	} else {
		o.moved = true
	}
	o.overtaken = o.generation == 1 && e.Identity != e.Opened.Identity
	o.status = event.StatusWaiting
	o.answer(ctx, event.AnswersUser, event.FactStarted, event.EffectApplied, e.Identity)
	held := o.held
	o.held = nil
	for _, v := range held {
		o.applyVerification(ctx, v)
	}
}

// onVerification takes a decision or an order, or holds it while its user is not
// there.
func (o *onboarding) onVerification(ctx workflow.Context, v event.Verification) {
	switch {
	case o.seen[v.Identity] && !(v.Checked && o.denied[v.Identity]):
		o.answer(ctx, event.AnswersVerification, event.FactDuplicate, event.EffectDuplicate, v.Identity)
	case !o.arrived:
		v.Checked = false // the list that the user brings decides
		o.held = append(o.held, v)
		if v.Identity != o.opened.Identity { // that one was reported by the bridge
			o.answer(ctx, event.AnswersVerification, event.FactParked, "", v.Identity)
		}
	default:
		o.applyVerification(ctx, v)
	}
	o.seen[v.Identity] = true
}

// applyVerification lets a verification have its effect.
func (o *onboarding) applyVerification(ctx workflow.Context, v event.Verification) {
	delete(o.denied, v.Identity)
	o.depends = o.depends || v.Order()
	switch {
	case !v.Checked && !o.verifiers.Allow(v.Source):
		o.refused = append(o.refused, v)
		o.denied[v.Identity] = true
	case o.generation > 1 && o.earlier(v), v.OfGeneration > 0 && v.OfGeneration != o.generation:
		o.answerLate(ctx, v)
	case v.Verb == event.VerbWithdrawn && o.revision > 0:
		o.withdraw(ctx, v)
	case v.Verb == event.VerbResend:
		o.resend(ctx, v)
	case v.Verb == event.VerbUndone:
		o.takeBack(ctx, v)
	case o.status == event.StatusWaiting && (!v.Effective.IsZero() || o.undoneBefore(v.Identity) >= 0):
		o.postpone(ctx, v)
	default:
		o.decide(ctx, v)
	}
}

// decide applies v when it is the first decision about this generation.
func (o *onboarding) decide(ctx workflow.Context, v event.Verification) {
	if o.status != event.StatusWaiting {
		o.answerLate(ctx, v)
		return
	}
	first, ok := o.agree(ctx, v)
	if !ok {
		return
	}
	switch v.Verb {
	case event.VerbApproved:
		o.status = event.StatusApproved
	case event.VerbWithdrawn:
		o.status = event.StatusWithdrawn
	default:
		o.status = event.StatusRejected
	}
	o.recordDecision(ctx, v, first)
}

// withdraw stops the onboarding wherever it is. Nothing is left to stop when the
// user was turned away before.
func (o *onboarding) withdraw(ctx workflow.Context, v event.Verification) {
	switch o.status {
	case event.StatusRejected, event.StatusExpired, event.StatusWithdrawn, event.StatusFailed:
		o.answerLate(ctx, v)
		return
	}
	o.status = event.StatusWithdrawn
	o.ordered(v)
	o.recordDecision(ctx, v, nil)
}

// recordDecision records v as the event that decided, first as the first of two when
// there were two, and tells it.
func (o *onboarding) recordDecision(ctx workflow.Context, v event.Verification, first *event.Verification) {
	o.decided = o.decided.Instead(v)
	if first != nil {
		o.decided = o.decided.With(*first)
	}
	o.decisionTrace, o.votes = v.Trace, nil
	o.answer(ctx, event.AnswersVerification, v.Verb, event.EffectApplied, v.Identity)
	o.closeWindows(ctx)
}

// ordered remembers an order that takes effect.
func (o *onboarding) ordered(v event.Verification) {
	o.orders = append(o.orders, event.Order{Identity: v.Identity, Place: v.Place()})
}

// answer reports what became of an event.
func (o *onboarding) answer(ctx workflow.Context, answers, kind string, effect event.Effect, id event.Identity) {
	f := o.fact(ctx, kind)
	f.Answers, f.EventID, f.EventSource, f.Effect = answers, id.ID, id.Source, effect
	switch {
	case answers != event.AnswersUser:
	case o.over: // the bridge looked before the end
		f.Note = &event.Note{Over: true}
	case o.overtaken && id == o.opened.Identity: // the end may say already that it was not seen
		f.Note = &event.Note{Opener: event.OpenerAnswered}
	}
	if o.fell != "" {
		f.Why, o.fell = o.fell, ""
	}
	o.tellDecision(&f)
	o.pending = append(o.pending, f)
}

// answerAgain tells of the record that opened the generation that it was taken. The
// start of the run said so, in another run if that one was ended from outside, and its
// fact, which has the same id, moves nothing: with a number it would be the newest word
// about the status, which may be behind an end that is written already.
func (o *onboarding) answerAgain(ctx workflow.Context, e event.UserEvent) {
	n, shown, shownN := o.n, o.shown, o.shownN
	o.answer(ctx, event.AnswersUser, event.FactStarted, event.EffectApplied, e.Identity)
	o.n, o.shown, o.shownN = n, shown, shownN
	o.pending[len(o.pending)-1].N = 0
}

// decline answers a verification that has no effect. The next run does not know the
// orders that this one has declined, so PEOPLE is told.
func (o *onboarding) decline(ctx workflow.Context, v event.Verification, kind string, effect event.Effect) {
	o.answer(ctx, event.AnswersVerification, kind, effect, v.Identity)
	if v.Order() {
		declined := v.Decline(effect, o.generation)
		o.pending[len(o.pending)-1].Note = &event.Note{Declined: &declined}
	}
}

func (o *onboarding) tellDecision(f *event.Fact) {
	if o.decided != nil {
		opened, at := o.opened.Stored, o.decided.When()
		f.OpenedAt, f.Verdict, f.DecidedBy, f.DecidedAt, f.FirstBy = &opened, o.decided.Verb, o.decided.By, &at, o.decided.Two()
	}
}

// still are the facts that leave everything as it is, so they are not counted.
var still = []string{event.FactLate, event.FactDuplicate, event.FactUnchanged, event.FactResend, event.FactPending, event.FactUndone, event.FactRefused}

// fact makes the next fact of this generation.
func (o *onboarding) fact(ctx workflow.Context, kind string) event.Fact {
	f := event.Fact{
		Kind: kind, UserID: o.userID, Generation: o.generation,
		At: workflow.Now(ctx).UTC(), Status: o.status, Inbox: o.inbox, Import: o.user.Import.ID,
	}
	if o.fell != "" || !slices.Contains(still, kind) && !(kind == event.FactUpdated && o.revision >= 4) {
		o.n++
		f.N = o.n
		f.Half = o.half()
		o.shown, o.shownN = o.status, o.n
	}
	return f
}

// takePending hands the facts that wait to the step that publishes them.
func (o *onboarding) takePending() []event.Fact {
	p := o.pending
	o.pending = nil
	return p
}

// story says where the steps after the decision belong.
func (o *onboarding) story() Story {
	return Story{Before: o.trace, Trace: o.decisionTrace}
}

func (o *onboarding) query() (event.OnboardingStatus, error) {
	s := event.OnboardingStatus{UserID: o.userID, Generation: o.generation, Status: o.status, Half: o.half()}
	if o.decided != nil {
		at := o.decided.When()
		s.Verdict, s.DecidedBy, s.DecidedAt = o.decided.Verb, o.decided.By, &at
	}
	return s, nil
}
