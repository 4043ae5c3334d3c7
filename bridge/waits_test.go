package bridge

import (
	"errors"
	"fmt"
	"testing"

	"usher/event"
)

// Reopenings that wait for what is being done for their users may wait for hours.
// More of them than the bridge has hands hold up nothing else, use up no delivery,
// and go on when the runs have ended; a bridge that stops gives them back.
func TestWhatWaitsHoldsNoHand(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	const users = 20 // of 16 hands
	for i := range users {
		r.over(fmt.Sprint("u-", i), event.StatusWelcomed)
		r.order(fmt.Sprint("s-", i), event.VerbResend, fmt.Sprint("u-", i))
	}
	want := map[string]float64{"USERS started": users, "VERIFICATIONS started": users}
	r.waitOutcomes(want)
	for i := range users {
		r.order(fmt.Sprint("o-", i), event.VerbReopened, fmt.Sprint("u-", i))
	}
	r.user("r", "u-other")
	r.approve("v", "u-other")
	want["USERS started"]++
	want["VERIFICATIONS signalled"]++
	r.waitOutcomes(want)

	stop()
	r.run()
	r.runs.mu.Lock()
	looks := r.runs.looks
	r.runs.mu.Unlock()
	r.eventually(func() error { // the new one has taken each of them
		r.runs.mu.Lock()
		defer r.runs.mu.Unlock()
		if r.runs.looks < looks+2*users {
			return errors.New("not all are in hand")
		}
		return nil
	})
	for i := range users {
		r.close(fmt.Sprint("u-", i))
		r.end(fmt.Sprint("u-", i), event.StatusWelcomed)
	}
	r.waitOutcomes(map[string]float64{"VERIFICATIONS started": users}) // counted by the new one
	if got := r.messages(event.StreamDeadLetters, "deadletters.v1."); len(got) != 0 {
		t.Errorf("dead letters %v", got)
	}
}
