package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"usher/event"
)

func known() event.Onboarding {
	return event.Onboarding{
		UserID: "u-1", Generation: 1, Inbox: "inbox", User: &ann, Settings: event.DefaultSettings(), Revision: event.Revision,
		Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: "r1"}, Stored: stored},
	}
}

func parked() event.Onboarding {
	return event.Onboarding{UserID: "u-1", Revision: event.Revision, Settings: event.DefaultSettings(), Opened: event.Opened{Identity: event.Identity{Source: "crm", ID: "v1"}, Stored: stored}}
}

func decision(id, verb string) event.Verification {
	return event.Verification{Identity: event.Identity{Source: "crm", ID: id}, UserID: "u-1", Verb: verb, Stored: stored.Add(time.Hour)}
}

func by(source string, v event.Verification) event.Verification {
	v.Source = source
	return v
}

func checked(v event.Verification) event.Verification {
	v.Checked = true
	return v
}

func decidedBy(source string, e event.UserEvent) event.UserEvent {
	e.Verifiers = event.Verifiers{source}
	return e
}

func limited(in event.Onboarding, source string) event.Onboarding {
	in.Verifiers = event.Verifiers{source}
	return in
}

// standing is a start with the record that stands there in USERS.
func standing(in event.Onboarding, record uint64) event.Onboarding {
	in.Record, in.At = record, event.Place{Seq: record, Stored: stored}
	return in
}

// recorded is a record that stands there in USERS.
func recorded(seq uint64, e event.UserEvent) event.UserEvent {
	e.Record, e.At = seq, event.Place{Seq: seq, Stored: stored}
	return e
}

func arrival(id string, u event.User) event.UserEvent {
	return event.UserEvent{Identity: event.Identity{Source: "inbox", ID: id}, Inbox: "inbox", Generation: 1, User: u, Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: id}, Stored: stored.Add(time.Minute)}}
}

// step is a signal, so long after the start.
type step struct {
	after  time.Duration
	signal string
	arg    any
}

// story is one way through the workflow.
type story struct {
	in       event.Onboarding
	person   *event.Person // what PEOPLE says; by default that of a user who waits
	steps    []step
	cancel   time.Duration      // when the run is cancelled by hand
	sendErrs map[string][]error // by channel, one a try
	callErrs []error            // of the account's target, one a call
	untold   int                // tries to tell that a message went out which fail
	story    []string           // facts that moved the status
	asides   []string           // those that moved nothing
	status   event.Status
	sent     []string
	calls    []string // at the account's target
	orders   int      // that PEOPLE remembers
	record   uint64   // that PEOPLE names, when it says so
	orphans  int
	fails    bool
	check    func(*testing.T, *world)
}

// tell runs the stories.
func tell(t *testing.T, stories map[string]story) {
	for name, tc := range stories {
		t.Run(name, tc.run)
	}
}

func (tc story) run(t *testing.T) {
	env, w := setup(t)
	switch {
	case tc.person != nil:
		w.person = *tc.person
	case tc.in.Generation == 0:
		w.person = event.Person{}
	}
	if tc.sendErrs != nil {
		w.sendErrs = tc.sendErrs
	}
	w.callErrs, w.untold = tc.callErrs, tc.untold
	for _, s := range tc.steps {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(s.signal, s.arg) }, s.after)
	}
	if tc.cancel > 0 {
		env.RegisterDelayedCallback(env.CancelWorkflow, tc.cancel)
	}
	env.ExecuteWorkflow(event.WorkflowOnboard, tc.in)
	require.True(t, env.IsWorkflowCompleted())
	err := env.GetWorkflowError()
	if (err != nil) != tc.fails {
		t.Fatalf("the run ended with %v", err)
	}
	var app *temporal.ApplicationError
	if tc.fails && (!errors.As(err, &app) || app.Type() != "unknown_user") {
		t.Errorf("the run failed with %v, want type unknown_user", err)
	}
	moved, asides := w.story()
	if d := gocmp.Diff(tc.story, moved); d != "" {
		t.Errorf("facts (-want +got)\n%s", d)
	}
	if d := gocmp.Diff(tc.asides, asides); d != "" {
		t.Errorf("facts that move nothing (-want +got)\n%s", d)
	}
	if len(tc.story) > 0 && w.status() != tc.status {
		t.Errorf("the facts end in %s, want %s", w.status(), tc.status)
	}
	if tc.in.Generation > 0 && w.person.Status != tc.status {
		t.Errorf("PEOPLE says %s, want %s", w.person.Status, tc.status)
	}
	w.told(t)
	slices.Sort(w.sent)
	slices.Sort(tc.sent)
	if d := gocmp.Diff(tc.sent, w.sent); d != "" {
		t.Errorf("sent (-want +got)\n%s", d)
	}
	if d := gocmp.Diff(tc.calls, w.calls); d != "" {
		t.Errorf("calls (-want +got)\n%s", d)
	}
	if len(w.person.Orders) != tc.orders || w.person.Order != nil {
		t.Errorf("PEOPLE remembers the orders %v, and %v in work; want %d and none", w.person.Orders, w.person.Order, tc.orders)
	}
	if tc.record > 0 && w.person.Record != tc.record {
		t.Errorf("PEOPLE has the record %d, want %d", w.person.Record, tc.record)
	}
	if len(w.orphans) != tc.orphans {
		t.Errorf("%d orphans, want %d", len(w.orphans), tc.orphans)
	}
	if tc.check != nil {
		tc.check(t, w)
	}
}
