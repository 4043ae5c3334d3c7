package streams

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// lookFor is how long reading what a rebuild needs may take.
const lookFor = 10 * time.Minute

// openRecords is the sequence of the oldest record of an open onboarding. PEOPLE
// names the record that opened it and the one whose data count. Of a person who
// was opened anew and has neither, it is looked for.
func (r *Room) openRecords(ctx context.Context, users jetstream.Stream, first, below uint64) (uint64, error) {
	created := users.CachedInfo().Created
	searched := map[string]bool{}
	err := eachPerson(ctx, r.JetStream, func(id string, p event.Person) {
		byRecord := p.Generation == 1 && p.Opened.Source == p.Source
		switch {
		case over(p):
			return
		case byRecord && p.Opened.Stored.Before(created):
			return // it came with a stream that is gone
		case byRecord:
			below = min(below, p.Opened.Seq)
		case p.Record == 0:
			searched[id] = true
		}
		if p.Record > 0 {
			below = min(below, p.Record)
		}
	})
	if err != nil || len(searched) == 0 {
		return below, err
	}
	for seq := first; seq < below; {
		m, err := nextMessage(ctx, users, seq, imported)
		if err != nil {
			return 0, err
		}
		if m == nil || m.Sequence >= below {
			return below, nil
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err == nil {
			if u, err := event.ParseUser(env.Data); err == nil && searched[u.UserID] {
				return m.Sequence, nil
			}
		} // what cannot be read is a dead letter
		seq = m.Sequence + 1
	}
	return below, nil
}

// openDecisions is the sequence of the oldest verification about somebody whose
// onboarding is open, or who is still waited for. Those from before the event that
// opened a later generation do not count: it ignores them.
func (r *Room) openDecisions(ctx context.Context, verifications jetstream.Stream, first, below uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	seed := maphash.MakeSeed() // two people with one hash spare too much, and no more
	oldest := map[uint64]uint64{}
	err := Read(ctx, r.JetStream, event.StreamVerifications, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{decisions}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: first, InactiveThreshold: r.Every + time.Second,
	}, func(m jetstream.Msg, at *jetstream.MsgMetadata, _ uint64) (enough bool, err error) {
		if at.Sequence.Stream >= below {
			return true, nil
		}
		if id, ok := r.about(m); ok {
			h := maphash.String(seed, id)
			oldest[h] = cmp.Or(oldest[h], at.Sequence.Stream)
		} // what cannot be read is a dead letter
		return false, nil
	})
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", event.StreamVerifications, err)
	}
	spare := func(id string) {
		if seq, ok := oldest[maphash.String(seed, id)]; ok {
			below = min(below, seq)
		}
	}
	parked, err := r.parked(ctx)
	if err != nil {
		return 0, err
	}
	created := verifications.CachedInfo().Created
	err = eachPerson(ctx, r.JetStream, func(id string, p event.Person) {
		switch {
		case over(p):
			delete(parked, id)
		case p.Generation > 1 && !p.Status.Final() && !p.Opened.Stored.Before(created) && p.Opened.Seq >= first:
			below = min(below, p.Opened.Seq)
		default:
			spare(id)
		}
	})
	for id := range parked {
		spare(id)
	}
	return below, err
}

// over tells whether nothing is left to do about a person.
func over(p event.Person) bool { return p.Status.Final() && p.Order == nil }

// about is the user whom a verification is about.
func (r *Room) about(m jetstream.Msg) (id string, ok bool) {
	env, err := event.ParseEnvelope(m.Headers(), m.Data())
	if err != nil {
		return "", false
	}
	body, err := event.ParseVerificationBody(env.Data)
	if err != nil {
		return "", false
	}
	if body.UserID == "" {
		return r.UserID(event.NormalizeEmail(body.Email)), true
	}
	return body.UserID, true
}

// parkedLonger is what the clocks of the servers may differ by, and what the end
// of a parked run may take.
const parkedLonger = time.Hour

// parked are the users for whom a decision was parked so lately that it may still
// wait.
func (r *Room) parked(ctx context.Context) (map[string]bool, error) {
	since := time.Now().Add(-cmp.Or(r.ParkedFor, event.DefaultSettings().ParkedFor) - parkedLonger)
	users := map[string]bool{}
	err := Read(ctx, r.JetStream, event.StreamOnboarding, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{event.FactSubject(event.FactParked)}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	}, func(m jetstream.Msg, _ *jetstream.MsgMetadata, _ uint64) (enough bool, err error) {
		var f event.Fact
		if err := json.Unmarshal(m.Data(), &f); err != nil {
			return false, fmt.Errorf("a fact cannot be read: %w", err)
		}
		users[f.UserID] = true
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", event.StreamOnboarding, err)
	}
	return users, nil
}

// eachPerson reads all of PEOPLE, one record after the other, to the end that it
// has then: somebody whose record is written meanwhile comes later, or again.
func eachPerson(ctx context.Context, js jetstream.JetStream, each func(id string, p event.Person)) error {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	s, err := js.Stream(ctx, "KV_"+event.BucketPeople)
	if err != nil {
		return err
	}
	if s.CachedInfo().State.Msgs == 0 {
		return nil
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	msgs, err := c.Messages()
	if err != nil {
		return err
	}
	defer msgs.Stop()
	prefix := len("$KV." + event.BucketPeople + ".")
	for {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read PEOPLE: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if len(m.Data()) > 0 {
			var p event.Person
			if err := json.Unmarshal(m.Data(), &p); err != nil {
				return fmt.Errorf("a record of PEOPLE cannot be read: revision %d", meta.Sequence.Stream)
			}
			each(m.Subject()[prefix:], p)
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}
