package streams

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Journal reads what the streams hold, from the oldest to what was there when it
// was asked, for those who report about it.
type Journal struct{ js jetstream.JetStream }

// NewJournal reads through js.
func NewJournal(js jetstream.JetStream) *Journal { return &Journal{js} }

// Record is one imported event without the person's data.
type Record struct {
	Seq    uint64
	Stored time.Time
	Inbox  string
	UserID string
	Import string
	ID     string // of the event
}

// Checkpoint is one file's checkpoint and where it stands.
type Checkpoint struct {
	event.Checkpoint
	Seq uint64 `json:"-"` // in USERS: the records lie before it
}

// Bounds are the ends of USERS, and how far the bridge has dealt with all of it.
type Bounds struct {
	Born        time.Time
	First, Last uint64
	Settled     uint64 // every message up to here has had an outcome
}

// Users returns the bounds of USERS.
func (j *Journal) Users(ctx context.Context) (b Bounds, err error) {
	ctx = brief{ctx}
	s, err := j.js.Stream(ctx, event.StreamUsers)
	if err != nil {
		return b, err
	}
	i := s.CachedInfo()
	b = Bounds{Born: Birth(i), First: i.State.FirstSeq, Last: i.State.LastSeq}
	c, err := s.Consumer(ctx, event.ConsumerUsers)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound): // no bridge has run yet
		return b, nil
	case err != nil:
		return b, err
	}
	ci := c.CachedInfo()
	b.Settled = ci.AckFloor.Stream
	if ci.NumPending == 0 && ci.NumAckPending == 0 { // the rest are checkpoints
		b.Settled = max(b.Settled, b.Last)
	}
	return b, nil
}

// Imported calls f with the records from the sequence after on, up to until.
// Messages that cannot be read are left out: the bridge makes dead letters of
// them.
func (j *Journal) Imported(ctx context.Context, after, until uint64, f func(Record) error) error {
	sel := Selection{Subjects: []string{event.ImportedSubject("*")}, From: after + 1}
	return Read(ctx, j.js, event.StreamUsers, sel, func(m Message, _ uint64) error {
		if m.Seq > until {
			return ErrEnough
		}
		inbox, err1 := event.ParseImportedSubject(m.Subject)
		u, err2 := event.ParseUser(m.Data)
		if err1 != nil || err2 != nil {
			return nil
		}
		return f(Record{Seq: m.Seq, Stored: m.Stored, Inbox: inbox, UserID: u.UserID, Import: u.Import.ID, ID: m.Header.Get("ce-id")})
	})
}

// ImportedBetween counts the records stored from the one time to before the
// other, by inbox.
func (j *Journal) ImportedBetween(ctx context.Context, from, until time.Time) (map[string]int, error) {
	out := map[string]int{}
	sel := Selection{Subjects: []string{event.ImportedSubject("*")}, Since: from, HeadersOnly: true}
	return out, Read(ctx, j.js, event.StreamUsers, sel, func(m Message, _ uint64) error {
		if !m.Stored.Before(until) {
			return ErrEnough
		}
		if inbox, err := event.ParseImportedSubject(m.Subject); err == nil {
			out[inbox]++
		}
		return nil
	})
}

// Checkpoints calls f with the last checkpoint of every file.
func (j *Journal) Checkpoints(ctx context.Context, f func(Checkpoint) error) error {
	sel := Selection{Subjects: []string{"users.v1.checkpoint.>"}, Latest: true}
	return Read(ctx, j.js, event.StreamUsers, sel, func(m Message, _ uint64) error {
		c := Checkpoint{Seq: m.Seq}
		if json.Unmarshal(m.Data, &c) != nil || c.Import == "" {
			return nil // not usher's
		}
		return f(c)
	})
}

// Facts calls f once with every fact stored from the one time to before the
// other.
func (j *Journal) Facts(ctx context.Context, from, until time.Time, f func(event.Fact)) error {
	seen := map[string]bool{}
	return Read(ctx, j.js, event.StreamOnboarding, Selection{Since: from}, func(m Message, _ uint64) error {
		if !m.Stored.Before(until) {
			return ErrEnough
		}
		var fact event.Fact
		if json.Unmarshal(m.Data, &fact) == nil && !seen[fact.ID] {
			seen[fact.ID] = true
			f(fact)
		}
		return nil
	})
}

// DeadRecords returns which messages of USERS are kept as dead letters.
func (j *Journal) DeadRecords(ctx context.Context) (map[uint64]bool, error) {
	out := map[uint64]bool{}
	sel := Selection{Subjects: []string{event.DeadLetterSubject(event.StreamUsers, "*")}, HeadersOnly: true}
	return out, Read(ctx, j.js, event.StreamDeadLetters, sel, func(m Message, _ uint64) error {
		out[readLetter(m).Origin] = true
		return nil
	})
}

// People calls f with every record of PEOPLE as it stands; one that is written
// meanwhile may come twice.
func (j *Journal) People(ctx context.Context, f func(userID string, p event.Person) error) error {
	return eachPerson(ctx, j.js, f)
}
