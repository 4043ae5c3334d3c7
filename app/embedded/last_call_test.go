//go:build !noembed

package embedded

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"usher/bridge"
	"usher/event"
)

// interrupted is a world in which something happens while dead letters are kept.
type interrupted struct {
	world
	meanwhile func()
}

func (i *interrupted) Orphan(context.Context, event.Verification, string) error {
	if f := i.meanwhile; f != nil {
		i.meanwhile = nil
		f()
	}
	return nil
}

// What reaches a run together with the end of a wait was there in time. A worker
// that was away at that moment meets both in one task, where the timer goes first.
func TestSignalsThatMeetTheEndOfAWait(t *testing.T) {
	cl := dialTemporal(t)
	approve := func(t *testing.T, id string) {
		v := event.Verification{Identity: event.Identity{Source: "crm", ID: "v1"}, UserID: id, Verb: event.VerbApproved, Stored: time.Now()}
		signal(t, cl, id, event.SignalVerification, v)
	}
	arrive := func(t *testing.T, id string) {
		e := event.UserEvent{Identity: event.Identity{Source: "inbox", ID: "r1"}, Inbox: "inbox", Generation: 1, Record: 9, User: ann(id)}
		e.Opened = event.Opened{Identity: e.Identity, Seq: 9, Stored: time.Now()}
		signal(t, cl, id, event.SignalUser, e)
	}
	nobody := func(in *event.Onboarding) {
		in.User, in.Generation, in.Settings.ParkedFor = nil, 0, 2*time.Second
	}
	for name, tc := range map[string]struct {
		change func(*event.Onboarding)
		before func(*testing.T, string) // before the worker leaves
		away   func(*testing.T, string) // while it is away
		during func(*testing.T, string) // while dead letters are kept
		after  func(*testing.T, string) // when it is back
	}{
		"a decision and its limit":        {change: func(in *event.Onboarding) { in.Settings.ExpireAfter = 2 * time.Second }, away: approve},
		"a user and the end of parking":   {change: nobody, before: approve, away: arrive},
		"a user after the end of parking": {change: nobody, before: approve, during: arrive, after: approve2(cl)},
	} {
		t.Run(name, func(t *testing.T) {
			id := "u-" + event.NewID()
			w := &interrupted{world: world{person: event.Person{Generation: 1, Status: event.StatusWaiting}}}
			if tc.during != nil {
				w.meanwhile = func() { tc.during(t, id) }
			}
			stop := work(t, cl, w)
			u := ann(id)
			in := event.Onboarding{
				UserID: id, Generation: 1, Inbox: "inbox", Revision: event.Revision, Settings: event.DefaultSettings(), User: &u, Record: 1,
				Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: "r0"}, Stored: time.Now()},
			}
			tc.change(&in)
			if err := bridge.NewTemporal(cl).Start(t.Context(), in.Opened.Identity, in); err != nil {
				t.Fatal(err)
			}
			waitEvents(t, cl, id, 5) // its timer runs
			if tc.before != nil {
				n := len(history(t, cl, id))
				tc.before(t, id)
				waitEvents(t, cl, id, n+4)
			}
			stop()
			if tc.away != nil {
				tc.away(t, id)
			}
			waitEvent(t, cl, id, "TimerFired")
			defer work(t, cl, w)()
			if tc.after != nil {
				tc.after(t, id)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := cl.GetWorkflow(ctx, event.WorkflowID(id), "").Get(ctx, nil); err != nil {
				t.Fatalf("the run ended with %v; %v", err, history(t, cl, id))
			}
			if w.person.Status != event.StatusWelcomed {
				t.Errorf("the user is %s; %v", w.person.Status, history(t, cl, id))
			}
		})
	}
}

// approve2 decides once the user waits.
func approve2(cl client.Client) func(*testing.T, string) {
	return func(t *testing.T, id string) {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			var s event.OnboardingStatus
			v, err := cl.QueryWorkflow(t.Context(), event.WorkflowID(id), "", event.QueryStatus)
			if err == nil && v.Get(&s) == nil && s.Status == event.StatusWaiting {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the user is %q, %v", s.Status, err)
			}
		}
		v := event.Verification{Identity: event.Identity{Source: "crm", ID: "v2"}, UserID: id, Verb: event.VerbApproved, Stored: time.Now()}
		signal(t, cl, id, event.SignalVerification, v)
	}
}

func signal(t *testing.T, cl client.Client, id, name string, arg any) {
	t.Helper()
	if err := cl.SignalWorkflow(context.Background(), event.WorkflowID(id), "", name, arg); err != nil {
		t.Error(err)
	}
}

func waitEvent(t *testing.T, cl client.Client, id, kind string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !slices.Contains(history(t, cl, id), kind); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the run has %v", history(t, cl, id))
		}
	}
}
