//go:build !noembed

package embedded

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporal"

	"usher/event"
	"usher/metrics"
	"usher/workflows"
)

// world takes what the activities do.
type world struct {
	mu     sync.Mutex // the messages of a welcome go out at the same time
	person event.Person
}

func (*world) Fact(context.Context, event.Fact) (bool, error) { return true, nil }
func (w *world) Update(_ context.Context, _ string, change func(*event.Person) error) (event.Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := change(&w.person)
	return w.person, err
}
func (w *world) Send(_ context.Context, d workflows.Delivery) (event.Send, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := event.Send{State: event.SendAccepted}
	w.person.Sends = maps.Clone(w.person.Sends)
	if w.person.Sends == nil {
		w.person.Sends = map[string]event.Send{}
	}
	w.person.Sends[event.SendKey(d.Generation, d.Purpose, d.Channel, d.Ordinal)] = s
	return s, nil
}
func (*world) Activate(context.Context, string, string, event.User) (event.Account, error) {
	return event.Account{}, nil
}
func (*world) Deactivate(context.Context, string, string, string, event.Account) error { return nil }
func (*world) Orphan(context.Context, event.Verification, string) error                { return nil }

// outside is all that activities need.
type outside interface {
	workflows.Facts
	workflows.People
	workflows.Sender
	workflows.Accounts
	workflows.Orphanage
}

// frontend starts a server for the test, and is where it listens.
func frontend(t *testing.T, o ...temporal.ServerOption) (addr string) {
	t.Helper()
	c := config0(t.TempDir())
	c.Retention = time.Hour
	s, err := startTemporal(t.Context(), c, func(err error) { t.Error(err) }, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.stop(stop)
	})
	return s.addr
}

// dialTemporal starts a server for the test and connects to it.
func dialTemporal(t *testing.T, o ...temporal.ServerOption) client.Client {
	t.Helper()
	cl, err := client.Dial(client.Options{HostPort: frontend(t, o...), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// work runs a worker until the returned function is called.
func work(t *testing.T, cl client.Client, w outside) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reg := prometheus.NewRegistry()
	a := &workflows.Activities{Facts: w, People: w, Sender: w, Accounts: w, Orphanage: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- workflows.Run(ctx, cl, a) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
