package streams

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

func info(t *testing.T, js jetstream.JetStream, stream string) *jetstream.StreamInfo {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo()
}

// A server says that a stream which it restored was created just now. A regression
// of issue 14: records of open onboardings were purged, events without an id became
// other events, and the reconciliation told of a loss.
func TestARestoreChangesNothing(t *testing.T) {
	r := newRoomRig(t)
	r.acked(r.count)
	seq := uint64(10)
	opening, err := r.stream.GetMsg(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	o := opened("inbox", seq)
	o.Stored = opening.Time
	r.person("u-9", event.Person{Status: event.StatusWaiting, Opened: o})
	before := info(t, r.js, event.StreamUsers)
	bounds, err := NewJournal(r.js).Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	natstest.Restore(t, r.js, event.StreamUsers, "KV_"+event.BucketPeople)

	after := info(t, r.js, event.StreamUsers)
	if after.Created.Equal(before.Created) {
		t.Fatal("the server keeps the time of creation now: nothing was tried")
	}
	if !Birth(after).Equal(before.Created) || after.State.LastSeq != before.State.LastSeq {
		t.Errorf("born %s, last %d; it was created %s, last %d", Birth(after), after.State.LastSeq, before.Created, before.State.LastSeq)
	}
	identity := func(i *jetstream.StreamInfo) event.Identity {
		return event.Identify("inbox", "", "", event.Position{Stream: event.StreamUsers, Created: Birth(i), Seq: seq})
	}
	if got, want := identity(after), identity(before); got != want {
		t.Errorf("an event without an id is %s, and was %s", got, want)
	}
	if got, err := NewJournal(r.js).Users(t.Context()); err != nil || !got.Born.Equal(bounds.Born) || got.Last != bounds.Last || got.Settled != bounds.Settled {
		t.Errorf("the bounds are %+v (%v), and were %+v", got, err, bounds)
	}
	if err := Ensure(t.Context(), r.js, Options{MaxBytes: 4 << 20}); err != nil {
		t.Errorf("usher does not start on what was restored: %v", err)
	}
	r.look()
	r.full()
	if got := r.first(); got != seq {
		t.Errorf("the first record that is left is %d, want %d, which opened an onboarding that waits", got, seq)
	}
}

// What an older release made learns its birth from the server, once.
func TestOlderStreamsLearnTheirBirth(t *testing.T) {
	js := start(t)
	created := map[string]time.Time{}
	for _, r := range table(opts) {
		s, err := js.CreateStream(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		created[r.cfg.Name] = s.CachedInfo().Created
	}
	for err := error(nil); err == nil; { // a stream that is full learns it too
		_, err = js.Publish(t.Context(), "audit.v1.x", make([]byte, 100<<10))
	}
	if doubts, err := Durability(t.Context(), js); err != nil || len(doubts) != Count || !strings.Contains(doubts[0], "usher setup") {
		t.Errorf("doubts before: %q, %v", doubts, err)
	}
	for range 2 {
		if err := Ensure(t.Context(), js, opts); err != nil {
			t.Fatal(err)
		}
	}
	if doubts, err := Durability(t.Context(), js); err != nil || len(doubts) != 0 {
		t.Errorf("doubts after: %q, %v", doubts, err)
	}
	natstest.Restore(t, js, event.StreamVerifications)
	for name, at := range created {
		i := info(t, js, name)
		if i.Config.Metadata[event.MetaBirth] == "" || !Birth(i).Equal(at) {
			t.Errorf("%s was created %s and says %q", name, at, i.Config.Metadata[event.MetaBirth])
		}
		if key := i.Config.Metadata[metaKey]; name == event.StreamUsers && key != opts.KeyFingerprint {
			t.Errorf("the fingerprint of the key is %q", key)
		}
	}
}

// Each stream is missed by the others, whether it is gone or an empty one is in its
// place, and the operator may go on without it.
func TestALostStreamIsNoticed(t *testing.T) {
	js := start(t)
	ctx := t.Context()
	if err := Ensure(ctx, js, opts); err != nil {
		t.Fatal(err)
	}
	for _, r := range table(opts) {
		name := r.cfg.Name
		was := Birth(info(t, js, name))
		if err := js.DeleteStream(ctx, name); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"is not there", "was made anew at "} {
			err := Ensure(ctx, js, opts)
			if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), name+", made at "+was.Format(time.RFC3339)+", "+how) || !strings.Contains(err.Error(), "--accept-lost "+name) {
				t.Errorf("%s: %v", name, err)
			}
			if how == "is not there" {
				if _, err := js.Stream(ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
					t.Fatalf("%s was made all the same: %v", name, err)
				}
				if _, err := js.CreateStream(ctx, r.cfg); err != nil {
					t.Fatal(err)
				}
			}
		}
		other := opts
		other.AcceptLost = []string{event.StreamAudit + "X"}
		if err := Ensure(ctx, js, other); !errors.Is(err, ErrLost) {
			t.Errorf("%s, another one is accepted: %v", name, err)
		}
		other.AcceptLost = []string{name}
		if err := Ensure(ctx, js, other); err != nil {
			t.Errorf("%s is accepted: %v", name, err)
		}
		if err := Ensure(ctx, js, opts); err != nil {
			t.Errorf("after %s was accepted: %v", name, err)
		}
	}
	for _, r := range table(opts) {
		if err := js.DeleteStream(ctx, r.cfg.Name); err != nil {
			t.Fatal(err)
		}
	}
	if err := Ensure(ctx, js, opts); err != nil {
		t.Errorf("all of them gone are a new installation: %v", err)
	}
}

// A backup may be older than the stream that was made in its place.
func TestAnOlderStreamIsWelcomeBack(t *testing.T) {
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	audit := info(t, js, event.StreamAudit)
	cfg := audit.Config
	cfg.Metadata[event.MetaBirth] = audit.Created.Add(-time.Hour).Format(time.RFC3339Nano)
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Ensure(t.Context(), js, opts); err != nil {
			t.Error(err)
		}
	}
	if got := info(t, js, event.StreamUsers).Config.Metadata[metaBirthOf+event.StreamAudit]; got != audit.Created.Add(-time.Hour).UTC().Format(time.RFC3339Nano) {
		t.Errorf("USERS knows that AUDIT was born %s", got)
	}
}
