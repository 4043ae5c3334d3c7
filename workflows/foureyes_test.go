package workflows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"usher/event"
)

// twoEyes is a start in an inbox where two decide, with a record that ann uploaded.
func twoEyes(rule event.FourEyes) event.Onboarding {
	u := ann
	u.Import.UploadedBy = "ann"
	in := with(known(), func(s *event.Settings) { s.FourEyes = &rule })
	in.User = &u
	return in
}

func says(actor, id, verb string) event.Verification {
	v := by(event.SourceConsole, decision(id, verb))
	v.Actor = actor
	return v
}

// votes are what facts tell of decisions that wait for a second person.
func votes(w *world) (out []string) {
	for _, f := range w.facts {
		s := f.Kind + " " + f.Why
		for _, v := range f.Half {
			s += " " + v.By + " " + v.Verdict
		}
		first := f.FirstBy != "" && f.Effect == event.EffectApplied // also the end names both
		if first {
			s += f.FirstBy + " and " + f.DecidedBy
		}
		if len(f.Half) > 0 || f.Why != "" || first {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func TestTwoPeopleDecide(t *testing.T) {
	welcomed := []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"}
	both := []string{"email Ann", "sms Ann"}
	half := append([]string{"half waiting"}, welcomed...)
	approvals, all := event.FourEyes{}, event.FourEyes{Rejections: true}
	systems := event.FourEyes{Systems: []string{"crm", "hr"}}
	say := func(hour int, actor, id, verb string) step {
		return step{time.Duration(hour) * time.Hour, event.SignalVerification, says(actor, id, verb)}
	}
	system := func(hour int, source, id, verb string) step {
		return step{time.Duration(hour) * time.Hour, event.SignalVerification, by(source, decision(id, verb))}
	}
	brought := func(hour int, id, uploader, name string) step {
		u := ann
		u.Import.UploadedBy, u.Name = uploader, name
		return step{time.Duration(hour) * time.Hour, event.SignalUser, arrival(id, u)}
	}
	tells := func(want ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			if d := gocmp.Diff(want, votes(w)); d != "" {
				t.Errorf("told (-want +got)\n%s", d)
			}
			if slices.ContainsFunc(w.early, func(kind string) bool {
				return kind == event.FactHalf || kind == event.FactRefused || kind == event.FactApproved
			}) {
				t.Errorf("told before their task was on record: %v", w.early)
			}
		}
	}
	expires := func(in event.Onboarding) event.Onboarding {
		return with(in, func(s *event.Settings) { s.ExpireAfter = 10 * time.Hour })
	}
	in := twoEyes(approvals)

	tell(t, map[string]story{
		"two people": {
			in: in, steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "cleo", "v2", event.VerbApproved)},
			story: half, status: event.StatusWelcomed, sent: both,
			check: func(t *testing.T, w *world) {
				tells("approved console:ben and console:cleo", "half  console:ben approved")(t, w)
				if d := w.person.Decided; d.By != "console:cleo" || d.FirstBy != "console:ben" || !d.Counted(event.Identity{Source: event.SourceConsole, ID: "v1"}) {
					t.Errorf("PEOPLE says that %+v decided", d)
				}
			},
		},
		"two at the same moment": {
			in: in, steps: []step{say(1, "ben", "v1", event.VerbApproved), say(1, "cleo", "v2", event.VerbApproved)},
			story: half, status: event.StatusWelcomed, sent: both,
		},
		"one person twice": {
			in: expires(in), steps: []step{say(1, "ben", "v1", event.VerbApproved), say(1, "ben", "v2", event.VerbApproved), say(2, "ben", "v3", event.VerbApproved)},
			story: []string{"half waiting", "expired expired"}, asides: []string{"refused waiting", "refused waiting"}, status: event.StatusExpired,
			check: tells("half  console:ben approved", "refused same_person", "refused same_person"),
		},
		"the same event twice": {
			in: expires(in), steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "ben", "v1", event.VerbApproved)},
			story: []string{"half waiting", "expired expired"}, asides: []string{"duplicate waiting"}, status: event.StatusExpired,
		},
		"who uploaded the file is none of them": {
			in: expires(in), steps: []step{say(1, "ann", "v1", event.VerbApproved), say(2, "ben", "v2", event.VerbApproved), say(3, "ann", "v3", event.VerbApproved)},
			story: []string{"half waiting", "expired expired"}, asides: []string{"refused waiting", "refused waiting"}, status: event.StatusExpired,
			check: tells("half  console:ben approved", "refused uploader", "refused uploader"),
		},
		"a token, the command line and other systems are no one": {
			in: expires(in),
			steps: []step{
				say(1, "ben", "v1", event.VerbApproved), say(2, "token.ben", "v2", event.VerbApproved), say(3, "", "v3", event.VerbApproved),
				system(4, event.SourceCLI, "v4", event.VerbApproved), system(5, "crm", "v5", event.VerbApproved),
			},
			story: []string{"half waiting", "expired expired"}, asides: slices.Repeat([]string{"refused waiting"}, 4), status: event.StatusExpired,
			check: tells("half  console:ben approved", "refused no_person", "refused no_person", "refused no_person", "refused no_person"),
		},
		"a system is one of the two where that is set": {
			in: twoEyes(systems), steps: []step{system(1, "crm", "v1", event.VerbApproved), say(2, "ben", "v2", event.VerbApproved)},
			story: half, status: event.StatusWelcomed, sent: both,
			check: tells("approved crm and console:ben", "half  crm approved"),
		},
		"two systems are one": {
			in:    expires(twoEyes(systems)),
			steps: []step{system(1, "crm", "v1", event.VerbApproved), system(2, "hr", "v2", event.VerbApproved), system(3, "erp", "v3", event.VerbApproved)},
			story: []string{"half waiting", "expired expired"}, asides: []string{"refused waiting", "refused waiting"}, status: event.StatusExpired,
			check: tells("half  crm approved", "refused no_person", "refused same_person"),
		},
		"one rejection is enough, also of who uploaded the file": {
			in: in, steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "ann", "v2", event.VerbRejected)},
			story: []string{"half waiting", "rejected rejected"}, status: event.StatusRejected,
		},
		"two have to reject": {
			in: twoEyes(all), steps: []step{say(1, "ben", "v1", event.VerbRejected), say(2, "ann", "v2", event.VerbRejected), say(3, "cleo", "v3", event.VerbRejected)},
			story: []string{"half waiting", "rejected rejected"}, asides: []string{"refused waiting"}, status: event.StatusRejected,
		},
		"a rejection beside an approval, and a third person": {
			in: twoEyes(all), steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "cleo", "v2", event.VerbRejected), say(3, "dan", "v3", event.VerbRejected)},
			story: []string{"half waiting", "half waiting", "rejected rejected"}, status: event.StatusRejected,
			check: tells("half  console:ben approved", "half  console:ben approved console:cleo rejected", "rejected console:cleo and console:dan"),
		},
		"one changes their mind": {
			in: twoEyes(all), steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "ben", "v2", event.VerbRejected), say(3, "cleo", "v3", event.VerbRejected)},
			story: []string{"half waiting", "half waiting", "rejected rejected"}, status: event.StatusRejected,
			check: tells("half  console:ben approved", "half  console:ben rejected", "rejected console:ben and console:cleo"),
		},
		"a correction makes the first approval void": {
			in: expires(in), steps: []step{say(1, "ben", "v1", event.VerbApproved), brought(2, "r2", "", "Anne"), say(3, "cleo", "v2", event.VerbApproved)},
			story: []string{"half waiting", "updated waiting", "half waiting", "expired expired"}, status: event.StatusExpired,
			check: tells("half  console:ben approved", "half  console:cleo approved", "updated corrected"),
		},
		"who corrects is none of them, and who brought the first record stays out": {
			in: expires(in), steps: []step{brought(1, "r2", "ben", "Anne"), say(2, "ben", "v1", event.VerbApproved), say(3, "ann", "v2", event.VerbApproved), say(4, "cleo", "v3", event.VerbApproved)},
			story: []string{"half waiting", "expired expired"}, asides: []string{"updated waiting", "refused waiting", "refused waiting"}, status: event.StatusExpired,
		},
		"who approves and then imports the file again did not approve": {
			in: expires(in), steps: []step{say(1, "ben", "v1", event.VerbApproved), brought(2, "r2", "ben", "Ann"), say(3, "cleo", "v2", event.VerbApproved)},
			story: []string{"half waiting", "unchanged waiting", "half waiting", "expired expired"}, status: event.StatusExpired,
			check: tells("half  console:ben approved", "half  console:cleo approved", "unchanged uploader"),
		},
		"the same record again leaves it": {
			in: in, steps: []step{say(1, "ben", "v1", event.VerbApproved), brought(2, "r2", "dan", "Ann"), say(3, "cleo", "v2", event.VerbApproved)},
			story: half, asides: []string{"unchanged waiting"}, status: event.StatusWelcomed, sent: both,
		},
		"withdrawn while half approved": {
			in: in, steps: []step{say(1, "ben", "v1", event.VerbApproved), {2 * time.Hour, event.SignalWithdraw, order("w1", event.VerbWithdrawn)}},
			story: []string{"half waiting", "withdrawn withdrawn"}, status: event.StatusWithdrawn, orders: 1,
		},
		"decided before the user came": {
			in:    parked(),
			steps: []step{say(1, "ben", "v1", event.VerbApproved), say(2, "ann", "v2", event.VerbApproved), {3 * time.Hour, event.SignalUser, fourEyed(arrival("r1", *in.User), approvals)}, say(4, "cleo", "v3", event.VerbApproved)},
			story: append([]string{"parked parked", "parked parked", "started waiting"}, half...), asides: []string{"refused waiting"}, status: event.StatusWelcomed, sent: both,
		},
		"what was said about an earlier generation does not count": {
			in: expires(opened(in, 2, stored.Add(90*time.Minute))), person: &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting},
			steps: []step{say(2, "ben", "v1", event.VerbApproved), {3 * time.Hour, event.SignalVerification, saidAt(stored.Add(3*time.Hour), says("cleo", "v2", event.VerbApproved))}},
			story: []string{"half waiting", "expired expired"}, asides: []string{"late waiting"}, status: event.StatusExpired,
		},
	})
}

