//go:build !noembed

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// The same people come again, in every way in which that happens: the same
// file, a later full export, both streams replayed from the start into a
// Temporal that has forgotten them. No one is welcomed twice.
func TestNobodyIsWelcomedTwice(t *testing.T) {
	t.Parallel()
	const users = 20
	u := newUsher(t)
	u.drop("first.csv", list(1, users, "first"))
	u.start("")
	all := ids(1, users)
	if err := u.decide(event.VerbApproved, all[:users-2]...); err != nil {
		t.Fatal(err)
	}
	if err := u.decide(event.VerbRejected, all[users-2]); err != nil {
		t.Fatal(err)
	}
	people := u.waitFinal(60*time.Second, all[:users-1]...)
	mails, texts := u.caught()

	u.drop("again.csv", list(1, users, "first"))         // known content
	u.drop("export.csv", list(1, users+5, "a month on")) // known people, and five new ones
	u.waitIdle(users + users + 5)
	same := func(when string) {
		t.Helper()
		m, s := u.caught()
		if d := cmp.Diff(mails, m); d != "" {
			t.Errorf("%s: e-mails (-before +after)\n%s", when, d)
		}
		if d := cmp.Diff(texts, s); d != "" {
			t.Errorf("%s: text messages (-before +after)\n%s", when, d)
		}
		for id, p := range people {
			if now, err := u.status(id); err != nil || now.Status != p.Status {
				t.Errorf("%s: %s is %s, was %s (%v)", when, id, now.Status, p.Status, err)
			}
		}
	}
	same("after the same file and a full export")

	u.forget()
	u.waitIdle(users + users + 5)
	same("after a replay into a Temporal that has forgotten")

	// Who was still waiting waits again, and can be decided about.
	last := all[users-1]
	if err := u.decide(event.VerbApproved, last); err != nil {
		t.Fatal(err)
	}
	people = u.waitFinal(60*time.Second, last)
	if people[last].Status != event.StatusWelcomed {
		t.Errorf("%s is %s", last, people[last].Status)
	}
	u.eachOnce(people)
}

// forget starts usher anew with both consumers at the start of their streams and
// a Temporal without memory.
func (u *usher) forget() {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	for stream, consumer := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
		if err := c.JetStream.DeleteConsumer(context.Background(), stream, consumer); err != nil {
			u.Fatal(err)
		}
	}
	c.Close()
	u.stop()
	if err := os.RemoveAll(filepath.Join(u.dir, "temporal")); err != nil {
		u.Fatal(err)
	}
	u.start("")
}

// waitIdle waits until USERS holds n records and the bridge has dealt with all
// messages.
func (u *usher) waitIdle(n int) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	deadline := time.Now().Add(60 * time.Second)
	for {
		idle := true
		for stream, consumer := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
			cons, err := c.JetStream.Consumer(context.Background(), stream, consumer)
			idle = idle && err == nil && cons.CachedInfo().NumPending == 0 && cons.CachedInfo().NumAckPending == 0 &&
				(stream != event.StreamUsers || cons.CachedInfo().Delivered.Consumer >= uint64(n))
		}
		if idle {
			return
		}
		if time.Now().After(deadline) {
			u.Fatal("the bridge does not come to rest")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
