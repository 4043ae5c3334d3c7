//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
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

// benchUsers is how many users one round starts and signals.
const benchUsers = 1000

// BenchmarkBridge shows starts and signals through the bridge, with its claims,
// facts and acks, beside a bare loop over the same client on the same servers.
// The baseline is the fastest of a sweep over how many calls are open at once;
// rounds of both take turns, and the median of each counts.
func BenchmarkBridge(b *testing.B) {
	s := startBenchServers(b)
	var starts, signals, bareStarts, bareSignals []float64
	for round := range b.N {
		x, y := s.throughBridge(b, fmt.Sprint("b", round))
		starts, signals = append(starts, x), append(signals, y)
		bestStart, bestSignal := 0.0, 0.0
		for _, open := range []int{16, 32, 64, 128} {
			x, y := s.bare(b, fmt.Sprint("r", round, "-", open), open)
			b.Logf("bare, %d open: %.0f starts/s, %.0f signals/s", open, x, y)
			bestStart, bestSignal = max(bestStart, x), max(bestSignal, y)
		}
		bareStarts, bareSignals = append(bareStarts, bestStart), append(bareSignals, bestSignal)
		b.Logf("bridge: %.0f starts/s, %.0f signals/s", starts[round], signals[round])
	}
	b.ReportMetric(middle(starts), "starts/s")
	b.ReportMetric(middle(signals), "signals/s")
	b.ReportMetric(middle(starts)/middle(bareStarts), "starts/bare")
	b.ReportMetric(middle(signals)/middle(bareSignals), "signals/bare")
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
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

// throughBridge stores the events first, then lets a bridge work them off.
func (s *benchServers) throughBridge(b *testing.B, round string) (starts, signals float64) {
	b.Helper()
	people, err := streams.NewPeople(b.Context(), s.js)
	if err != nil {
		b.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	m := metrics.NewBridge(reg, shared)
	br := bridge.New(bridge.Config{
		JetStream: s.js, People: people, Workflows: bridge.NewTemporal(s.client), Publisher: streams.NewPublisher(s.js, shared),
		Settings: event.DefaultSettings(), Metrics: m, Log: slog.New(slog.DiscardHandler),
	})
	run := func(stream, outcome string) float64 {
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		counter := m.Messages.WithLabelValues(stream, outcome)
		before := testutil.ToFloat64(counter)
		began := time.Now()
		go func() { done <- br.Run(ctx) }()
		for testutil.ToFloat64(counter)-before < benchUsers {
			time.Sleep(time.Millisecond)
		}
		rate := benchUsers / time.Since(began).Seconds()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		return rate
	}
	for i := range benchUsers {
		s.publish(b, event.ImportedSubject("inbox"), benchUser(round, i))
	}
	s.flush(b)
	starts = run(event.StreamUsers, "started")
	for i := range benchUsers {
		s.publish(b, event.VerificationSubject("crm", event.VerbApproved), event.VerificationBody{UserID: fmt.Sprintf("%s-%d", round, i)})
	}
	s.flush(b)
	return starts, run(event.StreamVerifications, "signalled")
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
func (s *benchServers) bare(b *testing.B, round string, open int) (starts, signals float64) {
	b.Helper()
	loop := func(call func(i int) error) float64 {
		work := make(chan int)
		var wg sync.WaitGroup
		began := time.Now()
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
		return benchUsers / time.Since(began).Seconds()
	}
	found := temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword(event.AttributeImport).ValueSet("i"), temporal.NewSearchAttributeKeyKeyword(event.AttributeSource).ValueSet("inbox"))
	starts = loop(func(i int) error {
		u := benchUser(round, i)
		o := client.StartWorkflowOptions{ID: event.WorkflowID(u.UserID), TaskQueue: event.QueueOnboard, TypedSearchAttributes: found}
		_, err := s.client.ExecuteWorkflow(b.Context(), o, event.WorkflowOnboard,
			event.Onboarding{UserID: u.UserID, Generation: 1, Inbox: "inbox", User: &u, Settings: event.DefaultSettings()})
		return err
	})
	signals = loop(func(i int) error {
		id := fmt.Sprintf("%s-%d", round, i)
		return s.client.SignalWorkflow(b.Context(), event.WorkflowID(id), "", event.SignalVerification, event.Verification{UserID: id, Verb: event.VerbApproved})
	})
	return starts, signals
}
