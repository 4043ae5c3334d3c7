package streams

import (
	"context"
	"sync"
)

// turns lets those of this process who change the same record do so one after
// the other. Others may still be faster, which the compare tells.
type turns struct {
	mu sync.Mutex
	of map[string]*turn // only of records that are being changed
}

type turn struct {
	taken chan struct{} // holds one
	users int           // who has it or waits; guarded by turns.mu
}

// wait waits for the turn of a record, or for the end of ctx. done gives it to
// the next one.
func (t *turns) wait(ctx context.Context, userID string) (done func(), err error) {
	t.mu.Lock()
	own := t.of[userID]
	if own == nil {
		if t.of == nil {
			t.of = map[string]*turn{}
		}
		own = &turn{taken: make(chan struct{}, 1)}
		t.of[userID] = own
	}
	own.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.of, userID)
		}
	}
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
