package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"usher/event"
)

// Order is what an operator wants done about a user's onboarding: a verb of
// VERIFICATIONS that no upstream system may say.
type Order struct{ Verb, Label string }

// orders are those that a user's status allows, the harmless ones first: the
// first is what the key Enter does. Of the others the bridge would say that there
// is nothing to do.
func orders(s event.Status) []Order {
	sent := s == event.StatusWelcomed || s == event.StatusPartlyWelcomed || s == event.StatusUnreached
	var out []Order
	if sent {
		out = append(out, Order{event.VerbResend, "Send again"})
	}
	if s.Final() && s != event.StatusFailed { // a parked run that expired has no user to reopen
		out = append(out, Order{event.VerbReopened, "Reopen"})
	}
	if sent || !s.Final() && s != "" {
		out = append(out, Order{event.VerbWithdrawn, "Withdraw"})
	}
	return out
}

var (
	errOrder  = errors.New("this cannot be done to a user with this status")
	errReason = errors.New("a reason is needed")
)

// order publishes the order as the commands do, and waits for its answer. The
// same order with the same key is the same event.
func (k *Console) order(ctx context.Context, actor, userID, key, verb, reason string) (Answer, error) {
	a := Answer{UserID: userID, EventID: eventIDOf(key, userID, verb, reason)}
	u, err := k.model.user(ctx, userID)
	if err != nil {
		return a, err
	}
	_, given, err := k.model.answerTo(ctx, a.EventID) // then the status is what came of it
	switch {
	case err != nil:
		return a, err
	case !given && !slices.ContainsFunc(orders(u.Status), func(o Order) bool { return o.Verb == verb }):
		return a, errOrder
	case strings.TrimSpace(reason) == "":
		return a, errReason
	}
	f, ok, err := k.say(ctx, a.EventID, "order", verb, spoken{VerificationBody: event.VerificationBody{UserID: userID, Reason: reason, Actor: actor}})
	switch {
	case err != nil:
		return a, err
	case !ok:
		a.Result, a.Message = "stored", "The order is stored; it was not answered yet."
	case f.Effect == event.EffectApplied || f.Effect == event.EffectDuplicate:
		a.Result, a.Status, a.Message = "applied", f.Status, "Done: "+map[string]string{
			event.VerbWithdrawn: "withdrawn.", event.VerbReopened: "reopened.", event.VerbResend: "it is sent again.",
		}[verb]
	case f.Effect == event.EffectUnchanged:
		a.Result, a.Status, a.Message = "unchanged", f.Status, "Nothing to do: the onboarding is "+string(f.Status)+"."
	default:
		a.Result, a.Status, a.Message = "late", f.Status, late(f)
	}
	return a, nil
}

// orderForm gives an order, and shows the user again with what became of it.
func (k *Console) orderForm(w http.ResponseWriter, r *http.Request) {
	userID := r.PathValue("user_id")
	a, err := k.order(r.Context(), whoAsks(r).actor(), userID, r.PostFormValue("event_id"), r.PostFormValue("order"), r.PostFormValue("reason"))
	switch {
	case errors.Is(err, errReason):
		a.Message = "Say why: a reason is needed. Not done yet."
	case errors.Is(err, errOrder):
		a.Message = "The user has another status now, which does not allow this."
		k.keepDraft(r, draftOf(r, userID))
	case err != nil:
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), "message", a.Message)
	k.back(w, r, userID)
}
