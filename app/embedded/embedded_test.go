//go:build !noembed

package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func config0(dir string) Config {
	return Config{
		Dir: dir, NATS: true, Temporal: true, MaxStore: 64 << 20, Log: slog.New(slog.DiscardHandler),
		NATSAddr: "127.0.0.1:0", TemporalAddr: "127.0.0.1:0", TemporalUIAddr: "127.0.0.1:0",
	}
}

func start(t *testing.T, c Config) *Servers {
	t.Helper()
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *Servers) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// What was stored is there after a stop and a start: a stream's message, and a
// workflow's result. Leftovers of a start that was cut short do no harm.
func TestStateOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "temporal"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"state.db.new", "visibility.db.new", "visibility.db.new-journal"} {
		if err := os.WriteFile(filepath.Join(dir, "temporal", f), []byte("half a file"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, config0(dir))
	withJetStream(t, s, func(js jetstream.JetStream) {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "s", []byte("x")); err != nil {
			t.Fatal(err)
		}
	})
	withTemporal(t, s, func(c client.Client) {
		w := worker.New(c, "q", worker.Options{})
		w.RegisterWorkflowWithOptions(func(workflow.Context) (string, error) { return "done", nil }, workflow.RegisterOptions{Name: "W"})
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "q"}, "W")
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	if r, err := http.Get("http://" + s.TemporalUIAddr() + "/"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("the web pages do not answer: %v", err)
	}

	if _, err := Start(t.Context(), config0(dir)); err == nil || !strings.Contains(err.Error(), "is in use by another usher") {
		t.Errorf("a second start on the folder: %v", err)
	}
	stop(t, s)

	s = start(t, config0(dir))
	defer stop(t, s)
	withJetStream(t, s, func(js jetstream.JetStream) {
		st, err := js.Stream(t.Context(), "S")
		if err != nil || st.CachedInfo().State.Msgs != 1 {
			t.Errorf("the stream is gone: %v", err)
		}
	})
	withTemporal(t, s, func(c client.Client) {
		var got string
		if err := c.GetWorkflow(t.Context(), "w", "").Get(t.Context(), &got); err != nil || got != "done" {
			t.Errorf("the workflow is gone: %q, %v", got, err)
		}
	})
}

func withJetStream(t *testing.T, s *Servers, f func(jetstream.JetStream)) {
	t.Helper()
	nc, err := nats.Connect("nats://" + s.NATSAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	f(js)
}

func withTemporal(t *testing.T, s *Servers, f func(client.Client)) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddr(), Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f(c)
}

func TestWhatStopsAStartIsSaidPlainly(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.MkdirAll(filepath.Join(other, "temporal"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store(filepath.Join(other, "temporal")).layout(), []byte(`{"schema":"0.1","visibility":"0.1","shards":4}`), 0o640); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"port in use":     {func(c *Config) { c.NATSAddr = taken.Addr().String() }, "address already in use"},
		"UI port in use":  {func(c *Config) { c.TemporalUIAddr = taken.Addr().String() }, "--temporal-ui-addr"},
		"public address":  {func(c *Config) { c.TemporalAddr = "0.0.0.0:0" }, "loopback only"},
		"no port":         {func(c *Config) { c.NATSAddr = "127.0.0.1" }, "HOST:PORT"},
		"a file":          {func(c *Config) { c.Dir = file }, "choose another folder"},
		"below a file":    {func(c *Config) { c.Dir = filepath.Join(file, "x") }, "not a directory"},
		"another version": {func(c *Config) { c.Dir = other }, "another version of Temporal"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config0(t.TempDir())
			tc.change(&c)
			s, err := Start(t.Context(), c)
			if err == nil {
				stop(t, s)
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, tc.want)
			}
		})
	}
}

// A fatal report of a server ends neither the process nor silently.
func TestFatalIsReported(t *testing.T) {
	s := &Servers{failed: make(chan error, 1)}
	temporalLog{slog.New(slog.DiscardHandler), s.fail, new(atomic.Bool)}.Fatal("shard lost")
	(&natsLog{slog.New(slog.DiscardHandler), s.fail}).Fatalf("disk %s", "gone") // no room: the first one counts
	err := <-s.Failed()
	if err == nil || !strings.Contains(err.Error(), "shard lost") || errors.Unwrap(err) != nil {
		t.Errorf("got %v", err)
	}
}

// Temporal's server ends the process when it cannot listen, so a start must not
// draw a port twice; nor may the next start while the one before still runs.
func TestFreePortsAreDrawnOnce(t *testing.T) {
	drawn := map[string]bool{}
	for range 2000 {
		addr, err := freeAddr("--nats-addr", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if drawn[addr] {
			t.Fatalf("%s was drawn twice, the second time as number %d", addr, len(drawn)+1)
		}
		drawn[addr] = true
	}
}
