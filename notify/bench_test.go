package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/catcher/catchertest"
	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
)

// What one round of BenchmarkSMTP sends. More messages are in hand than there are
// connections, as a worker has it, so that one writes its ledger while another has
// the line.
const (
	benchMessages = 960
	benchInHand   = 64
)

// sweep are the numbers of connections that are tried: which is best depends on
// the server.
var sweep = []int{8, 16, 32}

// BenchmarkSMTP shows messages through the pool, with the ledger on disk, beside a
// bare loop of go-smtp over as many connections to the same server: one that
// answers after 10 to 30 ms, as a server elsewhere does, which has a disk and
// processors of its own; and two that share the ledger's disk and processors and have a
// message on disk before they accept it, Debian's postfix and the catcher. Rounds
// take turns, and the median of each counts. It also shows what the ledger alone
// costs.
func BenchmarkSMTP(b *testing.B) {
	b.Run("elsewhere", func(b *testing.B) {
		addr := startElsewhere(b)
		for _, n := range sweep {
			benchServer(b, SMTPConfig{Addr: addr, TLS: "none"}, n)
		}
	})
	b.Run("postfix", func(b *testing.B) {
		p := startPostfix(b, time.Minute)
		for _, n := range sweep {
			benchServer(b, SMTPConfig{Addr: p.addr, TLS: "starttls", CAFile: p.roots}, n)
		}
	})
	b.Run("catcher", func(b *testing.B) {
		addr := catchertest.Start(b).SMTPAddr()
		for _, n := range sweep {
			benchServer(b, SMTPConfig{Addr: addr, TLS: "none"}, n)
		}
	})
}

// elsewhere is a session of a server that takes its time for a message, and next
// to nothing of this machine.
type elsewhere struct{}

func (elsewhere) Mail(string, *smtp.MailOptions) error { return nil }
func (elsewhere) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (elsewhere) Reset()                               {}
func (elsewhere) Logout() error                        { return nil }
func (elsewhere) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	time.Sleep(10*time.Millisecond + rand.N(20*time.Millisecond))
	return err
}

func startElsewhere(b *testing.B) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return elsewhere{}, nil }))
	b.Cleanup(func() { _ = srv.Close() })
	go func() { _ = srv.Serve(l) }()
	return l.Addr().String()
}

func benchServer(b *testing.B, c SMTPConfig, connections int) {
	b.Run(fmt.Sprintf("%d", connections), func(b *testing.B) { benchPool(b, c, connections) })
}

func benchPool(b *testing.B, c SMTPConfig, connections int) {
	b.Helper()
	people, stream := benchLedger(b)
	c.Name, c.From, c.Connections, c.PerConnection = "smtp", "Welcome <w@example.org>", connections, 1<<20
	reg := prometheus.NewRegistry()
	s, err := New(Config{
		Ledger: people, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler),
		Providers: Providers{Email: []SMTPConfig{c}, SMS: []HTTPConfig{Twilio("http://"+nowhere, "AC1", "token", "+15005550006")}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	t := s.channels[event.ChannelEmail][0].transport.(*smtpTransport)
	body, err := t.build(message{to: "a@example.org", messageID: "m@example.org", content: content{subject: "s", text: "t", html: "<p>t</p>"}})
	if err != nil {
		b.Fatal(err)
	}
	bareConns := make([]*conn, connections)
	for i := range bareConns {
		if bareConns[i], err = t.open(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(bareConns[i].quit)
	}

	var pool, bare, ledger, bytesKept []float64
	for round := range b.N + 1 { // the first warms up
		requests := make([]Request, benchMessages)
		for i := range requests {
			requests[i] = requestOf(i)
			requests[i].UserID = fmt.Sprintf("u-%d-%d", round, i)
		}
		rateOf(benchInHand, func(_, i int) error {
			_, err := people.Claim(b.Context(), requests[i].UserID, event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting})
			return err
		}, b)
		before := streamBytes(b, stream)
		p := rateOf(benchInHand, func(_, i int) error { _, err := s.Send(b.Context(), requests[i]); return err }, b)
		kept := float64(streamBytes(b, stream)-before) / benchMessages
		n := rateOf(connections, func(worker, _ int) error {
			return bareConns[worker].SendMail("w@example.org", []string{"a@example.org"}, bytes.NewReader(body))
		}, b)
		l := rateOf(benchInHand, func(_, i int) error { return ledgerOnly(b.Context(), people, requests[i]) }, b)
		if round == 0 {
			continue
		}
		pool, bare, ledger, bytesKept = append(pool, p), append(bare, n), append(ledger, 1e6/l), append(bytesKept, kept)
		b.Logf("pool %.0f/s, bare %.0f/s, ledger alone %.0f µs a message", p, n, 1e6/l)
	}
	b.ReportMetric(middle(pool), "messages/s")
	b.ReportMetric(middle(pool)/middle(bare), "messages/bare")
	b.ReportMetric(middle(ledger), "ledger-µs/message")
	b.ReportMetric(middle(bytesKept), "ledger-B/message")
}

func middle(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// rateOf does something for each message of a round, by so many workers, each of
// which takes the next message when it is done with one.
func rateOf(workers int, do func(worker, message int) error, b *testing.B) float64 {
	b.Helper()
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < benchMessages; i = int(next.Add(1)) - 1 {
				if err := do(w, i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return benchMessages / time.Since(began).Seconds()
}

// ledgerOnly is what Send asks of the ledger: a read, `submitting`, `accepted`.
func ledgerOnly(ctx context.Context, people *streams.People, r Request) error {
	r.Ordinal = 2
	for _, state := range []event.SendState{"", event.SendSubmitting, event.SendAccepted} {
		if _, err := people.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
			if state != "" {
				e.State, e.Token, e.MessageID, e.Template, e.Provider, e.At = state, "2a9jD3zK1dPqv0bqS2aWmYV7h3G", "8d5ef3d5ff9ccd3d62c4a0f4c9fda4d1@example.org", "welcome/en@c79e355a", "smtp", now()
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// benchLedger is PEOPLE on a server that syncs each write, as usher embeds it.
func benchLedger(b *testing.B) (*streams.People, jetstream.Stream) {
	b.Helper()
	n := natstest.Serve(b, &server.Options{Port: server.RANDOM_PORT, JetStream: true, StoreDir: b.TempDir(), JetStreamMaxStore: 8 << 30, SyncAlways: true})
	nc, err := nats.Connect(n.ClientURL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	if err := streams.Ensure(b.Context(), js, streams.Options{MaxBytes: 1 << 30}); err != nil {
		b.Fatal(err)
	}
	people, err := streams.NewPeople(b.Context(), js)
	if err != nil {
		b.Fatal(err)
	}
	stream, err := js.Stream(b.Context(), "KV_"+event.BucketPeople)
	if err != nil {
		b.Fatal(err)
	}
	return people, stream
}

func streamBytes(b *testing.B, s jetstream.Stream) uint64 {
	b.Helper()
	i, err := s.Info(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return i.State.Bytes
}
