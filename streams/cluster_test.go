package streams

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

func TestOnThreeCopies(t *testing.T) {
	js, servers := natstest.StartCluster(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 64 << 20, Replicas: 3}); err != nil {
		t.Fatal(err)
	}
	t.Run("an id in process", func(t *testing.T) { idInProcess(t, js) })
	t.Run("claims of one person", func(t *testing.T) { claimsOfOnePerson(t, js) })
	t.Run("a restore", func(t *testing.T) {
		was := Birth(info(t, js, event.StreamAudit))
		natstest.Restore(t, js, event.StreamAudit)
		if i := info(t, js, event.StreamAudit); !Birth(i).Equal(was) || i.Created.Equal(was) || i.Config.Replicas != 3 {
			t.Errorf("born %s and created %s with %d copies, born %s before", Birth(i), i.Created, i.Config.Replicas, was)
		}
	})
	t.Run("a reading", func(t *testing.T) { readThroughAnElection(t, js, servers) }) // last: a server is missing then
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

// Several claims of one person in one process, with enough others for a batch: it
// holds none of them twice.
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
	if all, _ := inBatches(t, js, "KV_"+event.BucketPeople); all != users {
		t.Errorf("%d claims stored, want %d", all, users)
	}
}

// A reading goes on when the server that has its consumer ends.
func readThroughAnElection(t *testing.T, js jetstream.JetStream, servers []*server.Server) {
	const n = 4 * readAtOnce
	for i := range n {
		if _, err := js.PublishAsync(event.ImportedSubject("inbox"), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	s, err := js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = Read(within(t, time.Minute), js, event.StreamUsers, Selection{}, func(m Message, _ uint64) error {
		if got = append(got, string(m.Data)); len(got) == readAtOnce+1 {
			l := s.ListConsumers(t.Context())
			for c := range l.Info() {
				servers[slices.IndexFunc(servers, func(s *server.Server) bool { return s.Name() == c.Cluster.Leader })].Shutdown()
			}
			return l.Err()
		}
		return nil
	})
	if err != nil || len(got) != n {
		t.Fatalf("%d messages of %d, %v", len(got), n, err)
	}
	for i, g := range got {
		if g != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, g)
		}
	}
}
