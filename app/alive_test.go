package app

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A loop that does not turn for a minute hangs; one that turns again does not.
func TestALoopThatDoesNotTurnHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a alive
		go func() { _ = a.run(t.Context()) }()
		turn, ended := a.loop("pulse of NATS")
		for range 3 * mostMissed { // it turns each nine seconds, as the slowest one does
			turn()
			time.Sleep(9 * time.Second)
			if err := a.hangs(); err != nil {
				t.Fatalf("a loop that turns: %v", err)
			}
		}
		began := time.Now()
		for a.hangs() == nil {
			time.Sleep(time.Second)
		}
		if d := time.Since(began); d < 55*time.Second || d > 75*time.Second {
			t.Errorf("it is told to hang after %s", d)
		}
		if err := a.hangs(); !strings.Contains(err.Error(), "pulse of NATS") {
			t.Errorf("it does not say which: %v", err)
		}
		turn()
		time.Sleep(lookEvery + time.Second)
		if err := a.hangs(); err != nil {
			t.Errorf("it turns again: %v", err)
		}
		ended()
		time.Sleep(5 * time.Minute)
		if err := a.hangs(); err != nil {
			t.Errorf("one that has ended: %v", err)
		}
	})
}

// A process that was frozen as a whole for an hour does not hang: looks are missed as
// turns are.
func TestAFrozenProcessDoesNotHang(t *testing.T) {
	var a alive
	turn, _ := a.loop("pulse of NATS")
	turn()
	a.look()
	a.look() // whatever time has passed, tickers fire once
	if err := a.hangs(); err != nil {
		t.Error(err)
	}
}
