package notify

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"usher/event"
)

const leaseSilence = 400 * time.Millisecond

func start(id string, n uint64) event.Process { return event.Process{ID: id, Start: n} }

// sending begins a send and returns what comes of it.
func sending(t *testing.T, w *rig, q Request) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := w.Send(context.WithoutCancel(t.Context()), q)
		done <- err
	}()
	return done
}

// A regression of issue 14: a message that a living process hands over is left
// alone, however slow the provider is.
func TestALivingProcessKeepsItsMessage(t *testing.T) {
	_, url := people(t, 1)
	srv := newSMTPServer(t, script{"DOT": "wait"})
	a, _ := worker(t, url, srv.addr, start("a", 1), leaseSilence, nil)
	b, _ := worker(t, url, srv.addr, start("b", 1), leaseSilence, nil)
	first := sending(t, a, requestOf(0))
	<-srv.dots
	for range 3 {
		_, err := b.Send(t.Context(), requestOf(0))
		if d, ok := event.RetryDelay(err); !errors.Is(err, errLeased) || !event.IsPaused(err) || !ok || d < leasePauseLeast || d > leasePauseMost {
			t.Fatalf("another process gets %v, %v", err, d)
		}
		if _, err := a.Send(t.Context(), requestOf(0)); !errors.Is(err, errInHand) || !event.IsPaused(err) {
			t.Fatalf("the same process gets %v", err)
		}
	}
	close(srv.goOn)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if sent, err := b.Send(t.Context(), requestOf(0)); err != nil || sent.State != event.SendAccepted || sent.Copies != 0 {
		t.Errorf("%+v, %v", sent, err)
	}
	once(t, srv, 1)
}

