package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/serviceerror"

	"usher/event"
)

// kill ends the user's run from outside.
func (r *rig) kill(userID string) {
	r.runs.mu.Lock()
	defer r.runs.mu.Unlock()
	r.runs.byUser[userID].over, r.runs.byUser[userID].killed = true, true
}

// ordersStarted are the events in whose names runs for orders were started.
func (r *rig) ordersStarted() []string {
	r.runs.mu.Lock()
	defer r.runs.mu.Unlock()
	var out []string
	for _, in := range r.runs.again {
		if in.Order != nil {
			out = append(out, in.Order.ID)
		}
	}
	return out
}

// An order that PEOPLE has taken stays until it is carried out, though its bridge
// died right after that. The next one sees to it, and is given to its run; a
// reopening waits. A regression of issue 14: the next one took its place, and the
// withdrawal was answered as a duplicate while the account stood.
func TestAnOrderThatPeopleHasTakenIsCarriedOut(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.over("u-1", event.StatusWelcomed)
	stop()
	taken := said("o1", event.VerbWithdrawn)
	taken.Actor, taken.Reason = "jo", "left"
	r.goThrough("u-1", (*event.Person).TakeOrder, taken)

	r.order("o2", event.VerbResend, "u-1")
	r.order("o3", event.VerbReopened, "u-1")
	r.run()
	want := map[string]float64{"VERIFICATIONS signalled": 1}
	r.waitOutcomes(want)
	if d := cmp.Diff([]string{"o1"}, r.ordersStarted()); d != "" {
		t.Fatalf("runs for orders (-want +got)\n%s", d)
	}
	in := r.runs.again[0]
	if o := in.Order; o.Verb != event.VerbWithdrawn || o.By() != "cli:jo" || o.UserID != "u-1" || o.Reason != "" || !in.FromPeople {
		t.Errorf("the run was started with %+v", o)
	}
	if d := cmp.Diff([]string{"verification o2"}, r.runs.byUser["u-1"].signals); d != "" {
		t.Errorf("signals (-want +got)\n%s", d)
	}
	if p := r.person("u-1"); p.Order == nil || p.Order.ID != "o1" || p.Did(event.Identity{Source: "cli", ID: "o2"}) {
		t.Errorf("PEOPLE has %+v", p)
	}
	r.order("o1", event.VerbWithdrawn, "u-1") // its own event comes again
	want["VERIFICATIONS started"]++
	r.waitOutcomes(want)
	if d := cmp.Diff([]string{"o1"}, r.ordersStarted()); d != "" {
		t.Errorf("runs for orders (-want +got)\n%s", d)
	}
	r.close("u-1")
	r.end("u-1", event.StatusWithdrawn)
	want["VERIFICATIONS started"]++ // the reopening
	r.waitOutcomes(want)
	if p := r.person("u-1"); p.Generation != 2 {
		t.Errorf("PEOPLE has %+v", p)
	}
}

