package promises

import (
	"fmt"
	"maps"
	"slices"

	"usher/event"
)

// outcomes: a record is in USERS once; it is told by a fact, or is a dead letter,
// or came when its person's onboarding was over; no user is left half-way.
func outcomes(w World) (out []string) {
	told := w.answering(event.AnswersUser)
	dead := map[uint64]bool{}
	for _, l := range w.Letters {
		if l.Stream == event.StreamUsers {
			dead[l.Sequence] = true
		}
	}
	first := map[event.Identity]uint64{}
	for _, r := range w.Records {
		if seq, twice := first[r.Identity]; twice {
			out = append(out, fmt.Sprintf("record %s is in USERS at %d and at %d", r.Identity, seq, r.Seq))
			continue
		}
		first[r.Identity] = r.Seq
		p, known := w.People[r.UserID]
		facts := told[r.Identity]
		switch {
		case dead[r.Seq]:
			if len(effects(facts)) > 0 {
				out = append(out, fmt.Sprintf("record %d of %s is a dead letter and has an effect", r.Seq, r.UserID))
			}
		case !known:
			out = append(out, fmt.Sprintf("%s of record %d is not in PEOPLE", r.UserID, r.Seq))
		case p.Source != r.Inbox:
			out = append(out, fmt.Sprintf("%s came from %s too and belongs to %s, and there is no dead letter", r.UserID, r.Inbox, p.Source))
		case len(facts) == 0 && (p.Opened.Identity == r.Identity || !p.Status.Final()):
			out = append(out, fmt.Sprintf("no fact says what became of record %d of %s, who is %s", r.Seq, r.UserID, p.Status))
		}
		for generation, e := range effects(facts) {
			if len(e) > 1 {
				out = append(out, fmt.Sprintf("record %d of %s has the effects %v in generation %d", r.Seq, r.UserID, e, generation))
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		if p.Order != nil {
			out = append(out, fmt.Sprintf("%s has an order that was never carried out", user))
		}
		if last, ok := w.last(user); ok && (last.Status == event.StatusApproved || last.Status == event.StatusActive) {
			out = append(out, fmt.Sprintf("%s is left half-way, %s", user, last.Status))
		}
	}
	return out
}

// addressed: the data that count are the newest that took effect, and what was
// sent in a generation that was never reopened went to their addresses.
func addressed(w World) (out []string) {
	told := w.answering(event.AnswersUser)
	byID, bySeq, newest := map[string]Arrival{}, map[uint64]Record{}, map[string]Record{}
	for _, a := range w.Arrived {
		if a.ID != "" {
			byID[a.ID] = a
		}
	}
	for _, r := range w.Records {
		bySeq[r.Seq] = r
		p := w.People[r.UserID]
		for _, e := range effects(told[r.Identity])[p.Generation] {
			if e != event.EffectLate && r.Seq > newest[r.UserID].Seq {
				newest[r.UserID] = r
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		r, ok := newest[user]
		claimed := p.Record > r.Seq && bySeq[p.Record].Identity == p.Opened.Identity // by a newer one, which reached the run too late
		if ok && p.Record != r.Seq && !claimed {
			out = append(out, fmt.Sprintf("%s has the data of record %d, the newest that took effect is %d", user, p.Record, r.Seq))
		}
		for _, m := range p.Messages() {
			a, arrived := byID[m.MessageID]
			r, kept := bySeq[p.Record]
			if arrived && kept && m.Channel == event.ChannelEmail && p.Generation == 1 && event.NormalizeEmail(a.To) != event.NormalizeEmail(r.Email) {
				out = append(out, fmt.Sprintf("%s of %s went to another address than that of record %d", name(m), user, p.Record))
			}
		}
	}
	return out
}
