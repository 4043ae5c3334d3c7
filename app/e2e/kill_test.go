//go:build !noembed

package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// points are the fault points of all stages, in the order in which a user meets
// them.
var points = []string{
	"ingest.claimed", "ingest.batch", "ingest.committed", "ingest.published", "ingest.reported", "ingest.archived",
	"bridge.user", "bridge.claimed", "bridge.started", "bridge.ack", "bridge.verification", "bridge.signalled",
	"activate.before", "activate.after",
	"notify.rendered", "notify.submitting", "notify.handed", "notify.accepted", "send.accepted",
	"finish.before", "finish.after",
}

// At each point in turn the process kills itself in the middle of work; the next
// one finds what was left and is killed at the next point. In the end everybody
// is welcomed.
func TestKilledAtNamedPoints(t *testing.T) {
	t.Parallel()
	const each = 4
	u := newUsher(t)
	var all []string
	for i, point := range points {
		first := 1000 + i*each
		all = append(all, ids(first, each)...)
		u.drop(point+".csv", list(first, each, ""))
		nth := ":2"
		if strings.HasPrefix(point, "ingest.") { // met once a file
			nth = ":1"
		}
		if u.start(point + nth) {
			_ = u.decide(event.VerbApproved, ids(first, each)...) // the process may be gone
		}
		select {
		case err := <-u.exited:
			u.exited <- err
			if !killed(err) {
				t.Fatalf("%s: usher ended with %v", point, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s was not reached", point)
		}
		u.kill()
	}
	u.start("")
	if err := u.decide(event.VerbApproved, all...); err != nil {
		t.Fatal(err)
	}
	u.mostWelcomed(u.waitFinal(90*time.Second, all...))
}

// 500 users, and a process that is killed again and again at random moments.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	const users = 500
	u := newUsher(t)
	u.drop("all.csv", list(1, users, ""))
	all := ids(1, users)
	kills := 12
	if testing.Short() {
		kills = 4
	}
	for range kills {
		if u.start("") {
			go func() { _ = u.decide(event.VerbApproved, all...) }() // again and again, as one event each
		}
		time.Sleep(time.Duration(200+rand.IntN(1500)) * time.Millisecond) // the moment is the point of this test
		u.kill()
	}
	u.start("")
	if err := u.decide(event.VerbApproved, all...); err != nil {
		t.Fatal(err)
	}
	u.mostWelcomed(u.waitFinal(3*time.Minute, all...))
}

// mostWelcomed allows what the ledger allows: one message that was cut off at four
// tries, in as many kills, is not sent a fifth time.
func (u *usher) mostWelcomed(people map[string]event.Person) {
	u.Helper()
	if held := u.eachOnceOrHeld(people); held*20 > len(people) {
		u.Errorf("%d messages of %d users are held for a person", held, len(people))
	}
}
