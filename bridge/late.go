package bridge

import (
	"context"

	"usher/event"
)

// What comes when its user's onboarding is over, or after another event has counted, is
// late. The run that could say so may be gone, so it is answered from PEOPLE.

// tellLate answers a decision whose generation is over, from PEOPLE. What had its
// effect and comes again is a duplicate, also when a withdrawal came after it.
func (b *Bridge) tellLate(ctx context.Context, p event.Person, v event.Verification) error {
	if p.Known(v.Identity) {
		return b.tellEffect(ctx, p, v, event.EffectDuplicate)
	}
	return b.tellEffect(ctx, p, v, event.EffectLate)
}

// declineLate answers an order that is late.
func (b *Bridge) declineLate(ctx context.Context, p event.Person, v event.Verification) (string, error) {
	return b.decline(ctx, p, v, event.EffectLate)
}

// tellLateRecord answers the record that opened the first generation when another one
// began the run.
func (b *Bridge) tellLateRecord(ctx context.Context, p event.Person, id event.Identity, u event.User) error {
	f := b.answer(p, event.Verification{Identity: id, UserID: u.UserID}, event.FactLate, event.EffectLate)
	f.Answers, f.Import = event.AnswersUser, u.Import.ID
	return b.tell(ctx, f)
}
