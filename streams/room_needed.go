package streams

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	born := Birth(users.CachedInfo())
	searched := map[string]bool{}
	err := eachPerson(ctx, r.JetStream, func(id string, p event.Person) error {
		byRecord := p.Generation == 1 && p.Opened.Source == p.Source
		switch {
		case over(p):
			return nil
		case byRecord && p.Opened.Stored.Before(born):
			return nil // it came with a stream that is gone
		case byRecord:
			below = min(below, p.Opened.Seq)
		case p.Record == 0:
			searched[id] = true
		}
		if p.Record > 0 {
			below = min(below, p.Record)
		}
		return nil
	})
	if err != nil || len(searched) == 0 {
		return below, err
	}
	for seq := first; seq < below; {
		m, err := next(ctx, r.JetStream, event.StreamUsers, seq, imported)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Seq >= below {
			return below, nil
		}
		if err != nil {
			return 0, err
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err == nil {
			if u, err := event.ParseUser(env.Data); err == nil && searched[u.UserID] {
				return m.Seq, nil
			}
		} // what cannot be read is a dead letter
		seq = m.Seq + 1
	}
	return below, nil
}

// openDecisions is the sequence of the oldest verification about a user whose
// onboarding is open, or who is still waited for. Those from before the event that
// opened a later generation do not count: it ignores them.
func (r *Room) openDecisions(ctx context.Context, verifications jetstream.Stream, first, below uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	seed := maphash.MakeSeed() // two people with one hash spare too much, and no more
	oldest := map[uint64]uint64{}
	sel := Selection{Subjects: []string{decisions}, From: first}
	err := Read(ctx, r.JetStream, event.StreamVerifications, sel, func(m Message, _ uint64) error {
		if m.Seq >= below {
			return ErrEnough
		}
		if id, ok := r.about(m); ok {
			h := maphash.String(seed, id)
			oldest[h] = cmp.Or(oldest[h], m.Seq)
		} // what cannot be read is a dead letter
		return nil
	})
	if err != nil {
		return 0, err
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
	born := Birth(verifications.CachedInfo())
	err = eachPerson(ctx, r.JetStream, func(id string, p event.Person) error {
		switch {
		case over(p):
			delete(parked, id)
		case p.Generation > 1 && !p.Status.Final() && !p.Opened.Stored.Before(born) && p.Opened.Seq >= first:
			below = min(below, p.Opened.Seq)
		default:
			spare(id)
		}
		return nil
	})
	for id := range parked {
		spare(id)
	}
	return below, err
}

// over tells whether nothing is left to do about a person.
func over(p event.Person) bool { return p.Status.Final() && p.Order == nil }

// about is the user whom a verification is about.
func (r *Room) about(m Message) (id string, ok bool) {
	env, err := event.ParseEnvelope(m.Header, m.Data)
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
	sel := Selection{Subjects: event.FactsOfKind(event.FactParked), Since: since}
	err := Read(ctx, r.JetStream, event.StreamOnboarding, sel, func(m Message, _ uint64) error {
		var f event.Fact
		if err := json.Unmarshal(m.Data, &f); err != nil {
			return fmt.Errorf("a fact cannot be read: %w", err)
		}
		users[f.UserID] = true
		return nil
	})
	return users, err
}
