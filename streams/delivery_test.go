package streams

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

func newDelivery(t *testing.T) (*Delivery, jetstream.JetStream) {
	t.Helper()
	js := start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	d, err := NewDelivery(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	return d, js
}

func TestSuppressionList(t *testing.T) {
	d, _ := newDelivery(t)
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	first := event.Suppression{Channel: event.ChannelEmail, Reason: "recipient_invalid", By: "provider", At: at}
	later := event.Suppression{Channel: event.ChannelEmail, Reason: event.SuppressedByOperator, By: "operator", At: at.Add(time.Hour)}
	for i, s := range []event.Suppression{first, later} {
		if added, err := d.Suppress(t.Context(), "a", s); err != nil || added != (i == 0) {
			t.Errorf("entry %d: added is %v, %v", i, added, err)
		}
	}
	if _, err := d.Suppress(t.Context(), "b", later); err != nil {
		t.Fatal(err)
	}
	got, yes, err := d.Suppressed(t.Context(), "a")
	if err != nil || !yes || got != first {
		t.Errorf("got %+v, %v, %v, want the first entry", got, yes, err)
	}
	if was, err := d.Release(t.Context(), "a"); err != nil || !was {
		t.Errorf("release: %v, %v", was, err)
	}
	if was, err := d.Release(t.Context(), "a"); err != nil || was {
		t.Errorf("release again: %v, %v", was, err)
	}
	if _, yes, err := d.Suppressed(t.Context(), "a"); err != nil || yes {
		t.Errorf("after the release it is suppressed: %v, %v", yes, err)
	}
	all := map[string]event.Suppression{}
	collect := func(address string, s event.Suppression) error { all[address] = s; return nil }
	if err := d.SuppressedAll(t.Context(), collect); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]event.Suppression{"b": later}, all); diff != "" {
		t.Error(diff)
	}
	if added, err := d.Suppress(t.Context(), "a", later); err != nil || !added {
		t.Errorf("an address that was released cannot be suppressed again: %v, %v", added, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Suppressed(ended, "a"); err == nil {
		t.Error("a list that cannot be read has nobody on it")
	}
}

func TestReferencesOfReceipts(t *testing.T) {
	d, js := newDelivery(t)
	const id = "an id with spaces, dots . and \x00, as others choose them"
	ref := event.Reference{UserID: "u-1", Key: "1.welcome.sms.1", Channel: event.ChannelSMS, Address: "x"}
	if _, ok, err := d.Referred(t.Context(), id); ok || err != nil {
		t.Fatal(ok, err)
	}
	receipt := event.Receipt{ID: id, State: event.SendBounced, Reason: "undelivered", At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	for i := range 2 {
		if kept, err := d.KeepEarly(t.Context(), receipt); err != nil || kept != (i == 0) {
			t.Errorf("kept is %v, %v", kept, err)
		}
		if err := d.Refer(t.Context(), id, ref); err != nil {
			t.Error(err)
		}
	}
	if got, ok, err := d.Referred(t.Context(), id); err != nil || !ok || got != ref {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	early, err := d.Early(t.Context(), id)
	if diff := cmp.Diff([]event.Receipt{receipt}, early); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if others, err := d.Early(t.Context(), "another"); err != nil || len(others) > 0 {
		t.Error(others, err)
	}
	e, err := d.kv.Get(t.Context(), ReferenceKey+hashed(id))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "KV_"+event.BucketDelivery)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), e.Revision())
	if err != nil || m.Header.Get("Nats-TTL") == "" {
		t.Errorf("a reference is kept for ever: %v, %v", m.Header, err)
	}
}
