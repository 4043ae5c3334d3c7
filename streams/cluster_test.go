package streams

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

func TestOnThreeCopies(t *testing.T) {
	js, _ := natstest.StartCluster(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 64 << 20, Replicas: 3}); err != nil {
		t.Fatal(err)
	}
	t.Run("an id in process", func(t *testing.T) { idInProcess(t, js) })
	t.Run("claims of one person", func(t *testing.T) { claimsOfOnePerson(t, js) })
}

// Two processes tell the same fact at the same moment, as email and SMS do with
// the end of a welcome. On three copies the second is answered that the first is
// in process. A regression of issue 14.
func idInProcess(t *testing.T, js jetstream.JetStream) {
	publishers := []*Publisher{NewPublisher(js, nil), NewPublisher(js, nil), NewPublisher(js, nil)} // of three processes
	const facts = 60
	var stored atomic.Int64
	for n := range facts {
		var wg sync.WaitGroup
		for _, p := range publishers {
			wg.Go(func() {
				ok, err := p.Fact(t.Context(), event.Fact{Kind: event.FactWelcomed, UserID: fmt.Sprint("u-", n), Generation: 1, N: 5, At: time.Now()})
				if err != nil {
					t.Error(err)
				}
				if ok {
					stored.Add(1)
				}
			})
		}
		wg.Wait()
	}
	if n := stored.Load(); n != facts {
		t.Errorf("%d publishes say that they stored a fact, want %d", n, facts)
	}
	s, err := js.Stream(t.Context(), event.StreamOnboarding)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != facts {
		t.Errorf("%d facts are stored, want %d", n, facts)
	}
}

// Several claims of one person in one process, with enough others for a batch.
func claimsOfOnePerson(t *testing.T, js jetstream.JetStream) {
	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	const users, times = 100, 3
	var mu sync.Mutex
	owners := map[string]map[uint64]bool{}
	var wg sync.WaitGroup
	for i := range users * times {
		wg.Go(func() {
			id := fmt.Sprint("u-", i%users)
			p, err := people.Claim(t.Context(), id, event.Person{Source: "inbox", Generation: 1, Opened: event.Opened{Seq: uint64(i + 1)}})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if owners[id] == nil {
				owners[id] = map[uint64]bool{}
			}
			owners[id][p.Opened.Seq] = true
		})
	}
	wg.Wait()
	for id, by := range owners {
		if len(by) != 1 {
			t.Errorf("%s belongs to %d claims", id, len(by))
		}
	}
	if all, together := inBatches(t, js, "KV_"+event.BucketPeople); all != users || together == 0 {
		t.Errorf("%d claims stored, %d of them in batches; want %d, some of them in batches", all, together, users)
	}
}
