package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"usher/streams"
	"usher/streams/natstest"
)

// starting is a start of a watcher with a key; it ends when the watcher is ready.
func starting(t *testing.T, url string) func(key string) error {
	return func(key string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c := Config{
			Base: Base{Data: t.TempDir(), OpsAddr: "127.0.0.1:0", LogLevel: "info", LogFormat: "text"}, External: External{NATSAccess: NATSAccess{NATSURL: url}, Replicas: 1},
			Servers: Servers{MaxStore: 64 << 20}, Intake: Intake{IDKey: key}, Limits: DefaultLimits(), Roles: Roles{Watch: true},
		}
		err := Run(ctx, c, Env{Out: io.Discard, Log: slog.New(slog.DiscardHandler), Ready: func(Addresses) { cancel() }})
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // it waited, and was stopped by this test
			return errors.Join(err, ctx.Err())
		}
		return err
	}
}

const (
	oneKey     = "the key of this test, long enough"
	anotherKey = "another key of this test, long enough"
)

// A start with another key than the one that the streams were filled with ends with
// a sentence, as docs/running.md says, instead of waiting for ever.
func TestAnotherKeyEndsTheStart(t *testing.T) {
	_, url := natstest.Start(t)
	watch := starting(t, url)
	if err := watch(oneKey); err != nil {
		t.Fatalf("a first start: %v", err)
	}
	if err := watch(anotherKey); err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "give usher the old key back") {
		t.Errorf("a start with another key: %v", err)
	}
	if err := watch(oneKey); err != nil {
		t.Errorf("a start with the old key: %v", err)
	}
}

// A stream that is gone ends a start with a sentence; a server that is away does not.
func TestALostStreamEndsTheStart(t *testing.T) {
	js, url := natstest.Start(t)
	watch := starting(t, url)
	if err := watch(oneKey); err != nil {
		t.Fatalf("a first start: %v", err)
	}
	if err := js.DeleteStream(t.Context(), "KV_PEOPLE"); err != nil {
		t.Fatal(err)
	}
	if err := watch(oneKey); !errors.Is(err, streams.ErrLost) {
		t.Errorf("a start without PEOPLE: %v", err)
	}
}
