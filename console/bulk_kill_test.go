package console

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/bulk"
	"usher/event"
)

// other is a rig on the same servers with a connection and a read model of its own.
func (r *rig) other() *rig {
	r.Helper()
	nc, err := nats.Connect(r.js.Conn().ConnectedUrl())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		r.Fatal(err)
	}
	return &rig{T: r.T, js: js, pub: r.pub, db: filepath.Join(r.TempDir(), "console.db")}
}

// killed makes the next console of the rig one that dies at the nth time that it comes
// to a point: from then on nothing that it does reaches the servers. What it has not
// done by then is never done.
func (r *rig) killed(point string, nth int) (dead <-chan struct{}) {
	died := make(chan struct{})
	var mu sync.Mutex
	r.change = func(c *Config) {
		c.Fault = func(at string) {
			mu.Lock()
			defer mu.Unlock()
			if at != point {
				return
			}
			if nth--; nth == 0 {
				r.js.Conn().Close()
				close(died)
			}
		}
	}
	r.prepare = func(k *Console) { k.bulks.lease = time.Second }
	return died
}

// points are where a console may die that carries an operation out.
var points = []string{"bulk.taken", "bulk.started", "bulk.sent", "bulk.noted", "bulk.answered", "bulk.settled"}

// A console dies in the middle of a decision about some hundred, at each step in turn
// and at a random time it comes there. A second console, that is there already or comes
// later, goes on: each person has one decision, one result, and no one is decided about
// twice (issue 16).
func TestAConsoleIsKilledInTheMiddle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, point := range points {
		most := 1
		if point == "bulk.sent" || point == "bulk.noted" {
			most = 3
		}
		nth, later, window := 1+random.IntN(most), random.IntN(2) == 0, time.Duration(random.IntN(2))*time.Second
		t.Run(fmt.Sprintf("%s %d later %v window %s", point, nth, later, window), func(t *testing.T) {
			r := newRig(t)
			const people = 400
			first, second := r.other(), r.other()
			dead := first.killed(point, nth)
			die := first.change
			first.change = func(c *Config) { die(c); c.UndoWindow = window }
			second.prepare = func(k *Console) { k.bulks.lease = time.Second }
			r.playWorkflows(t.Context())
			first.run()
			r.crowd(people)
			first.eventually("all wait", func() bool { return first.waiting() == people })
			id := first.bulk(`{"status":"waiting","decision":"approved"}`)
			if !later {
				second.run()
			}
			select {
			case <-dead:
			case <-time.After(30 * time.Second):
				t.Fatalf("the console never came to %s", point)
			}
			if later {
				second.run()
			}
			second.eventually("another console has ended it", func() bool { return second.standing(id).State == bulk.Done })
			if s := second.standing(id); s.Applied != people || s.Late+s.Failed != 0 || s.Sent != people {
				t.Errorf("the end: %+v", s)
			}
			for user, events := range r.said() {
				for event, n := range events {
					if len(events) != 1 || n != 1 {
						t.Errorf("%s was decided about by %d events, %s stored %d times", user, len(events), event, n)
					}
				}
			}
			seen := map[string]bool{}
			second.eventually("its own read model has every result", func() bool { // the first one may have written the end
				var users struct{ Users []Result }
				second.api("GET", "/api/v1/bulk/"+id+"/users", "", &users)
				clear(seen)
				for _, u := range users.Users {
					if seen[u.UserID] {
						t.Fatalf("%s stands there twice", u.UserID)
					}
					seen[u.UserID] = u.Result == "applied"
				}
				return len(seen) == people && !slices.Contains(slices.Collect(maps.Values(seen)), false)
			})
		})
	}
}

// An operation is carried on by another console at once when its console stops in order.
func TestAStoppedConsoleGivesItsOperationsBack(t *testing.T) {
	r := newRig(t)
	first, second := r.other(), r.other()
	stop := first.run()
	r.crowd(3)
	first.eventually("all wait", func() bool { return first.waiting() == 3 })
	id := first.bulk(`{"status":"waiting","decision":"approved"}`)
	first.eventually("all are sent", func() bool { return first.standing(id).Sent == 3 })
	stop()
	o, _, err := bulk.Store{JetStream: r.js}.Get(t.Context(), id)
	if err != nil || o.Holder != "" || o.State != bulk.Running {
		t.Errorf("after the stop: %+v, %v", o, err)
	}
	second.run()
	r.playWorkflows(t.Context())
	second.eventually("it is done", func() bool { return second.standing(id).State == bulk.Done })
}

