// Package catchertest runs the sink for e-mail and text messages for one test.
package catchertest

import (
	"context"
	"log/slog"
	"testing"

	"usher/catcher"
)

// Start runs a catcher on ports of its own until the test ends.
func Start(t testing.TB) *catcher.Catcher {
	t.Helper()
	c, err := catcher.Open(catcher.Config{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}
