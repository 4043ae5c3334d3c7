package nats

import (
	"errors"
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
)

// Roles may not write into a stream when it was made. They work all the same, also
// on streams of an older release, and `usher setup` writes it.
func TestRolesStartOnStreamsWithoutABirth(t *testing.T) {
	url := start(t)
	admin := connect(t, url, "admin").js
	var born time.Time
	for name := range admin.StreamNames(t.Context()).Name() { // as an older release made them
		s, err := admin.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		for k := range cfg.Metadata {
			if strings.HasPrefix(k, event.MetaBirth) {
				delete(cfg.Metadata, k)
			}
		}
		if s, err = admin.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if name == event.StreamUsers {
			born = streams.Birth(s.CachedInfo())
		}
	}
	o := streams.Options{MaxBytes: 64 << 20}
	bridge := connect(t, url, "bridge")
	if err := streams.Ensure(t.Context(), bridge.js, o); err != nil {
		t.Fatalf("the bridge does not start: %v", err)
	}
	o.Setup = true
	if err := streams.Ensure(t.Context(), bridge.js, o); err == nil {
		t.Error("setup with an account that may not change streams says nothing")
	}
	if err := streams.Ensure(t.Context(), admin, o); err != nil {
		t.Fatal(err)
	}
	s, err := admin.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().Config.Metadata[event.MetaBirth]; got != born.UTC().Format(time.RFC3339Nano) {
		t.Errorf("USERS says that it was born %q, want %s", got, born)
	}

	o.Setup = false
	for _, role := range []string{"watch", "bridge", "worker", "console"} {
		u := connect(t, url, role)
		if err := streams.Ensure(t.Context(), u.js, o); err != nil {
			t.Errorf("%s does not start: %v", role, err)
		}
		u.mu.Lock()
		if len(u.denied) > 0 {
			t.Errorf("%s asks for what it may not: %q", role, u.denied)
		}
		u.mu.Unlock()
	}
	if err := admin.DeleteStream(t.Context(), event.StreamAudit); err != nil {
		t.Fatal(err)
	}
	if err := streams.Ensure(t.Context(), connect(t, url, "worker").js, o); !errors.Is(err, streams.ErrLost) {
		t.Errorf("a role starts without AUDIT: %v", err)
	}
}
