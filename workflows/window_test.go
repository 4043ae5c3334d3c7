package workflows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"

	"usher/event"
)

// within is a decision of the console that takes effect so long after it was stored.
func within(d time.Duration, stored time.Time, id, verb string) event.Verification {
	v := by(event.SourceConsole, decision(id, verb))
	if v.Stored = stored; d > 0 {
		v.Effective = stored.Add(d)
	}
	return v
}

func undo(id, what string) event.Verification {
	v := by(event.SourceConsole, decision(id, event.VerbUndone))
	v.Undoes = what
	return v
}

func TestADecisionTakesEffectAfterItsWindow(t *testing.T) {
	const window = 10 * time.Second
	at := stored.Add(time.Hour) // when the console says it
	said := step{time.Hour - time.Second, event.SignalVerification, within(window, at, "v1", event.VerbApproved)}
	in := func(after time.Duration, signal string, arg any) step { return step{said.after + after, signal, arg} }
	welcomed := []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"}
	both := []string{"email Ann", "sms Ann"}
	soon := with(known(), func(s *event.Settings) { s.ExpireAfter = time.Hour + 4*time.Second })

	tell(t, map[string]story{
		"the window passes": {
			in: known(), steps: []step{said}, story: welcomed, asides: []string{"pending waiting"}, status: event.StatusWelcomed, sent: both,
			check: func(t *testing.T, w *world) {
				if d := w.person.Decided; !d.When().Equal(at.Add(window)) || !d.At.Equal(at) {
					t.Errorf("decided at %s, with effect at %s", d.At, d.When())
				}
				for _, f := range w.facts {
					if f.Kind == event.FactApproved && !f.DecidedAt.Equal(at.Add(window)) {
						t.Errorf("the fact says that it was decided at %s", f.DecidedAt)
					}
				}
			},
		},
		"no window": {
			in: known(), steps: []step{in(0, event.SignalVerification, within(0, at, "v1", event.VerbApproved))}, story: welcomed, status: event.StatusWelcomed, sent: both,
		},
		"it comes after its window": {
			in: known(), steps: []step{{2 * time.Hour, event.SignalVerification, said.arg}}, story: welcomed, asides: []string{"pending waiting"}, status: event.StatusWelcomed, sent: both,
		},
		"taken back, and another decision counts": {
			in: known(),
			steps: []step{
				said,
				in(window/2, event.SignalVerification, undo("u1", "v1")),
				in(window*2, event.SignalVerification, decision("v2", event.VerbRejected)),
			},
			story: []string{"rejected rejected"}, asides: []string{"pending waiting", "undone waiting", "undone waiting"}, status: event.StatusRejected,
		},
		"the event that takes it back is faster": {
			in: known(),
			steps: []step{
				in(0, event.SignalVerification, undo("u1", "v1")),
				in(time.Second, event.SignalVerification, said.arg),
				in(window*2, event.SignalVerification, decision("v2", event.VerbRejected)),
			},
			story: []string{"rejected rejected"}, asides: []string{"undone waiting", "undone waiting"}, status: event.StatusRejected,
		},
		"taken back too late": {
			in:    known(),
			steps: []step{said, in(window+time.Second, event.SignalVerification, undo("u1", "v1"))},
			story: welcomed, asides: []string{"pending waiting", "late active"}, status: event.StatusWelcomed, sent: both,
			sendErrs: map[string][]error{event.ChannelEmail: {errBusy, errBusy, errBusy, errBusy}},
		},
		"what never came is taken back": {
			in:    known(),
			steps: []step{in(0, event.SignalVerification, undo("u1", "v9")), in(time.Second, event.SignalVerification, decision("v2", event.VerbRejected))},
			story: []string{"rejected rejected"}, asides: []string{"late rejected"}, status: event.StatusRejected,
		},
		"another system decides within the window": {
			in:    known(),
			steps: []step{said, in(window/2, event.SignalVerification, decision("v2", event.VerbRejected))},
			story: []string{"rejected rejected"}, asides: []string{"pending waiting", "late rejected"}, status: event.StatusRejected,
		},
		"two of the console, and the one with the shorter window is first": {
			in:    known(),
			steps: []step{said, in(time.Second, event.SignalVerification, within(window/2, at.Add(time.Second), "v2", event.VerbRejected))},
			story: []string{"rejected rejected"}, asides: []string{"pending waiting", "pending waiting", "late rejected"}, status: event.StatusRejected,
		},
		"withdrawn within the window": {
			in:    known(),
			steps: []step{said, in(window/2, event.SignalWithdraw, order("w1", event.VerbWithdrawn))},
			story: []string{"withdrawn withdrawn"}, asides: []string{"pending waiting", "late withdrawn"}, status: event.StatusWithdrawn, orders: 1,
		},
		"the wait ends within the window": {
			in: soon, steps: []step{said}, story: []string{"expired expired"}, asides: []string{"pending waiting", "late expired"}, status: event.StatusExpired,
		},
		"cancelled within the window": {
			in: known(), steps: []step{said}, cancel: said.after + window/2,
			story: []string{"withdrawn withdrawn"}, asides: []string{"pending waiting", "late withdrawn"}, status: event.StatusWithdrawn, orders: 1,
		},
		"the same decision twice": {
			in: known(), steps: []step{said, in(time.Second, event.SignalVerification, said.arg)},
			story: welcomed, asides: []string{"pending waiting", "duplicate waiting"}, status: event.StatusWelcomed, sent: both,
		},
		"before its user comes": {
			in:    parked(),
			steps: []step{said, in(time.Second, event.SignalUser, arrival("r1", ann))},
			story: append([]string{"parked parked", "started waiting"}, welcomed...), asides: []string{"pending waiting"}, status: event.StatusWelcomed, sent: both,
		},
		"taken back before its user comes": {
			in: parked(),
			steps: []step{
				said,
				in(time.Second, event.SignalVerification, undo("u1", "v1")),
				in(2*time.Second, event.SignalUser, arrival("r1", ann)),
				in(window*2, event.SignalVerification, decision("v2", event.VerbRejected)),
			},
			story:  []string{"parked parked", "parked parked", "started waiting", "rejected rejected"},
			asides: []string{"pending waiting", "undone waiting", "undone waiting"}, status: event.StatusRejected,
		},
	})
}

