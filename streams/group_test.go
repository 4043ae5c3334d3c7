package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// tell publishes n facts at once, each of them times over, and returns how many
// publishes said that they stored one.
func publishFacts(t *testing.T, p *Publisher, n, times int) int {
	t.Helper()
	var stored atomic.Int64
	var wg sync.WaitGroup
	for i := range n * times {
		wg.Go(func() {
			ok, err := p.Fact(t.Context(), event.Fact{Kind: event.FactStarted, UserID: fmt.Sprint("u-", i%n), EventID: "e", At: time.Now()})
			if err != nil {
				t.Error(err)
			}
			if ok {
				stored.Add(1)
			}
		})
	}
	wg.Wait()
	return int(stored.Load())
}

// inBatches counts the messages of a stream, and those that came in a batch.
func inBatches(t *testing.T, js jetstream.JetStream, stream string) (all, together int) {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	i := s.CachedInfo().State
	for seq := i.FirstSeq; seq <= i.LastSeq && seq > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			continue
		}
		all++
		if m.Header.Get("Nats-Batch-Id") != "" {
			together++
		}
	}
	return all, together
}

func TestFactsThatComeFastAreStoredTogether(t *testing.T) {
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(js, nil)
	if got := publishFacts(t, p, 1, 1); got != 1 {
		t.Errorf("a lone fact: stored %d", got)
	}
	if all, together := inBatches(t, js, event.StreamOnboarding); all != 1 || together != 0 {
		t.Errorf("a lone fact: %d stored, %d of them in batches", all, together)
	}
	const n = 300
	publishFacts(t, p, n, 1)
	all, together := inBatches(t, js, event.StreamOnboarding)
	if all != n || together < n/2 {
		t.Errorf("%d facts stored, %d of them in batches; want %d, most of them in batches", all, together, n)
	}
	// The same again, each twice: a batch with one that is there is refused whole.
	if got := publishFacts(t, p, n+50, 2); got != 50 {
		t.Errorf("%d facts were new, want 50", got)
	}
	if all, _ := inBatches(t, js, event.StreamOnboarding); all != n+50 {
		t.Errorf("%d facts stored, want %d", all, n+50)
	}
}

func TestFactsWithoutBatches(t *testing.T) {
	js := start(t)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: event.StreamOnboarding, Subjects: []string{"onboarding.v1.>"}}); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(js, nil)
	if got := publishFacts(t, p, 100, 1); got != 100 {
		t.Errorf("%d facts stored of 100 in a stream that takes no batches", got)
	}
	if !p.facts.single.Load() {
		t.Error("it goes on trying batches")
	}
}

func TestClaimsTogetherHaveOneWinnerEach(t *testing.T) {
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	claim := func(source string, from, to, times int) []event.Person {
		got := make([]event.Person, (to-from)*times)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				var err error
				got[i], err = people.Claim(t.Context(), fmt.Sprint("u-", from+i%(to-from)), event.Person{Source: source, Generation: 1, Opened: event.Opened{Seq: uint64(i + 1)}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return got
	}
	claim("first", 0, n, 1)
	if all, together := inBatches(t, js, "KV_"+event.BucketPeople); all != n || together < n/2 {
		t.Errorf("%d claims stored, %d of them in batches; want %d, most of them in batches", all, together, n)
	}
	got := claim("second", 0, 2*n, 3)
	for i, p := range got {
		want, user := "first", i%(2*n)
		if user >= n {
			want = "second"
		}
		if p.Source != want || p.Opened.Seq != got[user].Opened.Seq {
			t.Fatalf("u-%d belongs to %s by claim %d and to %s by claim %d", user, got[user].Source, got[user].Opened.Seq, p.Source, p.Opened.Seq)
		}
	}
}

// A second caller with a key neither joins the batch nor publishes: it shares what
// becomes of the first, and takes over when that fails.
func TestOneKeyIsStoredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &group{stream: event.StreamOnboarding}
		type answer struct {
			there bool
			err   error
		}
		release := make(chan error)
		store := func() <-chan answer {
			got := make(chan answer, 1)
			go func() {
				there, err := g.store(t.Context(), "one", nil, func(context.Context) error { return <-release })
				got <- answer{there, err}
			}()
			synctest.Wait()
			return got
		}
		first, second, third := store(), store(), store()
		failed := errors.New("the server is away")
		release <- failed
		if got := <-first; got != (answer{false, failed}) {
			t.Errorf("the first: %v", got)
		}
		synctest.Wait()
		release <- nil // to the one that took over
		a, b := <-second, <-third
		if a.there {
			a, b = b, a
		}
		if a != (answer{false, nil}) || b != (answer{true, nil}) {
			t.Errorf("the others: %v and %v, want one that stored it and one that found it there", a, b)
		}
		if len(g.keys) != 0 {
			t.Errorf("%d keys are left", len(g.keys))
		}
	})
}
