package streams

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

func start(t *testing.T) jetstream.JetStream {
	t.Helper()
	js, _ := natstest.Start(t)
	return js
}

func newPeople(t *testing.T) *People {
	t.Helper()
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	people, err := NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return people
}

var opts = Options{MaxBytes: 32 << 20, KeyFingerprint: "k1"}

func TestEnsure(t *testing.T) {
	js := start(t)
	ctx := t.Context()
	keyless := opts
	keyless.KeyFingerprint = ""
	for _, opts := range []Options{keyless, opts, keyless, opts} {
		if err := Ensure(ctx, js, opts); err != nil {
			t.Fatal(err)
		}
	}
	other := opts
	other.KeyFingerprint = "k2"
	if err := Ensure(ctx, js, other); err == nil || !strings.Contains(err.Error(), "USHER_ID_KEY") {
		t.Errorf("another key: got %v", err)
	}
	if err := js.DeleteStream(ctx, event.StreamUsers); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: event.StreamUsers, Subjects: []string{"users.v1.>"}, Discard: jetstream.DiscardNew}); err != nil {
		t.Fatal(err)
	}
	lost := opts
	lost.AcceptLost = []string{event.StreamUsers}
	if err := Ensure(ctx, js, lost); err == nil || !strings.Contains(err.Error(), "allow_atomic") {
		t.Errorf("a stream without atomic batches: got %v", err)
	}
}

func TestSharesFillTheStore(t *testing.T) {
	var sum, later int64
	for _, r := range table(opts) {
		switch sum += r.share; r.cfg.Name {
		case "KV_" + event.BucketReports, "KV_" + event.BucketDelivery, "KV_" + event.BucketControl:
			later += r.share
		}
	}
	if n := len(table(opts)); n != Count {
		t.Errorf("there are %d streams, Count says %d", n, Count)
	}
	if sum-later != 400 {
		t.Errorf("the shares are %d four-hundredths of MaxBytes", sum-later)
	}
	if sum*19 > 400*20 { // MaxBytes is 19 twentieths of the store
		t.Errorf("with what came later the shares are %d four-hundredths, more than the store", sum)
	}
}

func TestClaimHasOneWinner(t *testing.T) {
	people := newPeople(t)
	const rivals = 8
	got := make([]event.Person, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() {
			var err error
			got[i], err = people.Claim(t.Context(), "u-1", event.Person{Source: string(rune('a' + i)), Generation: 1})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i].Source != got[0].Source {
			t.Errorf("two owners: %s and %s", got[0].Source, got[i].Source)
		}
	}
}

func TestUpdateLosesNothing(t *testing.T) {
	people, ctx := newPeople(t), t.Context()
	if _, err := people.UpdateSend(ctx, "u.1", "k", func(*event.Send) error { return nil }); !errors.Is(err, ErrNoPerson) {
		t.Errorf("no record: got %v", err)
	}
	if _, err := people.Claim(ctx, "u.1", event.Person{Source: "inbox", Generation: 1}); err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := people.UpdateSend(ctx, "u.1", "k", func(s *event.Send) error { s.Attempts++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	person, ok, err := people.Get(ctx, "u.1")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if got := person.Sends["k"].Attempts; got != writers*each {
		t.Errorf("%d of %d changes are there", got, writers*each)
	}
	stop := errors.New("stop")
	if _, err := people.Update(ctx, "u.1", func(p *event.Person) error { p.Source = "x"; return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of change", err)
	}
	if again, _, _ := people.Get(ctx, "u.1"); cmp.Diff(person, again) != "" {
		t.Error("a refused change was stored")
	}
}

// What a process remembers of a record is never taken for what the store has.
func TestUpdateSeesWhatOthersWrote(t *testing.T) {
	ours, ctx := newPeople(t), t.Context()
	theirs := &People{kv: ours.kv, latest: newLatest()} // as another process has it
	if _, err := ours.Claim(ctx, "u-1", event.Person{Status: event.StatusWaiting}); err != nil {
		t.Fatal(err)
	}
	add := func(p *event.Person) error { p.Generation++; return nil }
	for want := 2; want < 12; want += 2 {
		if p, err := ours.Update(ctx, "u-1", add); err != nil || p.Generation != want-1 {
			t.Fatal(p, err)
		}
		if p, err := theirs.Update(ctx, "u-1", add); err != nil || p.Generation != want {
			t.Fatal(p, err)
		}
		if p, err := ours.Update(ctx, "u-1", func(*event.Person) error { return nil }); err != nil || p.Generation != want {
			t.Fatalf("a read sees %d, %v, want %d", p.Generation, err, want)
		}
		if _, err := theirs.Update(ctx, "u-1", func(p *event.Person) error { p.Record++; return nil }); err != nil {
			t.Fatal(err)
		}
		refused := errors.New("refused")
		p, err := ours.Update(ctx, "u-1", func(p *event.Person) error {
			if p.Record == uint64(want/2-1) {
				return refused
			}
			return nil
		})
		if err != nil || p.Record != uint64(want/2) {
			t.Fatalf("%v with %d, want none with %d", err, p.Record, want/2)
		}
	}
}

func TestFactsAndDeadLettersAreKeptOnce(t *testing.T) {
	js := start(t)
	ctx := context.Background()
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(js, nil)
	dead := event.DeadLetter{
		Stream: event.StreamUsers, Consumer: event.ConsumerUsers, Sequence: 7, Subject: "users.v1.imported.inbox", Reason: "malformed",
		Cause: "two\nlines", Data: nil, Header: map[string][]string{"Status": {"400"}, "Nats-Rollup": {"sub"}, "ce-id": {"x"}, "two words é": {"y"}}, // which clients read, and do not write
	}
	for i := range 2 {
		stored, err := p.Fact(ctx, event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1})
		if err != nil || stored != (i == 0) {
			t.Fatal(stored, err)
		}
		if err := p.DeadLetter(ctx, dead); err != nil {
			t.Fatal(err)
		}
	}
	for stream, want := range map[string]uint64{event.StreamOnboarding: 1, event.StreamDeadLetters: 1} {
		s, err := js.Stream(ctx, stream)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.Msgs; got != want {
			t.Errorf("%s holds %d messages, want %d", stream, got, want)
		}
	}
	s, _ := js.Stream(ctx, event.StreamDeadLetters)
	m, err := s.GetMsg(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{"Usher-Original-Status": "400", "Usher-Original-Nats-Rollup": "sub", "ce-id": "x", "two%20words%20%C3%A9": "y", event.HeaderCause: "two lines", "Status": ""} {
		if got := strings.Join(m.Header[k], ","); got != want {
			t.Errorf("header %s is %q, want %q", k, got, want)
		}
	}
}
