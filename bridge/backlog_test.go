package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

// backlogTaken is how many messages are timed.
const backlogTaken = 10000

// TestBacklog shows that what waits behind the bridge costs it nothing: a bridge
// in a process of its own takes as many messages from a backlog of a million as
// from one of ten thousand, with its real claims and facts, and says how fast
// and with how much memory. Temporal is left out: it knows nothing of the
// backlog. Only `make bench` asks for it, by USHER_BACKLOG=1000000.
func TestBacklog(t *testing.T) {
	if url := os.Getenv("USHER_BACKLOG_URL"); url != "" {
		takeFromBacklog(t, url)
		return
	}
	most, err := strconv.Atoi(os.Getenv("USHER_BACKLOG"))
	if err != nil {
		most = backlogTaken // whether it works at all
	}
	js, url := natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 7 << 30}); err != nil {
		t.Fatal(err)
	}
	var rates, memory [2]float64
	first := 0
	for i, backlog := range []int{backlogTaken, most} {
		fillBacklog(t, js, first, backlog)
		first += backlog
		c := exec.Command(os.Args[0], "-test.run=^TestBacklog$", "-test.v")
		c.Env = append(os.Environ(), "USHER_BACKLOG_URL="+url)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			_, _ = fmt.Sscanf(strings.TrimSpace(line), "taken at %f/s with %f MB", &rates[i], &memory[i])
		}
		if rates[i] == 0 {
			t.Fatalf("the bridge says nothing:\n%s", out)
		}
		t.Logf("%d messages of a backlog of %d: %.0f/s, %.0f MB at most", backlogTaken, backlog, rates[i], memory[i])
		if err := js.DeleteConsumer(t.Context(), event.StreamUsers, event.ConsumerUsers); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(t.Context(), event.StreamUsers)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// One that was held in memory would be some hundred megabytes.
	if memory[1] > memory[0]+64 {
		t.Errorf("the backlog costs memory: %.0f MB instead of %.0f", memory[1], memory[0])
	}
	if most > backlogTaken && rates[1] < rates[0]/2 { // two of one size differ by the machine's other load only
		t.Errorf("the backlog costs time: %.0f/s instead of %.0f", rates[1], rates[0])
	}
}

// fillBacklog stores user events the way that watch does, in atomic batches.
func fillBacklog(t *testing.T, js jetstream.JetStream, first, n int) {
	t.Helper()
	const size = 1000
	for b := 0; b < n; b += size {
		for i := range size {
			data, err := json.Marshal(event.User{
				UserID: fmt.Sprint("u-", first+b+i), Name: "Some Body", Email: fmt.Sprintf("u-%d@example.org", first+b+i), Phone: "+493012345678",
				Import: event.Import{ID: "i", File: "f.csv", Record: b + i, Line: b + i},
			})
			if err != nil {
				t.Fatal(err)
			}
			m := nats.NewMsg(event.ImportedSubject("inbox"))
			m.Data = data
			m.Header.Set("Nats-Batch-Id", fmt.Sprint(first, "-", b))
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
			if i < size-1 {
				if err := js.Conn().PublishMsg(m); err != nil {
					t.Fatal(err)
				}
				continue
			}
			m.Header.Set("Nats-Batch-Commit", "1")
			reply, err := js.Conn().RequestMsg(m, time.Minute)
			if err != nil || strings.Contains(string(reply.Data), `"error"`) {
				t.Fatalf("batch: %v %s", err, reply.Data)
			}
		}
	}
}

// starter starts everybody at once.
type starter struct{ Workflows }

func (starter) Start(context.Context, event.Identity, event.Onboarding) error { return nil }

func takeFromBacklog(t *testing.T, url string) {
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	m := metrics.NewBridge(reg, shared)
	b := New(Config{
		JetStream: js, People: people, Workflows: starter{}, Publisher: streams.NewPublisher(js, shared),
		Settings: event.DefaultSettings(), Metrics: m, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- b.Run(ctx) }()
	for testutil.ToFloat64(m.Messages.WithLabelValues(event.StreamUsers, started)) < backlogTaken {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var mem runtime.MemStats // what the system counts starts with the memory of the parent
	runtime.ReadMemStats(&mem)
	fmt.Printf("taken at %f/s with %f MB\n", backlogTaken/took.Seconds(), float64(mem.Sys)/(1<<20))
}
