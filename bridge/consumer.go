package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/tracing"
)

const (
	pullAhead   = 128 // messages asked for at once
	maxInHand   = 2000
	longestWait = 30 * time.Second // between two tries
	drainTime   = 5 * time.Second
)

// consumer runs one durable consumer.
type consumer struct {
	*Bridge
	stream, name, filter string
	stage                string // in metrics
	handle               func(context.Context, message) (outcome string, err error)

	slots   chan struct{} // one a message in hand; full means that no more are taken
	workers sync.WaitGroup

	mu     sync.Mutex
	inHand map[jetstream.Msg]struct{} // kept from being redelivered

	ended chan struct{} // tells the safety net that a session ended by itself
}

func (b *Bridge) newConsumer(stream, name, filter, stage string, handle func(context.Context, message) (string, error)) *consumer {
	return &consumer{
		Bridge: b, stream: stream, name: name, filter: filter, stage: stage, handle: handle,
		slots: make(chan struct{}, b.Workers), inHand: map[jetstream.Msg]struct{}{},
		ended: make(chan struct{}, 1),
	}
}

// run keeps a session going until ctx ends. A session may end by itself: a
// consumer that was deleted, a message whose headers the client takes for an
// answer of the server, a server that is away.
func (c *consumer) run(ctx context.Context) {
	hands, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	unlisten := c.listen(hands) // before the first pull, which may make the server speak
	defer unlisten()
	wg.Go(func() { c.keepAlive(hands) })
	wg.Go(func() { c.mind(hands) })

	for attempt := 0; ctx.Err() == nil; attempt++ {
		if !c.breaker.wait(ctx) {
			break
		}
		began := time.Now()
		err := c.session(ctx, hands)
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("consumer ended, starting it again", "consumer", c.name, "error", err)
			select {
			case c.ended <- struct{}{}:
			default:
			}
		}
		if time.Since(began) > longestWait {
			attempt = 0
		}
		if err != nil {
			sleep(ctx, backoff(attempt))
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

// session consumes until ctx ends, the breaker opens or the client gives up.
// Handlers run under hands, which outlives ctx.
func (c *consumer) session(ctx, hands context.Context) error {
	s, err := c.JetStream.Stream(ctx, c.stream)
	if err != nil {
		return err
	}
	created := event.Birth(s.CachedInfo().Config.Metadata, s.CachedInfo().Created)
	cons, err := s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: c.name, FilterSubject: c.filter, DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: c.AckWait, MaxDeliver: c.MaxDeliver + 5, MaxAckPending: maxInHand,
	})
	if err != nil {
		return err
	}
	var last atomic.Value
	cc, err := cons.Consume(func(msg jetstream.Msg) { c.take(ctx, hands, created, msg) },
		jetstream.PullMaxMessages(pullAhead),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { last.Store(err) }))
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		cc.Drain() // hands over what was pulled
		<-cc.Closed()
		return nil
	case <-c.breaker.opened():
		cc.Stop()
		<-cc.Closed()
		return nil
	case <-cc.Closed():
		if err, ok := last.Load().(error); ok {
			return err
		}
		return errors.New("the consumer was closed")
	}
}

// take waits for a slot, which holds back the next pull, and lets a worker
// handle the message of the stream that was created then. A message that comes
// while the bridge stops is given back.
func (c *consumer) take(ctx, hands context.Context, created time.Time, msg jetstream.Msg) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		c.giveBack(msg, 0)
		return
	}
	c.hold(msg)
	c.workers.Go(func() {
		defer func() { c.release(msg); <-c.slots }()
		c.process(ctx, hands, created, msg)
	})
}

