package notify

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// sendPanics sends and takes what it panics with, as the caller of an activity
// does.
func sendPanics(ctx context.Context, s *Sender, r Request) (p any) {
	defer func() { p = recover() }()
	_, _ = s.Send(ctx, r)
	return nil
}

// A regression of issue 14: an attempt that panics while it probes a provider left
// the gate closed for ever.
func TestAPanicGivesTheProbeBack(t *testing.T) {
	for _, point := range []string{"notify.submitting", "notify.handed"} {
		for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
			t.Run(point+" "+channel, func(t *testing.T) {
				mail := newSMTPServer(t, nil)
				sms := httptest.NewServer(reply(201, `{"sid":"SM1"}`))
				t.Cleanup(sms.Close)
				panics := true
				r := newRig(t, mail.addr, sms.URL, func(c *Config) {
					c.Fault = func(p string) {
						if panics && p == point {
							panics = false
							panic("a fault of this test")
						}
					}
				})
				g := r.channels[channel][0].gate
				g.mu.Lock()
				g.trouble, g.until = ReasonConfig, time.Now() // the pause is over: the next message probes
				g.mu.Unlock()
				q := requestOf(1)
				q.Channel, q.Phone = channel, "+4930123456"
				if got := sendPanics(t.Context(), r.Sender, q); got != "a fault of this test" {
					t.Fatalf("it panicked with %v", got)
				}
				q = requestOf(2)
				q.Channel, q.Phone = channel, "+4930123456"
				if _, err := r.Send(t.Context(), q); err != nil {
					t.Errorf("the provider is not asked any more: %v", err)
				}
				r.hands.mu.Lock()
				defer r.hands.mu.Unlock()
				if len(r.hands.keys) > 0 {
					t.Errorf("still in hand: %v", r.hands.keys)
				}
			})
		}
	}
}

// What panics while it dials or asks a connection takes no place of the pool along.
func TestAPanicGivesThePlaceBack(t *testing.T) {
	var next func() (*conn, error)
	p := newPool(func(context.Context) (*conn, error) { return next() }, 1, 10, time.Minute)
	t.Cleanup(p.close)
	get := func() (panicked any, err error) {
		defer func() { panicked = recover() }()
		_, _, err = p.get(t.Context())
		return nil, err
	}
	next = func() (*conn, error) { panic("dialling") }
	if got, _ := get(); got != "dialling" {
		t.Fatal(got)
	}
	p.idle = []*conn{{end: time.NewTimer(time.Hour)}} // without a client, so RSET panics
	if got, _ := get(); got == nil {
		t.Fatal("no panic")
	}
	away := errors.New("away")
	next = func() (*conn, error) { return nil, away }
	for range 2 {
		if got, err := get(); !errors.Is(err, away) || got != nil {
			t.Fatal(err, got)
		}
	}
}

// A goodbye that panics, or the end of an idle connection that does, is told of and
// ends nothing else.
func TestAPanicBehindThePoolIsStopped(t *testing.T) {
	told := make(chan string, 2)
	p := newPool(nil, 1, 10, time.Millisecond)
	p.guard = func(e *event.PanicError) { told <- e.Where }
	network, other := net.Pipe()
	defer other.Close()
	p.end(&conn{net: network}) // without a client, so QUIT panics
	p.close()
	if got := <-told; got != "leaving a mail server" {
		t.Errorf("told of %q", got)
	}
	if _, err := network.Write([]byte("x")); err == nil {
		t.Error("the connection is left open")
	}
}

// A receipt on which usher fails is asked for again, counted, and the next one is
// taken.
func TestAPanicOnAReceiptEndsNoServer(t *testing.T) {
	r := newReceiving(t, newSMTPServer(t, nil).addr, "http://127.0.0.1:1")
	broken := *r.receipts
	broken.References = nil // each receipt that can be read panics
	working := r.receipts
	r.receipts = &broken
	base := r.serveHTTP(t)
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	for range 2 {
		if got := callback(t, base, "token", form); got != http.StatusInternalServerError {
			t.Errorf("it is answered %d", got)
		}
	}
	if n := testutil.ToFloat64(r.Metrics.Panics.WithLabelValues("notify")); n != 2 {
		t.Errorf("%v panics are counted", n)
	}
	r.receipts = working
	if got := callback(t, r.serveHTTP(t), "token", form); got != http.StatusNoContent {
		t.Errorf("a receipt on which it does not fail is answered %d", got)
	}
}