// The event that takes a decision back and the end of its window come in one task:
// it was there in time.
func TestTakenBackInTheMomentOfTheEffect(t *testing.T) {
	const window = 10 * time.Second
	env, w := setup(t)
	say := func(v event.Verification) func() {
		return func() { env.SignalWorkflowSkippingWorkflowTask(event.SignalVerification, v) }
	}
	v := within(window, stored.Add(time.Hour), "v1", event.VerbApproved)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, v) }, time.Hour-time.Second)
	env.RegisterDelayedCallback(say(undo("u1", "v1")), time.Hour-time.Second+window-time.Millisecond)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, decision("v2", event.VerbRejected)) }, 2*time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	if d := w.person.Decided; d == nil || d.ID != "v2" {
		t.Errorf("decided by %+v", d)
	}
}

// Decisions with windows and without, and events that take them back, in any order
// of arrival: what takes effect first counts, and each event has one answer.
func TestAnyWindowsEndAsTheModelSays(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 16))
		type said struct {
			event.Verification
			arrives time.Duration // each in a second of its own
			effect  time.Duration
			undone  bool
		}
		var decisions []said
		seconds := r.Perm(40)
		for i := range 1 + r.IntN(4) {
			d := said{arrives: time.Duration(1+seconds[i]) * time.Second}
			verb := []string{event.VerbApproved, event.VerbRejected}[r.IntN(2)]
			window := time.Duration(r.IntN(3)*5) * time.Second
			d.Verification = within(window, stored.Add(time.Second+d.arrives), fmt.Sprint("d", i), verb)
			if d.effect = d.arrives + window + time.Duration(i+1)*time.Millisecond; window == 0 {
				d.effect = d.arrives
			} else {
				d.Effective = stored.Add(time.Second + d.effect)
			}
			decisions = append(decisions, d)
		}
		undos := map[string]time.Duration{} // by decision: when it arrives
		for i := range r.IntN(3) {
			d := r.IntN(len(decisions))
			undos[decisions[d].ID] = time.Duration(1+seconds[10+i])*time.Second + 500*time.Millisecond
		}
		var first *said
		for i := range decisions {
			d := &decisions[i]
			at, ok := undos[d.ID]
			d.undone = ok && at < d.effect
			if !d.undone && (first == nil || d.effect < first.effect) {
				first = d
			}
		}
		end := time.Hour // of the wait
		if first != nil {
			end = first.effect
		}
		want := map[string]event.Effect{}
		for i := range decisions {
			d := &decisions[i]
			undo, taken := undos[d.ID]
			switch {
			case d == first:
				want[d.ID] = event.EffectApplied
			case d.undone && max(d.arrives, undo) < end:
				want[d.ID] = event.EffectUndone
			default:
				want[d.ID] = event.EffectLate
			}
			if taken {
				want["undo "+d.ID] = map[bool]event.Effect{true: event.EffectApplied, false: event.EffectLate}[want[d.ID] == event.EffectUndone]
			}
		}

		env, w := setup(t)
		for _, d := range decisions {
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, d.Verification) }, d.arrives)
			if at, ok := undos[d.ID]; ok {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, undo("undo "+d.ID, d.ID)) }, at)
			}
		}
		// A busy provider keeps the run open until all have come.
		w.sendErrs[event.ChannelEmail] = slices.Repeat([]error{errBusy}, 9)
		in := with(known(), func(s *event.Settings) { s.ExpireAfter, s.RetryFirst, s.TellRejected = time.Hour, 5*time.Second, true })
		env.ExecuteWorkflow(event.WorkflowOnboard, in)
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(seed, err)
		}
		got := map[string]event.Effect{}
		for _, f := range w.facts {
			if f.EventID == "" || f.Kind == event.FactPending {
				continue
			}
			if other, ok := got[f.EventID]; ok {
				t.Errorf("seed %d: %s is answered as %s and as %s", seed, f.EventID, other, f.Effect)
			}
			got[f.EventID] = f.Effect
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("seed %d: answers (-want +got)\n%s", seed, d)
		}
	}
}

