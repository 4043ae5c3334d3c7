package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"usher/event"
	"usher/streams"
)

// person is one user of a seed, and what is told about them.
type person struct {
	nr     int
	id     string // "" when usher derives one
	inbox  string
	email  string
	phone  string
	story  func(*teller)
	strict time.Time // the last record that was stored before is the one that counts; zero: not known
}

func (p *person) name() string { return fmt.Sprintf("User %d", p.nr) }

func (p *person) row(email string) string {
	return strings.Join([]string{p.id, p.name(), email, p.phone}, ",") + "\n"
}

const header = "user_id,name,email,phone\n"

// teller tells the story of one person.
type teller struct {
	*person
	w    *world
	rand *rand.Rand
}

// stories are what may happen to a person. Every seed has each at least once.
var stories = []struct {
	name  string
	times int
	tell  func(*teller)
}{
	{"approved", 5, func(t *teller) { t.pause(20); t.say("crm", event.VerbApproved) }},
	{"rejected", 2, func(t *teller) { t.pause(20); t.say("crm", event.VerbRejected) }},
	{"decided before the file", 2, func(t *teller) { t.say("crm", event.VerbApproved) }},
	{"decided by address", 1, func(t *teller) { t.pause(20); t.sayAddress("crm", event.VerbApproved, strings.ToUpper(t.email)) }},
	{"decided by an address in another alphabet", 1, func(t *teller) { t.pause(20); t.sayAddress("crm", event.VerbApproved, t.email) }},
	{"corrected twice", 2, func(t *teller) {
		t.until("started")
		t.correct()
		t.correct()
		t.settled()
		t.strict = time.Now()
		t.say("crm", event.VerbApproved)
	}},
	{"corrected while decided", 1, func(t *teller) {
		t.until("started")
		t.correct()
		t.pause(4)
		t.say("crm", event.VerbApproved)
	}},
	{"two minds", 1, func(t *teller) { t.say("crm", event.VerbApproved); t.pause(1); t.say("hr", event.VerbRejected) }},
	{"said three times", 1, func(t *teller) {
		for range 3 {
			t.publish("crm", event.VerbApproved, fmt.Sprintf("d-%d", t.nr), event.VerificationBody{UserID: t.id})
			t.pause(3)
		}
	}},
	{"withdrawn after the welcome", 1, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.say("cli", event.VerbWithdrawn)
	}},
	{"sent again and withdrawn", 2, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.pause(3)
		t.say("cli", event.VerbResend)
		t.pause(2)
		t.say("console", event.VerbWithdrawn)
	}},
	{"sent again", 1, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.say("cli", event.VerbResend)
	}},
	{"reopened and corrected", 1, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.pause(3)
		t.say("cli", event.VerbReopened)
		t.until(event.FactReopened)
		t.correct()
		t.settled()
		t.strict = time.Now()
		t.say("crm", event.VerbApproved)
	}},
	{"reopened while sent again", 1, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.say("cli", event.VerbResend)
		t.pause(1)
		t.say("console", event.VerbReopened)
		t.until(event.FactReopened)
		t.say("crm", event.VerbApproved)
	}},
	{"ended from outside", 1, func(t *teller) {
		t.until("started")
		t.terminate()
		t.say("crm", event.VerbApproved)
	}},
	{"reopened and ended from outside", 1, func(t *teller) {
		t.say("crm", event.VerbApproved)
		t.until(event.FactWelcomed)
		t.pause(2)
		t.say("cli", event.VerbReopened)
		t.until(event.FactReopened)
		t.terminate()
		t.correct()
		t.settled()
		t.strict = time.Now()
		t.say("crm", event.VerbApproved)
	}},
	{"withdrawn", 1, func(t *teller) { t.pause(10); t.say("cli", event.VerbWithdrawn) }},
	{"approved with a window", 1, func(t *teller) {
		t.pause(20)
		t.publish("console", event.VerbApproved, fmt.Sprintf("d-%d", t.nr), event.VerificationBody{UserID: t.id, EffectiveAfter: 10})
	}},
	{"taken back", 2, func(t *teller) {
		t.until("started")
		d := fmt.Sprintf("d-%d", t.nr)
		t.publish("console", event.VerbRejected, d, event.VerificationBody{UserID: t.id, EffectiveAfter: 10})
		t.pause(12) // sometimes too late
		t.publish("console", event.VerbUndone, "u-"+d, event.VerificationBody{UserID: t.id, Undoes: d})
		t.say("crm", event.VerbApproved)
	}},
	{twoPeople + "at once", 2, func(t *teller) {
		t.pause(20)
		t.sayAs("ben", event.VerbApproved)
		t.sayAs("cleo", event.VerbApproved)
	}},
	{twoPeople + "and one of them again and again", 2, func(t *teller) {
		t.pause(20)
		t.sayAs("ben", event.VerbApproved)
		t.say("crm", event.VerbApproved)
		t.sayAs("token.ben", event.VerbApproved)
		t.sayAs("ben", event.VerbApproved)
		t.until(event.FactRefused)
		t.sayAs("cleo", event.VerbApproved)
	}},
	{twoPeople + "and a correction", 2, func(t *teller) {
		t.until("started")
		t.sayAs("ben", event.VerbApproved)
		t.correct()
		t.settled()
		t.strict = time.Now()
		t.sayAs("dan", event.VerbApproved)
		t.sayAs("cleo", event.VerbApproved)
	}},
}

