package workflows

import (
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// An event is late when another one has counted before it: a decision about a user who
// is decided, a record whose data are older or come after the decision, an order that
// has nothing left to do. It has no effect, and a fact says so and who was first.

// answerLate answers a decision or an order that is late.
func (o *onboarding) answerLate(ctx workflow.Context, v event.Verification) {
	o.decline(ctx, v, event.FactLate, event.EffectLate)
}

// answerLateUndo answers a decision that could be undone, or the wish to undo it, when
// the wait is over.
func (o *onboarding) answerLateUndo(ctx workflow.Context, id event.Identity) {
	o.answer(ctx, event.AnswersVerification, event.FactLate, event.EffectLate, id)
}

// answerLateRecord answers a record that is late.
func (o *onboarding) answerLateRecord(ctx workflow.Context, e event.UserEvent) {
	o.answer(ctx, event.AnswersUser, event.FactLate, event.EffectLate, e.Identity)
}

// older reports whether a record was stored before the one whose data count: the
// bridge gives them to the run in any order.
func (o *onboarding) older(e event.UserEvent) bool {
	return o.revision >= 3 && e.Record > 0 && o.record.Seq > 0 && o.record.After(place(e.At, e.Record))
}

// earlier reports whether v was said before the generation was opened.
func (o *onboarding) earlier(v event.Verification) bool {
	if o.revision < 3 {
		return v.Stored.Before(o.opened.Stored)
	}
	return o.opened.Place().After(v.Place())
}
