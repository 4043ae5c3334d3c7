package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// A batch of JetStream costs the server about 3 ms of CPU and a few syncs of the
// disk whatever its size, a message alone 0.2 ms and one sync. So a batch pays
// from about 16 messages on, and waiting for it only when they come that fast.
const (
	batchPays  = 16
	batchMost  = 64
	batchWaits = 200 * time.Millisecond // what it may cost the first message of a batch
)

// group stores the messages of many goroutines in one stream. While they come
// fast it stores several at once, as an atomic batch, so that the disk is synced
// once for all of them; one that comes alone is stored at once. Either way
// store returns when the message is there, and a message that the server will
// not have spoils nothing for the others.
//
// Of several callers with one key, such as the id of a message, one stores and
// the others wait for what becomes of it: a batch that holds an id twice is refused
// whole, and a stream of several copies refuses an id that is just being stored.
//
// It starts no goroutine: the first caller of a batch commits it.
type group struct {
	js     jetstream.JetStream
	stream string
	single atomic.Bool // the stream takes no batches

	mu     sync.Mutex
	keys   map[string]*inHand   // what is being stored now
	recent [batchPays]time.Time // when the last messages came, a ring
	next   int                  // in recent
	open   *batch               // takes more messages; nil when there is none
}

type batch struct {
	messages []*nats.Msg
	full     chan struct{} // closed when no more fit
	done     chan struct{} // closed after err is set
	err      error
}

// store stores m: with others when alone is not called, and otherwise by
// alone, which must store m and say whether that worked. there is true, and m is
// not stored, when a message with the same key was stored while this call waited.
func (g *group) store(ctx context.Context, key string, m *nats.Msg, alone func(context.Context) error) (there bool, err error) {
	for {
		own, other := g.reserve(key)
		if other == nil {
			return false, g.storeMine(ctx, key, own, m, alone)
		}
		select {
		case <-other.done:
			if other.err == nil {
				return true, nil
			}
		case <-ctx.Done():
			return false, fmt.Errorf("publish to %s: %w", g.stream, ctx.Err())
		}
	}
}

// inHand is a message that one caller is storing.
type inHand struct {
	done chan struct{} // closed after err is set
	err  error
}

// reserve makes the key the caller's own, or returns the message with that key that
// another caller is storing.
func (g *group) reserve(key string) (own, other *inHand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if other := g.keys[key]; other != nil {
		return nil, other
	}
	if g.keys == nil {
		g.keys = map[string]*inHand{}
	}
	own = &inHand{done: make(chan struct{}), err: errors.New("the store did not return")}
	g.keys[key] = own
	return own, nil
}

// storeMine stores the message whose key the caller has reserved, and tells those who
// wait for it.
func (g *group) storeMine(ctx context.Context, key string, own *inHand, m *nats.Msg, alone func(context.Context) error) error {
	defer func() {
		g.mu.Lock()
		delete(g.keys, key)
		g.mu.Unlock()
		close(own.done)
	}()
	own.err = g.storeOne(ctx, m, alone)
	return own.err
}

// storeOne stores a message with those of others, or alone.
func (g *group) storeOne(ctx context.Context, m *nats.Msg, alone func(context.Context) error) error {
	b, leads := g.join(m, time.Now())
	if b == nil {
		return alone(ctx)
	}
	if leads {
		g.lead(ctx, b)
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return fmt.Errorf("publish to %s: %w", g.stream, ctx.Err())
	}
	if b.err != nil {
		return alone(ctx)
	}
	return nil
}

// join adds m to the open batch. It returns nil when messages come too slowly
// for one, and leads for the caller that has to commit it.
func (g *group) join(m *nats.Msg, now time.Time) (b *batch, leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	oldest := g.recent[g.next]
	g.recent[g.next] = now
	g.next = (g.next + 1) % batchPays
	if g.single.Load() || now.Sub(oldest) > batchWaits {
		return nil, false
	}
	if g.open == nil {
		g.open, leads = &batch{full: make(chan struct{}), done: make(chan struct{})}, true
	}
	b = g.open
	b.messages = append(b.messages, m)
	if len(b.messages) == batchMost {
		close(b.full)
		g.open = nil
	}
	return b, leads
}

// lead waits for others to join, commits the batch and tells them. When ctx ends
// it commits at once.
func (g *group) lead(ctx context.Context, b *batch) {
	t := time.NewTimer(batchWaits)
	defer t.Stop()
	select {
	case <-b.full:
	case <-t.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	if g.open == b {
		g.open = nil
	}
	g.mu.Unlock()
	defer close(b.done)
	if b.err = errTooFew; len(b.messages) >= batchPays {
		b.err = g.commit(b.messages)
	}
}

var errTooFew = fmt.Errorf("a batch of fewer than %d messages does not pay", batchPays)

// commitFor is how long the server may take to commit a batch.
const commitFor = 5 * time.Second

// commit stores the messages as one atomic batch, all or none. They may be stored
// alone afterwards, so the headers of the batch are set on copies.
func (g *group) commit(messages []*nats.Msg) error {
	copies := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		h := maps.Clone(m.Header)
		if h == nil {
			h = nats.Header{} // PublishMsgBatch writes into it
		}
		copies[i] = &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitFor)
	defer cancel()
	ack, err := jetstreamext.PublishMsgBatch(ctx, g.js, copies, jetstreamext.BatchFlowControl{}) // only the last is answered
	switch {
	case errors.Is(err, jetstreamext.ErrBatchPublishNotEnabled):
		g.single.Store(true)
		return err
	case err != nil:
		return err
	case ack.Stream != g.stream:
		return fmt.Errorf("the batch was stored in the stream %q, not in %s", ack.Stream, g.stream)
	}
	return nil
}
