package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher/event"
	"usher/tracing"
)

// onVerification handles a message of VERIFICATIONS.
func (b *Bridge) onVerification(ctx context.Context, m message) (outcome string, err error) {
	v, err := b.parseVerification(m)
	if err != nil {
		return "", err
	}
	v.Trace = tracing.Context(ctx)
	b.Fault.At("bridge.verification")
	if v.Order() {
		return b.onOrder(ctx, v)
	}
	return b.toWorkflow(ctx, v)
}

// toWorkflow gives a verification to the user's workflow. It answers it from
// PEOPLE when the onboarding is over. Of a user who is known and waits, a run that
// is not there it starts itself: in a parked one the verification would wait for a
// record that has come already. Of one who is not known it parks the verification.
func (b *Bridge) toWorkflow(ctx context.Context, v event.Verification) (outcome string, err error) {
	for range 3 {
		// Of a decision, a running workflow knows all that PEOPLE could tell, but for a
		// list of verifiers that is newer than the run.
		v.Checked = len(b.Verifiers) == 0
		if len(b.Verifiers) > 0 || v.Order() {
			person, ok, err := b.People.Get(ctx, v.UserID)
			if err != nil {
				return "", err
			}
			if ok && !b.Verifiers[person.Source].Allow(v.Source) {
				return "", refuse(denied, event.ReasonDenied, fmt.Errorf("%s does not decide about people of the inbox %s", v.Source, person.Source))
			}
			if ok && person.Status.Final() && v.Order() {
				return "", errMoved
			}
			v.Checked = v.Checked || ok
		}
		err := b.signal(ctx, v.Request(), v.UserID, orderSignal(v), v)
		if !errors.Is(err, ErrNoRun) {
			return signalled, err
		}
		// No run: it has ended, or the user is still to come.
		person, ok, err := b.People.Get(ctx, v.UserID)
		if err != nil {
			return "", err
		}
		if ok && person.Status.Final() {
			if v.Order() {
				return "", errMoved
			}
			return known, b.tellLate(ctx, person, v)
		}
		if ok {
			if err := b.ensure(ctx, person, v.UserID); err != nil && !errors.Is(err, ErrRunning) && !errors.Is(err, ErrOver) {
				return "", err
			}
			continue
		}
		if v.Verb == event.VerbUndone {
			return "", refuse(denied, event.ReasonUnknownUser, errors.New("there is no such user, so no decision about them waits to take effect"))
		}
		if !b.flood.allow(v.Source) {
			return "", refuse(denied, event.ReasonUnknownUser, fmt.Errorf("%s has decided about too many users who are not there; replay it when the user is there", v.Source))
		}
		if outcome, err := b.park(ctx, v); !errors.Is(err, ErrOver) {
			return outcome, err
		}
	}
	return "", errors.New("gave up: the user's workflow kept changing; it will be retried")
}

func (b *Bridge) park(ctx context.Context, v event.Verification) (string, error) {
	// Told before, since when it comes again it is given to the run as one that was
	// there. Of generation 0, the fact hides nothing when the user is there after all.
	err := b.tell(ctx, event.Fact{
		Kind: event.FactParked, UserID: v.UserID, At: time.Now().UTC(), Status: event.StatusParked,
		Answers: event.AnswersVerification, EventID: v.ID, EventSource: v.Source,
	})
	if err != nil {
		return "", err
	}
	opened := event.Opened{Identity: v.Identity, Seq: v.Seq, Stored: v.Stored}
	err = b.Workflows.Park(ctx, event.Onboarding{UserID: v.UserID, Opened: opened, Settings: b.Settings, Revision: event.Revision, Trace: v.Trace}, v)
	if err != nil {
		return "", err
	}
	b.Fault.At("bridge.parked")
	return parked, nil
}

func (b *Bridge) parseVerification(m message) (event.Verification, error) {
	var v event.Verification
	source, verb, err := event.ParseVerificationSubject(m.subject)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	env, err := event.ParseEnvelope(m.header, m.data)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	body, err := event.ParseVerificationBody(env.Data)
	if err != nil {
		return v, refuse(malformed, event.ReasonMalformed, err)
	}
	if err := mayNot(source, verb, body); err != nil {
		return v, refuse(denied, event.ReasonDenied, err)
	}
	if _, ok := event.WelcomeOn(body.Instead); body.Instead != "" && !ok {
		return v, refuse(malformed, event.ReasonMalformed, errors.New("`instead` is not the name of a message"))
	}
	v = event.Verification{
		Identity: event.Identify(source, env.ID, env.MsgID, m.Position), UserID: body.UserID,
		Verb: verb, Reason: body.Reason, Actor: body.Actor, Channels: body.Channels, Undoes: body.Undoes, Stored: m.Stored, Seq: m.Seq, Since: m.Created,
	}
	if source == event.SourceConsole {
		v.OfGeneration, v.Instead = body.OfGeneration, body.Instead
	}
	if body.EffectiveAfter > 0 {
		v.Effective = v.Stored.Add(time.Duration(body.EffectiveAfter) * time.Second)
	}
	if strings.HasPrefix(env.MsgID, event.ReplayPrefix) {
		v.Replay = env.MsgID
	}
	if v.UserID == "" {
		v.UserID = b.UserIDByEmail(event.NormalizeEmail(body.Email))
	}
	return v, nil
}

// mayNot says why a source may not say this. A decision that waits until it takes
// effect, and can be undone until then, is the console's alone: who publishes one
// from elsewhere expects that it counts, and no page would offer to take it back.
func mayNot(source, verb string, body event.VerificationBody) error {
	decision := verb == event.VerbApproved || verb == event.VerbRejected
	switch {
	case verb == event.VerbUndone && source != event.SourceConsole:
		return errors.New("only the console takes decisions back; to stop an onboarding use usher withdraw")
	case verb == event.VerbUndone && body.Undoes == "":
		return errors.New("`undoes` is missing the id of the decision to take back")
	case !decision && source != event.SourceConsole && source != event.SourceCLI:
		return fmt.Errorf("only operators may say %s, by the console or the command line", verb)
	case body.EffectiveAfter > 0 && !(decision && source == event.SourceConsole):
		return errors.New("effective_after is for decisions of the console; leave it out, and the event takes effect at once")
	}
	return nil
}
