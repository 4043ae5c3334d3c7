package streams

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Messages carries out what people at a console say of messages that did not reach their
// person, as far as is known.
type Messages struct {
	people *People
	pub    *Publisher
}

// NewMessages reads and changes people, and publishes orders and facts through pub.
func NewMessages(people *People, pub *Publisher) *Messages { return &Messages{people, pub} }

// errDoubtful is why a message is not sent again like one that failed.
var errDoubtful = event.Permanent(errors.New("it may have gone out after all: it is among the unknown outcomes now"))

// Chore does what a chore asks for about one message. Its errors are those that
// Chores.Message has; what has changed since a person looked is gone.
func (m *Messages) Chore(ctx context.Context, c event.Chore, about event.About) error {
	if c.Do == event.ChoreArrived {
		return m.arrived(ctx, c, about)
	}
	return m.resend(ctx, c, about)
}

// resend gives the order that `usher resend` gives, in the console's name. It is about
// one message, and has no effect unless that is still the latest on its channel and has
// not arrived; so it sends one more, whoever else asked for it meanwhile. Its name is
// made of that message and of how far the person had come: when it is published once
// more, by the next process or for another chore, it is the same event.
func (m *Messages) resend(ctx context.Context, c event.Chore, about event.About) error {
	p, ok, err := m.people.Get(ctx, about.UserID)
	if err != nil {
		return err
	}
	switch miss := p.Missed(about.Message); {
	case !ok || miss == event.MissedNot:
		return event.ErrGone
	case miss == event.MissedUnknown && c.Do == event.ChoreResend:
		return errDoubtful
	}
	channel, _ := event.WelcomeOn(about.Message) // Chore.Check has looked
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", about.UserID, about.Message, p.N))
	err = m.pub.Verification(ctx, event.SourceConsole, event.VerbResend, "again-"+hex.EncodeToString(sum[:16]), event.VerificationBody{
		UserID: about.UserID, Actor: c.Actor, Channels: []string{channel}, Instead: about.Message,
	})
	return ofOne(err)
}

// arrived marks a message of unknown outcome as delivered, as a receipt would, and tells
// it. It is told also when the ledger says so already: a process may have died in between,
// and the same fact again is one fact.
func (m *Messages) arrived(ctx context.Context, c event.Chore, about event.About) error {
	by := event.SourceConsole
	if event.CheckUserID(c.Actor) == nil { // an address or a full name is left out, as in Verification.By
		by += ":" + c.Actor
	}
	p, err := m.people.Update(ctx, about.UserID, func(p *event.Person) error {
		if p.Missed(about.Message) != event.MissedUnknown {
			return nil
		}
		_, err := p.ChangeSend(about.Message, func(s *event.Send) error {
			s.Receive(event.Receipt{State: event.SendDelivered, At: time.Now().UTC().Round(0), By: by})
			return nil
		})
		return err
	})
	switch s := p.Sends[about.Message]; {
	case errors.Is(err, ErrNoPerson):
		return event.ErrGone
	case err != nil:
		return err
	case s.State != event.SendDelivered:
		return event.ErrGone
	default:
		_, err := m.pub.Fact(ctx, event.ReceiptFact(about.UserID, about.Message, s))
		return ofOne(err)
	}
}

// ofOne marks an answer of the server that is about this one message, and would be the
// same at another try.
func ofOne(err error) error {
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.Code >= 400 && refused.Code < 500 {
		return event.Permanent(err)
	}
	return err
}
