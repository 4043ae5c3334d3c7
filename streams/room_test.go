package streams

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// roomRig is a USERS stream that is 90 % full of records u-1, u-2, …, after one
// checkpoint.
type roomRig struct {
	*testing.T
	js      jetstream.JetStream
	users   jetstream.Stream
	people  *People
	room    *Room
	records uint64
}

func newRoomRig(t *testing.T) *roomRig {
	t.Helper()
	js := start(t)
	ctx := t.Context()
	if err := Ensure(ctx, js, Options{MaxBytes: 4 << 20}); err != nil { // 2 MiB of it for USERS
		t.Fatal(err)
	}
	people, err := NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	r := &roomRig{T: t, js: js, people: people, room: &Room{JetStream: js, Purged: prometheus.NewCounter(prometheus.CounterOpts{}), Log: slog.New(slog.DiscardHandler)}}
	if _, err := js.Publish(ctx, event.CheckpointSubject("inbox", "d"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	pad := strings.Repeat("x", 8000)
	for r.full() < 0.9 {
		r.records++
		m := nats.NewMsg(event.ImportedSubject("inbox"))
		if m.Data, err = json.Marshal(event.User{UserID: fmt.Sprint("u-", r.records), Email: "a@example.org", Name: pad}); err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishMsg(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *roomRig) full() float64 {
	r.Helper()
	s, err := r.js.Stream(r.Context(), event.StreamUsers)
	if err != nil {
		r.Fatal(err)
	}
	r.users = s
	return float64(s.CachedInfo().State.Bytes) / float64(s.CachedInfo().Config.MaxBytes)
}

// acked makes the bridge's consumer, with so many records dealt with.
func (r *roomRig) acked(n uint64) {
	r.Helper()
	c, err := r.js.CreateOrUpdateConsumer(r.Context(), event.StreamUsers, jetstream.ConsumerConfig{
		Durable: event.ConsumerUsers, FilterSubject: imported, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		r.Fatal(err)
	}
	msgs, err := c.Fetch(int(n))
	if err != nil {
		r.Fatal(err)
	}
	for m := range msgs.Messages() {
		if err := m.DoubleAck(r.Context()); err != nil {
			r.Fatal(err)
		}
	}
}

func (r *roomRig) person(id string, p event.Person) {
	r.Helper()
	p.Source = "inbox"
	if p.Generation == 0 {
		p.Generation = 1
	}
	if p.Opened.Stored.IsZero() {
		p.Opened.Stored = r.users.CachedInfo().Created
	}
	if _, err := r.people.Claim(r.Context(), id, p); err != nil {
		r.Fatal(err)
	}
}

func (r *roomRig) look() {
	r.Helper()
	if err := r.room.Look(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// first is the sequence of the oldest record that is left. The one of u-N is N+1.
func (r *roomRig) first() uint64 {
	r.Helper()
	m, err := nextRecord(r.Context(), r.users, 1)
	if err != nil || m == nil {
		r.Fatal(m, err)
	}
	return m.Sequence
}

func opened(by string, seq uint64) event.Opened {
	return event.Opened{Identity: event.Identity{Source: by, ID: "e"}, Seq: seq}
}

func TestRoomIsMadeOfWhatNobodyNeeds(t *testing.T) {
	r := newRoomRig(t)
	r.look()
	if r.first() != 2 {
		t.Error("something was purged before any bridge has read it")
	}
	r.acked(r.records)
	for n := range r.records {
		r.person(fmt.Sprint("u-", n+1), event.Person{Status: event.StatusWelcomed, Opened: opened("inbox", n+2)})
	}
	r.look()
	if full := r.full(); full > 0.62 || full < 0.55 {
		t.Errorf("it is %.2f full afterwards", full)
	}
	if n := testutil.ToFloat64(r.room.Purged); n == 0 {
		t.Error("nothing was counted")
	}
	if _, err := r.users.GetLastMsgForSubject(t.Context(), event.CheckpointSubject("inbox", "d")); err != nil {
		t.Errorf("the checkpoint: %v", err)
	}
	left := r.first()
	r.look()
	if r.first() != left {
		t.Error("something was purged although there is room")
	}
}

func TestRoomSparesWhatIsStillNeeded(t *testing.T) {
	for name, tc := range map[string]struct {
		acked  uint64
		person map[string]event.Person
		first  uint64 // sequence of the first record that must be left
	}{
		"the bridge is behind":         {5, nil, 7},
		"an onboarding is open":        {100, map[string]event.Person{"u-9": {Status: event.StatusWaiting, Opened: opened("inbox", 10)}, "u-30": {Status: event.StatusActive, Opened: opened("inbox", 31)}}, 10},
		"one was opened anew":          {100, map[string]event.Person{"u-3": {Status: event.StatusWaiting, Generation: 2, Opened: opened("console", 99999)}}, 4},
		"opened anew, with its record": {100, map[string]event.Person{"u-3": {Status: event.StatusWaiting, Generation: 2, Record: 8, Opened: opened("console", 99999)}}, 8},
		"a message is sent again":      {100, map[string]event.Person{"u-5": {Status: event.StatusWelcomed, Record: 6, Order: &event.Identity{Source: "cli", ID: "x"}, Opened: opened("inbox", 6)}}, 6},
		"opened anew, record is gone":  {20, map[string]event.Person{"u-x": {Status: event.StatusWaiting, Generation: 2, Opened: opened("console", 99999)}}, 22},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoomRig(t)
			r.acked(tc.acked)
			for id, p := range tc.person {
				r.person(id, p)
			}
			r.look()
			if got := r.first(); got != tc.first {
				t.Errorf("the first record that is left is %d, want %d", got, tc.first)
			}
			r.look()
			r.look()
			if got := r.first(); got != tc.first {
				t.Errorf("after more looks it is %d", got)
			}
		})
	}
}
