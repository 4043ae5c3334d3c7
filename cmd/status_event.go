package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
	"usher/streams"
)

// eventStatus is what became of one event, put together from the stream that
// keeps it, the bridge's position there, the dead letters and the facts.
type eventStatus struct {
	Event    string           `json:"event_id"`
	UserID   string           `json:"user_id,omitempty"`
	Stream   string           `json:"stream,omitempty"` // "" when the event is no longer kept
	Sequence uint64           `json:"sequence,omitempty"`
	Subject  string           `json:"subject,omitempty"`
	Stored   time.Time        `json:"stored,omitzero"`
	Copies   int              `json:"copies,omitempty"` // how often it was published
	State    string           `json:"state"`            // waiting, taken or dead_letter
	Letters  []streams.Letter `json:"dead_letters,omitempty"`
	Person   *event.Person    `json:"person,omitempty"`
	Facts    []event.Fact     `json:"facts,omitempty"`
}

// event looks for the event named c.What; nil means that there is none.
func (c statusCmd) event(ctx context.Context, cl *app.Client) (*eventStatus, error) {
	e := &eventStatus{Event: c.What, State: "taken"}
	for _, in := range []struct{ stream, consumer, filter string }{
		{event.StreamVerifications, event.ConsumerVerifications, "verifications.v1.>"}, {event.StreamUsers, event.ConsumerUsers, "users.v1.imported.>"},
	} {
		if err := c.find(ctx, cl, e, in.stream, in.consumer, in.filter); err != nil {
			return nil, err
		}
		if e.Stream != "" {
			break
		}
	}
	err := streams.NewLetters(cl.JetStream).Each(ctx, streams.LetterFilter{}, func(l streams.Letter, _ uint64) error {
		if l.Event == c.What {
			l.Header, l.Data = nil, nil
			e.Letters, e.State = append(e.Letters, l), "dead_letter"
		}
		return nil
	})
	if err != nil || e.Stream == "" && len(e.Letters) == 0 {
		return nil, err
	}
	if e.UserID != "" {
		p, ok, err := cl.People.Get(ctx, e.UserID)
		if err != nil {
			return nil, err
		}
		if ok {
			e.Person = &p
		}
	}
	return e, nil
}

// find reads one stream for the event. It is read from its start, because an id
// says nothing of when the event came.
func (c statusCmd) find(ctx context.Context, cl *app.Client, e *eventStatus, stream, consumer, filter string) error {
	s, err := cl.JetStream.Stream(ctx, stream)
	if err != nil {
		return err
	}
	created := streams.Birth(s.CachedInfo())
	err = streams.Read(ctx, cl.JetStream, stream, streams.Selection{Subjects: []string{filter}}, func(m streams.Message, _ uint64) error {
		env, _ := event.ParseEnvelope(m.Header, m.Data) // what is malformed may still say its id
		place := event.Position{Stream: stream, Created: created, Seq: m.Seq, Stored: m.Stored}
		if event.Identify("", env.ID, env.MsgID, place).ID != e.Event {
			return nil
		}
		if e.Copies++; e.Copies == 1 {
			e.Stream, e.Sequence, e.Subject, e.Stored = stream, place.Seq, m.Subject, place.Stored
			if b, err := event.ParseVerificationBody(env.Data); err == nil {
				e.UserID = b.UserID
			}
		}
		return nil
	})
	if err != nil || e.Stream == "" {
		return err
	}
	cons, err := cl.JetStream.Consumer(ctx, stream, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		e.State = "waiting"
		return nil
	}
	if err == nil && e.Sequence > cons.CachedInfo().AckFloor.Stream {
		e.State = "waiting"
	}
	return err
}

func (e *eventStatus) text() string {
	var b strings.Builder
	if e.Stream != "" {
		fmt.Fprintf(&b, "%s: %s %d, %s, stored %s", e.Event, e.Stream, e.Sequence, e.Subject, e.Stored.Local().Format(time.DateTime))
		if e.Copies > 1 {
			fmt.Fprintf(&b, ", published %d times", e.Copies)
		}
		b.WriteByte('\n')
	}
	for _, l := range e.Letters {
		fmt.Fprintf(&b, "  dead letter %d (%s): %s\n  see usher deadletters show %d\n", l.Seq, l.Reason, l.Cause, l.Seq)
	}
	b.WriteString(timeline(e.Facts))
	switch {
	case len(e.Letters) > 0, len(e.Facts) > 0:
	case e.State == "waiting":
		b.WriteString("  It waits for the bridge, or is in its hands.\n")
	case e.Person != nil && e.Person.Status.Final():
		fmt.Fprintf(&b, "  The bridge took it and it changed nothing: the onboarding of %s is over, %s.\n", e.UserID, e.Person.Status)
	case e.UserID != "":
		fmt.Fprintf(&b, "  The bridge took it. What it did is in usher status %s.\n", e.UserID)
	default:
		b.WriteString("  The bridge took it.\n")
	}
	return b.String()
}
