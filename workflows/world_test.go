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

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
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

func (discard) Info(string, ...any) {}

func (discard) Warn(string, ...any) {}

func (discard) Error(string, ...any) {}
