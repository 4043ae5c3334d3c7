//go:build !noembed

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
)

// round is what some users took, from a start until a decision is waited for, and from
// then until the last message was accepted.
type round struct {
	Users         int
	Start, Decide phase
}

type phase struct{ Took, CPU time.Duration }

func (r round) rate() float64 { return float64(r.Users) / (r.Start.Took + r.Decide.Took).Seconds() }
func (r round) cpu() float64  { return 1000 * (r.Start.CPU + r.Decide.CPU).Seconds() / float64(r.Users) }
func (r round) String() string {
	n := float64(r.Users)
	return fmt.Sprintf("%.1f users/s at %.1f ms of CPU each (start %.0f/s, %.1f ms; decision to welcome %.0f/s, %.1f ms)", r.rate(), r.cpu(),
		n/r.Start.Took.Seconds(), 1000*r.Start.CPU.Seconds()/n, n/r.Decide.Took.Seconds(), 1000*r.Decide.CPU.Seconds()/n)
}

// ownCPU is what this process has used, user and system.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWhole takes users the whole way through `usher up`, from the dropped file to
// the last accepted message, beside the naive workflow on Temporal's development
// settings (see naive). Both are processes of their own that take turns; the median of
// each counts. What one user costs in events, billable actions, synced messages and
// memory is said once.
//
// USHER_BENCH_BEFORE names the test binary of another commit (`go test -c ./app/e2e`),
// which takes its turn too. USHER_BENCH_WAITING is how many users wait for a decision
// meanwhile (0), USHER_BENCH_USERS how many go the whole way in a round (200), of which
// there are USHER_BENCH_ROUNDS (5).
func BenchmarkWhole(b *testing.B) {
	users, waiting := fromEnv("USHER_BENCH_USERS", 200), fromEnv("USHER_BENCH_WAITING", 0)
	names := []string{"naive", "usher"}
	sides := []func(from, to int) round{startNaive(b), startWhole(b, os.Args[0], waiting)}
	if before := os.Getenv("USHER_BENCH_BEFORE"); before != "" {
		names, sides = append(names, "before"), append(sides, startWhole(b, before, waiting))
	}
	for _, side := range sides {
		side(0, 32) // until all are warm
	}
	rounds := make([][]round, len(sides))
	for n := range b.N * fromEnv("USHER_BENCH_ROUNDS", 5) {
		turns := []int{0, 1, 2}[:len(sides)]
		if n%2 == 1 {
			slices.Reverse(turns)
		}
		for _, i := range turns {
			r := sides[i](32+n*users, 32+(n+1)*users)
			b.Logf("%s: %v", names[i], r)
			rounds[i] = append(rounds[i], r)
		}
	}
	for i, name := range names {
		b.ReportMetric(median(rounds[i], round.rate), name+"-users/s")
		b.ReportMetric(median(rounds[i], round.cpu), name+"-cpu-ms")
	}
	b.ReportMetric(median(rounds[1], round.rate)/median(rounds[0], round.rate), "users/naive")
	if len(sides) == 3 {
		b.ReportMetric(median(rounds[1], round.cpu)/median(rounds[2], round.cpu), "cpu/before")
	}
}

