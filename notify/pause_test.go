package notify

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/event"
)

// toggle is a stage's switch in the hands of a test.
type toggle struct {
	mu    sync.Mutex
	pause event.Pause
}

func (t *toggle) now() (event.Pause, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pause, nil
}

func (t *toggle) set(p event.Pause) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause = p
}

// Issue 20: in a pause no message is begun: its ledger stays empty, and the error is no
// try of it. What is being handed over ends, and what was accepted before stays so.
func TestAPauseOfDelivery(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "wait"})
	sw := &toggle{}
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.Switch, c.Grace = sw.now, 8*time.Second })
	type result struct {
		sent event.Send
		err  error
	}
	first := make(chan result, 1)
	go func() {
		sent, err := r.Send(t.Context(), requestOf(1))
		first <- result{sent, err}
	}()
	<-srv.dots // it has the message, and says nothing yet
	sw.set(event.Pause{Paused: true, At: time.Now()})
	sent, err := r.Send(t.Context(), requestOf(2))
	pause, later := event.RetryDelay(err)
	var why event.PausedStage
	if !event.IsPaused(err) || !later || pause < stoppedLeast-time.Second || pause > stoppedLeast || !errors.As(err, &why) || why.Stage != event.StageDelivery {
		t.Errorf("in the pause: %v, after %s", err, pause)
	}
	if sent.State != "" || sent.Attempts != 0 || len(r.ledger.entries) != 1 {
		t.Errorf("the ledger has %+v", r.ledger.entries)
	}
	close(srv.goOn)
	if got := <-first; got.err != nil || got.sent.State != event.SendAccepted {
		t.Errorf("what was being handed over: %+v", got)
	}
	if again, err := r.Send(t.Context(), requestOf(1)); err != nil || again.State != event.SendAccepted {
		t.Errorf("what was accepted: %+v, %v", again, err)
	}
	sw.set(event.Pause{})
	if sent, err := r.Send(t.Context(), requestOf(2)); err != nil || sent.State != event.SendAccepted || len(srv.messages()) != 2 {
		t.Errorf("after the pause: %+v, %v; %d messages", sent, err, len(srv.messages()))
	}
}

// Issue 20: a message that waited for the provider's rate when the pause began is not
// handed over.
func TestAPauseThatBeginsWhileAMessageWaitsForTheRate(t *testing.T) {
	srv := newSMTPServer(t, script{})
	sw := &toggle{}
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.Switch, c.Providers.Email[0].Rate = sw.now, Rate{Limit: 1} })
	if _, err := r.Send(t.Context(), requestOf(1)); err != nil {
		t.Fatal(err)
	}
	r.Fault = func(point string) {
		if point == "notify.rendered" { // it waits next
			sw.set(event.Pause{Paused: true})
		}
	}
	if sent, err := r.Send(t.Context(), requestOf(2)); !event.IsPaused(err) || sent.State != "" || len(srv.messages()) != 1 {
		t.Errorf("%+v, %v; %d messages", sent, err, len(srv.messages()))
	}
}

// Those who come back do so one after another, none later than ten minutes, and all
// soon after a pause with an end.
func TestTheyComeBackOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sw, s := &toggle{}, stopped{}
		sw.set(event.Pause{Paused: true, At: time.Now()})
		var last time.Duration
		for i := range 100_000 {
			d, _ := event.RetryDelay(s.refuse(sw.now))
			if want := min(stoppedLeast+time.Duration(i)*time.Second/comeBack, comeBackMost); d != want {
				t.Fatalf("message %d comes back after %s, want %s", i, d, want)
			}
			last = d
		}
		time.Sleep(last)
		sw.set(event.Pause{Paused: true, At: time.Now(), For: 5 * time.Second})
		s = stopped{}
		if d, _ := event.RetryDelay(s.refuse(sw.now)); d != 5*time.Second {
			t.Errorf("comes back after %s, and the pause ends in 5 s", d)
		}
		time.Sleep(5 * time.Second)
		if err := s.refuse(sw.now); err != nil {
			t.Errorf("it is over: %v", err)
		}
	})
}
