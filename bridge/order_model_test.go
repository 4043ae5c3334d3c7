package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
)

// turns lets one handler go on at a time, from one call to the next, so that a
// random order of events can be played again by its seed.
type turns struct {
	*model
	r *rand.Rand
}

type task struct {
	parcel  *parcel
	blocked chan struct{} // before a call
	resume  chan fate
	done    chan error
	dead    bool
	saw     string // of PEOPLE, at its last look
}

// fate is what becomes of a call.
type fate int

const (
	arrives fate = iota
	unheard      // it has its effect, and the answer is lost
	dies         // the bridge does, before the call
)

var errDied = errors.New("the bridge has died")

type taskKey struct{}

// call waits for the turn, and has its effect at once.
func (t *turns) call(ctx context.Context, do func() error) error {
	k := ctx.Value(taskKey{}).(*task)
	if k.dead {
		return errDied
	}
	k.blocked <- struct{}{}
	switch <-k.resume {
	case dies:
		k.dead = true
		return errDied
	case unheard:
		_ = do()
		return context.DeadlineExceeded
	}
	return do()
}

// parcel is a message on its way.
type parcel struct {
	message
	id       event.Identity
	verb     string // "" of a record
	handled  bool   // acked at least once
	again    int    // how often it is delivered again after that
	counted  int    // deliveries that would count
	outcomes []string
}

// story is one random life of a user.
type story struct {
	*turns
	bridge  *Bridge
	waiting []*parcel // published, not in hand
	tasks   []*task
	all     []*parcel
	clock   time.Time
	seqs    map[string]uint64
	hand    int
	log     []string
}

func newStory(seed uint64) *story {
	m := &model{users: map[uint64]event.User{}, reached: map[event.Identity]bool{}, lost: map[event.Identity]bool{}, over: map[event.Identity]bool{}, sends: map[string]string{}}
	s := &story{turns: &turns{m, rand.New(rand.NewPCG(seed, 14))}, clock: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), seqs: map[string]uint64{}, hand: 4}
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	outside := modelPeople{s.turns}
	s.bridge = New(Config{
		People: outside, Records: outside, Publisher: outside, Workflows: modelRuns{s.turns},
		Settings: event.DefaultSettings(), Metrics: metrics.NewBridge(reg, shared), Log: slog.New(slog.DiscardHandler),
	})
	return s
}

