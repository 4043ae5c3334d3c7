//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"usher/app/embedded"
	"usher/bridge"
	"usher/event"
	"usher/metrics"
	"usher/streams"
)

// benchUsers is how many users one round starts and signals: enough that the tenths
// of a second in which a consumer fills and empties its hands say little.
const benchUsers = 3000

// BenchmarkBridge shows starts and signals through the bridge, with its claims,
// facts and acks, beside a bare loop over the same client on the same servers:
// their rate, and the CPU that the process with bridge, client and servers used
// for each. The loop has as many calls open at once as was best in a sweep. Both
// take turns, in either order, and the median of each counts.
func BenchmarkBridge(b *testing.B) {
	s := startBenchServers(b)
	openStarts, openSignals := s.sweep(b)
	var through, bare [2][]work // starts, signals
	add := func(to *[2][]work, starts, signals work) {
		to[0], to[1] = append(to[0], starts), append(to[1], signals)
	}
	for round := range b.N {
		turns := []func(){
			func() { starts, signals := s.throughBridge(b, fmt.Sprint("b", round)); add(&through, starts, signals) },
			func() {
				starts, signals := s.bare(b, fmt.Sprint("r", round), openStarts, openSignals)
				add(&bare, starts, signals)
			},
		}
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			turn()
		}
	}
	for i, name := range []string{"start", "signal"} {
		for round := range b.N {
			b.Logf("%ss: bridge %v, bare %v", name, through[i][round], bare[i][round])
		}
		b.ReportMetric(middle(through[i], work.rate), name+"s/s")
		b.ReportMetric(middle(through[i], work.rate)/middle(bare[i], work.rate), name+"s/bare")
		b.ReportMetric(middle(through[i], work.each)/middle(bare[i], work.each), name+"-cpu/bare")
	}
	// The same under a steady load of half of what it can.
	p50, p99 := s.latency(b, middle(through[1], work.rate)/2)
	b.ReportMetric(1000*p50.Seconds(), "signal-p50-ms")
	b.ReportMetric(1000*p99.Seconds(), "signal-p99-ms")
}

// work is what benchUsers calls took.
type work struct{ took, cpu time.Duration }

func (w work) rate() float64 { return benchUsers / w.took.Seconds() }
func (w work) each() float64 { return w.cpu.Seconds() / benchUsers }
func (w work) String() string {
	return fmt.Sprintf("%.0f/s at %.2f ms of CPU", w.rate(), 1000*w.each())
}

// measure times f and counts the CPU of the whole process meanwhile.
func measure(b *testing.B, f func()) work {
	b.Helper()
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	used, began := cpu(), time.Now()
	f()
	return work{time.Since(began), cpu() - used}
}

