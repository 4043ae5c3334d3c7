package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"usher/streams"
	"usher/streams/natstest"
)

// A stream that is gone ends a start with a sentence; a server that is away does not.
func TestALostStreamEndsTheStart(t *testing.T) {
	js, url := natstest.Start(t)
	watch := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c := Config{
			Base: Base{Data: t.TempDir(), OpsAddr: "127.0.0.1:0", LogLevel: "info", LogFormat: "text"}, External: External{NATSAccess: NATSAccess{NATSURL: url}, Replicas: 1},
			Servers: Servers{MaxStore: 64 << 20}, Intake: Intake{IDKey: "the key of this test, long enough"}, Limits: DefaultLimits(), Roles: Roles{Watch: true},
		}
		return Run(ctx, c, Env{Out: io.Discard, Log: slog.New(slog.DiscardHandler), Ready: func(Addresses) { cancel() }})
	}
	if err := watch(); err != nil {
		t.Fatalf("a first start: %v", err)
	}
	if err := js.DeleteStream(t.Context(), "KV_PEOPLE"); err != nil {
		t.Fatal(err)
	}
	if err := watch(); !errors.Is(err, streams.ErrLost) {
		t.Errorf("a start without PEOPLE: %v", err)
	}
}
