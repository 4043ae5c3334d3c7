package promises

import (
	"fmt"
	"maps"
	"slices"

	"usher/event"
)

// answers: every event is answered, by more than that it is there already, in one
// generation by one answer, which its sender got too; and what the answer says was done
// is what PEOPLE holds.
func answers(w World) (out []string) {
	told := w.answering(event.AnswersVerification)
	dead := map[string]bool{}
	for _, l := range w.Letters {
		if l.Stream == event.StreamVerifications {
			dead[l.EventID] = true
		}
	}
	type place struct {
		user       string
		generation int
	}
	deciders := map[place]event.Identity{}
	for _, e := range w.Events {
		facts, p := told[e.Identity], w.People[e.UserID]
		by := effects(facts)
		bad := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("%s %s about %s: ", e.Verb, e.Identity, e.UserID)+fmt.Sprintf(format, args...))
		}
		switch {
		case dead[e.ID]:
		case len(facts) == 0:
			bad("never answered")
		case len(by) == 0:
			bad("never answered, but as a duplicate")
		}
		var did []int // generations in which it took effect
		for generation, effects := range by {
			if vote := []event.Effect{event.EffectHalf, event.EffectRefused}; len(effects) == 2 && slices.Contains(effects, event.EffectLate) && slices.ContainsFunc(vote, func(v event.Effect) bool { return slices.Contains(effects, v) }) {
				effects = effects[:1] // PEOPLE keeps no vote that did not decide, so it is late when it comes again after the end
			}
			if len(effects) > 1 {
				bad("answered %v in generation %d", effects, generation)
			}
			if slices.Contains(effects, event.EffectApplied) {
				did = append(did, generation)
			}
		}
		if len(did) > 1 || len(did) == 1 && dead[e.ID] {
			bad("took effect in the generations %v, dead letter: %v", did, dead[e.ID])
		}
		if e.Told != "" && !slices.ContainsFunc(facts, func(f event.Fact) bool {
			return f.Effect == e.Told || e.Told == event.EffectApplied && f.Effect == event.EffectDuplicate
		}) {
			bad("its sender was told %s, no fact says so", e.Told)
		}
		for _, generation := range did {
			if e.Verb == event.VerbApproved || e.Verb == event.VerbRejected {
				at := place{e.UserID, generation}
				if other, taken := deciders[at]; taken && other != e.Identity {
					bad("decided generation %d, and so did %s", generation, other)
				}
				deciders[at] = e.Identity
			}
			if problem := undone(e, generation, p); problem != "" {
				bad("applied in generation %d, but %s", generation, problem)
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		if d := p.Decided; d != nil && !slices.Contains(effects(told[d.Identity])[p.Generation], event.EffectApplied) {
			out = append(out, fmt.Sprintf("%s was decided by %s, and no fact says that it was applied in generation %d", user, d.Identity, p.Generation))
		}
		for _, o := range p.Orders {
			if len(told[o.Identity]) == 0 {
				out = append(out, fmt.Sprintf("PEOPLE took the order %s about %s, and no fact answers it", o.Identity, user))
			}
		}
	}
	return out
}

// undone says what PEOPLE lacks of an event that was applied, "" when nothing.
func undone(e Event, generation int, p event.Person) string {
	now := p.Generation == generation
	if p.Generation < generation {
		return fmt.Sprintf("the person is in generation %d", p.Generation)
	}
	switch e.Verb {
	case event.VerbApproved, event.VerbRejected:
		if now && (p.Decided == nil || p.Decided.Identity != e.Identity && p.Decided.Verb != event.VerbWithdrawn) {
			return "another event decided"
		}
	case event.VerbWithdrawn:
		if now && p.Status != event.StatusWithdrawn && p.Status != event.StatusFailed {
			return "the person is " + string(p.Status)
		}
	case event.VerbReopened:
		if now && p.Opened.Identity != e.Identity {
			return "another event opened this generation"
		}
	case event.VerbResend:
		if !slices.ContainsFunc(p.Messages(), func(m event.Message) bool { return m.Generation == generation && m.Ordinal > 1 }) && p.Status != event.StatusWithdrawn {
			return "no message was sent again"
		}
	}
	return ""
}