// A write that the stop cut off may be stored all the same. The operation is given back
// behind it.
func TestAStoppedConsoleGivesBackWhatItWroteLast(t *testing.T) {
	r := newRig(t)
	store := bulk.Store{JetStream: r.js}
	o, err := store.Create(t.Context(), bulk.Operation{ID: event.NewID(), State: bulk.Running, Matched: 1, Holder: "a", Begun: time.Now(), Starts: time.Now()}, []bulk.Person{{UserID: "u-1", Generation: 1}})
	if err != nil {
		t.Fatal(err)
	}
	o, revision, err := store.Get(t.Context(), o.ID)
	if err != nil {
		t.Fatal(err)
	}
	h := &hold{bulks: &bulks{store: store, me: "a"}, o: o, revision: revision}
	if o.Beat++; err == nil {
		_, err = store.Hold(t.Context(), o, revision) // of which it did not hear
	}
	if err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	h.release(stopped)
	if o, _, err = store.Get(t.Context(), o.ID); err != nil || o.Holder != "" || o.State != bulk.Running {
		t.Errorf("after the stop: %+v, %v", o, err)
	}
}

// What is known of an operation is the same after the read model was lost, whatever
// stream is read first; and a person who was forgotten is in none of it (issue 16).
func TestBulkInANewReadModel(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.playWorkflows(t.Context())
	r.crowd(4)
	r.eventually("all wait", func() bool { return r.waiting() == 4 })
	r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"rejected","reason":"left"}`, nil)
	id := r.bulk(`{"user_ids":["u-0","u-1","u-2"],"decision":"approved"}`)
	r.eventually("it is done", func() bool { return r.standing(id).State == bulk.Done })
	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-2", Generation: 1})
	known := func() string { // u-1 was decided about last, so its place is the last
		var users struct{ Users []Result }
		r.api("GET", "/api/v1/bulk/"+id+"/users", "", &users)
		out := ""
		for _, u := range users.Users {
			if u.UserID == "" { // what became of it went with the person
				u.Result = "-"
			}
			out += u.UserID + " " + u.Result + " "
		}
		return out
	}
	const want = "u-0 applied  - u-1 late "
	r.eventually("one is forgotten", func() bool { return known() == want })
	stop()
	r.db = filepath.Join(t.TempDir(), "anew.db")
	r.run()
	if got := known(); got != want {
		t.Errorf("in a new read model: %s, want %s", got, want)
	}
	if s := r.standing(id); s.Applied != 2 || s.Late != 1 {
		t.Errorf("its end stays: %+v", s)
	}
}

// A person who was reopened is another one for an operation that was made before, and
// one who is forgotten gets no decision at all (issue 16).
func TestBulkAboutThoseWhoHaveChanged(t *testing.T) {
	r := newRig(t)
	r.change = undoWindow(2 * time.Second)
	r.run()
	r.playWorkflows(t.Context())
	r.crowd(3)
	r.eventually("all wait", func() bool { return r.waiting() == 3 })
	id := r.bulk(`{"status":"waiting","decision":"approved"}`)
	r.fact(event.Fact{Kind: event.FactReopened, UserID: "u-1", Generation: 2, N: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-2", Generation: 1})
	r.eventually("it is done", func() bool { return r.standing(id).State == bulk.Done })
	if s := r.standing(id); s.Applied != 1 || s.Late != 1 || s.Failed != 1 || s.Sent != 2 {
		t.Errorf("%+v", s)
	}
	var late struct{ Users []Result }
	if code := r.api("GET", "/api/v1/bulk/"+id+"/users?result=late", "", &late); code != http.StatusOK || len(late.Users) != 1 || late.Users[0].Why != "The person was reopened since." {
		t.Errorf("who was reopened: %+v", late.Users)
	}
}
