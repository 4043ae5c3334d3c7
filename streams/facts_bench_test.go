package streams

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// BenchmarkFactSubjects compares where facts can be published: in one subject a
// kind, in 256 of them by a hash of the user, in one for each user. It prints what
// the server needs for USHER_BENCH_PEOPLE people (default 20,000) with four facts
// each, and what the facts of one of them cost to read.
//
//	USHER_BENCH_PEOPLE=1000000 go test ./streams -run '^$' -bench FactSubjects -benchtime 1x -timeout 2h
func BenchmarkFactSubjects(b *testing.B) {
	people := 20_000
	if n, err := strconv.Atoi(os.Getenv("USHER_BENCH_PEOPLE")); err == nil {
		people = n
	}
	shard := func(user string) string { h := sha256.Sum256([]byte(user)); return fmt.Sprintf("%02x", h[0]) }
	for _, design := range []struct {
		name string
		of   func(kind, user string) string
		read func(user string) string
	}{
		{"kind", func(kind, _ string) string { return "onboarding.v1." + kind }, func(string) string { return "onboarding.v1.*" }},
		{"hash", func(kind, user string) string { return "onboarding.v1." + kind + "." + shard(user) }, func(user string) string { return "onboarding.v1.*." + shard(user) }},
		{"user", func(kind, user string) string { return "onboarding.v1." + kind + "." + user }, func(user string) string { return "onboarding.v1.*." + user }},
	} {
		b.Run(design.name, func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				heap := heapInUse()
				s, js := serveFacts(b, dir)
				if _, err := js.CreateStream(b.Context(), jetstream.StreamConfig{
					Name: "ONBOARDING", Subjects: []string{"onboarding.v1.>"}, Discard: jetstream.DiscardOld, MaxBytes: 8 << 30, AllowDirect: true, Duplicates: 5 * time.Second,
				}); err != nil {
					b.Fatal(err)
				}
				name := func(n int) string { return fmt.Sprintf("u-%026d", n) }
				body := []byte(strings.Repeat("x", 220))
				began := time.Now()
				// People are in hand a thousand at a time, so the facts of one lie apart.
				kinds := []string{"started", "approved", "sent", "welcomed"}
				for from := 0; from < people; from += 1000 {
					for _, kind := range kinds {
						for n := from; n < min(from+1000, people); n++ {
							m := &nats.Msg{Subject: design.of(kind, name(n)), Data: body, Header: nats.Header{"Nats-Msg-Id": {fmt.Sprintf("%s%d", kind, n)}}}
							if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(time.Minute)); err != nil {
								b.Fatal(err)
							}
						}
					}
				}
				<-js.PublishAsyncComplete()
				b.ReportMetric(float64(people*len(kinds))/time.Since(began).Seconds(), "facts/s")
				wait(b, js, uint64(people*len(kinds)))
				b.ReportMetric(float64(heapInUse()-heap)/1e6, "MB")
				b.ReportMetric(readFacts(b, js, design.read(name(people/2))), "ms/read")

				stop := func() {
					js.Conn().Close()
					s.Shutdown()
					s.WaitForShutdown()
				}
				stop()
				began = time.Now()
				s, js = serveFacts(b, dir)
				wait(b, js, uint64(people*len(kinds)))
				b.ReportMetric(time.Since(began).Seconds()*1000, "ms/start")
				b.ReportMetric(float64(heapInUse()-heap)/1e6, "MB-restarted")
				b.ReportMetric(readFacts(b, js, design.read(name(people/2))), "ms/read-restarted")
				stop()
				if err := os.Remove(filepath.Join(dir, "jetstream", "$G", "streams", "ONBOARDING", "msgs", "index.db")); err != nil {
					b.Fatal(err)
				}
				began = time.Now()
				s, js = serveFacts(b, dir)
				wait(b, js, uint64(people*len(kinds)))
				b.ReportMetric(time.Since(began).Seconds()*1000, "ms/start-after-kill")
				b.ReportMetric(readFacts(b, js, design.read(name(people/3))), "ms/read-after-kill")
				stop()
			}
		})
	}
}

func serveFacts(b *testing.B, dir string) (*server.Server, jetstream.JetStream) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, JetStreamMaxStore: 16 << 30})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Minute) {
		b.Fatal("nats-server is not ready")
	}
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		b.Fatal(err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4000))
	if err != nil {
		b.Fatal(err)
	}
	return s, js
}

// wait waits until the stream answers with all messages.
func wait(b *testing.B, js jetstream.JetStream, n uint64) {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if st, err := js.Stream(b.Context(), "ONBOARDING"); err == nil && st.CachedInfo().State.Msgs == n {
			return
		}
	}
	b.Fatal("the stream does not have all facts")
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// readFacts reads what matches, in milliseconds.
func readFacts(b *testing.B, js jetstream.JetStream, subject string) float64 {
	began := time.Now()
	st, err := js.Stream(b.Context(), "ONBOARDING")
	if err != nil {
		b.Fatal(err)
	}
	c, err := st.CreateConsumer(b.Context(), jetstream.ConsumerConfig{FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		b.Fatal(err)
	}
	left := c.CachedInfo().NumPending
	if left < 4 {
		b.Fatalf("%d facts match", left)
	}
	for left > 0 {
		batch, err := c.FetchNoWait(int(min(left, 500)))
		if err != nil {
			b.Fatal(err)
		}
		for range batch.Messages() {
			left--
		}
	}
	return float64(time.Since(began).Microseconds()) / 1000
}
