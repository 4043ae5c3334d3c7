package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// errands is a process that carries chores out, and what it did.
type errands struct {
	*Chores
	mu     sync.Mutex
	did    []string
	counts map[string]int
	fails  func(item string) error // nil: nothing fails
	log    natstest.Output
	stop   func()
}

func choresOf(t *testing.T, url, role, me string, fails func(string) error) *errands {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	e := &errands{counts: map[string]int{}, fails: fails}
	do := func(what, item string) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.fails != nil {
			if err := e.fails(item); err != nil {
				return err
			}
		}
		e.did = append(e.did, what+" "+item)
		return nil
	}
	e.Chores = &Chores{
		JetStream: js, Role: role, Me: me,
		Letter: func(_ context.Context, what string, seq uint64) error { return do(what, fmt.Sprint(seq)) },
		Entry:  func(_ context.Context, what, entry string) error { return do(what, entry) },
		Count:  func(do, result string) { e.mu.Lock(); defer e.mu.Unlock(); e.counts[do+" "+result]++ },
		Log:    slog.New(slog.NewTextHandler(&e.log, nil)),
		lease:  200 * time.Millisecond,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(e.stop)
	return e
}

// choreOver waits until a chore is over.
func choreOver(t *testing.T, js jetstream.JetStream, role, id string) event.Chore {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, ok, err := ReadChore(t.Context(), js, role, id)
		if err == nil && ok && c.Over() {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatalf("the chore is not over: %+v, %v, %v", c, ok, err)
		}
	}
}

