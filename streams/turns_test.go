package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// conflictsKV counts updates that lost against another writer.
type conflictsKV struct {
	jetstream.KeyValue
	conflicts atomic.Int64
}

func (c *conflictsKV) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	n, err := c.KeyValue.Update(ctx, key, value, revision)
	if err != nil {
		c.conflicts.Add(1)
	}
	return n, err
}

// The messages of a welcome are written into one record at the same time. Within a
// process none of these writes is in vain.
func TestUpdatesOfOneRecordTakeTurns(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	kv := &conflictsKV{KeyValue: people.kv}
	people.kv = kv
	var wg sync.WaitGroup
	const users, channels, writes = 10, 3, 5
	for u := range users {
		id := fmt.Sprintf("u-%d", u)
		if _, err := people.Claim(t.Context(), id, event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting}); err != nil {
			t.Fatal(err)
		}
		for channel := range channels {
			wg.Go(func() {
				for range writes {
					_, err := people.UpdateSend(t.Context(), id, event.SendKey(1, "welcome", "email", channel+1), func(s *event.Send) error {
						s.Attempts++
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	for u := range users {
		p, _, err := people.Get(t.Context(), fmt.Sprintf("u-%d", u))
		if err != nil || len(p.Sends) != channels {
			t.Fatalf("%+v, %v", p, err)
		}
		for key, s := range p.Sends {
			if s.Attempts != writes {
				t.Errorf("u-%d: %d writes of %s, want %d", u, s.Attempts, key, writes)
			}
		}
	}
	if n := kv.conflicts.Load(); n > 0 {
		t.Errorf("%d of %d writes were in vain", n, users*channels*writes)
	}
	if len(people.turns.of) > 0 {
		t.Errorf("turns of %d records are kept", len(people.turns.of))
	}
}

// Who waits for a turn waits no longer than its context, and leaves nothing.
func TestTurnEndsWithItsContext(t *testing.T) {
	var turns turns
	done, err := turns.wait(t.Context(), "u-1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := turns.wait(ctx, "u-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a turn that is taken: %v", err)
	}
	other, err := turns.wait(t.Context(), "u-2")
	if err != nil {
		t.Fatal(err)
	}
	other()
	done()
	if done, err = turns.wait(t.Context(), "u-1"); err != nil {
		t.Fatal(err)
	}
	done()
	if len(turns.of) > 0 {
		t.Errorf("%d turns are kept", len(turns.of))
	}
}