// An order that an earlier usher took is a name only, so others wait for its own
// event, which says what it was.
func TestAnOrderThatAnEarlierUsherTook(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.over("u-1", event.StatusWelcomed)
	stop()
	r.goThrough("u-1", (*event.Person).TakeOrder, said("o1", event.VerbWithdrawn))
	_, err := r.people.Update(t.Context(), "u-1", func(p *event.Person) error {
		p.Order = &event.Outstanding{Identity: p.Order.Identity}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	waits := said("o2", event.VerbResend)
	waits.UserID = "u-1"
	r.run()
	if _, err := r.bridge.onOrder(t.Context(), waits); !errors.Is(err, errWaits) || classify(err) != busy {
		t.Errorf("got %v", err)
	}
	r.order("o2", event.VerbResend, "u-1")
	r.order("o1", event.VerbWithdrawn, "u-1")
	r.waitOutcomes(map[string]float64{"VERIFICATIONS started": 1, "VERIFICATIONS signalled": 1})
	if d := cmp.Diff([]string{"o1"}, r.ordersStarted()); d != "" {
		t.Errorf("runs for orders (-want +got)\n%s", d)
	}
}

// The run of an order that was ended from outside is followed by another one, which
// goes on from where the order was taken: a message that went out is no earlier
// one.
func TestAnOrderWhoseRunWasTerminatedIsCarriedOutAgain(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusPartlyWelcomed)
	r.order("o1", event.VerbResend, "u-1")
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	_, err := r.people.UpdateSend(t.Context(), "u-1", event.SendKey(1, event.PurposeWelcome, event.ChannelSMS, 2), func(s *event.Send) error {
		s.State = event.SendAccepted
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"o2", "o3"} {
		r.kill("u-1")
		r.order(id, event.VerbResend, "u-1")
		want["VERIFICATIONS signalled"]++
		r.waitOutcomes(want)
	}
	if d := cmp.Diff([]string{"o1", "o1", "o1"}, r.ordersStarted()); d != "" {
		t.Errorf("runs for orders (-want +got)\n%s", d)
	}
	for _, in := range r.runs.again {
		if !in.FromPeople || in.User == nil {
			t.Errorf("the run was started with %+v", in)
		}
	}
	if o := r.person("u-1").Order; o == nil || o.Sent[event.ChannelSMS].Ordinal != 1 {
		t.Errorf("PEOPLE has the order %+v", o)
	}
}

// An order that Temporal will never take becomes a dead letter and is given up, so
// that it stands in no other's way.
func TestAnOrderThatTemporalRefusesIsGivenUp(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.over("u-1", event.StatusWelcomed)
	stop()
	r.goThrough("u-1", (*event.Person).TakeOrder, said("o1", event.VerbWithdrawn))
	refuses := &refusing{Workflows: r.runs, id: "o1"}
	r.workflows = refuses
	r.run()
	r.order("o2", event.VerbResend, "u-1")
	want := map[string]float64{"VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	r.close("u-1")
	r.end("u-1", event.StatusWelcomed)
	r.order("o1", event.VerbWithdrawn, "u-1")
	want["VERIFICATIONS malformed"]++
	r.waitOutcomes(want)
	if p := r.person("u-1"); p.Order != nil || p.Did(event.Identity{Source: "cli", ID: "o1"}) {
		t.Errorf("PEOPLE has %+v", p)
	}
	if d := cmp.Diff([]string{"VERIFICATIONS.refused"}, r.messages(event.StreamDeadLetters, "deadletters.v1.")); d != "" {
		t.Errorf("dead letters (-want +got)\n%s", d)
	}
	refuses.allow() // and sent again, it is an order like any other
	r.order("o1", event.VerbWithdrawn, "u-1")
	want["VERIFICATIONS started"]++
	r.waitOutcomes(want)
}

// refusing refuses to start runs in the name of one event.
type refusing struct {
	Workflows
	mu sync.Mutex
	id string
}

func (f *refusing) allow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.id = ""
}

func (f *refusing) Again(ctx context.Context, id event.Identity, in event.Onboarding) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id.ID == f.id {
		return serviceerror.NewInvalidArgument("the input is too large")
	}
	return f.Workflows.Again(ctx, id, in)
}

// blind tells each event that there is no run the first time that it asks, as if
// all had asked at the same moment.
type blind struct {
	Workflows
	mu    sync.Mutex
	asked map[event.Identity]bool
}

func (b *blind) Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	b.mu.Lock()
	first := !b.asked[id]
	b.asked[id] = true
	b.mu.Unlock()
	if first {
		return ErrNoRun
	}
	return b.Workflows.Signal(ctx, id, userID, signal, arg)
}

