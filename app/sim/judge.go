package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// rules is the one list of what must hold when a seed is over, whatever happened.
// Each says what is wrong in sentences of its own.
var rules = []struct {
	name, says string
	check      func(*evidence) []string
}{
	{"end", "Everybody of whom a record was taken comes to an end.", (*evidence).everybodyEnds},
	{"record", "Each record has one visible outcome.", (*evidence).eachRecord},
	{"decision", "The end of everybody is what an event about them says, and that event is answered as applied.", (*evidence).endsAsDecided},
	{"answer", "Each decision and each order is answered, by more than that it is a duplicate.", (*evidence).eachAnswered},
	{"order", "What an order is answered with is what was done.", (*evidence).ordersDone},
	{"newest", "Of the corrections that count, the newest one wins: its address gets the message.", (*evidence).newestWins},
	{"once", "A message goes out at most once, or the ledger counts its copies; it counts none when no answer can have been lost.", (*evidence).eachOnce},
	{"agree", "PEOPLE, the facts and the page agree about everybody.", (*evidence).allAgree},
	{"page", "The console has read everything, whatever outsiders wrote.", (*evidence).allRead},
	{"import", "The last word about each import is how it ended.", (*evidence).importsEnd},
	{"letters", "No message becomes a dead letter that is fine.", (*evidence).noLetters},
	{"tasks", "No workflow task fails but for a signal that came in the last moment.", (*evidence).noFailedTasks},
}

// judge holds the rules against what is there.
func (w *world) judge(cast []*person) {
	e, err := w.collect(cast)
	if err != nil {
		w.must(err)
		return
	}
	for _, r := range rules {
		for _, what := range r.check(e) {
			w.trace.fail(r.name + ": " + what)
		}
	}
}

func (e *evidence) allRead() (out []string) {
	for stream, last := range e.ends {
		if e.read[stream] < last {
			out = append(out, fmt.Sprintf("the console has read %s to %d, and it ends at %d", stream, e.read[stream], last))
		}
	}
	return out
}

func (e *evidence) everybodyEnds() (out []string) {
	for _, p := range e.cast {
		id := e.ids[p.name()]
		if id == "" {
			out = append(out, p.name()+" has no record in USERS")
		} else if s := e.people[id].Status; !s.Final() {
			out = append(out, fmt.Sprintf("%s (%s) is %q", p.name(), id, s))
		}
	}
	return out
}

func (e *evidence) dead(id string) bool {
	return slices.ContainsFunc(e.letters, func(l letter) bool { return strings.HasSuffix(id, "/"+l.eventID) })
}

// eachRecord lets a record without an answer pass only when the person's onboarding
// was over while it was handled: then it is known, which makes no fact.
func (e *evidence) eachRecord() (out []string) {
	for _, r := range e.records {
		if len(e.answers[r.id]) == 0 && !e.dead(r.id) && e.everOver(r.user.UserID) == (time.Time{}) {
			out = append(out, fmt.Sprintf("record %d of %s has no outcome", r.seq, r.user.UserID))
		}
	}
	for _, p := range e.cast {
		if last := e.lastRecord(e.ids[p.name()], p.strict); last.id != "" && len(e.answers[last.id]) == 0 && !e.dead(last.id) {
			out = append(out, fmt.Sprintf("record %d of %s, who waited, has no outcome", last.seq, p.name()))
		}
	}
	return out
}

// everOver is when the person's onboarding was over for the first time.
func (e *evidence) everOver(id string) (at time.Time) {
	for _, f := range e.facts[id] {
		if f.Status.Final() && (at.IsZero() || f.At.Before(at)) {
			at = f.At
		}
	}
	return at
}

// lastRecord is the last one about somebody that was stored before.
func (e *evidence) lastRecord(id string, before time.Time) (last record) {
	for _, r := range e.records {
		if r.user.UserID == id && r.stored.Before(before) && r.seq > last.seq {
			last = r
		}
	}
	return last
}