func middle(v []work, of func(work) float64) float64 {
	var figures []float64
	for _, w := range v {
		figures = append(figures, of(w))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// sweep returns how many open calls make the bare loop fastest.
func (s *benchServers) sweep(b *testing.B) (openStarts, openSignals int) {
	b.Helper()
	var bestStarts, bestSignals float64
	for _, open := range []int{8, 16, 32, 64, 128} {
		starts, signals := s.bare(b, fmt.Sprint("s", open), open, open)
		b.Logf("bare, %d open: starts %v, signals %v", open, starts, signals)
		if r := starts.rate(); r > bestStarts {
			bestStarts, openStarts = r, open
		}
		if r := signals.rate(); r > bestSignals {
			bestSignals, openSignals = r, open
		}
	}
	return openStarts, openSignals
}

type benchServers struct {
	js     jetstream.JetStream
	client client.Client
}

func startBenchServers(b *testing.B) *benchServers {
	b.Helper()
	const anyPort = "127.0.0.1:0"
	servers, err := embedded.Start(b.Context(), embedded.Config{
		Dir: b.TempDir(), NATS: true, Temporal: true, NATSAddr: anyPort, TemporalAddr: anyPort, TemporalUIAddr: anyPort,
		MaxStore: 1 << 30, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = servers.Stop(ctx)
	})
	nc, err := nats.Connect("nats://" + servers.NATSAddr())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	if err := streams.Ensure(b.Context(), js, streams.Options{MaxBytes: 512 << 20}); err != nil {
		b.Fatal(err)
	}
	o := client.Options{HostPort: servers.TemporalAddr(), Logger: silent{}}
	o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	o.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithChainUnaryInterceptor(bridge.RequestIDInterceptor)}
	c, err := client.Dial(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return &benchServers{js, c}
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

func benchUser(round string, i int) event.User {
	return event.User{UserID: fmt.Sprintf("%s-%d", round, i), Name: "Some Body", Email: fmt.Sprintf("%s-%d@example.org", round, i), Phone: "+493012345678", Import: event.Import{ID: "i", File: "f.csv", Record: i, Line: i}}
}

// bridge returns a bridge as usher makes it, but for the workflows given.
func (s *benchServers) bridge(b *testing.B, w bridge.Workflows) (*bridge.Bridge, *metrics.Bridge) {
	b.Helper()
	people, err := streams.NewPeople(b.Context(), s.js)
	if err != nil {
		b.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	m := metrics.NewBridge(reg, shared)
	return bridge.New(bridge.Config{
		JetStream: s.js, People: people, Workflows: w, Publisher: streams.NewPublisher(s.js, shared),
		Settings: event.DefaultSettings(), Metrics: m, Log: slog.New(slog.DiscardHandler),
	}), m
}

// until runs br until so many messages more had the outcome.
func until(b *testing.B, br *bridge.Bridge, m *metrics.Bridge, stream, outcome string, more int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	counter := m.Messages.WithLabelValues(stream, outcome)
	before := testutil.ToFloat64(counter)
	go func() { done <- br.Run(ctx) }()
	for testutil.ToFloat64(counter)-before < float64(more) {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// throughBridge stores the events first, then lets a bridge work them off.
func (s *benchServers) throughBridge(b *testing.B, round string) (starts, signals work) {
	b.Helper()
	br, m := s.bridge(b, bridge.NewTemporal(s.client))
	for i := range benchUsers {
		s.publish(b, event.ImportedSubject("inbox"), benchUser(round, i))
	}
	s.flush(b)
	starts = measure(b, func() { until(b, br, m, event.StreamUsers, "started", benchUsers) })
	for i := range benchUsers {
		s.publish(b, event.VerificationSubject("crm", event.VerbApproved), event.VerificationBody{UserID: fmt.Sprintf("%s-%d", round, i)})
	}
	s.flush(b)
	signals = measure(b, func() { until(b, br, m, event.StreamVerifications, "signalled", benchUsers) })
	return starts, signals
}

// timed notes how long after its event was stored each signal was taken by
// Temporal.
type timed struct {
	bridge.Workflows
	mu   sync.Mutex
	took []time.Duration
}

func (t *timed) Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	err := t.Workflows.Signal(ctx, id, userID, signal, arg)
	if v, ok := arg.(event.Verification); ok && err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.took = append(t.took, time.Since(v.Stored))
	}
	return err
}

// latency publishes verifications at a steady rate while a bridge runs, and
// returns how long they took from being stored to being signalled.
func (s *benchServers) latency(b *testing.B, rate float64) (p50, p99 time.Duration) {
	b.Helper()
	s.bare(b, "l", 16, 16) // makes the users
	w := &timed{Workflows: bridge.NewTemporal(s.client)}
	br, m := s.bridge(b, w)
	var publisher sync.WaitGroup
	publisher.Go(func() {
		t := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer t.Stop()
		for i := range benchUsers {
			<-t.C
			s.publish(b, event.VerificationSubject("crm", event.VerbApproved), event.VerificationBody{UserID: fmt.Sprintf("l-%d", i)})
		}
	})
	until(b, br, m, event.StreamVerifications, "signalled", benchUsers)
	publisher.Wait()
	slices.Sort(w.took)
	b.Logf("verifications at %.0f/s: stored to signalled %v at the median, %v at the 99th percentile", rate, w.took[len(w.took)/2], w.took[len(w.took)*99/100])
	return w.took[len(w.took)/2], w.took[len(w.took)*99/100]
}

func (s *benchServers) publish(b *testing.B, subject string, body any) {
	b.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.js.PublishAsync(subject, data); err != nil {
		b.Fatal(err)
	}
}

func (s *benchServers) flush(b *testing.B) {
	b.Helper()
	select {
	case <-s.js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		b.Fatal("the events were not stored")
	}
}

// bare starts and signals as fast as the client can, with so many calls open at
// once. It keeps no promise of the bridge.
func (s *benchServers) bare(b *testing.B, round string, openStarts, openSignals int) (starts, signals work) {
	b.Helper()
	loop := func(open int, call func(i int) error) work {
		return measure(b, func() {
			work := make(chan int)
			var wg sync.WaitGroup
			for range open {
				wg.Go(func() {
					for i := range work {
						if err := call(i); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range benchUsers {
				work <- i
			}
			close(work)
			wg.Wait()
		})
	}
	found := temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword(event.AttributeImport).ValueSet("i"), temporal.NewSearchAttributeKeyKeyword(event.AttributeSource).ValueSet("inbox"))
	starts = loop(openStarts, func(i int) error {
		u := benchUser(round, i)
		o := client.StartWorkflowOptions{ID: event.WorkflowID(u.UserID), TaskQueue: event.QueueOnboard, TypedSearchAttributes: found}
		_, err := s.client.ExecuteWorkflow(b.Context(), o, event.WorkflowOnboard,
			event.Onboarding{UserID: u.UserID, Generation: 1, Inbox: "inbox", User: &u, Settings: event.DefaultSettings()})
		return err
	})
	signals = loop(openSignals, func(i int) error {
		id := fmt.Sprintf("%s-%d", round, i)
		return s.client.SignalWorkflow(b.Context(), event.WorkflowID(id), "", event.SignalVerification, event.Verification{UserID: id, Verb: event.VerbApproved})
	})
	return starts, signals
}
