package bridge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newTestBreaker() *breaker {
	return newBreaker("c", quiet, &gauge{is: prometheus.NewGauge(prometheus.GaugeOpts{}), times: prometheus.NewCounter(prometheus.CounterOpts{})})
}

// Who waits asks one at a time, in turn, and a server that is back is noticed within
// seconds; a turn is given back whatever its holder does. When one gets through all
// go on at once.
func TestTheBreakerAsksInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker()
		away := errors.New("away")
		asked := make([]int, 4)
		at := 0
		var ends []time.Duration
		began := time.Now()
		done := make(chan struct{})
		for i := range asked {
			b.open(away)
			go func() {
				defer func() { b.leave(); done <- struct{}{} }()
				for through := false; !through; {
					func() {
						defer func() { _ = recover() }()
						b.ask(t.Context(), func() {
							if !b.isOpen() || time.Since(began) > time.Minute {
								through = true
								b.close()
								ends = append(ends, time.Since(began))
								return
							}
							if at++; at > 1 {
								t.Error("two ask at once")
							}
							asked[i]++
							time.Sleep(time.Second) // the server's silence
							at--
							b.still(away)
							panic("the turn is given back")
						})
					}()
				}
			}()
		}
		for range asked {
			<-done
		}
		for i, n := range asked {
			if n < 2 || n > 6 {
				t.Errorf("%d has asked %d times in a minute: %v", i, n, asked)
			}
		}
		if first, last := ends[0], ends[len(ends)-1]; first > time.Minute+longestProbe+time.Second || last != first {
			t.Errorf("they got through after %v", ends)
		}
		if n, is := testutil.ToFloat64(b.all.times), testutil.ToFloat64(b.all.is); n != 1 || is != 0 {
			t.Errorf("it closed %v times, and the gauge is %v", n, is)
		}
	})
}

// A message that says nothing about the servers closes the breaker only when none
// waits for them: the other way round it would open and close all the time.
func TestWhatSaysNothingClosesNothing(t *testing.T) {
	b := newTestBreaker()
	b.open(errors.New("away"))
	b.pass()
	if !b.isOpen() {
		t.Error("it has closed while a message waits")
	}
	b.leave()
	if !b.isOpen() {
		t.Error("it has closed because a message was given back")
	}
	b.pass()
	if b.isOpen() {
		t.Error("it is open, and none knows why")
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.open(errors.New("away"))
	cancel()
	if b.ask(ctx, func() { t.Error("it was tried after the end") }) {
		t.Error("it says that it was tried")
	}
}