// Issue 16: what is asked for is done once by one process of the role, item by item;
// items that are gone or cannot be done are told and stop no other.
func TestChores(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	fails := func(item string) error {
		return map[string]error{"2": event.ErrGone, "3": event.Permanent(errors.New("no"))}[item]
	}
	a, b := choresOf(t, url, event.ChoresOfBridge, "a", fails), choresOf(t, url, event.ChoresOfBridge, "b", fails)
	worker := choresOf(t, url, event.ChoresOfWorker, "w", nil)
	ask := func(id string, c event.Chore) {
		t.Helper()
		c.Actor, c.At = "ann", time.Now()
		if _, err := AskChore(t.Context(), js, id, c); err != nil {
			t.Fatal(err)
		}
	}
	ask("one", event.Chore{Do: event.ChoreReplay, Letters: []uint64{1, 2, 3, 4}})
	ask("one", event.Chore{Do: event.ChoreReplay, Letters: []uint64{9}}) // the same id is the same chore
	c := choreOver(t, js, event.ChoresOfBridge, "one")
	if c.Did() != 2 || c.Gone != 1 || c.Failed["3"] != "no" || c.Actor != "ann" || len(c.Letters) > 0 || !c.Same(event.Chore{Do: event.ChoreReplay, Letters: []uint64{1, 2, 3, 4}}) || c.Same(event.Chore{Do: event.ChoreReplay, Letters: []uint64{9}}) {
		t.Errorf("%+v", c)
	}
	ask("two", event.Chore{Do: event.ChoreRelease, Entries: []string{"abc"}})
	choreOver(t, js, event.ChoresOfWorker, "two")
	a.stop()
	b.stop()
	worker.stop()
	did := slices.Concat(a.did, b.did)
	slices.Sort(did)
	if want := []string{"replay 1", "replay 4"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if !slices.Equal(worker.did, []string{"release abc"}) || worker.counts["release "+ChoreDone] != 1 {
		t.Errorf("the worker did %q, %v", worker.did, worker.counts)
	}
	for result, want := range map[string]int{ChoreDone: 2, ChoreGone: 1, ChoreFailed: 1} {
		if n := a.counts["replay "+result] + b.counts["replay "+result]; n != want {
			t.Errorf("%d items were counted as %s, want %d", n, result, want)
		}
	}
}

// An outage in the middle is no failure of an item: the chore goes on from there. What
// was asked for while no process of the role ran is done by the next one, and a chore
// whose holder died is taken over.
func TestChoresGoOn(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := AskChore(t.Context(), js, "late", event.Chore{Do: event.ChoreDrop, Letters: []uint64{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	held := event.Chore{Do: event.ChoreDrop, Letters: []uint64{7, 8}, Holder: "dead", Next: 1}
	if _, err := writeChore(t.Context(), js, choreSubject(event.ChoresOfBridge, "held"), 0, held); err != nil {
		t.Fatal(err)
	}
	outages := 1
	a := choresOf(t, url, event.ChoresOfBridge, "a", func(item string) error {
		if item == "2" && outages > 0 {
			outages--
			return errors.New("NATS is away")
		}
		return nil
	})
	if c := choreOver(t, js, event.ChoresOfBridge, "late"); c.Did() != 3 {
		t.Errorf("%+v", c)
	}
	if c := choreOver(t, js, event.ChoresOfBridge, "held"); c.Did() != 2 {
		t.Errorf("%+v", c)
	}
	a.stop()
	slices.Sort(a.did)
	if want := []string{"drop 1", "drop 2", "drop 3", "drop 8"}; !slices.Equal(a.did, want) {
		t.Errorf("did %q, want %q", a.did, want)
	}
}

// A chore that another process has said something of a moment ago is left to it, and looked
// at again when its lease is over.
func TestChoresOfTheLivingAreLeft(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	held := event.Chore{Do: event.ChoreDrop, Letters: []uint64{7}, Holder: "other"}
	if _, err := AskChore(t.Context(), js, "held", held); err != nil {
		t.Fatal(err)
	}
	c := &Chores{JetStream: js, Role: event.ChoresOfBridge, Me: "me", Letter: func(context.Context, string, uint64) error {
		t.Error("it is carried out")
		return nil
	}}
	if again, err := c.look(t.Context()); err != nil || again != choreLease {
		t.Errorf("looked at again after %v, %v", again, err)
	}
	if now, _, err := ReadChore(t.Context(), js, event.ChoresOfBridge, "held"); err != nil || now.Holder != "other" {
		t.Errorf("%+v, %v", now, err)
	}
}

// What is no chore is refused before it is kept; what was put there by hand stops nothing.
func TestChoresAreChecked(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]event.Chore{
		"unknown":  {Do: "purge", Letters: []uint64{1}},
		"nothing":  {Do: event.ChoreReplay},
		"too many": {Do: event.ChoreReplay, Letters: make([]uint64, event.MostChoreItems+1)},
		"mixed":    {Do: event.ChoreReplay, Letters: []uint64{1}, Entries: []string{"a"}},
		"wildcard": {Do: event.ChoreRelease, Entries: []string{"*"}},
		"ahead":    {Do: event.ChoreDrop, Letters: []uint64{1}, Next: 2},
	} {
		if _, err := AskChore(t.Context(), js, "x", c); !event.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for id, data := range map[string]string{"broken": "{", "foreign": `{"do":"release","entries":["a"]}`} {
		if _, err := js.Publish(t.Context(), choreSubject(event.ChoresOfBridge, id), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	a := choresOf(t, url, event.ChoresOfBridge, "a", nil)
	if _, err := AskChore(t.Context(), js, "good", event.Chore{Do: event.ChoreDrop, Letters: []uint64{1}}); err != nil {
		t.Fatal(err)
	}
	choreOver(t, js, event.ChoresOfBridge, "good")
	a.stop()
	if !slices.Equal(a.did, []string{"drop 1"}) {
		t.Errorf("did %q", a.did)
	}
}

// However much is asked for, operators can still pause every stage; what is over is not
// read again; and no chore takes away what they said.
func TestChoresLeaveRoomForPauses(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	letters := make([]uint64, event.MostChoreItems)
	for i := range letters {
		letters[i] = 1 << 40
	}
	n, err := 0, error(nil)
	for ; err == nil && n < 1000; n++ {
		_, err = AskChore(t.Context(), js, fmt.Sprint("c-", n), event.Chore{Do: event.ChoreDrop, Letters: letters})
	}
	if !errors.Is(err, event.ErrChoresFull) {
		t.Fatalf("after %d chores: %v", n, err)
	}
	for _, stage := range event.Stages() {
		if err := SayPause(t.Context(), js, stage, event.Pause{Paused: true}); err != nil {
			t.Errorf("%s: %v", stage, err)
		}
	}
	m := nats.NewMsg(choreSubject(event.ChoresOfBridge, "evil"))
	m.Header.Set("Nats-Rollup", "all")
	if _, err := js.PublishMsg(t.Context(), m); err == nil {
		t.Error("the bucket takes a message in the place of all others")
	}
	if said, err := ReadPauses(t.Context(), js); err != nil || len(said) != len(event.Stages()) {
		t.Errorf("pauses that are known: %v, %v", said, err)
	}
	a := choresOf(t, url, event.ChoresOfBridge, "a", nil)
	for i := range n - 1 {
		choreOver(t, js, event.ChoresOfBridge, fmt.Sprint("c-", i))
	}
	if _, err := AskChore(t.Context(), js, "one-more", event.Chore{Do: event.ChoreDrop, Letters: letters}); err != nil {
		t.Errorf("when all are over: %v", err)
	}
	choreOver(t, js, event.ChoresOfBridge, "one-more")
	a.stop()
	if len(a.over) < n-1 {
		t.Errorf("%d of %d chores that are over are remembered", len(a.over), n)
	}
}

// An item that fails again and again, while all else works, stands in the way of no other.
func TestChoresLeaveWhatFails(t *testing.T) {
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	c := event.Chore{Do: event.ChoreDrop, Letters: []uint64{1, 2}, Tries: choreTries - 1}
	if _, err := AskChore(t.Context(), js, "x", c); err != nil {
		t.Fatal(err)
	}
	a := choresOf(t, url, event.ChoresOfBridge, "a", func(item string) error {
		return map[string]error{"1": errors.New("it is odd")}[item]
	})
	if c := choreOver(t, js, event.ChoresOfBridge, "x"); c.Did() != 1 || c.Failed["1"] != "it is odd" {
		t.Errorf("%+v", c)
	}
	a.stop()
}

// A dead letter that is sent again goes where it was for, under its old identity; what is
// no dead letter of such a stream stays.
func TestChoresOfLetters(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	pub := NewPublisher(js, nil)
	for i, subject := range []string{"verifications.v1.crm.approved", "users.v1.imported.inbox", "verifications.v1.crm.approved.x"} {
		if err := pub.DeadLetter(t.Context(), event.DeadLetter{Stream: event.StreamUsers, Sequence: uint64(i + 1), EventID: fmt.Sprint("e-", i), Subject: subject, Data: []byte("{}"), Reason: event.ReasonMalformed, Stored: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	d := NewLetters(js)
	for seq, want := range map[uint64]string{1: "", 2: "", 3: "nothing is sent to again", 9: event.ErrGone.Error()} {
		err := d.Chore(t.Context(), event.ChoreReplay, seq)
		if want == "" && err != nil || want != "" && (err == nil || !event.IsPermanent(err) && !errors.Is(err, event.ErrGone)) {
			t.Errorf("letter %d: %v, want %q", seq, err, want)
		}
	}
	m, err := Last(t.Context(), js, event.StreamVerifications, "verifications.v1.crm.approved")
	if err != nil || m.Header.Get("ce-id") != "e-0" {
		t.Errorf("sent again as %v, %v", m.Header, err)
	}
	if _, err := d.Get(t.Context(), 3); err != nil {
		t.Errorf("the third is not kept: %v", err)
	}
	large := event.DeadLetter{Stream: event.StreamVerifications, Sequence: 9, Subject: "verifications.v1.crm.approved", Data: make([]byte, maxEvent-500), Reason: event.ReasonMalformed, Stored: time.Now()}
	if err := pub.DeadLetter(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	if err := d.Chore(t.Context(), event.ChoreReplay, 4); err != nil && !event.IsPermanent(err) {
		t.Errorf("a letter that has no room for another header: %v", err)
	}
	if err := d.Chore(t.Context(), event.ChoreDrop, 3); err != nil {
		t.Error(err)
	}
	if _, err := d.Get(t.Context(), 3); !errors.Is(err, ErrNoLetter) {
		t.Errorf("it is still there: %v", err)
	}
}
