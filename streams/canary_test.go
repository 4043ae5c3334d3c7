package streams

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Everything that is stored about a canary goes by itself, and nothing else does.
func TestWhatCanariesLeaveExpires(t *testing.T) {
	js, ctx := start(t), t.Context()
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(js, nil)
	canary := event.NewCanaryID()
	for _, u := range []struct{ id, inbox string }{{canary, event.SourceCanary}, {"u-1", "hr"}} {
		if _, err := p.Fact(ctx, event.Fact{Kind: event.FactStarted, UserID: u.id, Generation: 1, Inbox: u.inbox}); err != nil {
			t.Fatal(err)
		}
		if err := p.Verification(ctx, u.inbox, event.VerbApproved, event.NewID(), event.VerificationBody{UserID: u.id}); err != nil {
			t.Fatal(err)
		}
	}
	if got := ttls(t, js); got[event.StreamOnboarding] != "1h0m0s,," || got[event.StreamVerifications] != "1h0m0s,," {
		t.Errorf("times to live: %v", got)
	}
}

// Streams of an older usher take no times to live; the facts are stored all the same,
// and setup lets the streams take them.
func TestOlderStreamsKeepWhatCanariesLeaveUntilSetup(t *testing.T) {
	js, ctx := start(t), t.Context()
	for _, r := range table(opts) {
		r.cfg.AllowMsgTTL = r.cfg.AllowMsgTTL && !canaryExpiry[r.cfg.Name]
		if _, err := js.CreateStream(ctx, r.cfg); err != nil {
			t.Fatal(err)
		}
	}
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatalf("older streams are refused: %v", err)
	}
	people, err := NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(generation int) {
		t.Helper()
		id := event.NewCanaryID()
		stored, err := NewPublisher(js, nil).Fact(ctx, event.Fact{Kind: event.FactStarted, UserID: id, Generation: generation, Inbox: event.SourceCanary})
		if err != nil || !stored {
			t.Fatal(stored, err)
		}
		if _, err := people.Claim(ctx, id, event.Person{Source: event.SourceCanary, Generation: 1}); err != nil {
			t.Fatal(err)
		}
		if err := (Canaries{js}).Forget(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := people.Get(ctx, id); ok || err != nil {
			t.Errorf("the record is still there: %v %v", ok, err)
		}
	}
	tell(1)
	if got := ttls(t, js); got[event.StreamOnboarding] != "," {
		t.Errorf("times to live: %v", got)
	}
	if err := AllowCanaryExpiry(ctx, js); err != nil {
		t.Fatal(err)
	}
	tell(2)
	if got := ttls(t, js); got[event.StreamOnboarding] != ",1h0m0s," || got["KV_"+event.BucketPeople] != ",1m0s," {
		t.Errorf("times to live after setup: %v", got)
	}
}

// Records of canaries can be told from those of people, and no others are taken out.
func TestOnlyCanariesAreForgotten(t *testing.T) {
	js, ctx := start(t), t.Context()
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatal(err)
	}
	people, err := NewPeople(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	canary := event.NewCanaryID()
	for _, id := range []string{canary, "canary", "u-1"} {
		if _, err := people.Claim(ctx, id, event.Person{Source: "hr", Generation: 1}); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (n int) {
		t.Helper()
		if err := people.Each(ctx, func(string, event.Person) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if old, err := (Canaries{js}).Old(ctx, time.Now().Add(-time.Hour)); err != nil || len(old) > 0 {
		t.Errorf("canaries on their way are called old: %v, %v", old, err)
	}
	old, err := (Canaries{js}).Old(ctx, time.Now().Add(time.Second))
	if _, is := old[canary]; err != nil || len(old) != 1 || !is {
		t.Errorf("old canaries: %v, %v", old, err)
	}
	if err := (Canaries{js}).Forget(ctx, canary); err != nil || there() != 2 {
		t.Errorf("%d records are left, %v", there(), err)
	}
	for _, id := range []string{"canary", "u-1"} {
		if err := (Canaries{js}).Forget(ctx, id); err == nil {
			t.Errorf("%s is forgotten like a canary", id)
		}
	}
}

// ttls are the times to live of each stream's messages, in order.
func ttls(t *testing.T, js jetstream.JetStream) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range Names() {
		err := Read(t.Context(), js, name, Selection{}, func(m Message, _ uint64) error {
			out[name] += m.Header.Get("Nats-TTL") + ","
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
