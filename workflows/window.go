package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// A decision of the console may take effect some seconds after it was made, so that
// the person who made it can take it back. Until then it is no decision: what takes
// effect earlier counts, be it a decision of another system, a withdrawal or the end
// of the wait, and the one that was held back is late. It costs a timer, and nothing
// where there is no window.

// window is a decision that has not taken effect yet.
type window struct {
	event.Verification
	due   func() bool
	close workflow.CancelFunc // stops the timer
}

// undoing is an event that takes a decision back which did not come yet.
type undoing struct{ decision, by event.Identity }

// undoneBefore is where the event stands that was faster than its decision, -1 for none.
func (o *onboarding) undoneBefore(decision event.Identity) int {
	return slices.IndexFunc(o.undone, func(u undoing) bool { return u.decision == decision })
}

// postpone keeps a decision until it takes effect, or ends it when the event that takes
// it back was faster. One whose time has come already is kept too, until all that came
// with it is taken: a task that is tried again later sees another clock.
func (o *onboarding) postpone(ctx workflow.Context, v event.Verification) {
	if i := o.undoneBefore(v.Identity); i >= 0 {
		by := o.undone[i].by
		o.undone = slices.Delete(o.undone, i, i+1)
		o.answerUndone(ctx, v.Identity, by)
		return
	}
	if _, why := o.vote(v); why != "" { // no one need wait to hear that
		o.answerRefused(ctx, v, why)
		return
	}
	timer, cancel := workflow.WithCancel(ctx)
	due := workflow.NewTimer(timer, v.Effective.Sub(workflow.Now(ctx)))
	o.windows = append(o.windows, window{v, due.IsReady, cancel})
	o.answer(ctx, event.AnswersVerification, event.FactPending, "", v.Identity)
}

// due tells whether a decision takes effect now.
func (o *onboarding) due() bool {
	return slices.ContainsFunc(o.windows, func(w window) bool { return w.due() })
}

// takeEffect lets the decision count whose time has come; of several, the one that
// was to take effect first.
func (o *onboarding) takeEffect(ctx workflow.Context) {
	first := -1
	for i, w := range o.windows {
		if w.due() && (first < 0 || w.Effective.Before(o.windows[first].Effective)) {
			first = i
		}
	}
	if first < 0 {
		return // taken back in the last moment
	}
	v := o.windows[first].Verification
	o.windows = slices.Delete(o.windows, first, first+1)
	o.depends = true // on no event having come that takes it back
	o.decide(ctx, v)
}

// takeBack ends a decision that has not taken effect. One that did not come yet ends
// when it comes: the two were sent in order and may arrive in another.
func (o *onboarding) takeBack(ctx workflow.Context, v event.Verification) {
	decision := event.Identity{Source: v.Source, ID: v.Undoes}
	i := slices.IndexFunc(o.windows, func(w window) bool { return w.Identity == decision })
	switch {
	case i >= 0:
		o.windows[i].close()
		o.windows = slices.Delete(o.windows, i, i+1)
		o.answerUndone(ctx, decision, v.Identity)
	case o.status == event.StatusWaiting && !o.seen[decision]:
		o.undone = append(o.undone, undoing{decision, v.Identity})
	default:
		o.answerLateUndo(ctx, v.Identity)
	}
}

// answerUndone answers a decision and the event that took it back.
func (o *onboarding) answerUndone(ctx workflow.Context, decision, by event.Identity) {
	o.answer(ctx, event.AnswersVerification, event.FactUndone, event.EffectUndone, decision)
	o.answer(ctx, event.AnswersVerification, event.FactUndone, event.EffectApplied, by)
}

// closeWindows answers as late what did not take effect before the wait was over.
func (o *onboarding) closeWindows(ctx workflow.Context) {
	for _, w := range o.windows {
		w.close()
		o.answerLateUndo(ctx, w.Identity)
	}
	o.windows = nil
	for _, u := range o.undone {
		o.answerLateUndo(ctx, u.by)
	}
	o.undone = nil
}
