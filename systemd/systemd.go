// Package systemd tells the service manager that started this process how it stands, by
// the protocol of sd_notify(3): one datagram of VARIABLE=VALUE lines to the socket that
// NOTIFY_SOCKET names. Other managers speak it too. In a process that no such manager
// started everything here does nothing.
package systemd

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// What a process tells. Status adds a line that people read.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// Status is what `systemctl status` shows of the process, in one line.
func Status(says string) string {
	return "STATUS=" + strings.ReplaceAll(strings.TrimSpace(says), "\n", "; ")
}

// Extend asks for more time for the start or the stop, from now on.
func Extend(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// Manager is the service manager of this process; the zero one is none.
type Manager struct {
	socket string
	// Watchdog is how long the process may be silent before it is taken for dead; 0 is
	// for ever.
	Watchdog time.Duration
}

// FromEnvironment finds the manager of the process pid. A variable that cannot be read
// is an error, because then the manager would end a process that is well.
func FromEnvironment(getenv func(string) string, pid int) (Manager, error) {
	m := Manager{socket: getenv("NOTIFY_SOCKET")}
	if m.socket == "" {
		return Manager{}, nil
	}
	if m.socket[0] != '/' && m.socket[0] != '@' {
		return Manager{}, fmt.Errorf("NOTIFY_SOCKET %q: neither a path nor an abstract socket (@NAME)", m.socket)
	}
	if of := getenv("WATCHDOG_PID"); of != "" && of != strconv.Itoa(pid) {
		return m, nil // of the process that started this one
	}
	if usec := getenv("WATCHDOG_USEC"); usec != "" {
		n, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
			return Manager{}, fmt.Errorf("WATCHDOG_USEC %q: no number of microseconds up to a day", usec)
		}
		m.Watchdog = time.Duration(n) * time.Microsecond
	}
	return m, nil
}

// Is tells whether there is a manager.
func (m Manager) Is() bool { return m.socket != "" }

// Tell sends lines in one datagram. Its error says that the manager did not take it.
func (m Manager) Tell(lines ...string) error {
	if !m.Is() {
		return nil
	}
	c, err := net.Dial("unixgram", m.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil { // its buffer may be full
		return err
	}
	_, err = c.Write([]byte(strings.Join(lines, "\n")))
	return err
}
