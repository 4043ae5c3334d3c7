package streams

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/streams/natstest"
)

// roomRig is a stream that is 90 % full of messages about u-1, u-2, …
type roomRig struct {
	*testing.T
	js     jetstream.JetStream
	what   purgeable
	stream jetstream.Stream
	people *People
	room   *Room
	count  uint64 // of messages
}

func newRig(t *testing.T, stream string, message func(n uint64) *nats.Msg) *roomRig {
	t.Helper()
	js := start(t)
	ctx := t.Context()
	if err := Ensure(ctx, js, Options{MaxBytes: 4 << 20}); err != nil { // 2 MiB of it for USERS, a fifth of that for VERIFICATIONS
		t.Fatal(err)
	}
	people, err := NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	purged := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "purged"}, []string{"stream"})
	r := &roomRig{T: t, js: js, people: people, room: &Room{
		JetStream: natstest.Behind{JetStream: js}, Purged: purged, Log: slog.New(slog.DiscardHandler),
		UserID: func(email string) string { id, _, _ := strings.Cut(email, "@"); return id },
	}}
	for _, p := range r.room.purgeables() {
		if p.stream == stream {
			r.what = p
		}
	}
	if _, err := js.Publish(ctx, event.CheckpointSubject("inbox", "d"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for r.full() < 0.9 {
		r.count++
		if _, err := js.PublishMsg(ctx, message(r.count)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// newRoomRig is about USERS, which begins with a checkpoint.
func newRoomRig(t *testing.T) *roomRig {
	t.Helper()
	pad := strings.Repeat("x", 8000)
	return newRig(t, event.StreamUsers, func(n uint64) *nats.Msg {
		return message(t, event.ImportedSubject("inbox"), event.User{UserID: fmt.Sprint("u-", n), Email: "a@example.org", Name: pad})
	})
}

// newDecisionsRig is about VERIFICATIONS. Each other user is named by an address,
// and u-2 by nothing that could be read.
func newDecisionsRig(t *testing.T) *roomRig {
	t.Helper()
	reason := strings.Repeat("x", 900)
	return newRig(t, event.StreamVerifications, func(n uint64) *nats.Msg {
		body := event.VerificationBody{UserID: fmt.Sprint("u-", n), Reason: reason}
		if n%2 == 0 {
			body.UserID, body.Email = "", fmt.Sprintf("U-%d@example.org", n)
		}
		m := message(t, event.VerificationSubject("crm", event.VerbApproved), body)
		if n == 2 {
			m.Data = m.Data[1:]
		}
		return m
	})
}

func message(t *testing.T, subject string, body any) *nats.Msg {
	t.Helper()
	m := nats.NewMsg(subject)
	var err error
	if m.Data, err = json.Marshal(body); err != nil {
		t.Fatal(err)
	}
	return m
}

func (r *roomRig) full() float64 {
	r.Helper()
	s, err := r.js.Stream(r.Context(), r.what.stream)
	if err != nil {
		r.Fatal(err)
	}
	r.stream = s
	return float64(s.CachedInfo().State.Bytes) / float64(s.CachedInfo().Config.MaxBytes)
}

// acked makes the bridge's consumer, with so many messages dealt with.
func (r *roomRig) acked(n uint64) {
	r.Helper()
	c, err := r.js.CreateOrUpdateConsumer(r.Context(), r.what.stream, jetstream.ConsumerConfig{
		Durable: r.what.consumer, FilterSubject: r.what.subject, AckPolicy: jetstream.AckExplicitPolicy,
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
		p.Opened.Stored = r.stream.CachedInfo().Created
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

// first is the sequence of the oldest message that is left. In VERIFICATIONS the
// one of u-N is N, in USERS N+1.
func (r *roomRig) first() uint64 {
	r.Helper()
	m, err := next(r.Context(), r.js, r.what.stream, 1, r.what.subject)
	if err != nil {
		r.Fatal(err)
	}
	return m.Seq
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
	r.acked(r.count)
	for n := range r.count {
		r.person(fmt.Sprint("u-", n+1), event.Person{Status: event.StatusWelcomed, Opened: opened("inbox", n+2)})
	}
	r.look()
	if full := r.full(); full > 0.62 || full < 0.55 {
		t.Errorf("it is %.2f full afterwards", full)
	}
	if n := testutil.ToFloat64(r.room.Purged.WithLabelValues(event.StreamUsers)); n == 0 {
		t.Error("nothing was counted")
	}
	if _, err := r.stream.GetLastMsgForSubject(t.Context(), event.CheckpointSubject("inbox", "d")); err != nil {
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
		"a message is sent again":      {100, map[string]event.Person{"u-5": {Status: event.StatusWelcomed, Record: 6, Order: &event.Outstanding{Identity: event.Identity{Source: "cli", ID: "x"}}, Opened: opened("inbox", 6)}}, 6},
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

func TestRoomIsMadeOfDecisionsThatNobodyNeeds(t *testing.T) {
	r := newDecisionsRig(t)
	r.look()
	if r.first() != 1 {
		t.Error("something was purged before any bridge has read it")
	}
	r.acked(r.count)
	for n := range r.count {
		r.person(fmt.Sprint("u-", n+1), event.Person{Status: event.StatusWelcomed, Opened: opened("inbox", n+1)})
	}
	r.look()
	if full := r.full(); full > 0.62 || full < 0.55 {
		t.Errorf("it is %.2f full afterwards", full)
	}
	if n := testutil.ToFloat64(r.room.Purged.WithLabelValues(event.StreamVerifications)); n != float64(r.first()-1) {
		t.Errorf("%v were counted, the first is %d", n, r.first())
	}
}

// What a rebuild of an open onboarding reads from VERIFICATIONS stays.
func TestRoomSparesDecisionsThatStillCount(t *testing.T) {
	final := event.Person{Status: event.StatusWelcomed, Opened: opened("inbox", 1)}
	for name, tc := range map[string]struct {
		acked  uint64
		person map[string]event.Person
		parked []string
		since  time.Duration // Room.ParkedFor
		first  uint64        // sequence of the first message that must be left; 0: as much as is needed goes
	}{
		"the bridge is behind":                 {acked: 5, first: 6},
		"none of them is known":                {acked: 1000},
		"a user waits":                         {acked: 1000, person: map[string]event.Person{"u-9": {Status: event.StatusWaiting, Opened: opened("inbox", 10)}}, first: 9},
		"messages go out to a user":            {acked: 1000, person: map[string]event.Person{"u-12": {Status: event.StatusActive, Opened: opened("inbox", 2)}, "u-20": {Status: event.StatusWaiting, Opened: opened("inbox", 2)}, "u-3": final}, first: 12},
		"an order is carried out":              {acked: 1000, person: map[string]event.Person{"u-5": {Status: event.StatusWelcomed, Order: &event.Outstanding{Identity: event.Identity{Source: "cli", ID: "x"}}, Opened: opened("inbox", 6)}}, first: 5},
		"a user was reopened":                  {acked: 1000, person: map[string]event.Person{"u-3": {Status: event.StatusWaiting, Generation: 2, Opened: opened("console", 20)}}, first: 20},
		"it waits for its user":                {acked: 1000, parked: []string{"u-7", "u-8"}, first: 7},
		"it waits for its user, by address":    {acked: 1000, parked: []string{"u-8"}, first: 8},
		"it has waited for too long":           {acked: 1000, parked: []string{"u-7"}, since: -2 * time.Hour},
		"its user came and is over":            {acked: 1000, parked: []string{"u-7"}, person: map[string]event.Person{"u-7": final}},
		"its user came and waits for a second": {acked: 1000, parked: []string{"u-7"}, person: map[string]event.Person{"u-7": {Status: event.StatusWaiting, Opened: opened("inbox", 1)}}, first: 7},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDecisionsRig(t)
			r.acked(min(tc.acked, r.count))
			for id, p := range tc.person {
				r.person(id, p)
			}
			for i, id := range tc.parked {
				f := event.Fact{Kind: event.FactParked, UserID: id, At: time.Now(), EventID: fmt.Sprint(i), EventSource: "crm"}
				if data, _ := json.Marshal(f); i+1 < len(tc.parked) { // as it was published before
					if _, err := r.js.Publish(t.Context(), "onboarding.v1.parked", data); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if _, err := NewPublisher(r.js, nil).Fact(t.Context(), f); err != nil {
					t.Fatal(err)
				}
			}
			r.room.ParkedFor = tc.since
			r.look()
			got := r.first()
			if tc.first > 0 && got != tc.first || tc.first == 0 && (r.full() > 0.62 || r.full() < 0.55) {
				t.Errorf("the first message that is left is %d, want %d; it is %.2f full", got, tc.first, r.full())
			}
			r.look()
			if tc.first > 0 && r.first() != tc.first {
				t.Errorf("after another look it is %d", r.first())
			}
		})
	}
}