func fourEyed(e event.UserEvent, rule event.FourEyes) event.UserEvent {
	s := event.DefaultSettings()
	s.FourEyes = &rule
	e.Settings = &s
	return e
}

// opened is the start of a generation that was opened then.
func opened(in event.Onboarding, generation int, at time.Time) event.Onboarding {
	in.Generation, in.Opened = generation, event.Opened{Identity: event.Identity{Source: event.SourceCLI, ID: "o1"}, Stored: at}
	return in
}

func saidAt(at time.Time, v event.Verification) event.Verification {
	v.Stored = at
	return v
}

// A window is about a decision of one; two of them need not end in the order in which
// they began, and one that cannot count is answered at once.
func TestTwoPeopleDecideWithWindows(t *testing.T) {
	const window = 10 * time.Second
	at := stored.Add(time.Hour)
	say := func(after time.Duration, actor, id string) step {
		v := says(actor, id, event.VerbApproved)
		v.Stored, v.Effective = at.Add(after), at.Add(after+window)
		return step{time.Hour - time.Second + after, event.SignalVerification, v}
	}
	in := with(twoEyes(event.FourEyes{}), func(s *event.Settings) { s.ExpireAfter = 10 * time.Hour })
	corrected := ann
	corrected.Name = "Anne"
	tell(t, map[string]story{
		"both pass": {
			in: in, steps: []step{say(0, "ben", "v1"), say(5*time.Second, "cleo", "v2")},
			story:  []string{"half waiting", "approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"pending waiting", "pending waiting"}, status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"the second is taken back": {
			in: in, steps: []step{say(0, "ben", "v1"), say(5*time.Second, "cleo", "v2"), {time.Hour + 7*time.Second, event.SignalVerification, undo("u1", "v2")}},
			story:  []string{"half waiting", "expired expired"},
			asides: []string{"pending waiting", "pending waiting", "undone waiting", "undone waiting"}, status: event.StatusExpired,
		},
		"one person in two tabs": {
			in: in, steps: []step{say(0, "ben", "v1"), say(time.Second, "ben", "v2")},
			story:  []string{"half waiting", "expired expired"},
			asides: []string{"pending waiting", "pending waiting", "refused waiting"}, status: event.StatusExpired,
		},
		"who uploaded the file is told at once": {
			in: in, steps: []step{say(0, "ann", "v1")},
			story: []string{"expired expired"}, asides: []string{"refused waiting"}, status: event.StatusExpired,
		},
		"a correction within the window": {
			in: in, steps: []step{say(0, "ben", "v1"), {time.Hour + 5*time.Second, event.SignalUser, arrival("r2", corrected)}},
			story: []string{"expired expired"}, asides: []string{"pending waiting", "refused waiting", "updated waiting"}, status: event.StatusExpired,
			check: func(t *testing.T, w *world) {
				if d := gocmp.Diff([]string{"refused corrected"}, votes(w)); d != "" {
					t.Errorf("told (-want +got)\n%s", d)
				}
			},
		},
	})
}

// Whatever comes in whatever order, only two different voters approve, none of whom
// uploaded a record; and what the facts show as half is what the rule holds. The model
// knows one set of names for each verdict.
func TestAnyVotesEndAsTheRuleSays(t *testing.T) {
	ends := map[event.Status]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 29))
		rule := event.FourEyes{Rejections: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			rule.Systems = []string{"crm", "hr"}
		}
		in := with(twoEyes(rule), func(s *event.Settings) { s.ExpireAfter, s.TellRejected = 60*time.Hour, r.IntN(2) == 0 })
		said, uploaders := map[string]string{}, map[string]bool{"ann": true} // by voter: the verdict
		want, name := event.StatusExpired, "Ann"
		wantTold := map[string]event.Effect{}
		var deciders []string
		env, w := setup(t)
		for hour := range 1 + r.IntN(12) {
			id := fmt.Sprint("e", hour)
			after := time.Duration(hour+1) * time.Hour
			open := want == event.StatusExpired
			if r.IntN(6) == 0 { // a record
				u := ann
				u.Name, u.Import.UploadedBy = []string{name, name + "a"}[r.IntN(2)], []string{"", "ben", "cleo"}[r.IntN(3)]
				if open {
					by := u.Import.UploadedBy
					uploaders[by] = uploaders[by] || by != ""
					if u.Name != name {
						clear(said)
					} else if by != "" {
						delete(said, "console:"+by)
					}
					name = u.Name
				}
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalUser, arrival(id, u)) }, after)
				continue
			}
			v := says([]string{"ann", "ben", "cleo", "dan", "token.ben"}[r.IntN(5)], id, []string{event.VerbApproved, event.VerbApproved, event.VerbRejected}[r.IntN(3)])
			if r.IntN(3) == 0 {
				v = by([]string{"crm", "hr", event.SourceCLI}[r.IntN(3)], decision(id, v.Verb))
			}
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, v) }, after)
			if !open {
				continue // the run may be closed
			}
			voter := v.By()
			switch {
			case v.Source == event.SourceCLI, v.Actor == "token.ben":
				voter = ""
			case v.Source != event.SourceConsole:
				if voter = ""; rule.Systems != nil {
					voter = "systems"
				}
			case uploaders[v.Actor]:
				voter = ""
			}
			counts := v.Verb == event.VerbApproved || rule.Rejections
			switch {
			case !counts:
				want, wantTold[id], deciders = event.StatusRejected, event.EffectApplied, []string{"anyone"}
			case voter == "" || said[voter] == v.Verb:
				wantTold[id] = event.EffectRefused
			default:
				wantTold[id] = event.EffectHalf
				for other, verb := range said {
					if other != voter && verb == v.Verb {
						wantTold[id], deciders = event.EffectApplied, []string{other, voter}
						want = map[string]event.Status{event.VerbApproved: event.StatusWelcomed, event.VerbRejected: event.StatusRejected}[v.Verb]
					}
				}
				said[voter] = v.Verb
			}
		}
		env.ExecuteWorkflow(event.WorkflowOnboard, in)
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(seed, err)
		}
		if w.person.Status != want {
			t.Errorf("seed %d: ended %s, the rule says %s by %v", seed, w.person.Status, want, deciders)
		}
		ends[w.person.Status]++
		got := map[string]event.Effect{}
		var top event.Fact
		for _, f := range w.facts {
			if _, expected := wantTold[f.EventID]; expected {
				if got[f.EventID] != "" {
					t.Errorf("seed %d: %s is answered twice", seed, f.EventID)
				}
				got[f.EventID] = f.Effect
			}
			if f.Status == event.StatusWaiting && f.N > top.N {
				top = f
			}
		}
		if d := gocmp.Diff(wantTold, got); d != "" {
			t.Errorf("seed %d: answers (-want +got)\n%s", seed, d)
		}
		if want == event.StatusExpired && len(top.Half) != len(said) {
			t.Errorf("seed %d: shown as half %+v, the rule has %v", seed, top.Half, said)
		}
		checkFacts(t, w.facts)
	}
	for _, s := range []event.Status{event.StatusWelcomed, event.StatusRejected, event.StatusExpired} {
		if ends[s] < 20 {
			t.Errorf("too few stories ended %s: %v", s, ends)
		}
	}
}
