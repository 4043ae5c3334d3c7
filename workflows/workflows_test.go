package workflows

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"usher/event"
	"usher/metrics"
)

// world is what the activities see in these tests: it remembers facts, the
// record of one person, what was sent and what was orphaned.
type world struct {
	mu       sync.Mutex
	facts    []event.Fact
	person   event.Person
	sent     []string
	orphans  []event.Verification
	sendErrs map[string][]error // by channel, one a try
}

func (w *world) Fact(_ context.Context, f event.Fact) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f = f.WithID()
	known := slices.ContainsFunc(w.facts, func(g event.Fact) bool { return g.ID == f.ID })
	if !known {
		w.facts = append(w.facts, f)
	}
	return !known, nil
}

func (w *world) Update(_ context.Context, _ string, change func(*event.Person) error) (event.Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.person, change(&w.person)
}

func (w *world) Send(_ context.Context, d Delivery) (event.Send, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errs := w.sendErrs[d.Channel]; len(errs) > 0 {
		w.sendErrs[d.Channel] = errs[1:]
		if errs[0] != nil {
			return event.Send{Reason: "recipient"}, errs[0]
		}
	}
	w.sent = append(w.sent, d.Channel+" "+d.User.Name)
	return event.Send{State: event.SendAccepted, Provider: "test", At: time.Now()}, nil
}

func (w *world) Orphan(_ context.Context, v event.Verification, _ string) error {
	w.orphans = append(w.orphans, v)
	return nil
}

// story tells the facts in the order that readers restore: kind and status.
func (w *world) story() []string {
	var s []string
	slices.SortFunc(w.facts, func(a, b event.Fact) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.N, b.N))
	})
	for _, f := range w.facts {
		s = append(s, f.Kind+" "+string(f.Status))
	}
	return s
}

func (w *world) status() event.Status {
	var top event.Fact
	for _, f := range w.facts {
		if f.Generation > top.Generation || f.Generation == top.Generation && f.N >= top.N {
			top = f
		}
	}
	return top.Status
}

func setup(t *testing.T) (*testsuite.TestWorkflowEnvironment, *world) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(discard{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	w := &world{person: event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting}, sendErrs: map[string][]error{}}
	reg := prometheus.NewRegistry()
	a := &Activities{Facts: w, People: w, Sender: w, Orphanage: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler)}
	registerWorkflow(env)
	registerSteps(env, a)
	registerSends(env, a)
	return env, w
}

type discard struct{}

func (discard) Debug(string, ...any) {}
func (discard) Info(string, ...any)  {}
func (discard) Warn(string, ...any)  {}
func (discard) Error(string, ...any) {}

var (
	stored = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	ann    = event.User{UserID: "u-1", Name: "Ann", Email: "ann@example.org", Phone: "+4930123456", Import: event.Import{ID: "imp"}}
)

func known() event.Onboarding {
	return event.Onboarding{
		UserID: "u-1", Generation: 1, Inbox: "inbox", User: &ann, Settings: event.DefaultSettings(),
		Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: "r1"}, Stored: stored},
	}
}

func parked() event.Onboarding {
	return event.Onboarding{UserID: "u-1", Settings: event.DefaultSettings(), Opened: event.Opened{Identity: event.Identity{Source: "crm", ID: "v1"}, Stored: stored}}
}

func decision(id, verb string) event.Verification {
	return event.Verification{Identity: event.Identity{Source: "crm", ID: id}, UserID: "u-1", Verb: verb, Stored: stored.Add(time.Hour)}
}

func by(source string, v event.Verification) event.Verification {
	v.Source = source
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

func arrival(id string, u event.User) event.UserEvent {
	return event.UserEvent{Identity: event.Identity{Source: "inbox", ID: id}, Inbox: "inbox", Generation: 1, User: u, Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: id}, Stored: stored.Add(time.Minute)}}
}

