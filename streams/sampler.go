package streams

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
)

// Sampler keeps the gauges about JetStream up to date, so that a scrape asks no
// server. Several processes may each run one: take the max.
type Sampler struct {
	JetStream jetstream.JetStream
	Metrics   *metrics.Streams
	Errors    prometheus.Counter
	Guard     event.Guard // told of panics; nil: of none
	Log       *slog.Logger
	Every     time.Duration // default 5 s
	MaxStore  int64         // of the server, where the account has no limit of its own; 0: not known
}

// Run looks until ctx ends. A look that fails is counted and leaves the gauges
// as they were.
func (s *Sampler) Run(ctx context.Context) error {
	if s.Every <= 0 {
		s.Every = 5 * time.Second
	}
	failing := false
	event.Every(ctx, s.Every, func() {
		look, cancel := context.WithTimeout(ctx, s.Every)
		err := s.Guard.Do("looking at JetStream", func() error { return s.Look(look) })
		cancel()
		if err != nil && ctx.Err() == nil {
			s.Errors.Inc()
			if !failing {
				s.Log.Warn("cannot sample JetStream; gauges are stale", "error", err)
			}
		}
		failing = err != nil
	})
	return nil
}

// Look samples once.
func (s *Sampler) Look(ctx context.Context) error {
	account, err := s.JetStream.AccountInfo(ctx)
	if err != nil {
		return err
	}
	s.Metrics.UsedStorage.Set(float64(account.Store))
	room := account.Limits.MaxStore
	if room <= 0 && s.MaxStore > 0 {
		room = s.MaxStore
	}
	s.Metrics.MaxStorage.Set(float64(room))
	for _, r := range table(Options{}) {
		name := r.cfg.Name
		stream, err := s.JetStream.Stream(ctx, name)
		if err != nil {
			return err
		}
		i := stream.CachedInfo()
		s.Metrics.Messages.WithLabelValues(name).Set(float64(i.State.Msgs))
		s.Metrics.Bytes.WithLabelValues(name).Set(float64(i.State.Bytes))
		s.Metrics.Limit.WithLabelValues(name).Set(float64(i.Config.MaxBytes))
		if durable := durables[name]; durable != "" {
			if err := s.consumer(ctx, stream, name, durable); err != nil {
				return err
			}
		}
	}
	return s.deadLetters(ctx)
}

// deadLetters counts what is kept by subject, of which there is one for each
// stream and reason.
func (s *Sampler) deadLetters(ctx context.Context) error {
	stream, err := s.JetStream.Stream(ctx, event.StreamDeadLetters)
	if err != nil {
		return err
	}
	i, err := stream.Info(ctx, jetstream.WithSubjectFilter("deadletters.v1.>"))
	if err != nil {
		return err
	}
	state := i.State
	counts := map[[2]string]int{}
	for subject, n := range state.Subjects {
		if from, reason, ok := event.ParseDeadLetterSubject(subject); ok {
			counts[[2]string{from, reason}] += int(n)
		}
	}
	s.Metrics.SetDeadLetters(counts)
	age := 0.0
	if state.Msgs > 0 {
		age = max(0, time.Since(state.FirstTime).Seconds())
	}
	s.Metrics.DeadLettersOldest.Set(age)
	return nil
}

// durables are the consumers of the bridge.
var durables = map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications}

func (s *Sampler) consumer(ctx context.Context, stream jetstream.Stream, name, durable string) error {
	c, err := stream.Consumer(ctx, durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil // no bridge has run yet
	}
	if err != nil {
		return err
	}
	i := c.CachedInfo()
	s.Metrics.NumPending.WithLabelValues(name, durable).Set(float64(i.NumPending))
	s.Metrics.NumAckPending.WithLabelValues(name, durable).Set(float64(i.NumAckPending))
	s.Metrics.NumRedelivered.WithLabelValues(name, durable).Set(float64(i.NumRedelivered))
	open := i.NumPending + uint64(i.NumAckPending)
	lag := 0.0
	if open > 0 {
		m, err := next(ctx, s.JetStream, name, i.AckFloor.Stream+1, i.Config.FilterSubject)
		switch {
		case err == nil:
			lag = max(0, time.Since(m.Stored).Seconds())
		case !errors.Is(err, jetstream.ErrMsgNotFound): // acked meanwhile
			return err
		}
	}
	s.Metrics.Pending.WithLabelValues(durable).Set(float64(open))
	s.Metrics.LagSeconds.WithLabelValues(durable).Set(lag)
	return nil
}