// twoPeople begins the names of stories of people in the inbox where two decide.
const twoPeople = "two people "

// inboxPair is that inbox.
const inboxPair = "pair"

// cast are the people of a seed.
func (w *world) cast() (people []*person) {
	r := w.plan.rand
	for _, s := range stories {
		for range s.times {
			n := len(people) + 1
			p := &person{nr: n, id: fmt.Sprintf("u-%d", n), inbox: pick(r, "inbox", "partner"), email: fmt.Sprintf("u%d@example.org", n), story: s.tell}
			if r.IntN(4) > 0 {
				p.phone = fmt.Sprintf("+4930%07d", n)
			}
			if strings.HasPrefix(s.name, twoPeople) {
				p.inbox = inboxPair
			}
			switch s.name {
			case "decided by address":
				p.id = ""
			case "decided by an address in another alphabet":
				p.id, p.email = "", fmt.Sprintf("u%d@b\u00fccher.example", n)
			}
			people = append(people, p)
		}
	}
	return people
}

// perform drops the files and tells all stories, and returns when they are told.
func (w *world) perform(people []*person) {
	r := w.plan.rand
	files := map[string]string{}
	for _, p := range people {
		name := p.inbox + "/" + pick(r, "a", "b") + ".csv"
		if files[name] == "" {
			files[name] = header
		}
		files[name] += p.row(p.email)
	}
	var all, drops sync.WaitGroup
	for name, content := range files {
		inbox, file, _ := strings.Cut(name, "/")
		at, again := time.Duration(r.IntN(4000))*time.Millisecond, r.IntN(2) == 0
		drops.Go(func() {
			time.Sleep(at)
			w.must(w.drop(inbox, file, content))
			if again { // the same bytes, and the same people with a row more
				time.Sleep(5 * time.Second)
				w.must(w.drop(inbox, "again-"+file, content))
				w.must(w.drop(inbox, "full-"+file, content+"\n"))
			}
		})
	}
	all.Go(func() { drops.Wait(); close(w.dropped) })
	for _, p := range people {
		t := &teller{p, w, rand.New(rand.NewPCG(w.plan.seed, uint64(100+p.nr)))}
		all.Go(func() { p.story(t) })
	}
	if r.IntN(4) == 0 {
		all.Go(func() { w.poison() })
	}
	if w.plan.paused != "" {
		all.Go(func() { w.pause() })
	}
	all.Wait()
}

// pause stops a stage for a while, as an operator does.
func (w *world) pause() {
	time.Sleep(w.plan.pauseFrom)
	for _, paused := range []bool{true, false} {
		w.trace.say("story", fmt.Sprintf("an operator says of %s that it is paused: %v", w.plan.paused, paused))
		for streams.SayPause(w.ctx(), w.js, w.plan.paused, event.Pause{Paused: paused, Actor: "ann"}) != nil {
			time.Sleep(200 * time.Millisecond) // until it is stored
		}
		if paused {
			time.Sleep(w.plan.pauseFor)
		}
	}
}

// poison is what an upstream system may publish by mistake.
func (w *world) poison() {
	for _, status := range []string{"404", "503"} {
		m := nats.NewMsg(event.VerificationSubject("crm", event.VerbApproved))
		m.Header.Set("Status", status)
		w.send(m)
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.trace.fail("the stage: " + err.Error())
	}
}