func (s *story) say(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// publish stores an event about the user; verb is "" for a record.
func (s *story) publish(verb string) *parcel {
	stream, subject, body := event.StreamVerifications, event.VerificationSubject(event.SourceCLI, verb), `{"user_id":"u-1"}`
	if verb == "" {
		stream, subject = event.StreamUsers, event.ImportedSubject(event.SourceInbox)
		body = fmt.Sprintf(`{"user_id":"u-1","email":"a%d@example.org"}`, s.r.IntN(3))
	}
	if s.r.IntN(3) > 0 { // or at the same moment as the last one
		s.clock = s.clock.Add(time.Duration(1+s.r.IntN(1000)) * time.Millisecond)
	}
	s.seqs[stream]++
	seq := s.seqs[stream]
	p := &parcel{verb: verb, again: max(0, s.r.IntN(4)-2), message: message{
		Position: event.Position{Stream: stream, Created: s.clock.Add(-24 * time.Hour), Seq: seq, Stored: s.clock}, subject: subject, data: []byte(body),
		header: map[string][]string{"ce-id": {fmt.Sprintf("%s%d", cmp.Or(verb, "r"), seq)}},
	}}
	p.id = event.Identity{Source: event.SourceCLI, ID: p.header["ce-id"][0]}
	if verb == "" {
		p.id.Source = event.SourceInbox
		env, _ := event.ParseEnvelope(p.header, p.data)
		s.users[seq], _ = event.ParseUser(env.Data)
	}
	s.all, s.waiting = append(s.all, p), append(s.waiting, p)
	s.say("published %s", p.id)
	return p
}

// deliver gives a message to a hand, up to its first call.
func (s *story) deliver() {
	i := s.r.IntN(len(s.waiting))
	k := &task{parcel: s.waiting[i], blocked: make(chan struct{}), resume: make(chan fate), done: make(chan error, 1)}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	s.tasks = append(s.tasks, k)
	handle := s.bridge.onVerification
	if k.parcel.verb == "" {
		handle = s.bridge.onUser
	}
	go func() {
		outcome, err := handle(context.WithValue(context.Background(), taskKey{}, k), k.parcel.message)
		if err == nil {
			k.parcel.outcomes = append(k.parcel.outcomes, outcome)
		}
		k.done <- err
	}()
	s.await(k)
}

// goOn lets a handler make its next call.
func (s *story) goOn(f fate) {
	k := s.tasks[s.r.IntN(len(s.tasks))]
	k.resume <- f
	s.await(k)
}

// await waits until a handler stands before a call or has ended, and does with its
// message what the consumer would.
func (s *story) await(k *task) {
	select {
	case <-k.blocked:
		return
	case err := <-k.done:
		s.tasks = slices.DeleteFunc(s.tasks, func(o *task) bool { return o == k })
		p := k.parcel
		var refused *refusal
		switch {
		case k.dead:
			s.say("%s: its bridge dies", p.id)
		case errors.As(err, &refused):
			s.say("%s: dead letter %s", p.id, refused.reason)
			s.dead = append(s.dead, event.DeadLetter{EventID: p.id.ID, Reason: refused.reason})
			p.handled = true
			return
		case err != nil:
			switch classify(err) {
			case transient:
				if p.counted++; !strings.Contains(err.Error(), "kept changing") {
					s.fault("%s uses up a delivery: %v", p.id, err)
				}
			case permanent:
				s.fault("%s: %v", p.id, err)
			}
			s.say("%s: %v", p.id, err)
		default:
			s.say("%s: %s", p.id, p.outcomes[len(p.outcomes)-1])
			p.handled = true
			if p.again--; p.again < 0 {
				return
			}
		}
		s.waiting = append(s.waiting, p)
	}
}

// live lets the user's life go on until everything that was published is dealt
// with; wild also loses answers, bridges and runs.
func (s *story) live(script []string, wild bool) {
	for turn := 0; len(script)+len(s.waiting)+len(s.tasks) > 0 || s.step(); turn++ {
		if turn > 20000 {
			s.faults = append(s.faults, "it never comes to rest")
			return
		}
		switch c := s.r.IntN(100); {
		case wild && c < 2 && s.ended < 2 && s.last != nil && s.last.open && !s.last.written:
			s.say("the run is terminated")
			s.terminate()
		case wild && c == 2 && s.last != nil && !s.last.open && len(s.tasks) == 0: // days later
			s.say("Temporal forgets the run")
			s.last = nil
		case c < 10 && len(script) > 0:
			s.publish(script[0])
			script = script[1:]
		case c < 30 && len(s.waiting) > 0 && len(s.tasks) < s.hand:
			s.deliver()
		case c < 60:
			s.step()
		case len(s.tasks) > 0:
			f := arrives
			if wild && c >= 96 {
				f = []fate{unheard, dies}[s.r.IntN(2)]
			}
			s.goOn(f)
		}
	}
}

// Whatever becomes of events about one user, in whatever order they reach the
// bridges, given back, delivered twice, with bridges that die, answers that are lost
// and runs that are terminated between any two calls: every event that is acked has
// reached a run or is answered; the order that is answered is the one that was done;
// the newest record counts; nothing is sent twice; and a last decision ends it.
func TestAnyOrderOfOrders(t *testing.T) {
	seeds := 3000
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_STORIES")); err == nil {
		seeds = n // make soak
	}
	if testing.Short() {
		seeds = 300
	}
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		s := newStory(seed)
		verbs := []string{"", "", "", event.VerbApproved, event.VerbApproved, event.VerbRejected, event.VerbWithdrawn, event.VerbReopened, event.VerbReopened, event.VerbResend, event.VerbResend}
		var script []string
		for range 3 + s.r.IntN(12) {
			script = append(script, verbs[s.r.IntN(len(verbs))])
		}
		script = append(script, "")
		wild := s.r.IntN(3) > 0
		s.live(script, wild)
		if o := s.last; s.ended > 0 && o != nil && o.open && o.gen == 0 {
			// A decision was parked in the moment in which the user came and the user's run was
			// terminated: the next record brings the user.
			s.live([]string{""}, false)
		}
		s.judge(seen)
		if len(s.faults) == 0 {
			s.theEnd(seen)
		}
		if len(s.faults) > 0 {
			t.Errorf("seed %d, wild %v:\n%s\nPEOPLE %+v\nfaults: %s", seed, wild, strings.Join(s.log, "\n"), s.person, strings.Join(s.faults, "\n"))
			break
		}
	}
	for _, what := range []string{"reopened applied", "withdrawn applied", "resend applied", "resend late", "reopened late", "user late", "user updated", "terminated", "order outstanding"} {
		if seen[what] == 0 && !testing.Short() {
			t.Errorf("no story had: %s; they had %v", what, seen)
		}
	}
}