// process handles a message until it has an outcome or must be given back.
func (c *consumer) process(ctx, hands context.Context, created time.Time, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		c.Log.Error("a message has no metadata", "consumer", c.name, "error", err)
		return
	}
	m := message{
		Position: event.Position{Stream: c.stream, Created: created, Seq: meta.Sequence.Stream, Stored: meta.Timestamp},
		subject:  msg.Subject(), header: msg.Headers(), data: msg.Data(),
	}
	defer c.breaker.close() // whatever the outcome, somebody answered
	for attempt := 0; ; attempt++ {
		outcome, err := c.try(hands, m)
		if err == nil {
			c.finish(msg, outcome, msg.Ack)
			return
		}
		if outcome, reason := c.verdict(err, int(meta.NumDelivered)); reason != "" {
			if err = c.bury(hands, msg, m, outcome, reason, err); err == nil {
				return
			}
		}
		switch classify(err) {
		case away:
			c.breaker.open(err, c.Log)
		case busy:
		default:
			c.Metrics.Retries.WithLabelValues(c.stage, "transient").Inc()
			c.Log.Warn("message is tried again later", "consumer", c.name, "seq", m.Seq, "attempt", meta.NumDelivered, "error", err)
			c.giveBack(msg, backoff(int(meta.NumDelivered)))
			return
		}
		if !sleep(ctx, backoff(attempt)) || hands.Err() != nil {
			c.giveBack(msg, 0)
			return
		}
	}
}

// verdict is how a message ends that err keeps from taking effect; reason is ""
// when another try may help.
func (c *consumer) verdict(err error, delivered int) (outcome, reason string) {
	var r *refusal
	switch kind := classify(err); {
	case errors.As(err, &r):
		return r.outcome, r.reason
	case kind == permanent:
		return malformed, event.ReasonRefused
	case kind == transient && delivered >= c.MaxDeliver:
		return exhausted, event.ReasonExhausted
	}
	return "", ""
}

func (c *consumer) try(ctx context.Context, m message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ctx, span := c.Tracer.Start(tracing.With(ctx, m.trace()), "process "+c.stream, tracing.Consumer, tracing.Stream(c.stream)...)
	outcome, err := c.handle(ctx, m)
	span.SetAttributes(tracing.Outcome(outcome))
	span.Done(err)
	return outcome, err
}

// bury keeps a dead letter, and only then terminates the message. While the dead
// letter cannot be stored the message stays in hand, so none is given up unkept.
func (c *consumer) bury(ctx context.Context, msg jetstream.Msg, m message, outcome, reason string, cause error) error {
	err := c.Publisher.DeadLetter(ctx, event.DeadLetter{
		Stream: c.stream, Consumer: c.name, Sequence: m.Seq, EventID: m.eventID(), Subject: m.subject, Header: m.header, Data: m.data,
		Stored: m.Stored, Reason: reason, Cause: cause.Error(),
	})
	if err != nil {
		return fmt.Errorf("keep the dead letter: %w", err)
	}
	c.Fault.At("bridge.buried")
	c.Log.Warn("message became a dead letter", "consumer", c.name, "seq", m.Seq, "reason", reason, "cause", cause)
	c.finish(msg, outcome, func() error { return msg.TermWithReason(reason) })
	return nil
}

// finish tells JetStream that the message has its outcome, and counts it.
func (c *consumer) finish(msg jetstream.Msg, outcome string, tell func() error) {
	c.Fault.At("bridge.ack")
	if err := tell(); err != nil { // it will be delivered again, and be recognised
		c.Log.Warn("ack not sent", "consumer", c.name, "error", err)
		return
	}
	c.Metrics.Messages.WithLabelValues(c.stream, outcome).Inc()
}

func (c *consumer) giveBack(msg jetstream.Msg, after time.Duration) {
	if err := msg.NakWithDelay(after); err != nil {
		c.Log.Debug("nak not sent", slog.String("consumer", c.name), slog.Any("error", err))
	}
}

func (c *consumer) hold(msg jetstream.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand[msg] = struct{}{}
}

func (c *consumer) release(msg jetstream.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inHand, msg)
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
		c.mu.Lock()
		for msg := range c.inHand {
			_ = msg.InProgress() // a lost one means a redelivery, which is harmless
		}
		c.mu.Unlock()
	}
}

// backoff is the pause before try number n+1: doubling from 100 ms, with jitter.
func backoff(n int) time.Duration {
	d := min(100*time.Millisecond<<min(n, 10), longestWait)
	return d/2 + rand.N(d/2)
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