// Several events about a user without a run, at the same moment: each reaches
// the run that one of them starts, once, and the run has the newest record. A
// regression of issue 14: from the second generation on Temporal took the starts
// of the others for the one that it knew, and they were acked.
func TestEventsThatStartARunTogetherAllReachIt(t *testing.T) {
	for name, before := range map[string]func(*rig){
		"reopened": func(r *rig) { r.reopenedByHand("u-1") },
		"terminated": func(r *rig) {
			stop := r.run()
			r.user("r-u-1", "u-1")
			r.waitOutcomes(map[string]float64{"USERS started": 1})
			stop()
			r.kill("u-1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			before(r)
			r.workflows = &blind{Workflows: r.runs, asked: map[event.Identity]bool{}}
			for _, id := range []string{"r2", "r3", "r4"} {
				r.user(id, "u-1")
			}
			for _, id := range []string{"v1", "v2"} {
				r.approve(id, "u-1")
			}
			r.run()
			r.eventually(func() error {
				n := 0.0
				for _, k := range r.outcomes() {
					n += k
				}
				if n < 5 {
					return errors.New("not all are acked")
				}
				return nil
			})
			for _, id := range []event.Identity{{Source: "inbox", ID: "r2"}, {Source: "inbox", ID: "r3"}, {Source: "inbox", ID: "r4"}, {Source: "crm", ID: "v1"}, {Source: "crm", ID: "v2"}} {
				if n := r.runs.events[id]; n != 1 {
					t.Errorf("%s reached a run %d times", id, n)
				}
			}
			if n := r.person("u-1").Record; n != 1 && name == "reopened" {
				t.Errorf("PEOPLE has the record %d, though no run said so", n)
			}
			if x := r.runs.byUser["u-1"]; x.over || x.parked {
				t.Errorf("the run is %+v", x)
			}
		})
	}
}

// The run of a user in the first generation is terminated. What comes then
// gets another run, with the user's data; a decision is not parked for a record
// that has come already. A regression of issue 14.
func TestATerminatedRunOfTheFirstGenerationIsStartedAgain(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("r1", "u-1")
	want := map[string]float64{"USERS started": 1}
	r.waitOutcomes(want)
	for _, step := range []struct {
		outcome string
		publish func()
	}{
		{"VERIFICATIONS signalled", func() { r.approve("v1", "u-1") }},
		{"VERIFICATIONS signalled", func() { r.approve("v2", "u-1") }},
		{"USERS signalled", func() { r.user("r2", "u-1") }},
		{"VERIFICATIONS signalled", func() { r.order("o1", event.VerbWithdrawn, "u-1") }},
	} {
		r.kill("u-1")
		was := r.runs.byUser["u-1"]
		step.publish()
		want[step.outcome]++
		r.waitOutcomes(want)
		r.runs.mu.Lock()
		x := r.runs.byUser["u-1"]
		if x == was || x.over || x.parked {
			t.Errorf("%s, and the run is %+v", step.outcome, x)
		}
		if x.in.User == nil || x.in.Generation != 1 || x.in.Opened.ID != "r1" {
			t.Errorf("%s: the run was started with %+v", step.outcome, x.in)
		}
		r.runs.mu.Unlock()
	}
}

// A record that is older than the one PEOPLE names starts no run with its data.
func TestAnOlderRecordStartsNoRunWithItsData(t *testing.T) {
	r := newRig(t)
	r.publish("users.v1.imported.inbox", "r1", `{"user_id":"u-1","email":"old@example.org"}`)
	r.publish("users.v1.imported.inbox", "r2", `{"user_id":"u-1","email":"new@example.org"}`)
	claimed := event.Opened{Identity: event.Identity{Source: "inbox", ID: "r2"}, Seq: 2}
	if _, err := r.people.Claim(t.Context(), "u-1", event.NewPerson("inbox", claimed)); err != nil { // by a bridge that died
		t.Fatal(err)
	}
	r.runs.hold = "r2"
	r.run()
	r.eventually(func() error {
		r.runs.mu.Lock()
		defer r.runs.mu.Unlock()
		if r.runs.byUser["u-1"] == nil || len(r.runs.byUser["u-1"].signals) == 0 {
			return errors.New("r1 started nothing")
		}
		return nil
	})
	if in := r.runs.byUser["u-1"].in; in.User == nil || in.User.Email != "new@example.org" || in.Record != 2 {
		t.Errorf("the run was started with %+v", in)
	}
	if p := r.person("u-1"); p.Record != 2 {
		t.Errorf("PEOPLE has the record %d", p.Record)
	}
}
