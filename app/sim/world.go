package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	"usher/app"
	"usher/app/sim/model"
	"usher/app/sim/wire"
)

// Where things are.
const (
	addrNATS     = "127.0.0.1:4222"
	addrTemporal = "127.0.0.1:7233"
	addrSMTP     = "127.0.0.1:1025"
	addrSMS      = "127.0.0.1:8025"
	idKey        = "the key of ids in the simulation"
)

// world is everything that a seed runs in.
type world struct {
	dir   string
	net   wire.Net
	plan  *plan
	trace *trace

	nats       *server.Server
	restarting atomic.Bool // nats is down and comes again
	natsWire   net.Listener
	temporal   *model.Server
	grpc       *grpc.Server
	sink       *sink
	serving    sync.WaitGroup

	mu        sync.Mutex
	processes map[string]*process // those that live, by name
	ending    sync.WaitGroup      // lives that were ended
	over      bool                // nothing begins any more
	dropped   chan struct{}       // closed when the lists of everybody are in their inboxes

	js    jetstream.JetStream // of the one who looks on
	conn  *nats.Conn
	facts *facts
}

// open starts the servers, and connects who looks on.
func open(dir string, p *plan, t *trace) (*world, error) {
	t.began = time.Now()
	w := &world{dir: dir, plan: p, trace: t, processes: map[string]*process{}, dropped: make(chan struct{})}
	r := rand.New(rand.NewPCG(p.seed, 16))
	var turn sync.Mutex
	w.net.Latency = func() time.Duration {
		turn.Lock()
		defer turn.Unlock()
		return time.Duration(50+r.IntN(200)) * time.Microsecond
	}
	if err := w.startNATS(); err != nil {
		return nil, err
	}
	w.temporal = model.New()
	w.grpc = w.temporal.GRPC(w.between)
	l, err := w.net.Listen("tcp", addrTemporal)
	if err != nil {
		return nil, err
	}
	w.serving.Go(func() { _ = w.grpc.Serve(l) })
	if w.sink, err = openSink(w); err != nil {
		return nil, err
	}
	if w.conn, err = nats.Connect("nats://"+addrNATS, nats.SetCustomDialer(w.net.Host()), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true)); err != nil {
		return nil, err
	}
	w.js, err = jetstream.New(w.conn, jetstream.WithDefaultTimeout(5*time.Second))
	return w, err
}

func (w *world) startNATS() (err error) {
	w.nats, err = server.NewServer(&server.Options{
		ServerName: "sim", DontListen: true, JetStream: true, StoreDir: filepath.Join(w.dir, "nats"), JetStreamMaxStore: 1 << 30, JetStreamMaxMemory: 64 << 20,
		NoSigs: true, NoLog: true, NoSystemAccount: false,
	})
	if err != nil {
		return err
	}
	w.nats.Start()
	if !w.nats.ReadyForConnections(10 * time.Second) {
		return errors.New("NATS does not start")
	}
	if w.natsWire, err = w.net.Listen("tcp", addrNATS); err != nil {
		return err
	}
	s, l := w.nats, w.natsWire
	w.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in, err := s.InProcessConn()
			if err != nil {
				_ = c.Close()
				continue
			}
			w.serving.Go(func() { join(c, in) })
		}
	})
	return nil
}

// join copies between two connections until one of them ends.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	for _, x := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			buf := make([]byte, 32<<10)
			for {
				n, err := x[0].Read(buf)
				if n > 0 {
					if _, err := x[1].Write(buf[:n]); err != nil {
						break
					}
				}
				if err != nil {
					break
				}
			}
			_, _ = a.Close(), b.Close()
		})
	}
	both.Wait()
}

// stopNATS ends the server as a stop of its machine does.
func (w *world) stopNATS() {
	_ = w.natsWire.Close()
	w.nats.Shutdown()
	w.nats.WaitForShutdown()
}

// close ends everything and waits for it.
func (w *world) close() {
	w.mu.Lock()
	w.over = true
	for name, p := range w.processes {
		delete(w.processes, name)
		w.ending.Go(p.stop)
	}
	w.mu.Unlock()
	w.ending.Wait()
	w.facts.close()
	w.conn.Close()
	w.temporal.Stop()
	w.grpc.Stop()
	w.sink.close()
	time.Sleep(20 * time.Minute) // the longest limit of anybody who still waits for an answer
	w.stopNATS()
	w.serving.Wait()
}

// process is one life of a process of usher.
type process struct {
	w    *world
	name string
	host *wire.Host
	stop func() // waits for the end
	kill func() // does not
}

// The console comes when all is over and reads everything then. Its client holds a
// lock while it waits for a server that is away, and no time passes in a bubble
// while a goroutine waits for a lock.
var processNames = []string{"bridge1", "bridge2", "worker1", "worker2", "watch"}

func rolesOf(name string) app.Roles {
	switch name {
	case "watch":
		return app.Roles{Watch: true}
	case "console":
		return app.Roles{Console: true}
	case "bridge1", "bridge2":
		return app.Roles{Bridge: true}
	}
	return app.Roles{Worker: true}
}

