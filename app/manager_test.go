package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/metrics"
	"usher/serve"
	"usher/streams/natstest"
	"usher/systemd"
)

// manager is a socket as systemd has it, and what comes there.
func manager(t *testing.T, watchdog string) (systemd.Manager, func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher-notify") // names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": watchdog}
	m, err := systemd.FromEnvironment(func(k string) string { return env[k] }, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	return m, func() string {
		_ = l.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := l.Read(b)
		if err != nil {
			t.Fatalf("the manager is told no more: %v", err)
		}
		return string(b[:n])
	}
}

// Systemd is told when a role waits for NATS, that it is ready, that it is alive, and
// that it stops.
func TestTheManagerIsToldHowARoleStands(t *testing.T) {
	manager, next := manager(t, "300000") // told every 100 ms
	until := func(want string) string {
		for {
			if got := next(); strings.Contains(got, want) {
				return got
			}
		}
	}
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := away.Addr().(*net.TCPAddr)
	_ = away.Close()
	c := Config{
		Base: Base{Data: t.TempDir(), OpsAddr: "127.0.0.1:0", LogLevel: "info", LogFormat: "text"}, External: External{NATSAccess: NATSAccess{NATSURL: "nats://" + address.String()}, Replicas: 1},
		Servers: Servers{MaxStore: 64 << 20}, Intake: Intake{IDKey: oneKey}, Limits: DefaultLimits(), Roles: Roles{Watch: true},
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Env{Out: io.Discard, Log: slog.New(slog.DiscardHandler), Manager: manager})
	}()
	for range 3 { // for as long as it takes
		if got := until("STATUS=starting; nats: waiting: not connected yet"); !strings.Contains(got, "EXTEND_TIMEOUT_USEC=") || strings.Contains(got, "WATCHDOG=1") {
			t.Fatalf("without NATS: %q", got)
		}
	}
	natstest.Run(t, t.TempDir(), address.Port)
	until("READY=1")
	until("WATCHDOG=1")
	stop()
	until("STOPPING=1")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A process whose components cannot be asked, or one of whose loops has stopped, is not
// told to be alive.
func TestTheManagerIsNotToldOfAProcessThatHangs(t *testing.T) {
	manager, next := manager(t, "300000")
	l, err := serve.Listen("--ops-addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	o := &ops{listener: l, registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1")}
	locked := make(chan struct{}, 1)
	o.add("bridge", func() error {
		locked <- struct{}{}
		<-locked
		return nil
	})
	o.started()
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { served <- o.run(ctx) }()
	var log strings.Builder
	tell := &teller{manager: manager, ops: o, log: slog.New(slog.NewTextHandler(&log, nil))}

	tell.tell(ctx)
	if got := next(); !strings.Contains(got, systemd.Alive) || !strings.Contains(got, "STATUS=ok") {
		t.Errorf("a process that is well: %q", got)
	}
	locked <- struct{}{} // a lock that is not given back
	tell.tell(ctx)
	tell.tell(ctx)
	if n := strings.Count(log.String(), "/livez: no answer within"); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, log.String())
	}
	<-locked
	_, ended := o.alive.loop("pulse of NATS")
	for range mostMissed + 1 {
		o.alive.look()
	}
	tell.tell(ctx)
	r, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if want := "hangs: has not turned for 1m0s: pulse of NATS\n"; r.StatusCode != http.StatusServiceUnavailable || string(body) != want {
		t.Errorf("/livez: %d %q, want 503 %q", r.StatusCode, body, want)
	}
	ended()
	tell.tell(ctx)
	if got := next(); !strings.Contains(got, systemd.Alive) {
		t.Errorf("once it is well again: %q", got)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
