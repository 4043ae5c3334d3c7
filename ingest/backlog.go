package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// backlog tells how far the bridge is behind, so that intake does not fill the
// stream with records that cannot be taken for hours.
type backlog struct {
	js   jetstream.JetStream
	most int // records that may wait for the bridge; 0 is no limit

	mu     sync.Mutex
	again  time.Time // when the next look is due
	behind int
}

const (
	lookEvery = time.Second
	lookLater = 30 * time.Second // after a look that failed
)

// tooFar returns how many records wait for the bridge when they are too many,
// otherwise 0. A backlog that cannot be seen holds nothing up: the stream's own
// limit does.
func (b *backlog) tooFar(ctx context.Context) int {
	if b.most <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.After(b.again) {
		look, cancel := context.WithTimeout(ctx, lookEvery)
		defer cancel()
		c, err := b.js.Consumer(look, event.StreamUsers, event.ConsumerUsers)
		b.again, b.behind = now.Add(lookEvery), 0
		switch {
		case err == nil:
			b.behind = int(c.CachedInfo().NumPending) + c.CachedInfo().NumAckPending
		case !errors.Is(err, jetstream.ErrConsumerNotFound):
			b.again = now.Add(lookLater)
		}
	}
	if b.behind < b.most {
		return 0
	}
	return b.behind
}

// add counts what was published since the last look.
func (b *backlog) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behind += n
}

// keepPace waits while intake is paused, or the bridge is too far behind. That is no
// trouble, so it shows in the progress and not in the readiness.
// Before it waits, settle ends what is under way.
func (j *job) keepPace(ctx context.Context, settle func(context.Context) error) error {
	waits := "" // one of metrics.PauseReasons
	gauge := func(now string) {
		for reason, by := range map[string]float64{waits: -1, now: 1} {
			if reason != "" {
				j.Metrics.Paused.WithLabelValues(j.in.Source, reason).Add(by)
			}
		}
		waits = now
	}
	defer func() { gauge("") }()
	goOn := func() error { return nil }
	for {
		changed := j.Switch.Changed()
		now, why, again := "", "", time.Duration(0)
		if p, paused := j.Switch.Paused(); paused {
			now, why, again = "operator", p.String(), time.Minute
		} else if n := j.backlog.tooFar(ctx); n > 0 {
			now, why, again = "bridge", fmt.Sprintf("%d records wait for the bridge; it goes on when they are fewer", n), lookEvery
		}
		if now == "" {
			break
		}
		if waits == "" {
			err := settle(ctx)
			if err == nil {
				goOn, err = j.rests()
			}
			if err != nil {
				return err
			}
		}
		if now != waits {
			gauge(now)
		}
		if now == "operator" {
			j.Fault.At("ingest.paused")
		}
		j.progress.wait(why)
		select {
		case <-changed:
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if waits != "" {
		j.progress.wait("")
	}
	return goOn()
}
