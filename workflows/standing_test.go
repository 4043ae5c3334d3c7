package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"usher/event"
)

// late is a run that a bridge starts which has slept since it looked into PEOPLE:
// what it brings is no longer so.
func late(status event.Status, verb string, meanwhile func(p *event.Person)) (event.Onboarding, *event.Person) {
	in, p := after(status, order("o1", verb), nil, both)
	meanwhile(p)
	if err := p.Check(); err != nil {
		panic(err)
	}
	return in, p
}

// must lets a person go through something that cannot be refused.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// carriedOut is what another run has made of the order.
func carriedOut(p *event.Person) {
	id := p.Order.Identity
	must(p.End(event.Ended{Generation: 1, Status: p.Status, N: p.N + 1, Decided: p.Decided, Order: &id}))
}

func withdrawn(p *event.Person) {
	id := p.Order.Identity
	v := order("w9", event.VerbWithdrawn)
	must(p.End(event.Ended{Generation: 1, Status: event.StatusWithdrawn, N: p.N + 1, Decided: p.Decided.Instead(v), Order: &id, Orders: []event.Order{{Identity: v.Identity, Place: v.Place()}}}))
}

func reopened(p *event.Person) {
	carriedOut(p)
	v := order("o9", event.VerbReopened)
	v.Seq, v.Stored = 90, stored.Add(90*time.Hour)
	must(p.Reopen(v))
}

// A run that was started from PEOPLE does what PEOPLE says when it begins, and not
// what its bridge saw. A regression of issue 14: a resend that was late by another
// order's run welcomed a user who had been withdrawn meanwhile.
func TestAStartThatIsLate(t *testing.T) {
	done, donePerson := late(event.StatusPartlyWelcomed, event.VerbResend, carriedOut)
	over, overPerson := late(event.StatusWelcomed, event.VerbResend, withdrawn)
	more, morePerson := late(event.StatusWelcomed, event.VerbResend, carriedOut)
	next, nextPerson := late(event.StatusWelcomed, event.VerbWithdrawn, reopened)
	open := known()
	open.FromPeople = true
	ended := &event.Person{Source: "inbox", Generation: 1, Status: event.StatusRejected, Opened: open.Opened, N: 3, Decided: &event.Decided{Identity: event.Identity{Source: "crm", ID: "v1"}, Verb: event.VerbRejected, At: stored}}
	decide := decision("v9", event.VerbApproved)
	decide.Seq, decide.Stored = 99, stored.Add(99*time.Hour)
	brought := arrival("o9", ann)
	brought.Source, brought.Generation, brought.Record, brought.Opened = event.SourceCLI, 2, 7, nextPerson.Opened
	tell(t, map[string]story{
		"its order was carried out": {
			in: done, person: donePerson, status: event.StatusPartlyWelcomed, orders: 1,
		},
		"the user was withdrawn": {
			in: over, person: overPerson, status: event.StatusWithdrawn, orders: 2,
		},
		"it carries out what it is given": {
			in: more, person: morePerson,
			steps:  []step{{0, event.SignalWithdraw, order("o2", event.VerbWithdrawn)}},
			story:  []string{"withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, orders: 2,
		},
		"the user was reopened": {
			in: next, person: nextPerson,
			steps:  []step{{0, event.SignalVerification, decide}, {time.Minute, event.SignalUser, brought}},
			story:  []string{"parked parked", "started waiting", "approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, orders: 3,
		},
		"the generation is over": {
			in: open, person: ended, status: event.StatusRejected,
		},
	})
}

// A run that was started from PEOPLE gets the record that opened its generation when that
// comes again. It was told when the first run began, so it moves nothing. A regression,
// seen in the simulation: it was the newest fact behind the end, and said active.
func TestTheOpenerComesAgain(t *testing.T) {
	opener := arrival("r1", ann)
	opener.Identity = known().Opened.Identity
	approve := step{2 * time.Minute, event.SignalVerification, decision("v1", event.VerbApproved)}
	later := []error{event.RetryAfter(errors.New("busy"), 10*time.Minute)}
	told := []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"}
	sent := []string{"email Ann", "sms Ann"}
	tell(t, map[string]story{
		"before the decision": {
			in: known(), steps: []step{{time.Minute, event.SignalUser, opener}, approve},
			story: told, asides: []string{"started waiting"}, status: event.StatusWelcomed, sent: sent,
		},
		"while messages are on their way": {
			in: known(), steps: []step{approve, {3 * time.Minute, event.SignalUser, opener}},
			sendErrs: map[string][]error{event.ChannelEmail: later, event.ChannelSMS: later},
			story:    told, asides: []string{"started active"}, status: event.StatusWelcomed, sent: sent,
		},
	})
}

// A worker may die with the task in which a run began and carried an order out: PEOPLE
// has the order as done, and no one was told. So the next worker must find in the
// history what the first one saw, and not look anew.
func TestWhatARunSawIsOnRecordBeforeAnythingIsMadeOfIt(t *testing.T) {
	in, p := after(event.StatusWelcomed, order("o1", event.VerbWithdrawn), nil, both)
	env, w := setup(t)
	w.person = *p
	first := ""
	env.SetOnActivityStartedListener(func(i *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if first == "" {
			first = i.ActivityType.Name
		}
	})
	env.SetOnLocalActivityStartedListener(func(i *activity.Info, _ context.Context, _ []any) {
		if first == "" {
			first = "the local " + i.ActivityType.Name
		}
	})
	env.ExecuteWorkflow(event.WorkflowOnboard, in)
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if first != activityLookUp {
		t.Errorf("the first step is %s", first)
	}
}
