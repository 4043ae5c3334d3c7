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

// keepPace waits while the bridge is too far behind. That is no trouble, so it
// shows in the progress and not in the readiness.
// Before it waits, settle ends what is under way.
func (j *job) keepPace(ctx context.Context, settle func(context.Context) error) error {
	paused := false
	for {
		n := j.backlog.tooFar(ctx)
		if n == 0 {
			break
		}
		if !paused {
			paused = true
			if err := settle(ctx); err != nil {
				return err
			}
			j.Metrics.Paused.WithLabelValues(j.in.Source, "bridge").Inc()
			defer j.Metrics.Paused.WithLabelValues(j.in.Source, "bridge").Dec()
		}
		j.progress.wait(fmt.Sprintf("%d records wait for the bridge; it goes on when they are fewer", n))
		if !event.Sleep(ctx, lookEvery) {
			return ctx.Err()
		}
	}
	if paused {
		j.progress.wait("")
	}
	return nil
}