// Two windows end while the run is held up: the decision that was to take effect
// first counts, not the one that was said first.
func TestOfTwoWindowsThatAreOverTheFirstCounts(t *testing.T) {
	env, w := setup(t)
	env.OnActivity(activityOrphans, mock.Anything, mock.Anything).After(time.Minute).Return(nil)
	at := time.Hour
	for _, v := range []event.Verification{
		within(20*time.Second, stored.Add(at), "v1", event.VerbApproved),
		within(10*time.Second, stored.Add(at), "v2", event.VerbRejected),
		decision("v3", event.VerbApproved), // which its source may not say: it becomes a dead letter, in a minute
	} {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, v) }, at)
		at += time.Millisecond
	}
	env.ExecuteWorkflow(event.WorkflowOnboard, limited(known(), event.SourceConsole))
	if d := w.person.Decided; d == nil || d.ID != "v2" {
		t.Errorf("decided by %+v", d)
	}
}

// A task that is tried again sees a later clock than its first try, which may have told
// that a decision was undone. So a decision whose window is over when it comes is undone
// too by what comes with it (issue 14: once in 4,000 seeds it was undone and applied).
func TestADecisionThatComesAfterItsWindowIsUndoneByWhatComesWithIt(t *testing.T) {
	env, w := setup(t)
	v := within(10*time.Second, stored.Add(time.Hour), "v1", event.VerbApproved)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflowSkippingWorkflowTask(event.SignalVerification, v)
		env.SignalWorkflowSkippingWorkflowTask(event.SignalVerification, undo("u1", "v1"))
	}, 2*time.Hour)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, decision("v2", event.VerbRejected)) }, 3*time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	if d := w.person.Decided; d == nil || d.ID != "v2" {
		t.Errorf("decided by %+v", d)
	}
}
