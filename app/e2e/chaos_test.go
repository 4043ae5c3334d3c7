//go:build !noembed

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/app"
	"usher/event"
	"usher/notify"
)

// everyFault is the whole of what the catcher can do to a sender. A try lasts
// four seconds here, so the slowest answers come too late.
const everyFault = `
smtp.connect 421 4.3.2 2%
smtp.connect drop 2%
smtp.ehlo 421 4.3.2 1%
smtp.mail 421 4.7.0 2%
smtp.mail drop 2%
smtp.reuse 421 4.7.0 10%
smtp.rcpt 450 4.2.0 5%
smtp.rcpt 452 4.2.2 2%
smtp.rcpt 550 5.1.1 1%
smtp.data 451 4.3.0 3%
smtp.data drop 2%
smtp.dot 451 4.3.0 5%
smtp.dot 550 5.7.1 1%
smtp.dot drop 5%
smtp.dot lost 5%
smtp.dot hang 1%
smtp.dot slow=300ms 5%
smtp.dot slow=6s 2%
sms 429 retry-after=1s 10%
sms 503 4%
sms 500 4%
sms 500 taken 4%
sms hang 2%
sms drop 4%
sms lost 4%
sms slow=300ms 5%
sms slow=6s 2%
`

// Under every fault at once, and with workers killed at random, each user gets
// one message on each channel. Where a copy had to be risked, the ledger has
// counted it; with the policy hold no copy is ever risked.
func TestChaos(t *testing.T) {
	t.Parallel()
	users := 75
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_CHAOS")); err == nil {
		users = n
	}
	for _, policy := range []string{notify.Resend, notify.Hold} {
		t.Run(policy, func(t *testing.T) { chaos(t, policy, users) })
	}
}

func chaos(t *testing.T, policy string, users int) {
	servers := newUsher(t)
	servers.config.Roles = app.Roles{Watch: true, Bridge: true, Console: true}
	servers.config.SendAttempt, servers.config.CatcherChaos = 4*time.Second, "seed 7\n"+everyFault
	servers.start("")
	w := &workers{usher: servers, config: servers.config}
	w.config.Roles, w.config.OnUnknown, w.config.MaxPause = app.Roles{Worker: true}, policy, time.Second
	w.config.NATSURL, w.config.TemporalAddress, w.config.PayloadKeyFile = "nats://"+servers.addr.NATS, servers.addr.Temporal, servers.dir+"/payload.key"
	w.config.IDKeyFile = servers.dir + "/id.key"
	w.config.SMTPAddr, w.config.SMSURL = servers.addr.CatcherSMTP, "http://"+servers.addr.CatcherHTTP
	w.start()
	w.start()
	t.Cleanup(w.killAll)

	all := ids(1, users)
	servers.drop("all.csv", list(1, users, ""))
	if err := servers.decide(event.VerbApproved, all...); err != nil {
		t.Fatal(err)
	}
	servers.until("the first messages are out", func() bool { mails, texts := servers.caught(); return len(mails)+len(texts) > 10 })
	kills := 6 + users/50
	for range kills {
		time.Sleep(time.Duration(300+rand.IntN(900)) * time.Millisecond) // the moment is the point of this test
		w.killOne()
		w.start()
	}
	people := servers.waitFinal(time.Duration(2+users/100)*time.Minute, all...)
	servers.chaosHappened("lost", "drop", "taken", "hang", "slow=6s", "429", "550")

	mails, texts := servers.caught()
	var c count
	for id, p := range people {
		n, err := strconv.Atoi(strings.TrimPrefix(id, "u-"))
		if err != nil {
			t.Fatal(err)
		}
		accepted := 0
		for channel, got := range map[string]int{
			event.ChannelEmail: mails[fmt.Sprintf("u%d@example.org", n)], event.ChannelSMS: texts[fmt.Sprintf("+4930%07d", n)],
		} {
			entry := p.Sends[event.SendKey(1, event.PurposeWelcome, channel, 1)]
			if err := c.add(entry, got); err != nil {
				t.Errorf("%s by %s: %v", id, channel, err)
			}
			if entry.State == event.SendAccepted {
				accepted++
			}
		}
		if want := []event.Status{event.StatusUnreached, event.StatusPartlyWelcomed, event.StatusWelcomed}[accepted]; p.Status != want {
			t.Errorf("%s is %s with %d messages accepted, want %s", id, p.Status, accepted, want)
		}
	}
	t.Logf("%d messages to %d users with %d workers killed: %d accepted, %d surely failed, %d unknown; %d copies arrived, the ledger counts %d",
		2*users, users, kills, c.accepted, c.failed, c.unknown, c.seen, c.counted)
	switch {
	case policy == notify.Hold && (c.seen > 0 || c.counted > 0):
		t.Errorf("with hold there are %d copies, and %d in the ledger", c.seen, c.counted)
	case policy == notify.Hold && c.unknown == 0:
		t.Error("no outcome was unknown, so nothing was tried")
	case policy == notify.Resend && c.counted == 0:
		t.Error("the ledger counts no copy, so nothing was tried")
	case policy == notify.Resend && c.unknown > users/20:
		t.Errorf("%d messages are left unknown: that is more than the limit of copies explains", c.unknown)
	}
}

// count adds up what the ledger says and what arrived.
type count struct{ accepted, failed, unknown, seen, counted int }

// add compares the ledger's entry of a message with how often it arrived.
func (c *count) add(e event.Send, got int) error {
	c.seen += max(0, got-1)
	c.counted += e.Copies
	least, most := 0, 1+e.Copies
	switch e.State {
	case event.SendAccepted:
		c.accepted++
		least = 1
	case event.SendFailed:
		c.failed++
		most = 0
	case event.SendUnknown:
		c.unknown++
	default:
		return fmt.Errorf("the ledger is left at %q", e.State)
	}
	if got < least || got > most {
		return fmt.Errorf("%d arrived, the ledger says %s with %d copies", got, e.State, e.Copies)
	}
	return nil
}

// chaosHappened checks that faults with these words have happened.
func (u *usher) chaosHappened(words ...string) {
	u.Helper()
	var c struct {
		Rules []struct {
			Rule string
			Hits int
		}
	}
	u.get("http://"+u.addr.CatcherHTTP+"/api/v1/chaos", &c)
	for _, word := range words {
		hits := 0
		for _, r := range c.Rules {
			if strings.Contains(r.Rule, word) {
				hits += r.Hits
			}
		}
		if hits == 0 {
			u.Errorf("no fault with %q has happened, so it was not tried", word)
		}
	}
}

// workers are processes of the worker role that are killed and replaced.
type workers struct {
	*usher
	config app.Config
	alive  []*exec.Cmd
}

func (w *workers) start() {
	w.Helper()
	c := w.config
	c.Data = w.TempDir()
	w.alive = append(w.alive, w.startRole(c))
}

func (w *workers) killOne() {
	i := rand.IntN(len(w.alive))
	_ = w.alive[i].Process.Kill()
	_ = w.alive[i].Wait()
	w.alive = append(w.alive[:i], w.alive[i+1:]...)
}

func (w *workers) killAll() {
	for len(w.alive) > 0 {
		w.killOne()
	}
}
