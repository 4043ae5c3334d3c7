//go:build !noembed

package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"usher/metrics"
)

type natsServer struct {
	server *server.Server
	addr   string
}

// recovery is how long NATS may read its files at a start after a crash.
const recovery = 5 * time.Minute

func startNATS(c Config, maxStore int64, fail func(error)) (*natsServer, error) {
	addr, err := freeAddr("--nats-addr", c.NATSAddr)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "usher", Host: host, Port: n, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: filepath.Join(c.Dir, "nats"), SyncAlways: true,
		JetStreamMaxStore: maxStore, JetStreamMaxMemory: 64 << 20,
		MaxPayload: 1 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	var starting error
	s.SetLoggerV2(&natsLog{c.Log, func(err error) { starting = err; fail(err) }}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(recovery) {
		s.Shutdown()
		return nil, errors.Join(fmt.Errorf("NATS on %s did not become ready", addr), starting)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, fmt.Errorf("NATS cannot use its files in %s: %w", filepath.Join(c.Dir, "nats"), starting)
	}
	return &natsServer{s, addr}, nil
}

func (n *natsServer) stop() error {
	n.server.Shutdown()
	n.server.WaitForShutdown()
	return nil
}

// measure sets what the server says of itself.
func (n *natsServer) measure(m *metrics.Server) {
	v, err := n.server.Varz(nil)
	if err != nil {
		return // it is stopping
	}
	m.Connections.Set(float64(v.Connections))
	m.SlowConsumers.Set(float64(v.SlowConsumers))
	m.InMsgs.Set(float64(v.InMsgs))
	m.OutMsgs.Set(float64(v.OutMsgs))
	m.InBytes.Set(float64(v.InBytes))
	m.OutBytes.Set(float64(v.OutBytes))
}

// natsLog hands what NATS says from warn on to slog. NATS reports through Fatalf
// that it cannot go on.
type natsLog struct {
	log  *slog.Logger
	fail func(error)
}

func (l *natsLog) Noticef(string, ...any) {}
func (l *natsLog) Debugf(string, ...any)  {}
func (l *natsLog) Tracef(string, ...any)  {}

func (l *natsLog) Warnf(format string, v ...any) {
	l.log.Warn("NATS warns", "text", fmt.Sprintf(format, v...))
}

func (l *natsLog) Errorf(format string, v ...any) {
	l.log.Error("NATS reports an error", "text", fmt.Sprintf(format, v...))
}

func (l *natsLog) Fatalf(format string, v ...any) {
	err := fmt.Errorf("NATS: "+format, v...)
	l.log.Error("NATS cannot go on", "error", err)
	l.fail(err)
}
