package systemd

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		socket, usec, pid string
		is, bad           bool
		watchdog          time.Duration
	}{
		{},
		{usec: "30000000"}, // a watchdog that cannot be told
		{socket: "/run/systemd/notify", is: true},
		{socket: "@abstract", usec: "30000000", is: true, watchdog: 30 * time.Second},
		{socket: "/run/systemd/notify", usec: "30000000", pid: "7", is: true, watchdog: 30 * time.Second},
		{socket: "/run/systemd/notify", usec: "30000000", pid: "8", is: true},
		{socket: "relative", bad: true},
		{socket: "/run/systemd/notify", usec: "0", bad: true},
		{socket: "/run/systemd/notify", usec: "half a minute", bad: true},
		{socket: "/run/systemd/notify", usec: "9223372036854775807", bad: true},
	} {
		env := map[string]string{"NOTIFY_SOCKET": tc.socket, "WATCHDOG_USEC": tc.usec, "WATCHDOG_PID": tc.pid}
		m, err := FromEnvironment(func(k string) string { return env[k] }, 7)
		if m.Is() != tc.is || (err != nil) != tc.bad || m.Watchdog != tc.watchdog {
			t.Errorf("%+v: %+v, %v", tc, m, err)
		}
	}
}

// Both kinds of sockets get what is told, in one datagram.
func TestTell(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "s"), "@usher-test-" + filepath.Base(t.TempDir()) + time.Now().Format("150405.000000000")} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		m, err := FromEnvironment(func(k string) string { return map[string]string{"NOTIFY_SOCKET": socket}[k] }, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Tell(Ready, Status("degraded\nnats: away\n"), Extend(90*time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := l.Read(b)
		if want := "READY=1\nSTATUS=degraded; nats: away\nEXTEND_TIMEOUT_USEC=90000000"; err != nil || string(b[:n]) != want {
			t.Errorf("%s got %q, %v", socket, b[:n], err)
		}
		_ = l.Close()
		if err := m.Tell(Alive); err == nil {
			t.Errorf("%s: no one listens, and that is no error", socket)
		}
	}
	if err := (Manager{}).Tell(Ready); err != nil {
		t.Errorf("without a manager: %v", err)
	}
}