var endOf = map[string][]event.Status{
	event.VerbApproved: {event.StatusWelcomed}, event.VerbRejected: {event.StatusRejected}, event.VerbWithdrawn: {event.StatusWithdrawn},
}

func (e *evidence) endsAsDecided() (out []string) {
	for _, p := range e.cast {
		id := e.ids[p.name()]
		person, ok := e.people[id]
		if !ok || !person.Status.Final() {
			continue // said before
		}
		d := person.Decided
		switch {
		case d == nil:
			out = append(out, fmt.Sprintf("%s is %s, and nobody decided", id, person.Status))
		case !slices.Contains(endOf[d.Verb], person.Status):
			out = append(out, fmt.Sprintf("%s is %s, and was %s", id, person.Status, d.Verb))
		case !slices.ContainsFunc(e.said, func(s said) bool { return s.id == d.Identity.String() && s.verb == d.Verb && s.userID == id }):
			out = append(out, fmt.Sprintf("%s was %s by %s, which nobody said", id, d.Verb, d.Identity))
		case !slices.ContainsFunc(e.answers[d.Identity.String()], func(f event.Fact) bool { return f.Effect == event.EffectApplied && f.Kind == d.Verb }):
			out = append(out, fmt.Sprintf("%s was %s by %s, which is not answered as applied", id, d.Verb, d.Identity))
		}
	}
	return out
}

func (e *evidence) eachAnswered() (out []string) {
	done := map[string]bool{}
	for _, s := range e.said {
		if done[s.id] || e.dead(s.id) {
			continue
		}
		done[s.id] = true
		if !slices.ContainsFunc(e.answers[s.id], func(f event.Fact) bool { return f.Effect != "" && f.Effect != event.EffectDuplicate }) {
			out = append(out, fmt.Sprintf("%s about %s is answered with %v", s.id, s.userID, kinds(e.answers[s.id])))
		}
	}
	return out
}

func kinds(facts []event.Fact) (out []string) {
	for _, f := range facts {
		out = append(out, f.Kind)
	}
	return out
}

func (e *evidence) allAgree() (out []string) {
	for id, p := range e.people {
		var top event.Fact
		for _, f := range e.facts[id] {
			if f.Status != "" && (f.Generation > top.Generation || f.Generation == top.Generation && f.N > top.N) {
				top = f
			}
		}
		if top.Status != p.Status || top.Generation != p.Generation {
			out = append(out, fmt.Sprintf("PEOPLE says that %s is %s in generation %d, the facts say %s in %d", id, p.Status, p.Generation, top.Status, top.Generation))
		}
		if r := e.page[id]; r.status != string(p.Status) || r.generation != p.Generation {
			out = append(out, fmt.Sprintf("PEOPLE says that %s is %s in generation %d, the page says %s in %d", id, p.Status, p.Generation, r.status, r.generation))
		}
		if p.Order != nil {
			out = append(out, fmt.Sprintf("PEOPLE says that %s of %s is still being carried out", p.Order, id))
		}
	}
	return out
}

func (e *evidence) importsEnd() (out []string) {
	for id, p := range e.imports {
		if !p.Over() {
			out = append(out, fmt.Sprintf("the last word about %s (%s) is that it is %s", id, p.File, p.State))
		}
	}
	return out
}

func (e *evidence) noLetters() (out []string) {
	for _, l := range e.letters {
		if len(l.data) > 0 || l.reason != event.ReasonMalformed { // that one is due
			out = append(out, fmt.Sprintf("%s/%s: %s: %s", l.subject, l.eventID, l.reason, l.cause))
		}
	}
	return out
}

func (e *evidence) noFailedTasks() (out []string) {
	for _, r := range e.w.temporal.Runs() {
		for _, x := range r.Events {
			if f := x.GetWorkflowTaskFailedEventAttributes(); f != nil && f.Cause.String() != "UnhandledCommand" && f.Cause.String() != "ForceCloseCommand" {
				out = append(out, fmt.Sprintf("%s: %s: %s", r.ID, f.Cause, f.Failure.GetMessage()))
			}
		}
	}
	return out
}
