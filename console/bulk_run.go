package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"usher/console/bulk"
	"usher/event"
)

// bulks carries out operations: each is held by one console at a time.
type bulks struct {
	k     *Console
	store bulk.Store
	me    string
	lease time.Duration // a console that has not written for so long is taken for dead
	wake  chan struct{}

	mu   sync.Mutex
	held map[string]chan struct{} // what wakes the holder of each operation of this console
}

const (
	perBatch       = 128  // decisions on their way at once
	mostUnanswered = 1000 // decisions that are sent and have no answer: others wait behind them, and a cancel stops the rest
	mostOpen       = 100  // operations
	bulkLease      = 10 * time.Second
	bulkLook       = time.Second
	bulkStalled    = 10 * time.Second // without any answer; then one more batch is sent
)

func newBulks(k *Console) *bulks {
	return &bulks{k: k, store: bulk.Store{JetStream: k.JetStream}, me: event.NewID(), lease: bulkLease, wake: make(chan struct{}, 1), held: map[string]chan struct{}{}}
}

// poke says that there may be something to do: an operation has changed, or a decision
// was answered.
func (b *bulks) poke() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.held {
		nudge(c)
	}
	nudge(b.wake)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// sighting is a record that another console holds, as it was seen first.
type sighting struct {
	revision uint64
	at       time.Time
}

// run takes operations that no other console holds, until ctx ends.
func (b *bulks) run(ctx context.Context) error {
	seen := map[string]sighting{}
	var working sync.WaitGroup
	defer working.Wait()
	look := time.NewTicker(min(bulkLook, b.lease/4))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-b.wake:
		}
		if b.k.Ready() != nil {
			continue // it does not know yet what is sent
		}
		ids, err := b.k.model.bulkOpen(ctx)
		if err != nil {
			b.complain(ctx, err)
			continue
		}
		for _, id := range ids {
			if h := b.take(ctx, id, seen); h != nil {
				working.Go(func() { b.work(ctx, h) })
			}
		}
	}
}

// take makes this console the one that carries an operation out; nil when it is not.
func (b *bulks) take(ctx context.Context, id string, seen map[string]sighting) *hold {
	b.mu.Lock()
	_, mine := b.held[id]
	b.mu.Unlock()
	if mine {
		return nil
	}
	o, revision, err := b.store.Get(ctx, id)
	switch s := seen[id]; {
	case errors.Is(err, bulk.ErrNone) || err == nil && o.Settled():
		return nil // the read model hears of it in a moment
	case err == nil && o.Holder != "" && s.revision != revision:
		seen[id] = sighting{revision, time.Now()}
		return nil
	case err == nil && o.Holder != "" && time.Since(s.at) < b.lease:
		return nil
	}
	h := &hold{bulks: b, wake: make(chan struct{}, 1), o: o, revision: revision}
	if err == nil {
		err = h.write(ctx, func(o *bulk.Operation) { o.Holder = h.me })
	}
	if err != nil {
		if !errors.Is(err, errNotMine) {
			b.complain(ctx, err)
		}
		return nil
	}
	delete(seen, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[id] = h.wake
	return h
}

func (b *bulks) complain(ctx context.Context, err error) {
	if ctx.Err() == nil && b.k.repeats.first("an operation does not go on", err) {
		b.k.Log.Warn("an operation does not go on", "error", err)
	}
}

// work carries an operation out as far as this console holds it.
func (b *bulks) work(ctx context.Context, h *hold) {
	id := h.o.ID
	err := b.k.guard.Do("carrying out an operation", func() error { return h.run(ctx) })
	h.release(ctx)
	if err != nil && !errors.Is(err, errNotMine) {
		b.complain(ctx, err)
		event.Sleep(ctx, b.lease/10)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, id)
}

// runBulks keeps operations going. After a panic they are looked at again.
func (k *Console) runBulks(ctx context.Context) error {
	for {
		err := k.guard.Do("carrying out operations", func() error { return k.bulks.run(ctx) })
		if event.Panicked(err) == nil {
			return err
		}
	}
}

// measureBulks sets the gauges of operations, and drops those that are kept no longer.
func (k *Console) measureBulks(ctx context.Context) {
	err := k.model.forgetBulks(ctx, time.Now())
	if err == nil {
		var states map[bulk.State]int
		if states, err = k.model.bulkStates(ctx); err == nil {
			for _, s := range []bulk.State{bulk.Waiting, bulk.Running} {
				k.Metrics.BulkOpen.WithLabelValues(string(s)).Set(float64(states[s]))
			}
		}
	}
	if err != nil {
		k.bulks.complain(ctx, err)
	}
}
