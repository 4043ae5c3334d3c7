//go:build !noembed

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"usher/disk"
	"usher/event"
	"usher/metrics"
	"usher/serve"
)

// Config says which servers to run and where.
type Config struct {
	Dir            string // everything is kept here
	NATS, Temporal bool   // which to run

	// Loopback addresses; port 0 takes a free one.
	NATSAddr, TemporalAddr, TemporalUIAddr string

	CodecEndpoint string // where Temporal's web pages have payloads decrypted; "" nowhere

	MaxStore  int64         // bytes for JetStream; 0 takes four fifths of the free disk, 20 GiB at most
	Retention time.Duration // of finished workflows; 0 means 30 days
	Log       *slog.Logger  // gets what the servers say from warn on
}

// Servers are the running servers.
type Servers struct {
	lock     *os.File
	nats     *natsServer
	temporal *temporalServer
	ui       *uiServer
	failed   chan error
	maxStore int64
}

const (
	defaultRetention = 30 * 24 * time.Hour
	leastFree        = 200 << 20 // bytes of disk
	mostStore        = 20 << 30
)

// Start runs the servers and returns when they answer. Its error is one sentence
// that says what is wrong, where, and how to mend it.
func Start(ctx context.Context, c Config) (_ *Servers, err error) {
	s := &Servers{failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(ctx))
		}
	}()
	if c.Retention <= 0 {
		c.Retention = defaultRetention
	}
	for _, a := range []struct{ flag, addr string }{{"--nats-addr", c.NATSAddr}, {"--temporal-addr", c.TemporalAddr}, {"--temporal-ui-addr", c.TemporalUIAddr}} {
		if err := serve.CheckLoopback(a.flag, a.addr, onLoopback); err != nil {
			return s, err
		}
	}
	if s.lock, err = lockFolder(c.Dir); err != nil {
		return s, err
	}
	free, err := checkDisk(c.Dir)
	if err != nil {
		return s, err
	}
	if s.maxStore = c.MaxStore; s.maxStore <= 0 {
		s.maxStore = min(free/5*4, mostStore)
	}
	if c.NATS {
		if s.nats, err = startNATS(c, s.maxStore, s.fail); err != nil {
			return s, err
		}
	}
	if c.Temporal {
		if s.temporal, err = startTemporal(ctx, c, s.fail); err != nil {
			return s, err
		}
		if s.ui, err = startUI(c.TemporalUIAddr, s.temporal.addr, c.CodecEndpoint); err != nil {
			return s, err
		}
	}
	return s, nil
}

// NATSAddr is where NATS listens, "" when it is not embedded.
func (s *Servers) NATSAddr() string {
	if s.nats == nil {
		return ""
	}
	return s.nats.addr
}

// TemporalAddr is where Temporal's frontend listens, "" when it is not embedded.
func (s *Servers) TemporalAddr() string {
	if s.temporal == nil {
		return ""
	}
	return s.temporal.addr
}

// TemporalUIAddr is where Temporal's web pages are, "" when they are not embedded.
func (s *Servers) TemporalUIAddr() string {
	if s.ui == nil {
		return ""
	}
	return s.ui.addr
}

// MaxStore is the room that JetStream has, in bytes.
func (s *Servers) MaxStore() int64 { return s.maxStore }

// Measure sets the gauges about the embedded NATS; without one they stay 0.
func (s *Servers) Measure(m *metrics.Server) {
	if s.nats != nil {
		s.nats.measure(m)
	}
}

// Failed yields the reason when a server cannot go on. The process should stop.
func (s *Servers) Failed() <-chan error { return s.failed }

func (s *Servers) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first ones are enough
	}
}

// Stop ends the servers in the order of their dependence, each within its part
// of the time that ctx leaves.
func (s *Servers) Stop(ctx context.Context) error {
	var errs []error
	if s.ui != nil {
		errs = append(errs, s.ui.stop())
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.stop(ctx))
	}
	if s.nats != nil {
		errs = append(errs, s.nats.stop())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	*s = Servers{failed: s.failed}
	return errors.Join(errs...)
}

// onLoopback is why the embedded servers refuse other addresses.
const onLoopback = "the embedded servers ask for no credentials, so they listen on loopback only; for other machines run NATS and Temporal on their own and name them with --nats-url and --temporal-address"

// freeAddr takes port 0 for a free port and makes sure that any other is free.
// The servers accept no listener, so between the look and the server's start the
// port must be of interest to no other process; Temporal's ends the whole process when
// it cannot listen.
func freeAddr(flag, addr string) (string, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
		for range ports {
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(nextPort())))
			if err == nil {
				return l.Addr().String(), l.Close()
			}
		}
	}
	l, err := serve.Listen(flag, addr)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Free ports are taken from below those that systems give to outgoing connections
// (32768 and up on Linux, 49152 and up elsewhere). Each process begins at a place
// of its own and takes none twice, so that two which start at once do not meet.
const (
	leastPort = 15000
	ports     = 17000
	portsEach = 16 // a process takes five for a start of its servers
)

var portsTaken atomic.Int64

func nextPort() int {
	return leastPort + (os.Getpid()*portsEach+int(portsTaken.Add(1)))%ports
}

// checkDisk makes sure that the folder can be written and has room, and returns
// the free bytes.
func checkDisk(dir string) (int64, error) {
	room, _, err := disk.Free(dir)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	free := int64(room)
	if free < leastFree {
		return 0, fmt.Errorf("%s: the disk is full, %d MiB are free and %d are needed: make room, or choose another folder with --data", dir, free>>20, leastFree>>20)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return 0, fmt.Errorf("%s cannot be written: %w: mend its permissions, or choose another folder with --data", dir, event.Innermost(err))
	}
	defer os.Remove(probe.Name())
	_, err = probe.Write(make([]byte, 1<<20))
	if err = errors.Join(err, probe.Sync(), probe.Close()); err != nil {
		return 0, fmt.Errorf("%s cannot be written: %w", dir, err)
	}
	return free, nil
}

// lockFolder keeps other processes out until the file is closed or the process
// ends, however it ends.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("%s cannot be made: %w: choose another folder with --data", dir, event.Innermost(err))
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w: mend its permissions, or choose another folder with --data", dir, event.Innermost(err))
	}
	if err := disk.Lock(f); err != nil {
		var pid [16]byte
		n, _ := f.ReadAt(pid[:], 0)
		_ = f.Close()
		return nil, fmt.Errorf("%s is in use by another usher (process %s): stop it first, or choose another folder with --data", dir, pid[:n])
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid()))); err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be written: %w", dir, err), f.Close())
	}
	return f, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}
