package workflows

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// happening is one event of a random script, at a full hour.
type happening struct {
	hour int
	what string // user, corrected, approved, rejected, withdrawn, resend
	id   string
	seq  uint64 // of a record, in USERS: they reach the run in any order
}

// name is what a record calls the user.
func (h happening) name() string {
	if h.what == "user" {
		return ann.Name
	}
	return "Anne " + h.id
}

// firstRecord is where the record stands that the run is started with.
const firstRecord = 50

// named are the names that a welcome may be for: that of the newest record among
// those which came before the approval. What comes in the same hour as that may
// come before it or after.
func (m model) named(script []happening) []string {
	var names []string
	arrived, held := !m.parked, false
	newest := happening{what: "user", seq: firstRecord}
	for i, h := range script {
		switch h.what {
		case "user", "corrected":
			if !arrived || h.seq > newest.seq {
				newest = h
			}
			arrived = true
		case event.VerbApproved:
			held = true
		}
		if names != nil || arrived && held {
			names = append(names, newest.name())
			if i+1 == len(script) || script[i+1].hour != h.hour {
				break
			}
		}
	}
	// Records of that hour which stand before the approval in the script were there
	// before it in any case: signals of one kind keep their order, and users go first.
	return names
}

// model is what the workflow promises, in the fewest words: which ends a script
// may have. Messages are sent within the hour of the approval, so what comes
// later finds the run closed, and what comes in that hour may or may not.
type model struct {
	parkedFor, expireAfter int // hours
	parked                 bool
	email, sms             bool // will be accepted
}

func (m model) ends(script []happening) []event.Status {
	arrived, expires := !m.parked, m.expireAfter
	var held []string
	decide := func(verbs []string) []event.Status {
		if len(verbs) == 0 {
			return nil
		}
		switch verbs[0] {
		case event.VerbRejected:
			return []event.Status{event.StatusRejected}
		case event.VerbWithdrawn:
			return []event.Status{event.StatusWithdrawn}
		}
		end := event.StatusPartlyWelcomed
		if m.email == m.sms {
			end = map[bool]event.Status{true: event.StatusWelcomed, false: event.StatusUnreached}[m.email]
		}
		if slices.Contains(verbs[1:], event.VerbWithdrawn) {
			return []event.Status{event.StatusWithdrawn, end}
		}
		return []event.Status{end}
	}
	for i, h := range script {
		switch {
		case !arrived && h.hour >= m.parkedFor:
			return nil // no user came: the run fails
		case arrived && h.hour >= expires:
			return []event.Status{event.StatusExpired}
		}
		switch h.what {
		case "user", "corrected":
			if !arrived {
				arrived, expires = true, h.hour+m.expireAfter
				if ends := decide(append(held, sameHour(script[i+1:], h.hour)...)); ends != nil && len(held) > 0 {
					return ends
				}
			}
		case "resend":
		default:
			if !arrived {
				held = append(held, h.what)
				continue
			}
			return decide(append([]string{h.what}, sameHour(script[i+1:], h.hour)...))
		}
	}
	if !arrived {
		return nil
	}
	return []event.Status{event.StatusExpired}
}

// sameHour are the verbs that come in the hour of a decision.
func sameHour(script []happening, hour int) []string {
	var out []string
	for _, h := range script {
		if h.hour == hour {
			out = append(out, h.what)
		}
	}
	return out
}

// Whatever comes in whatever order, the run ends as the model says; the facts,
// PEOPLE and the messages agree; every event has one answer; and the status moves
// only along the transitions that the docs show.
func TestAnyOrderEndsAsTheModelSays(t *testing.T) {
	cases := 400
	if testing.Short() {
		cases = 50
	}
	ends := map[event.Status]int{}
	for seed := range uint64(cases) {
		r := rand.New(rand.NewPCG(seed, 6))
		m := model{parkedFor: 20, expireAfter: 30, parked: r.IntN(3) == 0, email: r.IntN(4) > 0, sms: r.IntN(4) > 0}
		var script []happening
		places := r.Perm(50)
		for hour := 0; len(script) < 1+r.IntN(6); hour += r.IntN(12) {
			what := []string{"user", "corrected", event.VerbApproved, event.VerbApproved, event.VerbRejected, event.VerbWithdrawn, event.VerbResend}[r.IntN(7)]
			script = append(script, happening{hour, what, fmt.Sprintf("e%d", len(script)), uint64(2*places[len(script)] + 1)})
			if r.IntN(5) == 0 { // once more
				script = append(script, script[len(script)-1])
			}
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ends[play(t, r, m, script)]++
		})
	}
	for _, s := range []event.Status{event.StatusWelcomed, event.StatusPartlyWelcomed, event.StatusUnreached, event.StatusRejected, event.StatusExpired, event.StatusWithdrawn, ""} {
		if ends[s] == 0 && !testing.Short() {
			t.Errorf("no script ended %q, so that was not tested: %v", s, ends)
		}
	}
}

