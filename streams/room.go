package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
)

// Room keeps USERS from filling up. At 80 % of its limit it purges the oldest
// imported records that nobody needs any more, down to 60 %: those that every
// consumer is done with, and that are older than any record of an onboarding
// which is still open, because a rebuild starts from these. Checkpoints stay for
// ever: without them a file would be let in twice.
//
// Which onboardings are open, PEOPLE tells: the bridge claims a person there
// before it acks the record, and a person is open until the status is final. So
// when the floor of the consumers is read first and PEOPLE after it, no record
// below that floor can belong to a person who is not there yet.
type Room struct {
	JetStream jetstream.JetStream
	Purged    prometheus.Counter // messages
	Log       *slog.Logger
	Every     time.Duration // default 30 s

	stuck bool // it was said that nothing can be purged
}

const (
	purgeAbove = 0.8
	purgeTo    = 0.6
	imported   = "users.v1.imported.>"
)

// Run looks until ctx ends. Several processes may each run one: a purge is
// harmless when it is done twice.
func (r *Room) Run(ctx context.Context) error {
	if r.Every <= 0 {
		r.Every = 30 * time.Second
	}
	t := time.NewTicker(r.Every)
	defer t.Stop()
	for failing := false; ; {
		err := r.Look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.Warn("whether a stream needs room could not be seen", "stream", event.StreamUsers, "error", err)
		}
		failing = err != nil
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Look purges once, when it is time to.
func (r *Room) Look(ctx context.Context) error {
	s, err := r.JetStream.Stream(ctx, event.StreamUsers)
	if err != nil {
		return err
	}
	i := s.CachedInfo()
	full := float64(i.State.Bytes) / float64(i.Config.MaxBytes)
	if i.Config.MaxBytes <= 0 || full < purgeAbove {
		r.stuck = false
		return nil
	}
	below, err := consumersFloor(ctx, s)
	if err != nil {
		return err
	}
	first, err := nextRecord(ctx, s, 1)
	if err != nil || first == nil {
		return err
	}
	if below > first.Sequence {
		if below, err = r.openFloor(ctx, s, first.Sequence, below); err != nil {
			return err
		}
	}
	// As much as is needed, by the share of the records.
	share := (full - purgeTo) / full
	below = min(below, first.Sequence+uint64(share*float64(i.State.LastSeq-first.Sequence))+1)
	if below <= first.Sequence {
		if !r.stuck {
			r.stuck = true
			r.Log.Error("a stream is nearly full and holds nothing that could be purged: the oldest record is still waited for; raise its limit", "stream", event.StreamUsers, "seq", first.Sequence)
		}
		return nil
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(imported), jetstream.WithPurgeSequence(below)); err != nil {
		return err
	}
	after, err := s.Info(ctx)
	if err != nil {
		return err
	}
	n := i.State.Msgs - min(after.State.Msgs, i.State.Msgs)
	r.Purged.Add(float64(n))
	r.stuck = false
	r.Log.Warn("old records were purged, because the stream was nearly full", "stream", event.StreamUsers, "rows", n, "seq", below)
	return nil
}

// consumersFloor is the sequence below which every consumer is done; 0 without
// the bridge's, which then has seen nothing.
func consumersFloor(ctx context.Context, s jetstream.Stream) (uint64, error) {
	var below uint64
	bridge := false
	l := s.ListConsumers(ctx)
	for c := range l.Info() {
		done := c.AckFloor.Stream
		if c.Config.AckPolicy == jetstream.AckNonePolicy {
			done = c.Delivered.Stream
		}
		if bridge = bridge || c.Name == event.ConsumerUsers; below == 0 || done+1 < below {
			below = done + 1
		}
	}
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return 0, err
	}
	if !bridge {
		return 0, nil
	}
	return below, nil
}

// openFloor is the sequence of the oldest record of an open onboarding, or below
// when that comes first. PEOPLE names the record that opened it and the one whose
// data count. Of a person who was opened anew and has neither, it is looked for.
func (r *Room) openFloor(ctx context.Context, users jetstream.Stream, first, below uint64) (uint64, error) {
	created := users.CachedInfo().Created
	searched := map[string]bool{}
	err := eachPerson(ctx, r.JetStream, func(id string, p event.Person) {
		byRecord := p.Generation == 1 && p.Opened.Source == p.Source
		switch {
		case p.Status.Final() && p.Order == nil:
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
		m, err := nextRecord(ctx, users, seq)
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

// nextRecord is the first imported record from seq on; nil when there is none.
func nextRecord(ctx context.Context, s jetstream.Stream, seq uint64) (*jetstream.RawStreamMsg, error) {
	m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(imported))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// eachPerson reads all of PEOPLE, one record after the other.
func eachPerson(ctx context.Context, js jetstream.JetStream, each func(id string, p event.Person)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
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
