package streams

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
)

// Room keeps USERS and VERIFICATIONS from filling up. A stream that is 80 % full
// loses its oldest messages that are not needed any more, until it is 60 % full:
// those that every consumer is done with, and that are older than any message of
// an onboarding which is still open, because a rebuild starts from these.
// Checkpoints stay for ever: without them a file would be let in twice.
//
// Which onboardings are open, PEOPLE tells: the bridge claims a person there
// before it acks the record, and a person is open until the status is final. So
// when the floor of the consumers is read first and PEOPLE after it, no record
// below that floor can belong to a person who is not there yet. A decision can:
// it may wait, parked, for a person who is still to come. Of that the bridge
// tells a fact before it acks the decision.
type Room struct {
	JetStream jetstream.JetStream
	UserID    func(email string) string // of a user whose record had none
	ParkedFor time.Duration             // how long a decision waits for its user; default 72 h
	Purged    *prometheus.CounterVec    // messages, by stream
	Guard     event.Guard               // told of panics; nil: of none
	Log       *slog.Logger
	Every     time.Duration // default 30 s

	stuck map[string]time.Time // by stream: when nothing could be purged; owned by Look
}

const (
	purgeAbove = 0.8
	purgeTo    = 0.6

	// When nothing can be purged, PEOPLE is asked again after so many looks.
	stuckFor = 20
)

const (
	imported  = "users.v1.imported.>"
	decisions = "verifications.v1.>"
)

// purgeable is a stream that loses what is not needed any more.
type purgeable struct {
	stream, subject string
	consumer        string // the bridge's; before it was there, nothing is purged
	// needed is the sequence of the oldest message from first on that a rebuild
	// needs, or below when that comes first.
	needed func(ctx context.Context, s jetstream.Stream, first, below uint64) (uint64, error)
}

func (r *Room) purgeables() []purgeable {
	return []purgeable{
		{event.StreamUsers, imported, event.ConsumerUsers, r.openRecords},
		{event.StreamVerifications, decisions, event.ConsumerVerifications, r.openDecisions},
	}
}

// Run looks until ctx ends. Several processes may each run one: a purge is
// harmless when it is done twice.
func (r *Room) Run(ctx context.Context) error {
	if r.Every <= 0 {
		r.Every = 30 * time.Second
	}
	failing := false
	event.Every(ctx, r.Every, func() {
		err := r.Guard.Do("making room in the streams", func() error { return r.Look(ctx) })
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.Warn("could not check stream usage", "error", err)
		}
		failing = err != nil
	})
	return nil
}

// Look purges once what it is time to purge.
func (r *Room) Look(ctx context.Context) error {
	var errs []error
	for _, p := range r.purgeables() {
		if err := r.look(ctx, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *Room) look(ctx context.Context, p purgeable) error {
	s, err := r.JetStream.Stream(ctx, p.stream)
	if err != nil {
		return err
	}
	i := s.CachedInfo()
	full := float64(i.State.Bytes) / float64(i.Config.MaxBytes)
	if i.Config.MaxBytes <= 0 || full < purgeAbove {
		delete(r.stuck, p.stream)
		return nil
	}
	if since, stuck := r.stuck[p.stream]; stuck && time.Since(since) < stuckFor*r.Every {
		return nil
	}
	below, err := consumersFloor(ctx, s, p.consumer)
	if err != nil {
		return err
	}
	first, err := next(ctx, r.JetStream, p.stream, 1, p.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// As much as is needed, by the share of the messages.
	share := (full - purgeTo) / full
	below = min(below, first.Seq+uint64(share*float64(i.State.LastSeq-first.Seq))+1)
	if below > first.Seq {
		if below, err = p.needed(ctx, s, first.Seq, below); err != nil {
			return err
		}
	}
	if below <= first.Seq {
		r.sayStuck(p.stream, first.Seq)
		return nil
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(p.subject), jetstream.WithPurgeSequence(below)); err != nil {
		return err
	}
	after, err := s.Info(ctx)
	if err != nil {
		return err
	}
	n := i.State.Msgs - min(after.State.Msgs, i.State.Msgs)
	r.Purged.WithLabelValues(p.stream).Add(float64(n))
	delete(r.stuck, p.stream)
	r.Log.Warn("old messages were purged, because the stream was nearly full", "stream", p.stream, "rows", n, "seq", below)
	return nil
}

// sayStuck says once that nothing can be purged.
func (r *Room) sayStuck(stream string, seq uint64) {
	if _, said := r.stuck[stream]; !said {
		r.Log.Error("a stream is nearly full and holds nothing that could be purged: the oldest message is still waited for; raise its limit", "stream", stream, "seq", seq)
	}
	if r.stuck == nil {
		r.stuck = map[string]time.Time{}
	}
	r.stuck[stream] = time.Now()
}

// consumersFloor is the sequence below which every consumer is done; 0 without
// the bridge's, which then has seen nothing.
func consumersFloor(ctx context.Context, s jetstream.Stream, bridge string) (uint64, error) {
	var below uint64
	there := false
	l := s.ListConsumers(ctx)
	for c := range l.Info() {
		done := c.AckFloor.Stream
		if c.Config.AckPolicy == jetstream.AckNonePolicy {
			done = c.Delivered.Stream
		}
		if there = there || c.Name == bridge; below == 0 || done+1 < below {
			below = done + 1
		}
	}
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return 0, err
	}
	if !there {
		return 0, nil
	}
	return below, nil
}