func play(t *testing.T, r *rand.Rand, m model, script []happening) event.Status {
	env, w := setup(t)
	in := known()
	if w.person.Record = firstRecord; m.parked {
		in = parked()
		w.person = event.Person{}
	}
	in.Record = firstRecord
	in.Opened.Stored = env.Now()
	in.Settings.ParkedFor, in.Settings.ExpireAfter = time.Duration(m.parkedFor)*time.Hour-time.Minute, time.Duration(m.expireAfter)*time.Hour-time.Minute
	for channel, ok := range map[string]bool{event.ChannelEmail: m.email, event.ChannelSMS: m.sms} {
		for range r.IntN(3) {
			w.sendErrs[channel] = append(w.sendErrs[channel], errors.New("busy"))
		}
		if !ok {
			for range 5 { // an order may have it sent again
				w.sendErrs[channel] = append(w.sendErrs[channel], event.Permanent(errors.New("no such recipient")))
			}
		}
	}
	w.untold = r.IntN(8)
	for _, h := range script {
		at := in.Opened.Stored.Add(time.Duration(h.hour) * time.Hour)
		after := time.Duration(0)
		if h.what == event.VerbWithdrawn { // also while messages are tried
			after = time.Duration(r.IntN(10)) * time.Second
		}
		signal, arg := event.SignalVerification, any(event.Verification{Identity: event.Identity{Source: event.SourceCLI, ID: h.id}, UserID: "u-1", Verb: h.what, Stored: at})
		switch h.what {
		case event.VerbWithdrawn:
			signal = event.SignalWithdraw
		case "user", "corrected":
			e := arrival(h.id, ann)
			if h.what == "corrected" {
				e.User.Name = "Anne " + h.id
			}
			e.Opened.Stored, e.Settings, e.Record = at, &in.Settings, h.seq
			signal, arg = event.SignalUser, e
		}
		env.RegisterDelayedCallback(func() {
			if e, ok := arg.(event.UserEvent); ok && w.person.Generation == 0 { // the bridge claims the person first
				w.person = event.NewPerson("inbox", event.Opened{Identity: e.Identity, Seq: e.Record, Stored: e.Opened.Stored})
			}
			env.SignalWorkflow(signal, arg)
		}, time.Duration(h.hour)*time.Hour+after)
	}
	env.ExecuteWorkflow(event.WorkflowOnboard, in)

	var got event.Status
	if env.GetWorkflowError() == nil {
		got = w.status()
		if w.person.Status != "" && w.person.Status != got {
			t.Errorf("the facts end in %s, PEOPLE in %s", got, w.person.Status)
		}
	}
	want := m.ends(script)
	if len(want) == 0 && got != "" || len(want) > 0 && !slices.Contains(want, got) {
		t.Errorf("ended %q, the model says %v: %+v\n%v", got, want, m, script)
	}
	checkFacts(t, w.facts)
	w.told(t)
	for i, s := range w.sent {
		if slices.Contains(w.sent[:i], s) {
			t.Errorf("%q was sent twice", s)
		}
	}
	if names := m.named(script); len(w.sent) > 0 && !slices.ContainsFunc(names, func(name string) bool {
		return !slices.ContainsFunc(w.sent, func(s string) bool { return !strings.HasSuffix(strings.TrimSuffix(s, " again"), " "+name) })
	}) {
		t.Errorf("sent %v, the welcome is for one of %q: %+v\n%v", w.sent, names, m, script)
	}
	if err := w.person.Check(); err != nil && w.person.Generation > 0 {
		t.Error(err)
	}
	if len(w.sent) > 0 {
		name := ann.Name // the record that PEOPLE names is the one whose data were used
		for _, h := range script {
			if h.seq == w.person.Record && (h.what == "user" || h.what == "corrected") {
				name = h.name()
			}
		}
		if !strings.Contains(w.sent[0], name) {
			t.Errorf("sent %v, PEOPLE has the record %d of %s: %v", w.sent, w.person.Record, name, script)
		}
	}
	if len(w.sent) > 0 && !slices.ContainsFunc(w.facts, func(f event.Fact) bool { return f.Kind == event.FactApproved }) {
		t.Errorf("sent without an approval: %v", w.sent)
	}
	return got
}

// checkFacts reads facts as any reader does: by highest (generation, n).
func checkFacts(t *testing.T, facts []event.Fact) {
	t.Helper()
	answers := map[string]int{}
	moved := slices.DeleteFunc(slices.Clone(facts), func(f event.Fact) bool { return f.N == 0 })
	slices.SortFunc(moved, func(a, b event.Fact) int { return (a.Generation-b.Generation)*1000 + a.N - b.N })
	was := event.Status("")
	for i, f := range moved {
		if i == 0 && f.Status != event.StatusWaiting && f.Status != event.StatusParked {
			was = event.StatusWaiting // the start was told by the bridge
			if f.Generation == 0 {
				was = event.StatusParked
			}
		}
		if f.Status != was && !allowed(was, f.Status) {
			t.Errorf("the status went from %q to %q, which docs/workflow.md does not show", was, f.Status)
		}
		was = f.Status
	}
	for _, f := range facts {
		if f.Effect == event.EffectApplied || f.Effect == event.EffectUpdated {
			answers[f.EventID]++
		}
	}
	for id, n := range answers {
		if n > 1 {
			t.Errorf("the event %s had an effect %d times", id, n)
		}
	}
}

func allowed(from, to event.Status) bool {
	return slices.ContainsFunc(event.Transitions(), func(m event.Transition) bool { return m.From == from && m.To == to })
}
