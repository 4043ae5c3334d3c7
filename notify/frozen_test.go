package notify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// frozenFor is how long NATS is frozen: 2 minutes in make soak. Everything else
// keeps its ratio to it, so the freeze outlasts several attempts.
func frozenFor(t *testing.T) time.Duration {
	d, err := time.ParseDuration(cmp.Or(os.Getenv("USHER_SOAK_FREEZE"), "5s"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// worker is a process that sends: its own connection, ledger and signs of life.
// die ends the signs, as the end of the process or its being frozen does.
func worker(t *testing.T, url, smtpAddr string, me event.Process, silence time.Duration, fault event.Fault) (w *rig, die func()) {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1), nats.Timeout(silence/4),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // it would print that the line is cut
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(silence/4))
	if err != nil {
		t.Fatal(err)
	}
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	lives, err := streams.NewAlive(t.Context(), js, me, silence)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var signs sync.WaitGroup
	signs.Go(func() { _ = lives.Run(ctx) })
	die = func() { cancel(); signs.Wait() }
	t.Cleanup(die)
	return newRig(t, smtpAddr, "http://"+nowhere, func(c *Config) {
		c.Ledger, c.Lives, c.Process, c.Fault = people, lives, me, fault
		c.Providers.Email[0].Connections = 2 * frozenSends
	}), die
}

// people is the ledger of a new server, with so many persons.
func people(t *testing.T, persons int) (p *streams.People, url string) {
	t.Helper()
	js, url := natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 256 << 20}); err != nil {
		t.Fatal(err)
	}
	p, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	for n := range persons {
		if _, err := p.Claim(t.Context(), requestOf(n).UserID, event.Person{Generation: 1}); err != nil {
			t.Fatal(err)
		}
	}
	return p, url
}

const frozenSends = 200

// activity makes attempts at one message until one succeeds, as Temporal does: the
// next one when the last has ended or its time is over, in another process, with
// what the last one gave it to keep.
type activity struct {
	limit time.Duration // of an attempt

	mu      sync.Mutex
	attempt int
	carried *event.Answer
}

func (a *activity) run(ctx context.Context, workers []*rig, q Request, first int) (event.Send, error) {
	type result struct {
		sent event.Send
		err  error
	}
	var late sync.WaitGroup
	defer late.Wait()
	for n := 0; ; n++ {
		a.mu.Lock()
		a.attempt = n
		q.Answer = a.carried
		a.mu.Unlock()
		q.Keep = func(answer event.Answer) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.attempt == n { // Temporal takes nothing from an attempt that it has given up
				a.carried = &answer
			}
		}
		q.Kept = func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.attempt == n
		}
		try, cancel := context.WithTimeout(ctx, a.limit)
		done := make(chan result, 1)
		late.Go(func() {
			defer cancel()
			sent, err := workers[(first+n)%len(workers)].Send(try, q)
			done <- result{sent, err}
		})
		pause := a.limit / 20
		select {
		case r := <-done:
			if r.err == nil || event.IsPermanent(r.err) || ctx.Err() != nil {
				return r.sent, r.err
			}
			if d, ok := event.RetryDelay(r.err); ok {
				pause = min(d, a.limit)
			}
		case <-try.Done():
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// A regression of issue 14: NATS that is away for longer than a try of writing
// lasts, at each step of sends that are under way, makes no copy and loses nothing.
func TestNATSIsFrozenAtEachStep(t *testing.T) {
	for _, tc := range []struct {
		point, how string
		away       func(*natstest.Link)
	}{
		{"begin", "frozen", (*natstest.Link).Freeze},
		{"notify.rendered", "frozen", (*natstest.Link).Freeze},
		{"notify.submitting", "frozen", (*natstest.Link).Freeze},
		{"notify.handed", "frozen", (*natstest.Link).Freeze},
		{"notify.accepted", "frozen", (*natstest.Link).Freeze},
		{"notify.rendered", "silent", (*natstest.Link).FreezeAnswers},
		{"notify.submitting", "lost", (*natstest.Link).Cut},
		{"notify.handed", "lost", (*natstest.Link).Cut},
	} {
		t.Run(tc.point+" "+tc.how, func(t *testing.T) {
			t.Parallel()
			for frozen := frozenFor(t); !frozenAt(t, tc.point, tc.away, frozen); frozen *= 2 {
				t.Logf("%v is too short for this machine, which is busy: the sends reach the point too late in their attempts", frozen)
			}
		})
	}
}

// frozenAt plays one freeze, of which all other times are parts. It reports false,
// and checks nothing, when the machine took so long to bring all sends to the point
// that a quarter of their attempts was over before NATS was frozen: then what ends is the
// attempt, and not the line.
func frozenAt(t *testing.T, point string, away func(*natstest.Link), frozen time.Duration) bool {
	people, url := people(t, frozenSends)
	link := natstest.NewLink(t, strings.TrimPrefix(url, "nats://"))
	limit := frozen / 4 // of an attempt
	began := time.Now()

	// Every message is at the point, and goes on when the traffic has stopped.
	var there atomic.Int64
	var late atomic.Bool
	stopped := make(chan struct{})
	reach := func(at string) {
		if at != point {
			return
		}
		switch n := there.Add(1); {
		case n < frozenSends:
			<-stopped
		case n == frozenSends:
			late.Store(time.Since(began) > limit/4)
			away(link)
			time.AfterFunc(frozen, link.Thaw)
			close(stopped)
		}
	}
	srv := newSMTPServer(t, nil)
	var workers []*rig
	for range 2 {
		w, _ := worker(t, "nats://"+link.Addr(), srv.addr, event.Process{ID: event.NewID(), Start: 1}, frozen/6, reach)
		workers = append(workers, w)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*frozen+time.Minute)
	defer cancel()
	var all sync.WaitGroup
	began = time.Now()
	outcomes := make([]error, frozenSends)
	for n := range frozenSends {
		all.Go(func() {
			reach("begin")
			a := &activity{limit: limit}
			sent, err := a.run(ctx, workers, requestOf(n), n)
			if err == nil && sent.State != event.SendAccepted {
				err = fmt.Errorf("its state is %q", sent.State)
			}
			outcomes[n] = err
		})
	}
	all.Wait()
	if late.Load() {
		return false
	}
	for n, err := range outcomes {
		if err != nil {
			t.Errorf("message %d: %v", n, err)
		}
	}
	t.Logf("all are accepted after %v, of which NATS was frozen for %v", time.Since(began).Round(time.Millisecond), frozen)
	once(t, srv, frozenSends)
	wrong := 0
	for n := range frozenSends {
		person, _, err := people.Get(t.Context(), requestOf(n).UserID)
		s := person.Sends[requestOf(n).key()]
		if err != nil || s.State != event.SendAccepted || s.Copies != 0 || s.Owner != (event.Process{}) {
			if wrong++; wrong == 1 {
				t.Errorf("the ledger says of message %d: %+v, %v", n, s, err)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("the ledger is wrong about %d messages", wrong)
	}
	return true
}

// once checks that the server got so many messages, none of them twice.
func once(t *testing.T, srv *smtpServer, want int) {
	t.Helper()
	ids := map[string]int{}
	for _, raw := range srv.messages() {
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-Id")]++
	}
	copies := 0
	for _, n := range ids {
		copies += n - 1
	}
	if len(ids) != want || copies > 0 {
		t.Errorf("%d of %d messages went out, and %d copies", len(ids), want, copies)
	}
}
