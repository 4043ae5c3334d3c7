package streams

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

const silence = 400 * time.Millisecond

// newAlive is a process that has a message in hand, on a connection of its own.
func newAlive(t *testing.T, url string, me event.Process) (a *Alive, stop func()) {
	t.Helper()
	nc, err := nats.Connect(url, nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(silence))
	if err != nil {
		t.Fatal(err)
	}
	if a, err = NewAlive(t.Context(), js, me, silence); err != nil {
		t.Fatal(err)
	}
	a.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	if _, err := a.Show(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, stop
}

func aliveServer(t *testing.T) (url string) {
	t.Helper()
	js, url := natstest.Start(t)
	if err := Ensure(t.Context(), js, opts); err != nil {
		t.Fatal(err)
	}
	return url
}

func gone(t *testing.T, a *Alive, p event.Process) (bool, time.Duration) {
	t.Helper()
	began := time.Now()
	g, err := a.Gone(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return g, time.Since(began)
}

func TestAProcessIsGoneAfterASilence(t *testing.T) {
	url := aliveServer(t)
	one, two := event.Process{ID: "one", Start: 1}, event.Process{ID: "two", Start: 1}
	a, _ := newAlive(t, url, one)
	_, stop := newAlive(t, url, two)
	for range 3 {
		if g, _ := gone(t, a, two); g {
			t.Fatal("a process that lives is gone")
		}
	}
	stop()
	g, took := gone(t, a, two)
	if !g || took < silence/2 {
		t.Errorf("gone is %v after %v", g, took)
	}
	t.Logf("it is gone after %v, with a silence of %v", took, silence)
	if g, took := gone(t, a, two); !g || took > silence/2 {
		t.Errorf("what is known takes %v again", took)
	}
	if g, _ := gone(t, a, event.Process{ID: "never-seen", Start: 3}); !g {
		t.Error("a process that gives no sign at all lives")
	}
}

// Two starts of one data folder are told apart without waiting, on both sides.
func TestALaterStartEndsAnEarlierOne(t *testing.T) {
	url := aliveServer(t)
	a, _ := newAlive(t, url, event.Process{ID: "one", Start: 1})
	b, _ := newAlive(t, url, event.Process{ID: "two", Start: 8})
	for name, tc := range map[string]struct {
		asks *Alive
		of   event.Process
	}{
		"itself":  {b, event.Process{ID: "two", Start: 7}},
		"another": {a, event.Process{ID: "two", Start: 7}},
	} {
		if g, took := gone(t, tc.asks, tc.of); !g || took > silence/2 {
			t.Errorf("%s: gone is %v after %v", name, g, took)
		}
	}
	for _, start := range []uint64{8, 9} {
		if g, _ := gone(t, b, event.Process{ID: "two", Start: start}); g {
			t.Errorf("a start that is no earlier, %d, is gone", start)
		}
	}
}

// While NATS is away no process can give signs, which is no silence; nor is the time in
// which this process itself was away.
func TestAnOutageIsNoSilence(t *testing.T) {
	url := aliveServer(t)
	for name, both := range map[string]bool{"of NATS": true, "of the one that asks": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			link := natstest.NewLink(t, strings.TrimPrefix(url, "nats://"))
			theirs := url
			if both {
				theirs = "nats://" + link.Addr()
			}
			a, _ := newAlive(t, "nats://"+link.Addr(), event.Process{ID: "one-" + event.NewID(), Start: 1})
			two := event.Process{ID: "two-" + event.NewID(), Start: 1}
			newAlive(t, theirs, two)
			if g, _ := gone(t, a, two); g {
				t.Fatal("a process that lives is gone")
			}
			for range 2 {
				link.Freeze()
				thaw := time.AfterFunc(3*silence, link.Thaw)
				for deadline := time.Now().Add(6 * silence); time.Now().Before(deadline); {
					if g, err := a.Gone(t.Context(), two); g {
						t.Fatal("a process that lives is gone")
					} else if err != nil && !strings.Contains(err.Error(), "sign of life") {
						t.Fatal(err)
					}
				}
				thaw.Stop()
			}
		})
	}
}

// A process that was frozen knows that it may have been taken for gone.
func TestASignThatIsOldIsRenewed(t *testing.T) {
	url := aliveServer(t)
	a, stop := newAlive(t, url, event.Process{ID: "one", Start: 1})
	if renewed, err := a.Show(t.Context()); renewed || err != nil {
		t.Errorf("right after a sign: renewed is %v, %v", renewed, err)
	}
	stop()
	for name, old := range map[string]time.Time{
		"frozen":    time.Now().Add(-silence),
		"suspended": time.Now().Round(0).Add(-silence), // the monotonic clock stood still
	} {
		a.mu.Lock()
		a.signed = old
		a.mu.Unlock()
		for i := range 2 {
			if renewed, err := a.Show(t.Context()); renewed != (i == 0) || err != nil {
				t.Errorf("%s: renewed is %v, %v", name, renewed, err)
			}
		}
	}
}

func TestSignsAreFewAndEnd(t *testing.T) {
	url := aliveServer(t)
	a, stop := newAlive(t, url, event.Process{ID: "one", Start: 1})
	for range 50 {
		defer a.Hold()()
		if _, err := a.Show(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	s, err := a.js.Stream(t.Context(), "KV_"+event.BucketDelivery)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), "$KV.DELIVERY.alive.one")
	if err != nil || m.Header.Get("Nats-TTL") == "" || m.Sequence > 3 {
		t.Errorf("sign %d for 51 messages, with the headers %v: %v", m.Sequence, m.Header, err)
	}
}
