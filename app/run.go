package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"

	"usher/catcher"
	"usher/event"
	"usher/ingest/uploads"
	"usher/metrics"
	"usher/streams"
	"usher/systemd"
	"usher/tracing"
)

// EmbedConfig says which servers to embed.
type EmbedConfig struct {
	Dir                                    string
	NATS, Temporal                         bool
	NATSAddr, TemporalAddr, TemporalUIAddr string
	CodecEndpoint                          string // where the web pages have payloads decrypted; "" nowhere
	MaxStore                               int64
	Retention                              time.Duration
	Log                                    *slog.Logger
}

// Embedded are servers that run in this process. Failed yields the error of one
// that cannot go on.
type Embedded interface {
	NATSAddr() string
	TemporalAddr() string
	TemporalUIAddr() string
	MaxStore() int64
	Failed() <-chan error
	Measure(*metrics.Server)
	Stop(ctx context.Context) error
}

// Env is what a process gets from outside its settings.
type Env struct {
	// Embed starts servers in this process; nil in a binary built without them.
	Embed func(context.Context, EmbedConfig) (Embedded, error)
	// Up marks `usher up`: servers that are not named are embedded, messages
	// without a server go to the catcher, and DATA/usher.json tells where all is.
	Up      bool
	Version string    // of the build
	Out     io.Writer // what people read; the log goes elsewhere
	Log     *slog.Logger
	Manager systemd.Manager // that started this process
	// Ready is called once when everything runs.
	Ready   func(Addresses)
	Fault   event.Fault
	Network Network
}

// process is everything that Run has opened.
type process struct {
	Config
	Env
	addr     Addresses
	registry *prometheus.Registry
	tracer   tracing.Tracer
	shared   *metrics.Shared
	figures  *metrics.Process
	ownNATS  *metrics.Server // nil without an embedded one
	ops      *ops
	life     *lifecycle

	servers  Embedded
	nc       *nats.Conn
	js       jetstream.JetStream
	temporal client.Client
	stopping atomic.Bool
	people   *streams.People
	reports  *streams.Reports // of the worker
	me       event.Process    // of the worker: the name by which it owns what it hands over
	lives    *streams.Alive   // of the worker
	pauses   *streams.Pauses
	pub      *streams.Publisher
	catcher  *catcher.Catcher
	store    *uploads.Store // files that people bring to the console; nil where it does not reach a watcher's folders
	codec    *codec         // nil in roles that were given no key
	console  net.Listener   // bound before the servers, whose pages name it
	key      event.Key
}

// Run is a process from its first line to its last: servers, connections, then
// the stages, consumers before producers,
//
//	worker ◀─ Temporal ◀─ bridge ◀─ JetStream ◀─ console, watch
//
// until ctx ends or a part fails. It returns nil after a clean stop. Every error
// is one sentence that says what is wrong and where.
func Run(ctx context.Context, c Config, env Env) (err error) {
	if err := c.Validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return fmt.Errorf("--data: the folder cannot be used: %w", err)
	}
	p := &process{Config: c, Env: env, registry: prometheus.NewRegistry(), life: newLifecycle(env.Log)}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.shared = metrics.NewShared(p.registry)
	p.life.guard = p.shared.Guard("app", env.Log)
	p.figures = metrics.NewProcess(p.registry, env.Version, runtime.Version())
	p.addr.PID = os.Getpid()

	tracer, flush, err := tracing.New(ctx, env.Version)
	if err != nil {
		return err
	}
	p.tracer = tracer
	defer func() { // after everything that makes spans has stopped
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
		defer cancel()
		_ = flush(stop) // spans are not worth a failed stop
	}()
	defer func() { err = errors.Join(err, p.close()) }()
	for _, step := range []func(context.Context) error{
		p.startOps, p.startTelling, p.bindConsole, p.startServers, p.connect, p.startWatch, p.startCatcher, p.startConsumers, p.startProducers, p.startCanary,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	p.ops.started()
	p.told(systemd.Ready)
	if env.Up {
		if err := p.addr.write(c.Data); err != nil {
			return err
		}
		defer removeAddresses(c.Data)
	}
	if env.Ready != nil {
		env.Ready(p.addr)
	}
	var broken <-chan error
	if p.servers != nil {
		broken = p.servers.Failed()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-broken:
		return fmt.Errorf("an embedded server failed: %w", err)
	case err := <-p.life.failed:
		return err
	}
}