func median(rounds []round, of func(round) float64) float64 {
	var figures []float64
	for _, r := range rounds {
		figures = append(figures, of(r))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// startNaive runs the naive side, and returns what takes users through it.
func startNaive(b *testing.B) func(from, to int) round {
	b.Helper()
	log, err := os.Create(b.TempDir() + "/log")
	if err != nil {
		b.Fatal(err)
	}
	cmd := onLeash(b, log, "USHER_E2E_NAIVE="+b.TempDir())
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		b.Fatalf("the naive side does not start: %v\n%s", err, said)
	}
	return func(from, to int) round {
		r, err := http.Get(fmt.Sprintf("http://%s/run?from=%d&to=%d", strings.TrimSpace(addr), from, to))
		if err != nil {
			b.Fatal(err)
		}
		defer r.Body.Close()
		out := round{Users: to - from}
		if err := json.NewDecoder(r.Body).Decode(&out); err != nil {
			b.Fatal(err)
		}
		out.Users = to - from
		return out
	}
}

// startWhole runs usher, with so many users who wait, and returns what takes users
// through it.
func startWhole(b *testing.B, binary string, waiting int) func(from, to int) round {
	b.Helper()
	u := newUsher(b)
	u.binary = binary
	u.config.LogLevel, u.config.MaxStore, u.config.Pprof = "info", 4<<30, true
	u.config.Heartbeat, u.config.RetryFirst = 5*time.Second, 2*time.Second
	u.config.AckWait = 15 * time.Second
	u.start("")
	c, err := u.client()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	idle := u.figure("process_resident_memory_bytes")
	all := func(kind string, n int, cause func()) phase {
		told := u.facts(c.JetStream, kind)
		began, used := time.Now(), u.figure("process_cpu_seconds_total")
		cause()
		for range n {
			if _, err := told.Next(); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(began)
		told.Stop()
		return phase{took, time.Duration((u.figure("process_cpu_seconds_total") - used) * float64(time.Second))}
	}
	if waiting > 0 {
		began := all(event.FactStarted, waiting, func() { u.drop("waiting.csv", list(10_000_000, waiting, "")) })
		b.Logf("%s: resident %.0f MB idle, %.0f MB with %d waiting, whose start took %.1f ms of CPU each", filepath.Base(binary), idle/1e6,
			u.figure("process_resident_memory_bytes")/1e6, waiting, 1000*began.CPU.Seconds()/float64(waiting))
	}
	first := true
	return func(from, to int) round {
		before := stored(b, c.JetStream)
		out := round{Users: to - from}
		out.Start = all(event.FactStarted, to-from, func() { u.drop(fmt.Sprintf("from-%d.csv", from), list(from, to-from, "")) })
		out.Decide = all(event.FactWelcomed, to-from, func() {
			for i := from; i < to; i++ {
				if err := c.Publisher.Verification(b.Context(), "crm", event.VerbApproved, fmt.Sprint("decision-", i), event.VerificationBody{UserID: fmt.Sprint("u-", i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
		if first {
			first = false
			events, actions := u.price(b, fmt.Sprint("u-", from))
			b.Logf("a user costs %d events, %d billable actions and %.1f messages stored in JetStream", events, actions, float64(stored(b, c.JetStream)-before)/float64(to-from))
		}
		b.Logf("%s: resident %.0f MB at the end of a round", filepath.Base(binary), u.figure("process_resident_memory_bytes")/1e6)
		return out
	}
}

// figure reads one of the process's metrics that has no labels.
func (u *usher) figure(name string) float64 {
	u.Helper()
	var text string
	u.get("http://"+u.addr.Ops+"/metrics", &text)
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				u.Fatal(err)
			}
			return f
		}
	}
	u.Fatalf("there is no metric %s", name)
	return 0
}

// facts are those of a kind that are told from now on.
func (u *usher) facts(js jetstream.JetStream, kind string) jetstream.MessagesContext {
	u.Helper()
	c, err := js.OrderedConsumer(context.Background(), event.StreamOnboarding, jetstream.OrderedConsumerConfig{FilterSubjects: event.FactsOfKind(kind), DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		u.Fatal(err)
	}
	m, err := c.Messages()
	if err != nil {
		u.Fatal(err)
	}
	return m
}

// stored is how many messages all streams have taken.
func stored(b *testing.B, js jetstream.JetStream) (n uint64) {
	b.Helper()
	for l := js.ListStreams(b.Context()); ; {
		s, ok := <-l.Info()
		if !ok {
			if l.Err() != nil {
				b.Fatal(l.Err())
			}
			return n
		}
		n += s.State.LastSeq
	}
}

// price counts the events of a user's run, and those that Temporal's price list calls
// an action.
func (u *usher) price(b *testing.B, userID string) (events, actions int) {
	b.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal, Logger: silent{}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for it := c.GetWorkflowHistory(b.Context(), event.WorkflowID(userID), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); events++ {
		e, err := it.Next()
		if err != nil {
			b.Fatal(err)
		}
		switch e.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
			enums.EVENT_TYPE_TIMER_STARTED, enums.EVENT_TYPE_MARKER_RECORDED, enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			actions++
		}
	}
	return events, actions
}
