package bridge

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"usher/event"
)

const (
	maxInHand   = 2000
	mostAside   = maxInHand / 2    // the rest is for messages that can take effect now
	longestWait = 30 * time.Second // between two tries
	drainTime   = 5 * time.Second
)

// consumer runs one durable consumer.
type consumer struct {
	*Bridge
	stream, name, filter string
	stage                string // in metrics
	handle               func(context.Context, message) (outcome string, err error)

	breaker  *breaker
	row      *row
	troubles troubles

	slots   chan struct{} // one a message in work
	workers sync.WaitGroup

	mu     sync.Mutex
	inHand map[*delivery]struct{} // kept from being redelivered, from their arrival on
	aside  int                    // of these, those that wait for another event and need no hand meanwhile

	freed chan struct{} // tells the session that there may be more hands
}

func (b *Bridge) newConsumer(stream, name, filter, stage string, handle func(context.Context, message) (string, error)) *consumer {
	return &consumer{
		Bridge: b, stream: stream, name: name, filter: filter, stage: stage, handle: handle,
		breaker: newBreaker(name, b.Log, b.open), row: newRow(), troubles: troubles{of: map[place]*trouble{}},
		slots: make(chan struct{}, b.Workers), inHand: map[*delivery]struct{}{},
		freed: make(chan struct{}, 1),
	}
}

// run keeps a session going until ctx ends. A session may end by itself: a
// consumer that was deleted, a server that is away.
func (c *consumer) run(ctx context.Context) {
	hands, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	unlisten := c.listen(hands) // before the first pull, which may make the server speak
	defer unlisten()
	wg.Go(c.guard.Func("bridge.keepalive", func() { c.keepAlive(hands) }))

	for attempt := 0; c.Switch.Wait(ctx); attempt++ {
		began := time.Now()
		err := c.guard.Do("bridge.session", func() error { return c.session(ctx, hands) })
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("consumer ended, starting it again", "consumer", c.name, "error", err)
		}
		if time.Since(began) > longestWait {
			attempt = 0
		}
		if err != nil {
			event.Sleep(ctx, backoff(attempt))
		}
	}
	// What is in hand finishes, within limits.
	done := make(chan struct{})
	go func() { c.workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainTime):
		stop() // gives the rest back
		<-done
	}
	stop()
}

// dispatch holds a message of the stream that was created then, and lets a worker
// handle it. A message that comes while the bridge stops is given back.
func (c *consumer) dispatch(ctx, hands context.Context, created time.Time, d *delivery) {
	c.hold(d)
	c.workers.Go(c.guard.Func("bridge.message", func() {
		// What of this panics, its message comes again when its time runs out.
		defer c.release(d)
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			c.giveBack(d, 0)
			return
		}
		defer func() { <-c.slots }()
		m, err := c.positioned(created, d)
		if err != nil {
			c.Log.Error("a message has no metadata", "consumer", c.name, "error", err)
			return
		}
		(&work{c: c, m: m, d: d, p: place{c.name, created.UnixNano(), m.Seq}}).run(ctx, hands)
	}))
}

// finish tells JetStream that the message has its outcome, and counts it.
func (c *consumer) finish(outcome string, tell func() error) {
	c.Fault.At("bridge.ack")
	if err := tell(); err != nil { // it will be delivered again, and be recognised
		c.Log.Warn("ack not sent", "consumer", c.name, "error", err)
		return
	}
	c.Metrics.Messages.WithLabelValues(c.stream, outcome).Inc()
}

// standAside waits before another try of a message that waits for another event,
// maybe for hours. It is kept, but its hand is another's meanwhile. It reports
// false when too many wait like that: then the message is given back.
func (c *consumer) standAside(ctx context.Context, d time.Duration) bool {
	c.mu.Lock()
	ok := c.aside < mostAside
	if ok {
		c.changeAside(1)
	}
	c.mu.Unlock()
	if !ok {
		return false
	}
	<-c.slots
	c.free()
	event.Sleep(ctx, d)
	c.slots <- struct{}{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changeAside(-1)
	return true
}

// changeAside counts a message that waits for another event, under mu. An alert
// looks at the count: such a wait may be long, and nothing is wrong.
func (c *consumer) changeAside(by int) {
	c.aside += by
	c.Metrics.Aside.WithLabelValues(c.name).Set(float64(c.aside))
}

func (c *consumer) giveBack(d *delivery, after time.Duration) {
	if err := d.nak(after); err != nil {
		c.Log.Debug("nak not sent", slog.String("consumer", c.name), slog.Any("error", err))
	}
}

func (c *consumer) hold(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand[d] = struct{}{}
}

func (c *consumer) release(d *delivery) {
	c.mu.Lock()
	delete(c.inHand, d)
	c.mu.Unlock()
	c.free()
}

// keepAlive tells JetStream of the messages in hand that they are being worked
// on, so that only those of a dead bridge are delivered again.
func (c *consumer) keepAlive(ctx context.Context) {
	t := time.NewTicker(c.AckWait / 3)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		_ = c.guard.Do("bridge.keepalive", func() error { // the next round is a round of its own
			c.mu.Lock()
			defer c.mu.Unlock()
			for d := range c.inHand {
				_ = d.inProgress() // a lost one means a redelivery, which is harmless
			}
			return nil
		})
	}
}

// backoff is the pause before try number n+1: doubling from 100 ms, with jitter.
func backoff(n int) time.Duration {
	d := event.Doubling(100*time.Millisecond, longestWait, n)
	return d/2 + rand.N(d/2)
}