// start begins a life of the process.
func (w *world) start(name string) {
	h := w.net.Host()
	h.Step = func(to string, b []byte) wire.Fate { return w.step(name, h, to, b) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	p := &process{w: w, name: name, host: h}
	p.stop = func() { cancel(); <-done }
	p.kill = func() {
		h.Cut()
		cancel()
		w.ending.Go(func() { <-done })
	}
	w.mu.Lock()
	w.processes[name] = p
	w.mu.Unlock()
	ready := make(chan struct{})
	go func() {
		defer close(done)
		err := app.Run(ctx, w.config(name), app.Env{
			Version: "sim", Out: discard{}, Log: slog.New(w.trace.handler(name)), Ready: func(app.Addresses) { close(ready) },
			Network: app.Network{Dial: h.DialContext, Listen: w.net.Listen, Files: func() (*fsnotify.Watcher, error) {
				return nil, errors.New("there are none in a simulation")
			}},
		})
		if err != nil && ctx.Err() == nil {
			w.trace.say(name, "ended by itself: "+err.Error())
			w.trace.fail("a process ended by itself: " + name + ": " + err.Error())
		}
	}()
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (w *world) config(name string) app.Config {
	c := app.Config{
		Base: app.Base{Data: filepath.Join(w.dir, name), OpsAddr: "127.0.0.1:0", LogLevel: "debug", LogFormat: "text"},
		External: app.External{
			NATSAccess: app.NATSAccess{NATSURL: "nats://" + addrNATS}, TemporalAccess: app.TemporalAccess{TemporalAddress: addrTemporal, TemporalNamespace: "default"}, Replicas: 1,
			PayloadKey: "the key of payloads in the simulation",
		},
		Servers:  app.Servers{MaxStore: 512 << 20, Retention: 24 * time.Hour},
		Intake:   app.Intake{Inboxes: app.Inboxes{Inbox: map[string]string{"partner": filepath.Join(w.dir, name, "partner"), inboxPair: filepath.Join(w.dir, name, inboxPair)}}, IDKey: idKey},
		Delivery: app.Delivery{SMTPAddr: addrSMTP, SMTPTLS: "none", MailFrom: "Welcome <welcome@usher.example>", SMSURL: "http://" + addrSMS, SMSAccount: "ACusher", SMSFrom: "+15005550006", OnUnknown: "resend", MaxPause: time.Hour},
		Reports:  app.Reports{TimeZone: "UTC"},
		Web:      app.Web{ConsoleAddr: "127.0.0.1:0", ConsolePassword: "a password for this simulation"},
		Deciding: app.Deciding{FourEyes: []string{inboxPair}},
		Limits:   app.DefaultLimits(), Roles: rolesOf(name),
	}
	c.ParkedFor, c.ExpireAfter = 15*time.Minute, 0 // longer than any outage
	return c
}

// kill ends a life, and begins the next one after a while.
func (w *world) kill(name string, h *wire.Host, after time.Duration) {
	w.mu.Lock()
	p := w.processes[name]
	if p == nil || p.host != h {
		w.mu.Unlock()
		return
	}
	delete(w.processes, name)
	w.mu.Unlock()
	p.kill()
	w.ending.Go(func() {
		time.Sleep(after)
		w.mu.Lock()
		over := w.over
		w.mu.Unlock()
		if !over {
			w.trace.say(name, "starts again")
			w.start(name)
		}
	})
}

// drop puts a file into an inbox by rename.
func (w *world) drop(inbox, name, content string) error {
	dir := filepath.Join(w.dir, "watch", inbox)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	tmp := filepath.Join(dir, ".new-"+name)
	if err := os.WriteFile(tmp, []byte(content), 0o640); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, name))
}

// trace is what happened, for people.
type trace struct {
	mu     sync.Mutex
	began  time.Time
	lines  []string
	failed []string
}

func (t *trace) say(who, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%10.3fs %-8s %s", time.Since(t.began).Seconds(), who, what))
}

func (t *trace) fail(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = append(t.failed, what)
}

// all are the lines so far.
func (t *trace) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

func (t *trace) hasFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failed) > 0
}

func (t *trace) handler(who string) slog.Handler { return traced{t, who, ""} }

// traced is a log whose lines go into the trace.
type traced struct {
	t      *trace
	who    string
	prefix string
}

func (traced) Enabled(context.Context, slog.Level) bool { return true }
func (h traced) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return nil
	}
	line := r.Level.String() + " " + r.Message + h.prefix
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.Key + "=" + a.Value.String()
		return true
	})
	h.t.say(h.who, line)
	return nil
}
func (h traced) WithAttrs(as []slog.Attr) slog.Handler {
	for _, a := range as {
		h.prefix += " " + a.Key + "=" + a.Value.String()
	}
	return h
}
func (h traced) WithGroup(string) slog.Handler { return h }
