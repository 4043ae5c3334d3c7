package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// Checkpoint is how far the import of one file has come.
type Checkpoint struct {
	Import    string    `json:"import"`
	File      string    `json:"file"`
	Source    string    `json:"source"`
	Published int       `json:"published"`
	Refused   int       `json:"refused"`
	Done      bool      `json:"done"`
	StartedAt time.Time `json:"started_at"`
	At        time.Time `json:"at"`
	Seq       uint64    `json:"-"` // in USERS: the records lie before it
}

// Bounds are the ends of USERS, and how far the bridge has dealt with all of it.
type Bounds struct {
	Created     time.Time
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
	b = Bounds{Created: i.Created, First: i.State.FirstSeq, Last: i.State.LastSeq}
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
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{event.ImportedSubject("*")}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	}
	return j.read(ctx, event.StreamUsers, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if meta.Sequence.Stream > until {
			return errEnough
		}
		inbox, err1 := event.ParseImportedSubject(m.Subject())
		u, err2 := event.ParseUser(m.Data())
		if err1 != nil || err2 != nil {
			return nil
		}
		return f(Record{Seq: meta.Sequence.Stream, Stored: meta.Timestamp, Inbox: inbox, UserID: u.UserID, Import: u.Import.ID, ID: m.Headers().Get("ce-id")})
	})
}

// ImportedBetween counts the records stored from the one time to before the
// other, by inbox.
func (j *Journal) ImportedBetween(ctx context.Context, from, until time.Time) (map[string]int, error) {
	out := map[string]int{}
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{event.ImportedSubject("*")}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from, HeadersOnly: true,
	}
	return out, j.read(ctx, event.StreamUsers, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if !meta.Timestamp.Before(until) {
			return errEnough
		}
		if inbox, err := event.ParseImportedSubject(m.Subject()); err == nil {
			out[inbox]++
		}
		return nil
	})
}

// Checkpoints calls f with the last checkpoint of every file.
func (j *Journal) Checkpoints(ctx context.Context, f func(Checkpoint) error) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{"users.v1.checkpoint.>"}}
	return j.read(ctx, event.StreamUsers, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		c := Checkpoint{Seq: meta.Sequence.Stream}
		if json.Unmarshal(m.Data(), &c) != nil || c.Import == "" {
			return nil // not usher's
		}
		return f(c)
	})
}

// Facts calls f once with every fact stored from the one time to before the
// other.
func (j *Journal) Facts(ctx context.Context, from, until time.Time, f func(event.Fact)) error {
	seen := map[string]bool{}
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from}
	return j.read(ctx, event.StreamOnboarding, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if !meta.Timestamp.Before(until) {
			return errEnough
		}
		var fact event.Fact
		if json.Unmarshal(m.Data(), &fact) == nil && !seen[fact.ID] {
			seen[fact.ID] = true
			f(fact)
		}
		return nil
	})
}

// DeadRecords returns which messages of USERS are kept as dead letters.
func (j *Journal) DeadRecords(ctx context.Context) (map[uint64]bool, error) {
	out := map[uint64]bool{}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{event.DeadLetterSubject(event.StreamUsers, "*")}, HeadersOnly: true}
	return out, j.read(ctx, event.StreamDeadLetters, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		out[readLetter(meta.Sequence.Stream, meta.Timestamp, m.Headers(), nil).Origin] = true
		return nil
	})
}

// People calls f with every record of PEOPLE as it stands.
func (j *Journal) People(ctx context.Context, f func(userID string, p event.Person) error) error {
	prefix := "$KV." + event.BucketPeople + "."
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	return j.read(ctx, "KV_"+event.BucketPeople, cfg, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if m.Headers().Get("KV-Operation") != "" || m.Headers().Get("Nats-Marker-Reason") != "" {
			return nil // taken out
		}
		var p event.Person
		if err := json.Unmarshal(m.Data(), &p); err != nil {
			return fmt.Errorf("the record of a person cannot be read: revision %d", meta.Sequence.Stream)
		}
		return f(strings.TrimPrefix(m.Subject(), prefix), p)
	})
}

// errEnough ends a reading early.
var errEnough = errors.New("enough was read")

// read calls f with the messages that are there now, in order.
func (j *Journal) read(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig, f func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	ctx, cancel := context.WithCancel(brief{ctx})
	defer cancel()
	s, err := j.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	last := s.CachedInfo().State.LastSeq
	c, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	i, err := c.Info(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	if i.NumPending == 0 && i.NumAckPending == 0 && i.Delivered.Consumer == 0 {
		return nil
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(500))
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	defer messages.Stop()
	next := func() (jetstream.Msg, error) { // what was there may be taken out meanwhile
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		return messages.Next(jetstream.NextContext(ctx))
	}
	for {
		m, err := next()
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Stream > last {
			return nil
		}
		switch err := f(m, meta); {
		case errors.Is(err, errEnough):
			return nil
		case err != nil:
			return err
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}