func TestStories(t *testing.T) {
	type step struct {
		after  time.Duration
		signal string
		arg    any
	}
	corrected := ann
	corrected.Name = "Anne"
	noPhone := known()
	u := ann
	u.Phone = ""
	noPhone.User = &u

	for name, tc := range map[string]struct {
		in       event.Onboarding
		steps    []step
		sendErrs map[string][]error
		story    []string
		status   event.Status
		sent     []string
		orphans  int
		fails    bool
	}{
		"approved": {
			in:     known(),
			steps:  []step{{48 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"no phone, no text message": {
			in:     noPhone,
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			story:  []string{"approved approved", "activated active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann"},
		},
		"rejected": {
			in:     known(),
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			story:  []string{"rejected rejected"},
			status: event.StatusRejected,
		},
		"withdrawn while waiting": {
			in:     known(),
			steps:  []step{{time.Hour, event.SignalWithdraw, decision("v1", event.VerbWithdrawn)}},
			story:  []string{"withdrawn withdrawn"},
			status: event.StatusWithdrawn,
		},
		"the first of two decisions counts": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbApproved)},
			},
			story:  []string{"rejected rejected", "late rejected"},
			status: event.StatusRejected,
		},
		"the same decision twice": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "duplicate active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"data corrected while waiting": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", ann)},
				{2 * time.Hour, event.SignalUser, arrival("r3", corrected)},
				{3 * time.Hour, event.SignalUser, arrival("r3", corrected)},
				{4 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"unchanged waiting", "updated waiting", "duplicate waiting", "approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"},
		},
		"decision before its user": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbRejected)},
				{2 * time.Hour, event.SignalUser, arrival("r1", ann)},
			},
			story:  []string{"parked parked", "started waiting", "approved approved", "late approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"a source that does not decide about this inbox": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)}, // came first, so nobody could tell
				{time.Hour, event.SignalUser, decidedBy("erp", arrival("r1", ann))},
				{2 * time.Hour, event.SignalVerification, decision("v2", event.VerbApproved)},
				{3 * time.Hour, event.SignalVerification, by("erp", decision("v3", event.VerbRejected))},
			},
			story:  []string{"started waiting", "rejected rejected"},
			status: event.StatusRejected, orphans: 2,
		},
		"the console may always decide": {
			in:     limited(known(), "erp"),
			steps:  []step{{time.Hour, event.SignalVerification, by(event.SourceConsole, decision("v1", event.VerbRejected))}},
			story:  []string{"rejected rejected"},
			status: event.StatusRejected,
		},
		"a user who never comes": {
			in:      parked(),
			steps:   []step{{0, event.SignalVerification, decision("v1", event.VerbApproved)}},
			orphans: 1, fails: true,
		},
		"one channel fails for good": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {event.Permanent(errors.New("no such number"))}},
			story:    []string{"approved approved", "activated active", "sent active", "failed active", "finished partly_welcomed"},
			status:   event.StatusPartlyWelcomed, sent: []string{"email Ann"},
		},
		"both channels fail for good": {
			in:    known(),
			steps: []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{
				event.ChannelSMS: {event.Permanent(errors.New("x"))}, event.ChannelEmail: {event.Permanent(errors.New("x"))},
			},
			story:  []string{"approved approved", "activated active", "failed active", "failed active", "finished unreached"},
			status: event.StatusUnreached,
		},
		"a passing failure is tried again": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: {errors.New("busy"), event.RetryAfter(errors.New("quota"), time.Hour)}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"sms Ann", "email Ann"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, w := setup(t)
			if tc.in.Generation == 0 {
				w.person = event.Person{}
			}
			if tc.sendErrs != nil {
				w.sendErrs = tc.sendErrs
			}
			for _, s := range tc.steps {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(s.signal, s.arg) }, s.after)
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
			if d := gocmp.Diff(tc.story, w.story()); d != "" {
				t.Errorf("facts (-want +got)\n%s", d)
			}
			if tc.status != "" && w.status() != tc.status {
				t.Errorf("the facts end in %s, want %s", w.status(), tc.status)
			}
			if tc.in.Generation == 1 && w.person.Status != tc.status {
				t.Errorf("PEOPLE says %s, want %s", w.person.Status, tc.status)
			}
			slices.Sort(w.sent)
			slices.Sort(tc.sent)
			if d := gocmp.Diff(tc.sent, w.sent); d != "" {
				t.Errorf("sent (-want +got)\n%s", d)
			}
			if len(w.orphans) != tc.orphans {
				t.Errorf("%d orphans, want %d", len(w.orphans), tc.orphans)
			}
		})
	}
}

func TestQueryHoldsNoPersonalData(t *testing.T) {
	env, _ := setup(t)
	env.RegisterDelayedCallback(func() {
		v, err := env.QueryWorkflow(event.QueryStatus)
		require.NoError(t, err)
		var got event.OnboardingStatus
		require.NoError(t, v.Get(&got))
		if d := gocmp.Diff(event.OnboardingStatus{UserID: "u-1", Generation: 1, Status: event.StatusWaiting}, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		env.SignalWorkflow(event.SignalVerification, decision("v1", event.VerbRejected))
	}, time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	require.NoError(t, env.GetWorkflowError())
}
