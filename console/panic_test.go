package console

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A message on which the console fails is left out of the read model; those before
// and behind it are in it.
func TestAMessageOnWhichTheConsoleFailsIsPassedOver(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"u-1", "u-2", "u-3"} {
		r.user(id, "Name of "+id)
	}
	m, err := openModel(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	figures := newMetrics()
	f := newFeeds(r.js, m, newWaiters(m.emptyLog, func(string) {}), newLive(), newBulks(&Console{}), figures.Guard("console", slog.New(slog.NewTextHandler(&r.log, nil))), slog.New(slog.DiscardHandler))[0]
	put := f.put
	f.put = func(tx *writing, msg *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
		after, err := put(tx, msg, meta)
		if meta.Sequence.Stream == 2 {
			panic(string(msg.Data))
		}
		return after, err
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.run(ctx) }()
	there := func(id string) bool {
		u, err := m.user(t.Context(), id)
		return err == nil && u.UserID == id
	}
	r.eventually("the last one is there", func() bool { return there("u-3") })
	if !there("u-1") || there("u-2") {
		t.Error("another message than the one in the middle was left out")
	}
	if n := testutil.ToFloat64(figures.Panics.WithLabelValues("console")); n != 1 {
		t.Errorf("%v panics are counted", n)
	}
	if log := r.log.String(); !strings.Contains(log, "panic_test.go") || strings.Contains(log, "Name of") {
		t.Errorf("the log lacks the stack, or tells what was panicked with: %s", log)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
}
