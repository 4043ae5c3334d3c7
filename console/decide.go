package console

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
)

// Decision is what a verifier says about a user.
type Decision struct {
	Decision string `json:"decision"` // approved or rejected
	Reason   string `json:"reason"`   // of a rejection: one of the deployment's codes, or free text
	Note     string `json:"note"`
}

// says is all that an event about the user says. Without a note it is as it was when
// there were none, so that a client's retry over an upgrade is the same event.
func (d Decision) says(userID string) []string {
	if d.Note == "" {
		return []string{userID, d.Decision, d.Reason}
	}
	return []string{userID, d.Decision, d.Reason, d.Note}
}

// check refuses what is no decision.
func (d Decision) check() error {
	if d.Decision != event.VerbApproved && d.Decision != event.VerbRejected || d.Decision == event.VerbRejected && strings.TrimSpace(d.Reason) == "" {
		return errDecision
	}
	return nil
}

// Answer is what became of it.
type Answer struct {
	UserID  string       `json:"user_id"`
	EventID string       `json:"event_id"`
	Result  string       `json:"result"` // applied, half, refused, late, stored, pending or undone
	Status  event.Status `json:"status,omitempty"`
	Message string       `json:"message"`
	Undo    float64      `json:"undo_seconds,omitempty"` // of a pending one: for how long it can still be taken back
}

var errDecision = errors.New("the decision must be approved or rejected, and a rejection needs a reason")

// decide publishes the decision as a verification event and waits for the fact
// that answers it. The same decision with the same key is the same event, however
// often it comes; another decision never is. Without a key each is a new one. With a
// window it takes effect when that is over, and can be taken back until then.
func (k *Console) decide(ctx context.Context, actor, userID, key string, d Decision, window time.Duration) (Answer, error) {
	return k.decideAs(ctx, spoken{VerificationBody: event.VerificationBody{UserID: userID, Actor: actor}}, eventIDOf(key, d.says(userID)...), d, window)
}

// decideAs is decide with an event of which the caller knows the id, the user and the
// actor.
func (k *Console) decideAs(ctx context.Context, body spoken, eventID string, d Decision, window time.Duration) (Answer, error) {
	userID := body.UserID
	a := Answer{UserID: userID, EventID: eventID}
	if err := k.model.reach(ctx, userID); err != nil {
		return a, err
	}
	if err := d.check(); err != nil {
		return a, err
	}
	if err := event.CheckUserID(userID); err != nil {
		return a, errNone
	}
	began := time.Now()
	body.Reason, body.Note, body.EffectiveAfter = d.Reason, short(strings.TrimSpace(d.Note)), int(window.Seconds())
	f, ok, err := k.say(ctx, eventID, "decision", d.Decision, body)
	if err != nil {
		return a, err
	}
	switch {
	case ok && f.Kind == event.FactPending:
		a.Result, a.Status, a.Undo = "pending", f.Status, max(0, window-time.Since(began)).Seconds()
		a.Message = fmt.Sprintf("%s takes effect in %s, and can be undone until then.", map[string]string{event.VerbApproved: "The approval", event.VerbRejected: "The rejection"}[d.Decision], seconds(window))
	case ok && f.Kind == event.FactUndone:
		a.Result, a.Status, a.Message = "undone", f.Status, "This decision was undone."
	case ok && f.Effect == event.EffectHalf:
		a.Result, a.Status, a.Message = resultHalf, f.Status, "This is one of two decisions: another person has to say the same."
	case ok && f.Effect == event.EffectRefused:
		a.Result, a.Status, a.Message = resultRefused, f.Status, refusedWords(f)
	case !ok:
		a.Result, a.Message = "stored", "The decision is stored; it was not answered yet."
	case f.Verdict == d.Decision && (f.Effect == event.EffectApplied || f.Effect == event.EffectDuplicate):
		a.Result, a.Status, a.Message = "applied", f.Status, "Done: "+d.Decision+"."
	default:
		a.Result, a.Status, a.Message = "late", f.Status, late(f)
	}
	return a, nil
}

