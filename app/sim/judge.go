package sim

import (
	"fmt"
	"slices"
	"time"

	"usher/event"
	"usher/event/promises"
)

// rules is what must hold when a seed is over, beyond the promises that usher makes
// anywhere (event/promises): here it is known that every fault is over, what was
// said when, and which answers can have been lost. Each says what is wrong in
// sentences of its own.
var rules = []struct {
	name, says string
	check      func(*evidence) []string
}{
	{"end", "Every imported user reaches a final status.", (*evidence).everybodyEnds},
	{"waited", "A record that came while its user waited has an outcome.", (*evidence).whoWaitedIsAnswered},
	{"decision", "Each user's final status matches an event about them, which is answered as applied.", (*evidence).endsAsDecided},
	{"two", "Whom two have to approve, two people have approved.", (*evidence).twoDecided},
	{"late", "No user is welcomed whose withdrawal was answered as late.", (*evidence).noneTooLate},
	{"newest", "The newest correction that came before the decision wins: its address gets the message.", (*evidence).newestWins},
	{"copies", "The ledger counts no copy when no answer can have been lost.", (*evidence).noCopies},
	{"told", "A subscriber hears of every fact that is stored.", func(e *evidence) []string { return e.untold }},
	{"page", "The console has read everything, whatever outsiders wrote.", (*evidence).allRead},
	{"import", "The last word about each import is how it ended.", (*evidence).importsEnd},
	{"tasks", "No workflow task fails but for a signal that came in the last moment.", (*evidence).noFailedTasks},
}

// judge holds the promises and the rules against what is there.
func (w *world) judge(cast []*person) {
	e, err := w.collect(cast)
	if err != nil {
		w.must(err)
		return
	}
	for _, what := range promises.Broken(e.world()) {
		w.trace.fail(what)
	}
	for _, r := range rules {
		for _, what := range r.check(e) {
			w.trace.fail(r.name + ": " + what)
		}
	}
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

func (e *evidence) whoWaitedIsAnswered() (out []string) {
	for _, p := range e.cast {
		if last := e.lastRecord(e.ids[p.name()], p.strict); last.seq > 0 && len(e.answers[last.Identity]) == 0 {
			out = append(out, fmt.Sprintf("record %d of %s, who waited, has no outcome", last.seq, p.name()))
		}
	}
	return out
}

// lastRecord is the last one about a person that was stored before.
func (e *evidence) lastRecord(id string, before time.Time) (last record) {
	for _, r := range e.records {
		if r.user.UserID == id && r.stored.Before(before) && r.seq > last.seq {
			last = r
		}
	}
	return last
}

var endOf = map[string]event.Status{
	event.VerbApproved: event.StatusWelcomed, event.VerbRejected: event.StatusRejected, event.VerbWithdrawn: event.StatusWithdrawn,
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
			out = append(out, fmt.Sprintf("%s is %s, and no one decided", id, person.Status))
		case person.Status != endOf[d.Verb]:
			out = append(out, fmt.Sprintf("%s is %s, and was %s", id, person.Status, d.Verb))
		case !slices.ContainsFunc(e.said, func(s said) bool { return s.Identity == d.Identity && s.verb == d.Verb && s.userID == id }):
			out = append(out, fmt.Sprintf("%s was %s by %s, which no one said", id, d.Verb, d.Identity))
		case !e.answered(d.Identity, func(f event.Fact) bool { return f.Effect == event.EffectApplied && f.Kind == d.Verb }):
			out = append(out, fmt.Sprintf("%s was %s by %s, which is not answered as applied", id, d.Verb, d.Identity))
		}
	}
	return out
}

func (e *evidence) twoDecided() (out []string) {
	for _, p := range e.cast {
		id := e.ids[p.name()]
		person, ok := e.people[id]
		if d := person.Decided; ok && p.inbox == inboxPair && d != nil {
			people := []string{"console:ben", "console:cleo", "console:dan"}
			if d.By == d.FirstBy || !slices.Contains(people, d.By) || !slices.Contains(people, d.FirstBy) {
				out = append(out, fmt.Sprintf("%s was %s by %q and %q", id, d.Verb, d.FirstBy, d.By))
			}
		}
	}
	return out
}

// answered tells whether an event has such an answer.
func (e *evidence) answered(id event.Identity, such func(event.Fact) bool) bool {
	return slices.ContainsFunc(e.answers[id], such)
}

func (e *evidence) noneTooLate() (out []string) {
	for _, s := range e.said {
		p := e.people[s.userID]
		late := e.answered(s.Identity, func(f event.Fact) bool { return f.Effect == event.EffectLate })
		if s.verb == event.VerbWithdrawn && late && p.Status == event.StatusWelcomed && s.stored.After(p.Opened.Stored) {
			out = append(out, fmt.Sprintf("%s was answered as late, and %s is %s", s.Identity, s.userID, p.Status))
		}
	}
	return out
}

// newestWins asks about those of whom the story knows which record is the newest:
// whatever it was answered with, for PEOPLE may have had it first.
func (e *evidence) newestWins() (out []string) {
	for _, p := range e.cast {
		id := e.ids[p.name()]
		person, newest := e.people[id], e.lastRecord(id, p.strict)
		if newest.seq == 0 {
			continue
		}
		if person.Status == event.StatusWelcomed && person.Record < newest.seq && !e.same(person.Record, newest) {
			out = append(out, fmt.Sprintf("PEOPLE names record %d of %s, and record %d counts", person.Record, id, newest.seq))
		}
		s := person.Sends[event.SendKey(person.Generation, event.PurposeWelcome, event.ChannelEmail, 1)]
		for _, m := range e.mails {
			if m.ref == s.MessageID && event.NormalizeEmail(m.to) != event.NormalizeEmail(newest.user.Email) {
				out = append(out, fmt.Sprintf("the welcome of %s (generation %d) went to %s, and record %d has %s", id, person.Generation, m.to, newest.seq, newest.user.Email))
			}
		}
	}
	return out
}

// same tells whether two records say the same.
func (e *evidence) same(seq uint64, r record) bool {
	return slices.ContainsFunc(e.records, func(x record) bool { return x.seq == seq && x.user.SameData(r.user) })
}

func (e *evidence) noCopies() (out []string) {
	if e.w.plan.excused {
		return nil
	}
	for id, p := range e.people {
		for key, s := range p.Sends {
			if s.Copies > 0 {
				out = append(out, fmt.Sprintf("the ledger of %s counts %d copies of %s, and no answer can have been lost", id, s.Copies, key))
			}
		}
	}
	return out
}

func (e *evidence) allRead() (out []string) {
	for stream, last := range e.ends {
		if e.read[stream] < last {
			out = append(out, fmt.Sprintf("the console has read %s to %d, and it ends at %d", stream, e.read[stream], last))
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