// A stop ends within ten seconds, which is promised. What is in hand comes first.
const (
	stopWithin   = 9600 * time.Millisecond // the rest is for spans
	levelsWithin = 9 * time.Second         // for the parts of usher; connections and servers get what they leave

	// handOver is what a message that is being handed over gets: the sender's grace
	// of 8 s and the writing down of what was answered.
	handOver = 8500 * time.Millisecond
)

// close stops what was started, the last first, and ends within ten seconds
// even when parts hang and a message is still being handed over.
func (p *process) close() error {
	began := time.Now()
	p.stopping.Store(true)
	p.told(systemd.Stopping)
	errs := []error{p.life.stop(levelsWithin)}
	if p.console != nil {
		_ = p.console.Close() // closed already, unless the start failed
	}
	// Their files are safe at any moment, so servers get what is left.
	ctx, cancel := context.WithDeadline(context.Background(), began.Add(stopWithin))
	defer cancel()
	rest := make(chan error, 1)
	go func() {
		rest <- p.life.guard.Do("closing connections and servers", func() error { return p.disconnect(ctx) })
	}()
	select {
	case err := <-rest:
		errs = append(errs, err)
	case <-ctx.Done():
		errs = append(errs, errors.New("servers: did not stop in time"))
	}
	return errors.Join(errs...)
}

// disconnect closes what Run has opened beside its parts.
func (p *process) disconnect(ctx context.Context) error {
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.nc != nil {
		closeNATS(ctx, p.nc)
	}
	if p.servers != nil {
		return p.servers.Stop(ctx)
	}
	return nil
}

func (p *process) startOps(ctx context.Context) error {
	l, err := p.Network.listen("--ops-addr", p.OpsAddr)
	if err != nil {
		return err
	}
	p.addr.Ops = l.Addr().String()
	p.ops = &ops{listener: l, registry: p.registry, metrics: p.figures, profiles: p.Pprof, guard: p.life.guard}
	p.life.start(ctx, part{"ops", p.ops.run, 2 * time.Second}, part{"looking whether loops turn", p.ops.alive.run, time.Second})
	return nil
}

func (p *process) startServers(ctx context.Context) error {
	needNATS, needTemporal := p.NATSURL == "", p.TemporalAddress == ""
	if !p.Up {
		return nil // role commands follow the servers' own conventions
	}
	if needNATS || needTemporal {
		if p.Embed == nil {
			return errors.New("this usher was built without servers: name them with --nats-url and --temporal-address")
		}
		s, err := p.Embed(ctx, EmbedConfig{
			Dir: p.Data, NATS: needNATS, Temporal: needTemporal,
			NATSAddr: p.Config.NATSAddr, TemporalAddr: p.Config.TemporalAddr, TemporalUIAddr: p.Config.TemporalUIAddr,
			CodecEndpoint: p.codecEndpoint(), MaxStore: int64(p.Config.MaxStore), Retention: p.Retention, Log: slog.New(calm{p.Log.Handler(), &p.stopping}),
		})
		if err != nil {
			return err
		}
		p.servers = s
		p.ownNATS = metrics.NewServer(p.registry)
	}
	if needNATS {
		p.addr.NATS = p.servers.NATSAddr()
	} else {
		fmt.Fprintf(p.Out, "joined NATS at %s\n", redactURL(p.NATSURL))
	}
	if needTemporal {
		p.addr.Temporal, p.addr.TemporalUI = p.servers.TemporalAddr(), p.servers.TemporalUIAddr()
	} else {
		p.addr.Temporal = p.TemporalAddress
		fmt.Fprintf(p.Out, "joined Temporal at %s\n", p.TemporalAddress)
	}
	return nil
}

func (p *process) startWatch(ctx context.Context) error {
	p.life.start(ctx, part{"process", p.watchProcess, time.Second})
	return nil
}

// roleName names the process on the servers: its role, or "up".
func (p *process) roleName() string {
	name := "up"
	for _, r := range []struct {
		on   bool
		name string
	}{{p.Roles.Watch, "watch"}, {p.Roles.Bridge, "bridge"}, {p.Roles.Worker, "worker"}, {p.Roles.Console, "console"}, {p.Roles.Catcher, "catcher"}} {
		if r.on && p.Roles != AllRoles {
			name = r.name
		}
	}
	return name
}
