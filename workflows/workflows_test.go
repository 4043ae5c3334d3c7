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
	"go.temporal.io/sdk/activity"
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
	calls    []string           // at the account's target
	made     []event.User       // as the target got them
	callErrs []error            // one a call
	untold   int                // tries to tell that a message went out which still fail
	troubles []event.Trouble    // that PEOPLE showed
	early    []string           // kinds of facts that were told before their task was on record
}

func (w *world) call(act string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.callErrs) > 0 {
		err := w.callErrs[0]
		w.callErrs = w.callErrs[1:]
		if err != nil {
			return err
		}
	}
	w.calls = append(w.calls, act)
	return nil
}

func (w *world) Activate(_ context.Context, target, key string, u event.User) (event.Account, error) {
	w.mu.Lock()
	w.made = append(w.made, u)
	w.mu.Unlock()
	return event.Account{Target: target, Ref: "r-" + u.UserID, Created: true}, w.call("activate " + key)
}

func (w *world) Deactivate(_ context.Context, _, key, _ string, made event.Account) error {
	return w.call("deactivate " + key + " " + made.Ref)
}

func (w *world) Fact(ctx context.Context, f event.Fact) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if activity.IsActivity(ctx) && activity.GetInfo(ctx).IsLocalActivity {
		w.early = append(w.early, f.Kind)
	}
	if f = f.WithID(); f.Kind == event.FactSent && w.untold > 0 {
		w.untold--
		return false, errors.New("no leader")
	}
	known := slices.ContainsFunc(w.facts, func(g event.Fact) bool { return g.ID == f.ID })
	if !known {
		w.facts = append(w.facts, f)
	}
	return !known, nil
}

func (w *world) Update(_ context.Context, _ string, change func(*event.Person) error) (event.Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := change(&w.person)
	if t := w.person.Trouble; t != nil && (len(w.troubles) == 0 || w.troubles[len(w.troubles)-1] != *t) {
		w.troubles = append(w.troubles, *t)
	}
	return w.person, err
}

func (w *world) Send(_ context.Context, d Delivery) (event.Send, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errs := w.sendErrs[d.Channel]; len(errs) > 0 {
		w.sendErrs[d.Channel] = errs[1:]
		switch {
		case errors.Is(errs[0], errNoProvider):
			return event.Send{Reason: event.ReasonNoProvider}, errs[0]
		case errs[0] != nil:
			return event.Send{Reason: "recipient"}, errs[0]
		}
	}
	key := event.SendKey(d.Generation, d.Purpose, d.Channel, d.Ordinal)
	if done := w.person.Sends[key]; done.Taken() {
		return done, nil
	}
	what := d.Channel + " " + d.User.Name
	if d.Purpose != event.PurposeWelcome {
		what += " " + d.Purpose
	}
	if d.Ordinal > 1 {
		what += " again"
	}
	w.sent = append(w.sent, what)
	done := event.Send{State: event.SendAccepted, Provider: "test", At: stored}
	if w.person.Sends == nil {
		w.person.Sends = map[string]event.Send{}
	}
	w.person.Sends[key] = done
	return done, nil
}

var errBusy = errors.New("busy")

var errNoProvider = event.Permanent(errors.New("no provider is configured"))

func (w *world) Orphan(_ context.Context, v event.Verification, _ string) error {
	w.orphans = append(w.orphans, v)
	return nil
}

// story tells the facts that moved the status in the order that readers restore,
// kind and status, and those that moved nothing in the order in which they came.
func (w *world) story() (moved, asides []string) {
	for _, f := range w.facts {
		if f.N == 0 {
			asides = append(asides, f.Kind+" "+string(f.Status))
		}
	}
	slices.SortFunc(w.facts, func(a, b event.Fact) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.N, b.N))
	})
	for _, f := range w.facts {
		if f.N > 0 {
			moved = append(moved, f.Kind+" "+string(f.Status))
		}
	}
	return moved, asides
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

// told compares the messages of the ledger that were taken with those that facts
// tell, by key.
func (w *world) told(t *testing.T) {
	t.Helper()
	var taken, told []string
	for key, s := range w.person.Sends {
		if s.Taken() {
			taken = append(taken, key)
		}
	}
	for _, f := range w.facts {
		if f.Kind == event.FactSent {
			told = append(told, event.SendKey(f.Generation, cmp.Or(f.Purpose, event.PurposeWelcome), f.Channel, max(f.Ordinal, 1)))
		}
	}
	slices.Sort(taken)
	slices.Sort(told)
	if !slices.Equal(taken, told) {
		t.Errorf("by the ledger %v were sent, by the facts %v", taken, told)
	}
}

func setup(t *testing.T) (*testsuite.TestWorkflowEnvironment, *world) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(discard{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	env.SetStartTime(stored.Add(time.Second)) // limits count from when the event was stored
	w := &world{person: event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting}, sendErrs: map[string][]error{}}
	reg := prometheus.NewRegistry()
	a := &Activities{Facts: w, People: w, Sender: w, Accounts: w, Orphanage: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler)}
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