// A lease ends with its process, and at the latest with the attempt's own limit.
func TestALeaseEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		owner  event.Process
		limit  time.Duration
		within time.Duration
	}{
		"silence":              {start("dead", 1), time.Hour, 3 * leaseSilence},
		"a later start":        {start("b", 6), time.Hour, leaseSilence / 2},
		"our own, not in hand": {start("b", 7), time.Hour, leaseSilence / 2},
		"the limit":            {start("alive", 1), 2 * leaseSilence, 8 * leaseSilence},
		"no lease, of old":     {event.Process{}, 0, leaseSilence / 2},
	} {
		t.Run(name, func(t *testing.T) {
			people, url := people(t, 1)
			srv := newSMTPServer(t, nil)
			b, _ := worker(t, url, srv.addr, start("b", 7), leaseSilence, nil)
			_, die := worker(t, url, srv.addr, start("dead", 1), leaseSilence, nil)
			alive, _ := worker(t, url, srv.addr, start("alive", 1), leaseSilence, nil)
			defer alive.Lives.Hold()()
			q := requestOf(0)
			_, err := people.UpdateSend(t.Context(), q.UserID, q.key(), func(e *event.Send) error {
				*e = event.Send{State: event.SendSubmitting, Token: "t", Attempts: 1, MessageID: "m@x", Locale: "en", At: now(), Owner: tc.owner, Limit: tc.limit}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			die()
			began := time.Now()
			var sent event.Send
			for sent, err = b.Send(t.Context(), q); event.IsPaused(err); sent, err = b.Send(t.Context(), q) {
				if time.Since(began) > 10*time.Second {
					t.Fatal("it is never taken over")
				}
			}
			took := time.Since(began)
			if err != nil || sent.State != event.SendAccepted || sent.Copies != 1 || took > tc.within {
				t.Errorf("after %v: %+v, %v", took, sent, err)
			}
			t.Logf("taken over after %v, with a silence of %v", took, leaseSilence)
		})
	}
}

// A process that is frozen right before the dot, and thaws when its message was
// taken over, does not hand it over. Nor does the other one when the first thaws
// before it has taken it.
func TestAFrozenProcessThaws(t *testing.T) {
	for name, late := range map[string]bool{"after the other took the message": false, "before the other took the message": true} {
		t.Run(name, func(t *testing.T) {
			_, url := people(t, 1)
			srv := newSMTPServer(t, map[bool]script{true: {"DOT": "wait"}}[late])
			frozen, thaw := make(chan struct{}), make(chan struct{})
			a, freeze := worker(t, url, srv.addr, start("a", 1), leaseSilence, func(point string) {
				if point == "notify.submitting" {
					close(frozen)
					<-thaw
				}
			})
			judged, takes := make(chan struct{}), make(chan struct{})
			b, _ := worker(t, url, srv.addr, start("b", 1), leaseSilence, func(point string) {
				if point == "notify.rendered" && late {
					close(judged)
					<-takes
				}
			})
			first := sending(t, a, requestOf(0))
			<-frozen
			freeze()
			second := sending(t, b, requestOf(0))
			var errA, errB error
			if late {
				<-judged // a is gone, says b
				close(thaw)
				<-srv.dots // a hands it over after all
				close(takes)
				errB = <-second
				close(srv.goOn)
				errA = <-first
			} else {
				errB = <-second
				close(thaw)
				errA = <-first
			}
			won, lost := errB, errA
			if late {
				won, lost = errA, errB
			}
			if won != nil || !errors.Is(lost, errRaced) && (late || lost != nil) {
				t.Errorf("the one that has the message: %v; the other: %v", won, lost)
			}
			once(t, srv, 1)
			if sent, err := b.Send(t.Context(), requestOf(0)); err != nil || sent.State != event.SendAccepted {
				t.Errorf("%+v, %v", sent, err)
			}
		})
	}
}

// An acceptance that comes when another process has tried in vain meanwhile is an
// acceptance: there is no other try, and no copy, because the vain one is known not to have been
// taken.
func TestALateAcceptanceCounts(t *testing.T) {
	people, url := people(t, 1)
	srv := newSMTPServer(t, script{"DOT": "wait"})
	busy := newSMTPServer(t, script{"DOT": "451 4.3.0 later"})
	a, freeze := worker(t, url, srv.addr, start("a", 1), leaseSilence, nil)
	b, _ := worker(t, url, busy.addr, start("b", 1), leaseSilence, nil)
	first := sending(t, a, requestOf(0))
	<-srv.dots
	freeze()
	if _, err := b.Send(t.Context(), requestOf(0)); err == nil || event.IsPaused(err) {
		t.Fatalf("the other process gets %v", err)
	}
	close(srv.goOn)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if sent, err := b.Send(t.Context(), requestOf(0)); err != nil || sent.State != event.SendAccepted || sent.ProviderID != "Q1" {
		t.Errorf("%+v, %v", sent, err)
	}
	if n := len(busy.messages()); n != 1 {
		t.Errorf("%d copies were offered after the acceptance", n-1)
	}
	person, _, err := people.Get(t.Context(), requestOf(0).UserID)
	if s := person.Sends[requestOf(0).key()]; err != nil || s.Copies != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A request without a body says nothing to the service before the ledger does, and
// nothing when another process has the message by then.
func TestARequestWithoutABodyWaitsForTheLedger(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	said := make(chan string, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			said <- line
			_, _ = io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			c.Close()
		}
	}()
	tr, err := newHTTP(HTTPConfig{Name: "get", URL: "http://" + l.Addr().String() + "/send", Method: "GET", Query: map[string]string{"to": "{{.To}}"}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	m := message{to: "+15005550006", messageID: "m@usher.invalid", content: content{sms: "Hello"}}
	if _, err := tr.deliver(t.Context(), m, func() error { return errRaced }); !errors.Is(err, errRaced) {
		t.Errorf("refused by the ledger: %v", err)
	}
	if got := <-said; got != "" {
		t.Errorf("the service heard %q", got)
	}
	asked := 0
	if _, err := tr.deliver(t.Context(), m, func() error { asked++; return nil }); err != nil || asked == 0 {
		t.Errorf("the ledger was asked %d times: %v", asked, err)
	}
	if got := <-said; got == "" {
		t.Error("the service heard nothing")
	}
}

// slow is a ledger that takes its time for what is written first.
type slow struct {
	Ledger
	first time.Duration
}

func (s *slow) UpdateSend(ctx context.Context, userID, key string, change func(*event.Send) error) (event.Send, error) {
	if s.first > 0 {
		<-time.After(s.first)
		s.first = 0
	}
	return s.Ledger.UpdateSend(ctx, userID, key, change)
}

// When the ledger was away for most of an attempt, the rest is too short to wait for
// an answer, and one that is not waited for becomes a copy: the next attempt sends.
func TestAMessageIsNotHandedOverAtTheEndOfAnAttempt(t *testing.T) {
	srv := newSMTPServer(t, nil)
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.Ledger = &slow{c.Ledger, 600 * time.Millisecond} })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if sent, err := r.Send(ctx, requestOf(1)); !errors.Is(err, errLate) || !event.IsPaused(err) || sent.State != "" {
		t.Errorf("%+v, %v", sent, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if sent, err := r.Send(ctx, requestOf(1)); err != nil || sent.Copies != 0 {
		t.Errorf("%+v, %v", sent, err)
	}
	once(t, srv, 1)
}
