package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/mock"

	"usher/event"
	"usher/metrics"
)

// A worker may die with a task in which a local step has told something. The task is
// tried again with what came since, and decides anew: a resend that was answered as
// unchanged, because a message was on its way, was carried out after all. So only what
// comes out the same whatever else comes is told in a local step (issue 14).
func TestWhatDependsOnWhatElseCameIsOnRecordBeforeItIsTold(t *testing.T) {
	busy := errors.New("busy")
	approve := step{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}
	soon := func(s *event.Settings) { s.ExpireAfter = 30 * 24 * time.Hour }
	corrected := ann
	corrected.Name = "Anne"
	sends := func(email ...error) map[string][]error { return map[string][]error{event.ChannelEmail: email} }
	cases := map[string]struct {
		story
		early []string
	}{
		"welcomed": {story{in: known(), steps: []step{approve}}, []string{event.FactApproved, event.FactActivated}},
		"rejected": {story{in: known(), steps: []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}}}, []string{event.FactRejected}},
		"turned away by e-mail": {
			story{in: with(known(), func(s *event.Settings) { s.TellRejected = true }), steps: []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}}},
			[]string{event.FactRejected},
		},
		"corrected": {
			story{in: known(), steps: []step{{time.Minute, event.SignalUser, arrival("r2", corrected)}, approve}},
			[]string{event.FactUpdated, event.FactApproved, event.FactActivated},
		},
		"nobody decides":          {story{in: with(known(), soon)}, nil},
		"withdrawn while waiting": {story{in: known(), steps: []step{{time.Hour, event.SignalWithdraw, order("w1", event.VerbWithdrawn)}}}, nil},
		"an order for a message that is on its way": {
			story{in: known(), steps: []step{approve, {time.Hour + time.Second, event.SignalVerification, order("o1", event.VerbResend)}}, sendErrs: sends(busy)},
			[]string{event.FactApproved, event.FactActivated},
		},
		"a decision while a message is on its way": {
			story{in: known(), steps: []step{approve, {time.Hour + time.Second, event.SignalVerification, decision("v2", event.VerbRejected)}}, sendErrs: sends(busy)},
			[]string{event.FactApproved, event.FactActivated},
		},
		"withdrawn while a message is on its way": {
			story{in: known(), steps: []step{approve, {time.Hour + time.Second, event.SignalWithdraw, order("w1", event.VerbWithdrawn)}}, sendErrs: sends(busy)},
			[]string{event.FactApproved, event.FactActivated, event.FactDeactivated},
		},
		"a message fails while another is on its way": {
			story{in: known(), steps: []step{approve}, sendErrs: map[string][]error{event.ChannelEmail: {busy}, event.ChannelSMS: {event.Permanent(busy)}}},
			[]string{event.FactApproved, event.FactActivated, event.FactFinished},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			env, w := setup(t)
			for channel, errs := range tc.sendErrs {
				w.sendErrs[channel] = errs
			}
			for _, s := range tc.steps {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(s.signal, s.arg) }, s.after)
			}
			env.ExecuteWorkflow(event.WorkflowOnboard, tc.in)
			if err := env.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(tc.early, w.early); d != "" {
				t.Errorf("told before it was on record (-want +got)\n%s", d)
			}
		})
	}
}

// A correction that comes into a task that is tried again is taken before the decision
// that the first try has told already. Its fact must not hide that one (issue 14).
func TestACorrectionMovesNothing(t *testing.T) {
	corrected := ann
	corrected.Name = "Anne"
	env, w := setup(t)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalUser, arrival("r2", corrected)) }, time.Minute)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, decision("v1", event.VerbRejected)) }, time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	i := slices.IndexFunc(w.facts, func(f event.Fact) bool { return f.Kind == event.FactUpdated })
	if i < 0 || w.facts[i].N != 0 {
		t.Errorf("the facts are %+v, want an updated one with n = 0", w.facts)
	}
}

// What comes while a step is telling what depends on others is told by the next one, and
// may depend on others itself.
func TestWhatComesMeanwhileIsOnRecordToo(t *testing.T) {
	env, w := setup(t)
	reg := prometheus.NewRegistry()
	a := &Activities{Facts: w, People: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg))}
	env.OnActivity(activityPublish, mock.Anything, mock.Anything).After(10 * time.Second).Return(a.Publish)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, order("o1", event.VerbResend)) }, time.Hour)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalWithdraw, order("w1", event.VerbWithdrawn)) }, time.Hour+5*time.Second)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	if err := env.GetWorkflowError(); err != nil || w.person.Status != event.StatusWithdrawn {
		t.Fatalf("the user is %s: %v", w.person.Status, err)
	}
	if len(w.early) > 0 {
		t.Errorf("told before it was on record: %q", w.early)
	}
}