func TestStories(t *testing.T) {
	corrected, other := ann, ann
	corrected.Name, other.Name = "Anne", "Anna"
	parts, swapped := ann, ann
	parts.GivenName, parts.FamilyName = "Ann", "Lee"
	swapped.GivenName, swapped.FamilyName = "Lee", "Ann"
	noPhone := known()
	u := ann
	u.Phone = ""
	noPhone.User = &u

	tell(t, map[string]story{
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
			status: event.StatusWithdrawn, orders: 1,
		},
		"the first of two decisions counts": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbApproved)},
			},
			story:  []string{"rejected rejected"},
			asides: []string{"late rejected"},
			status: event.StatusRejected,
		},
		"the same decision twice": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"duplicate approved"},
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
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "updated waiting", "duplicate waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"},
		},
		"a list with the parts of the name changes nobody, and the account gets them": {
			in: with(known(), toSCIM),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", parts)},
				{2 * time.Hour, event.SignalUser, arrival("r3", ann)}, // of another list of the inbox
				{4 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "unchanged waiting"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, calls: []string{"activate u-1.1.activate"},
			check: func(t *testing.T, w *world) {
				if d := gocmp.Diff([]event.User{parts}, w.made); d != "" {
					t.Errorf("the target got (-want +got)\n%s", d)
				}
			},
		},
		"other parts under the same name are a correction": {
			in: func() event.Onboarding { in := known(); in.User = &parts; return in }(),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", swapped)},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
			},
			story:  []string{"rejected rejected"},
			asides: []string{"updated waiting"},
			status: event.StatusRejected,
		},
		"an older correction comes after a newer one": {
			in: standing(known(), 3),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(9, arrival("r9", corrected))},
				{2 * time.Hour, event.SignalUser, recorded(5, arrival("r5", other))},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting", "late waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 9,
		},
		"what says nothing new makes older ones late too": {
			in: standing(known(), 3),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(9, arrival("r9", ann))},
				{2 * time.Hour, event.SignalUser, recorded(5, arrival("r5", corrected))},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "late waiting"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, record: 9,
		},
		"a record of a stream that was made anew": {
			in: standing(known(), 300),
			steps: []step{
				{time.Hour, event.SignalUser, func() event.UserEvent {
					e := recorded(2, arrival("r2", corrected))
					e.At = event.Place{Seq: 2, Stored: stored.Add(time.Hour), Since: stored.Add(time.Minute)}
					return e
				}()},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 2,
		},
		"started with a newer record than the one that claimed the user": {
			in: func() event.Onboarding {
				in := standing(known(), 5)
				in.Event = event.Identity{Source: "inbox", ID: "r5"}
				return in
			}(),
			person: &event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting, Record: 5},
			steps: []step{
				{time.Hour, event.SignalUser, recorded(1, arrival("r1", corrected))},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
			},
			story: []string{"rejected rejected"}, asides: []string{"late waiting"},
			status: event.StatusRejected, record: 5,
		},
		"started with an older record than the one that claimed the user": {
			in: func() event.Onboarding {
				in := standing(known(), 5)
				in.Event = event.Identity{Source: "inbox", ID: "r5"}
				return in
			}(),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(7, arrival("r1", corrected))},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 7,
		},
		"decision before its user": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbRejected)},
				{2 * time.Hour, event.SignalUser, arrival("r1", ann)},
			},
			story:  []string{"parked parked", "started waiting", "approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"late approved"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"a source that does not decide about this inbox": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)}, // came first, so it could not be seen
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
		"a list of verifiers that was mended": {
			in: limited(known(), "erp"),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},              // becomes a dead letter
				{2 * time.Hour, event.SignalVerification, checked(decision("v1", event.VerbRejected))}, // sent again
				{2 * time.Hour, event.SignalVerification, checked(decision("v1", event.VerbRejected))},
			},
			orphans: 1,
			story:   []string{"rejected rejected"},
			asides:  []string{"duplicate rejected"},
			status:  event.StatusRejected,
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
		"a system without text messages": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}},
			story:    []string{"approved approved", "activated active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"email Ann"},
		},
		"a system that sends nothing which reaches this user": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}, event.ChannelEmail: {errNoProvider}},
			story:    []string{"approved approved", "activated active", "failed active", "failed active", "finished unreached"},
			status:   event.StatusUnreached,
			check: func(t *testing.T, w *world) {
				if i := slices.IndexFunc(w.facts, func(f event.Fact) bool { return f.Kind == event.FactFailed }); w.facts[i].Reason != event.ReasonNoProvider {
					t.Errorf("the failure says %q", w.facts[i].Reason)
				}
			},
		},
		"one channel is none here and the other fails": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}, event.ChannelEmail: {event.Permanent(errors.New("x"))}},
			story:    []string{"approved approved", "activated active", "failed active", "finished unreached"},
			status:   event.StatusUnreached,
		},
		"a provider that is paused for days takes no user's time": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: slices.Repeat([]error{event.Paused(errors.New("no credit"), 5*time.Hour)}, 20)},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"sms Ann", "email Ann"},
		},
		"one that is away for days does": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: slices.Repeat([]error{event.RetryAfter(errors.New("away"), 5*time.Hour)}, 20)},
			story:    []string{"approved approved", "activated active", "failed active", "sent active", "finished partly_welcomed"},
			status:   event.StatusPartlyWelcomed, sent: []string{"sms Ann"},
		},
		"a passing failure is tried again": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: {errors.New("busy"), event.RetryAfter(errors.New("quota"), time.Hour)}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"sms Ann", "email Ann"},
		},
	})
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
