package bridge

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// order publishes what only an operator may say.
func (r *rig) order(id, verb, userID string) {
	r.Helper()
	r.publish("verifications.v1.cli."+verb, id, fmt.Sprintf(`{"user_id":%q}`, userID))
}

// over brings a user whose onboarding then ends with status, as its run would.
func (r *rig) over(userID string, status event.Status) {
	r.Helper()
	r.user("r-"+userID, userID)
	r.eventually(func() error {
		r.runs.mu.Lock()
		defer r.runs.mu.Unlock()
		if r.runs.byUser[userID] == nil {
			return errors.New("not started")
		}
		r.runs.byUser[userID].over = true
		return nil
	})
	r.end(userID, status)
}

// end is what a run writes when it ends.
func (r *rig) end(userID string, status event.Status) {
	r.Helper()
	_, err := r.people.Update(context.Background(), userID, func(p *event.Person) error {
		p.Status, p.N, p.Order = status, 5, nil
		p.Sends = map[string]event.Send{
			event.SendKey(p.Generation, event.PurposeWelcome, event.ChannelEmail, 1): {State: event.SendAccepted},
			event.SendKey(p.Generation, event.PurposeWelcome, event.ChannelSMS, 1):   {State: event.SendFailed},
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}

// close ends the user's run in Temporal.
func (r *rig) close(userID string) {
	r.runs.mu.Lock()
	defer r.runs.mu.Unlock()
	r.runs.byUser[userID].over = true
}

func (r *rig) person(userID string) event.Person {
	r.Helper()
	p, _, err := r.people.Get(context.Background(), userID)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// said is an order of an operator, as it stands in no stream.
func said(id, verb string) event.Verification {
	return event.Verification{Identity: event.Identity{Source: event.SourceCLI, ID: id}, Verb: verb, Stored: time.Now()}
}

// goThrough lets PEOPLE take v, as a bridge does that dies right after it.
func (r *rig) goThrough(userID string, verb func(*event.Person, event.Verification) error, v event.Verification) {
	r.Helper()
	if _, err := r.people.Update(context.Background(), userID, func(p *event.Person) error { return verb(p, v) }); err != nil {
		r.Fatal(err)
	}
}

func TestReopened(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusRejected)
	r.order("o1", event.VerbReopened, "u-1")
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1}
	r.waitOutcomes(want)

	p := r.person("u-1")
	if p.Generation != 2 || p.Status != event.StatusWaiting || p.Decided != nil || p.Opened.ID != "o1" {
		t.Errorf("PEOPLE has %+v", p)
	}
	in := r.runs.again[0]
	if in.Generation != 2 || in.User == nil || in.User.Email != "x@example.org" || in.Order != nil {
		t.Errorf("the run was started with %+v", in)
	}

	// While it is open there is nothing to reopen; the same event again is known,
	// also when the second generation is over and Temporal has forgotten it.
	r.order("o2", event.VerbReopened, "u-1")
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	r.close("u-1")
	r.end("u-1", event.StatusWelcomed)
	r.runs.mu.Lock()
	delete(r.runs.byUser, "u-1")
	r.runs.mu.Unlock()
	r.order("o1", event.VerbReopened, "u-1")
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	if len(r.runs.again) != 1 || r.person("u-1").Generation != 2 {
		t.Errorf("%d runs, generation %d", len(r.runs.again), r.person("u-1").Generation)
	}
	if d := cmp.Diff([]string{"started", "reopened", "unchanged", "duplicate"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}

// A reopened user whose record was purged waits for another one.
func TestReopenedWithoutItsRecord(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusExpired)
	s, err := r.js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.order("o1", event.VerbReopened, "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1})
	if in := r.runs.again[0]; in.User != nil || in.Generation != 2 {
		t.Errorf("the run was started with %+v", in)
	}
	r.user("r2", "u-1")
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1, "USERS signalled": 1}
	r.waitOutcomes(want)

	// The order comes again when a decision has started another run for the user.
	r.kill("u-1")
	r.approve("v1", "u-1")
	want["VERIFICATIONS signalled"]++
	r.waitOutcomes(want)
	r.order("o1", event.VerbReopened, "u-1")
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
}

// Orders about a user who is over are carried out by a run of their own, each
// once, in whatever state the run before it is.
func TestOrdersAfterTheEnd(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusPartlyWelcomed)
	r.order("o1", event.VerbResend, "u-1")
	want := map[string]float64{"USERS started": 1, "VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	in := r.runs.again[0]
	sent := map[string]event.Sent{event.ChannelEmail: {Ordinal: 1, Accepted: true}, event.ChannelSMS: {Ordinal: 1}}
	if in.Order == nil || in.User == nil || in.Record != 1 || !in.FromPeople {
		t.Errorf("the run was started with %+v", in)
	}
	if p := r.person("u-1"); p.Order == nil || p.Order.ID != "o1" || cmp.Diff(sent, p.Order.Sent) != "" {
		t.Errorf("PEOPLE has the order %v", p.Order)
	}

	r.order("o2", event.VerbWithdrawn, "u-1") // to the run that is open
	want["VERIFICATIONS signalled"]++
	r.waitOutcomes(want)
	r.close("u-1")
	r.end("u-1", event.StatusWelcomed)

	r.order("o1", event.VerbResend, "u-1") // once more
	want["VERIFICATIONS known"]++
	r.waitOutcomes(want)
	r.order("o3", event.VerbWithdrawn, "u-1")
	want["VERIFICATIONS started"]++
	r.waitOutcomes(want)
	if in := r.runs.again[1]; in.Order == nil || in.User != nil { // what it does not need it does not get
		t.Errorf("the run was started with %+v", in)
	}
}

// While the last run is open, its user is not reopened, though PEOPLE has the
// end: the run would take the next generation's events for its own.
func TestReopenedWaitsForTheRun(t *testing.T) {
	for name, before := range map[string]func(*rig, map[string]float64){
		"an order": func(r *rig, want map[string]float64) {
			r.over("u-1", event.StatusWelcomed)
			r.order("o1", event.VerbResend, "u-1")
			want["VERIFICATIONS started"]++
		},
		"the end, before it closes": func(r *rig, _ map[string]float64) {
			r.user("r1", "u-1")
			r.waitOutcomes(map[string]float64{"USERS started": 1})
			r.end("u-1", event.StatusWelcomed)
		},
		"a signal after the end": func(r *rig, want map[string]float64) {
			r.user("r1", "u-1")
			r.waitOutcomes(map[string]float64{"USERS started": 1})
			r.end("u-1", event.StatusWelcomed)
			r.order("o1", event.VerbWithdrawn, "u-1")
			want["VERIFICATIONS signalled"]++
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.run()
			want := map[string]float64{"USERS started": 1}
			before(r, want)
			r.waitOutcomes(want)
			r.order("o2", event.VerbReopened, "u-1")
			r.eventually(func() error {
				if n := r.person("u-1").Generation; n != 1 {
					t.Fatalf("generation %d while the run of the first is open", n)
				}
				r.runs.mu.Lock()
				defer r.runs.mu.Unlock()
				if r.runs.looks < 4 {
					return errors.New("not tried again yet")
				}
				return nil
			})
			s, err := r.js.Consumer(t.Context(), event.StreamVerifications, event.ConsumerVerifications)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.CachedInfo().NumRedelivered; n != 0 {
				t.Error("to wait used up a delivery")
			}
			r.close("u-1")
			r.end("u-1", event.StatusWelcomed)
			want["VERIFICATIONS started"]++
			r.waitOutcomes(want)
			if n := r.person("u-1").Generation; n != 2 {
				t.Errorf("generation %d after it", n)
			}
		})
	}
}

// An order that PEOPLE takes between the look and the change is carried out
// first.
func TestReopenedSeesAnOrderThatComesBetween(t *testing.T) {
	r := newRig(t)
	r.run()
	r.over("u-1", event.StatusWelcomed)
	before := r.person("u-1")
	r.goThrough("u-1", (*event.Person).TakeOrder, said("o1", event.VerbResend))
	v := said("o2", event.VerbReopened)
	v.UserID = "u-1"
	if _, err := r.bridge.reopen(t.Context(), before, v); !errors.Is(err, errMoved) {
		t.Errorf("got %v", err)
	}
	if p := r.person("u-1"); p.Generation != 1 || p.Order == nil {
		t.Errorf("PEOPLE has %+v", p)
	}
}

func TestOrdersThatCannotBe(t *testing.T) {
	r := newRig(t)
	r.run()
	r.order("o1", event.VerbReopened, "u-nobody")
	r.order("o2", event.VerbResend, "u-nobody")
	r.order("o3", event.VerbWithdrawn, "u-later") // like a decision, may come first
	r.over("u-1", event.StatusRejected)
	r.order("o4", event.VerbWithdrawn, "u-1")
	r.order("o5", event.VerbResend, "u-1")
	r.over("u-3", event.StatusUnreached)
	if _, err := r.people.Update(t.Context(), "u-3", func(p *event.Person) error { p.Account = &event.Account{Target: "scim"}; return nil }); err != nil {
		t.Fatal(err)
	}
	r.order("o9", event.VerbResend, "u-3") // its account was taken back
	r.publish("verifications.v1.crm.reopened", "o6", `{"user_id":"u-1"}`)
	r.publish("verifications.v1.cli.resend", "o7", `{"user_id":"u-1","channels":["pigeon"]}`)
	r.waitOutcomes(map[string]float64{
		"USERS started": 2, "VERIFICATIONS denied": 3, "VERIFICATIONS parked": 1, "VERIFICATIONS known": 3, "VERIFICATIONS malformed": 1,
	})
	r.over("u-2", event.StatusWelcomed)
	if _, err := r.people.Update(t.Context(), "u-2", func(p *event.Person) error { p.Record = 0; return nil }); err != nil {
		t.Fatal(err)
	}
	r.order("o8", event.VerbResend, "u-2")
	r.eventually(func() error {
		got := r.messages(event.StreamDeadLetters, "deadletters.v1.VERIFICATIONS.")
		counts := map[string]int{}
		for _, reason := range got {
			counts[reason]++
		}
		if d := cmp.Diff(map[string]int{"unknown_user": 2, "denied": 1, "malformed": 1, "no_record": 1}, counts); d != "" {
			return errors.New("dead letters (-want +got)\n" + d)
		}
		return nil
	})
}

// A crash between the note in PEOPLE and the start is made good by the next
// delivery.
func TestOrdersSurviveACrash(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.over("u-1", event.StatusWelcomed)
	r.over("u-2", event.StatusRejected)
	stop()
	r.goThrough("u-1", (*event.Person).TakeOrder, said("o1", event.VerbResend))
	r.goThrough("u-2", (*event.Person).Reopen, said("o2", event.VerbReopened))
	r.order("o1", event.VerbResend, "u-1")
	r.order("o2", event.VerbReopened, "u-2")
	r.run()
	r.waitOutcomes(map[string]float64{"VERIFICATIONS started": 2})
	if len(r.runs.again) != 2 {
		t.Errorf("%d runs, want 2", len(r.runs.again))
	}
}

// reopenedByHand makes a user whose onboarding was rejected wait in generation
// 2, opened by the order o2 at the command line, without a run: a crash right
// after PEOPLE took it, and Temporal has forgotten the first generation.
func (r *rig) reopenedByHand(userID string) {
	r.Helper()
	stop := r.run()
	r.over(userID, event.StatusRejected)
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	stop()
	r.goThrough(userID, (*event.Person).Reopen, said("o2", event.VerbReopened))
	r.runs.mu.Lock()
	defer r.runs.mu.Unlock()
	delete(r.runs.byUser, userID)
}

// A decision about a reopened user whose run is not there yet starts that run, in
// the name of the order that opened it, and costs nothing of what its source may
// say about people who are not there.
func TestADecisionStartsTheRunOfAReopenedUser(t *testing.T) {
	r := newRig(t)
	r.mostParked = 1
	r.reopenedByHand("u-1")
	r.run()
	r.approve("v1", "u-1")
	want := map[string]float64{"VERIFICATIONS signalled": 1}
	r.waitOutcomes(want)
	r.approve("v2", "ghost")
	want["VERIFICATIONS parked"]++
	r.waitOutcomes(want)
	r.order("o2", event.VerbReopened, "u-1") // once more
	want["VERIFICATIONS started"]++
	r.waitOutcomes(want)
	if len(r.runs.again) != 1 {
		t.Fatalf("%d runs", len(r.runs.again))
	}
	if in := r.runs.again[0]; in.Generation != 2 || in.User == nil || in.Opened.ID != "o2" {
		t.Errorf("the run was started with %+v", in)
	}
	x := r.runs.byUser["u-1"]
	if d := cmp.Diff([]string{"verification v1"}, x.signals); d != "" || x.parked {
		t.Errorf("signals (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"started", "reopened", "parked"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}

// A decision of which an earlier bridge made a parked run does not keep the order
// from reopening its user.
func TestReopenedWhileADecisionIsParked(t *testing.T) {
	r := newRig(t)
	r.reopenedByHand("u-1")
	r.runs.byUser["u-1"] = &run{started: "of the decision", parked: true, requests: map[string]bool{}}
	r.run()
	r.order("o2", event.VerbReopened, "u-1")
	r.waitOutcomes(map[string]float64{"VERIFICATIONS signalled": 1})
	e := r.runs.byUser["u-1"].brought
	if e.Generation != 2 || e.User.Email != "x@example.org" || e.Record != 1 || e.Opened.ID != "o2" {
		t.Errorf("the run was given %+v", e)
	}
	if d := cmp.Diff([]string{"started", "reopened"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
}

// A decision about a user who is known, and whose run is not there yet, costs
// nothing of what its source may say about people who are not there.
func TestWhoIsKnownIsNoFlood(t *testing.T) {
	r := newRig(t)
	r.mostParked = 1
	for _, id := range []string{"u-1", "u-2"} {
		if _, err := r.people.Claim(t.Context(), id, event.Person{Source: event.SourceInbox, Generation: 1, Status: event.StatusWaiting}); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.approve("v1", "u-1")
	r.approve("v2", "u-2")
	r.waitOutcomes(map[string]float64{"VERIFICATIONS signalled": 2})
}

// An operator of Temporal terminates the run of a reopened user. Whatever comes about
// the user then, a record, a decision or the order once more, gets another run,
// each time that it happens.
func TestATerminatedRunOfAReopenedUserIsStartedAgain(t *testing.T) {
	r := newRig(t)
	r.reopenedByHand("u-1")
	r.run()
	r.order("o2", event.VerbReopened, "u-1")
	want := map[string]float64{"VERIFICATIONS started": 1}
	r.waitOutcomes(want)
	for _, step := range []struct {
		outcome string
		publish func()
	}{
		{"USERS signalled", func() { r.user("r2", "u-1") }},
		{"VERIFICATIONS signalled", func() { r.approve("v1", "u-1") }},
		{"VERIFICATIONS started", func() { r.order("o2", event.VerbReopened, "u-1") }},
		{"USERS signalled", func() { r.user("r3", "u-1") }},
	} {
		r.runs.mu.Lock()
		was := r.runs.byUser["u-1"]
		was.over, was.killed = true, true
		r.runs.mu.Unlock()
		step.publish()
		want[step.outcome]++
		r.waitOutcomes(want)
		r.runs.mu.Lock()
		if x := r.runs.byUser["u-1"]; x == was || x.over {
			t.Errorf("%s, and nothing runs", step.outcome)
		}
		r.runs.mu.Unlock()
	}

	// A run that ended by itself is not followed by another.
	r.end("u-1", event.StatusRejected)
	r.close("u-1")
	was := r.runs.byUser["u-1"]
	r.user("r4", "u-1")
	want["USERS known"]++
	r.waitOutcomes(want)
	if p := r.person("u-1"); r.runs.byUser["u-1"] != was {
		t.Errorf("another run for somebody who is %s", p.Status)
	}
}

// A generation that ends while it is started is not started again.
func TestAGenerationThatEndsMeanwhileIsOver(t *testing.T) {
	r := newRig(t)
	r.reopenedByHand("u-1")
	r.run()
	r.order("o2", event.VerbReopened, "u-1")
	r.waitOutcomes(map[string]float64{"VERIFICATIONS started": 1})
	before := r.person("u-1")
	r.end("u-1", event.StatusRejected)
	r.close("u-1")
	was := r.runs.byUser["u-1"]
	if err := r.bridge.startFromPeople(t.Context(), before, event.Onboarding{UserID: "u-1", Generation: 2}); !errors.Is(err, ErrOver) || r.runs.byUser["u-1"] != was {
		t.Errorf("got %v", err)
	}
}

// An order that found nothing to do was answered, and does nothing when it comes
// again and there is something. A regression of issue 14: a reopening that was
// answered as unchanged reopened the user.
func TestAnOrderIsAnsweredOnce(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("r1", "u-1")
	want := map[string]float64{"USERS started": 1}
	r.waitOutcomes(want)
	for _, meanwhile := range []func(){
		func() {},
		func() { r.close("u-1"); r.end("u-1", event.StatusRejected) },
		func() { r.goThrough("u-1", (*event.Person).Reopen, said("o9", event.VerbReopened)) },
	} {
		meanwhile()
		r.order("o1", event.VerbReopened, "u-1")
		want["VERIFICATIONS known"]++
		r.waitOutcomes(want)
	}
	if d := cmp.Diff([]string{"started", "unchanged"}, r.facts()); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
	if p := r.person("u-1"); p.Generation != 2 || len(r.runs.again) != 0 {
		t.Errorf("generation %d, %d runs", p.Generation, len(r.runs.again))
	}
}