func (s *story) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// judge looks at what is left when everything is dealt with.
func (s *story) judge(seen map[string]int) {
	effects := map[event.Identity][]event.Effect{}
	for _, f := range s.facts {
		if f.Effect != "" {
			id := event.Identity{Source: f.EventSource, ID: f.EventID}
			effects[id] = append(effects[id], f.Effect)
		}
	}
	for _, p := range s.all {
		kind := cmp.Or(p.verb, "user")
		for _, e := range effects[p.id] {
			seen[kind+" "+string(e)]++
		}
		if p.counted >= s.bridge.MaxDeliver {
			s.fault("%s would be a dead letter: %d deliveries", p.id, p.counted)
		}
		isDead := slices.ContainsFunc(s.dead, func(d event.DeadLetter) bool { return d.EventID == p.id.ID })
		first := -1
		if len(effects[p.id]) > 0 {
			first = slices.IndexFunc(effects[p.id], func(e event.Effect) bool { return e != event.EffectDuplicate })
		}
		switch {
		case isDead || s.lost[p.id]:
		case s.person.Order != nil && s.person.Order.Identity == p.id: // its run was terminated, and nothing has come since
		case p.verb == "" && first < 0 && s.person.Opened.Identity == p.id:
			s.fault("%s has opened the onboarding, and was answered with %v only", p.id, effects[p.id])
		case p.verb == "" && (slices.Contains(p.outcomes, known) || s.over[p.id]): // the onboarding was over
		case p.verb == "" && !s.reached[p.id]:
			s.fault("%s was acked with %v and reached no run", p.id, p.outcomes)
		case p.verb == "" && first < 0:
			s.fault("%s was acked with %v and answered with %v only", p.id, p.outcomes, effects[p.id])
		case p.verb != "" && first < 0:
			s.fault("%s was acked with %v and answered with %v only", p.id, p.outcomes, effects[p.id])
		}
		// What was answered has no other answer, however often it comes again: an order in
		// no generation, and another event in none that is later than that of its effect.
		var last event.Effect
		for generation := range s.person.Generation + 1 {
			told := s.told(p.id)[generation]
			earlier := last != "" && len(told) > 0 && told[0] != last && (event.Verification{Verb: p.verb}.Order() || p.verb != "" && last == event.EffectApplied)
			if (len(told) > 1 || earlier) && !s.lost[p.id] {
				s.fault("%s was answered %v in generation %d, and %s before", p.id, told, generation, last)
			}
			if len(told) > 0 {
				last = told[0]
			}
		}
		applied := 0
		for _, f := range s.facts {
			if f.EventID == p.id.ID && f.EventSource == p.id.Source && f.Effect == event.EffectApplied && f.Answers == event.AnswersVerification {
				applied++
			}
		}
		if applied > 1 && !s.lost[p.id] {
			s.fault("%s was applied %d times", p.id, applied)
		}
	}
	for _, id := range s.parked {
		if !slices.ContainsFunc(s.facts, func(f event.Fact) bool {
			return f.Kind == event.FactParked && f.EventID == id.ID && f.EventSource == id.Source
		}) {
			s.fault("%s has parked a run, and no fact says so", id)
		}
	}
	for _, d := range s.dead {
		if d.Reason != event.ReasonUnknownUser {
			s.fault("dead letter %s: %s", d.EventID, d.Reason)
		}
	}
	if s.ended > 0 {
		seen["terminated"]++
	}
	p := s.person
	if p.Order != nil { // its run was terminated, and nothing has come since
		seen["order outstanding"]++
		if s.ended == 0 {
			s.fault("the order %s was never carried out", p.Order.Identity)
		}
	}
	if p.Status == event.StatusWithdrawn && p.Account != nil && p.Account.Active {
		s.fault("the user is withdrawn, and the account stands")
	}
	if o := s.last; o != nil && o.open && o.gen != p.Generation {
		s.fault("a run of generation %d is open", o.gen)
	}
}

// told are the answers to an event in each generation, each one once. That it is
// known says nothing new.
func (s *story) told(id event.Identity) map[int][]event.Effect {
	told := map[int][]event.Effect{}
	for _, f := range s.facts {
		about := f.EventID == id.ID && f.EventSource == id.Source && f.Effect != "" && f.Effect != event.EffectDuplicate
		if about && !slices.Contains(told[f.Generation], f.Effect) {
			told[f.Generation] = append(told[f.Generation], f.Effect)
		}
	}
	return told
}

// theEnd brings one more record and decision, which must end what is open: whatever
// was terminated is started again.
func (s *story) theEnd(seen map[string]int) {
	s.hand = 1
	before := len(s.welcome)
	waiting := !s.person.Status.Final()
	newest := s.person.RecordPlace()
	if o := s.last; o != nil && o.open && o.record.After(newest) {
		newest = o.record
	}
	s.live([]string{event.VerbApproved}, false)
	if !s.person.Status.Final() {
		s.fault("the last decision has no effect")
	}
	if s.person.Order != nil {
		s.live([]string{event.VerbWithdrawn}, false)
		if s.person.Order != nil || s.person.Account != nil && s.person.Account.Active && s.person.Status == event.StatusWithdrawn {
			s.fault("the order %s stays", s.person.Order.Identity)
		}
	}
	if waiting && s.ended == 0 && len(s.welcome) > before && !s.welcome[before].SameData(s.users[newest.Seq]) {
		s.fault("the welcome is for %s, the newest record is %d", s.welcome[before].Email, newest.Seq)
	}
	s.judge(seen)
}