// say publishes an event about a user, records who did that under the name of the
// action, and waits until the read model has it and the fact that answers it; ok is false
// when no fact came.
func (k *Console) say(ctx context.Context, eventID, action, verb string, body spoken) (f event.Fact, ok bool, err error) {
	userID, actor := body.UserID, body.Actor
	if err := k.model.reach(ctx, userID); err != nil {
		return f, false, err
	}
	ctx, span := k.Tracer.Start(ctx, "decide", tracing.Producer, tracing.EventID(eventID), tracing.UserID(userID))
	defer span.Done(nil)
	body.Via = whoIn(ctx).How
	waiter, done := k.waiters.expect(eventID)
	defer done()
	data, err := json.Marshal(body)
	if err != nil {
		return f, false, err
	}
	known := false
	if body.keyed { // what came longer ago than JetStream remembers is in the read model
		if known, err = k.saidBefore(ctx, eventID, verb, data); err != nil {
			return f, false, err
		}
	}
	env := event.Envelope{ID: eventID, Type: event.TypeVerification + "." + verb, Source: "/usher/" + event.SourceConsole, Subject: userID, Time: time.Now(), MsgID: eventID, TraceParent: tracing.Context(ctx)}
	msg := &nats.Msg{Subject: event.VerificationSubject(event.SourceConsole, verb), Header: env.Header(), Data: data}
	// A client that goes away now must not leave a decision without an audit record.
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	ack := &jetstream.PubAck{Duplicate: known}
	if !known {
		if ack, err = k.JetStream.PublishMsg(stored, msg, jetstream.WithExpectStream(event.StreamVerifications)); err != nil {
			return f, false, fmt.Errorf("the decision was not stored: %w", err)
		}
	}
	if ack.Duplicate && body.keyed && !known {
		if err := k.isSame(ctx, waiter, eventID, verb, data); err != nil {
			return f, false, err
		}
	}
	if ack.Duplicate { // the form was sent before, so the answer may be there
		if f, ok, err = k.model.answerTo(ctx, eventID); err != nil {
			return f, false, err
		}
	} else {
		k.audit(ctx, action, actor, map[string]string{"user_id": userID, action: verb, "event_id": eventID})
	}
	if !ok {
		wait, cancel := context.WithTimeout(ctx, k.Answer)
		defer cancel()
		f, ok = decided(wait, waiter.facts)
		if ok && f.Effect == event.EffectDuplicate && f.Verdict == "" { // it was one of two, or did not count, when it came first
			if first, answered, err := k.model.answerTo(ctx, eventID); err == nil && answered {
				f = first
			}
		}
		if ok && !ack.Duplicate { // the next page shows what was said
			select {
			case <-waiter.read:
			case <-wait.Done():
			}
		}
	}
	return f, ok, nil
}

// refusedWords says why a decision does not count.
func refusedWords(f event.Fact) string {
	return "This decision does not count: " + event.ExplainWhy(f.Why) + "."
}

// late says who was first.
func late(f event.Fact) string {
	if f.Verdict == "" || f.DecidedAt == nil {
		return "Too late: the onboarding is " + string(f.Status) + "."
	}
	return fmt.Sprintf("Already %s by %s at %s.", f.Verdict, f.DecidedBy, f.DecidedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// newEventID is made when a form is shown and sent with it, so that a form that
// is sent twice is one event.
func newEventID() string { return ksuid.New().String() }

// eventIDOf makes the id of an event of the key that came with it and of all that
// the event says: a KSUID with the time of the key when that is one, else with the
// first time there is. An empty key gives a new id each time.
func eventIDOf(key string, says ...string) string {
	if key == "" {
		return newEventID()
	}
	id, err := ksuid.Parse(key)
	if err != nil {
		id = ksuid.Nil
	}
	h := sha256.New()
	for _, s := range append([]string{key}, says...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	copy(id[len(id)-16:], h.Sum(nil))
	return id.String()
}