// send publishes until it is stored.
func (w *world) send(m *nats.Msg) {
	for {
		ctx, cancel := context.WithTimeout(w.ctx(), 5*time.Second)
		_, err := w.js.PublishMsg(ctx, m)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (w *world) ctx() context.Context { return context.Background() }

// patience is how long a seed may take there. Nothing that a fault holds up takes
// half of it.
const patience = 25 * time.Minute

// left is what is left of it. After a failure there is nothing to wait for.
func (w *world) left() time.Duration {
	if w.trace.hasFailed() {
		return 0
	}
	return time.Until(w.trace.began.Add(patience))
}

func (t *teller) pause(most int) {
	time.Sleep(time.Duration(t.rand.IntN(most*1000+1)) * time.Millisecond)
}

// publish sends an event; JetStream is not told that it may be one that it has.
func (t *teller) publish(source, verb, id string, body event.VerificationBody) {
	data, err := json.Marshal(body)
	t.w.must(err)
	m := nats.NewMsg(event.VerificationSubject(source, verb))
	m.Header = event.Envelope{ID: id, Type: event.TypeVerification + "." + verb, Source: "/" + source, Time: time.Now()}.Header()
	m.Data = data
	t.w.trace.say("story", fmt.Sprintf("%s says %s about %s as %s", source, verb, t.name(), id))
	t.w.send(m)
}

func (t *teller) say(source, verb string) {
	t.publish(source, verb, fmt.Sprintf("%s-%d-%06x", verb, t.nr, t.rand.IntN(1<<24)), event.VerificationBody{UserID: t.id})
}

// sayAs is what an account of the console says.
func (t *teller) sayAs(actor, verb string) {
	t.publish(event.SourceConsole, verb, fmt.Sprintf("%s-%d-%06x", verb, t.nr, t.rand.IntN(1<<24)), event.VerificationBody{UserID: t.id, Actor: actor})
}

func (t *teller) sayAddress(source, verb, email string) {
	t.publish(source, verb, fmt.Sprintf("%s-%d-%06x", verb, t.nr, t.rand.IntN(1<<24)), event.VerificationBody{Email: email})
}

// until waits for a fact about the person.
func (t *teller) until(kind string) {
	if !t.w.facts.wait(t.w.left, func(f event.Fact) bool { return f.UserID == t.id && f.Kind == kind }) && !t.w.trace.hasFailed() {
		t.w.trace.fail(fmt.Sprintf("end: everybody comes to an end: %s waits for %s for ever", t.name(), kind))
	}
}

// correct drops a file in which the person has another address.
func (t *teller) correct() {
	n := t.rand.IntN(1 << 24)
	t.email = fmt.Sprintf("u%d.%06x@example.org", t.nr, n)
	t.w.must(t.w.drop(t.inbox, fmt.Sprintf("c-%d-%06x.csv", t.nr, n), header+t.row(t.email)))
	t.w.trace.say("story", fmt.Sprintf("%s has the address %s", t.name(), t.email))
	if t.rand.IntN(2) == 0 {
		t.imported()
	}
}

// imported waits until no file is left in an inbox.
func (t *teller) imported() {
	t.w.waitUntil(func() bool { return t.w.filesLeft() == 0 })
}

// settled waits until what was dropped has reached its runs.
func (t *teller) settled() {
	<-t.w.dropped // a list of everybody would bring an old address again
	t.imported()
	t.w.waitUntil(func() bool { return t.w.inHand(event.StreamUsers, event.ConsumerUsers) == 0 })
	time.Sleep(3 * time.Second) // a signal that is on its way
}

// terminate ends the person's run as an operator of Temporal may.
func (t *teller) terminate() {
	t.w.trace.say("story", "an operator ends the run of "+t.name())
	t.w.terminate(event.WorkflowID(t.id))
}

// waitUntil looks each half second.
func (w *world) waitUntil(ok func() bool) bool {
	for w.left() > 0 {
		if ok() {
			return true
		}
		time.Sleep(500 * time.Millisecond)
	}
	if !w.trace.hasFailed() {
		w.trace.fail("hand: something is left in hand after " + patience.String())
	}
	return false
}
