package sim

import (
	"fmt"
	"slices"
	"strings"

	"usher/event"
)

// The rules about what was sent, and to whom.

func (e *evidence) ordersDone() (out []string) {
	for _, s := range e.said {
		p := e.people[s.userID]
		applied := func(kind string) bool {
			return slices.ContainsFunc(e.answers[s.id], func(f event.Fact) bool {
				return f.Effect == event.EffectApplied && f.Kind == kind && f.Generation == p.Generation
			})
		}
		switch s.verb {
		case event.VerbWithdrawn:
			if applied(event.FactWithdrawn) && p.Status != event.StatusWithdrawn {
				out = append(out, fmt.Sprintf("%s was answered as done, and %s is %s", s.id, s.userID, p.Status))
			}
			if late := slices.ContainsFunc(e.answers[s.id], func(f event.Fact) bool { return f.Effect == event.EffectLate }); late && p.Status == event.StatusWelcomed && s.stored.After(p.Opened.Stored) {
				out = append(out, fmt.Sprintf("%s was answered as late, and %s is %s", s.id, s.userID, p.Status))
			}
		case event.VerbResend:
			if applied(event.FactResend) && p.Status != event.StatusWithdrawn && !e.sentAgain(p) {
				out = append(out, fmt.Sprintf("%s was answered as done, and nothing was sent again to %s", s.id, s.userID))
			}
		}
	}
	return out
}

func (e *evidence) sentAgain(p event.Person) bool {
	for key, s := range p.Sends {
		if strings.HasPrefix(key, fmt.Sprintf("%d.", p.Generation)) && !strings.HasSuffix(key, ".1") && s.Taken() {
			return true
		}
	}
	return false
}

func (e *evidence) newestWins() (out []string) {
	for _, p := range e.cast {
		id := e.ids[p.name()]
		person := e.people[id]
		// Of this generation, what was answered as new.
		var newest record
		for _, r := range e.records {
			if r.user.UserID != id || r.seq < newest.seq {
				continue
			}
			for _, f := range e.answers[r.id] {
				if f.Generation == person.Generation && (f.Kind == event.FactStarted || f.Kind == event.FactUpdated) {
					newest = r
				}
			}
		}
		if last := e.lastRecord(id, p.strict); last.seq > 0 { // whatever it was answered with: PEOPLE may have had it first
			newest = last
		}
		if newest.seq == 0 {
			continue
		}
		if person.Status == event.StatusWelcomed && person.Record < newest.seq && !e.same(person.Record, newest) {
			out = append(out, fmt.Sprintf("PEOPLE names record %d of %s, and record %d counts", person.Record, id, newest.seq))
		}
		s, ok := person.Sends[event.SendKey(person.Generation, event.PurposeWelcome, event.ChannelEmail, 1)]
		if !ok || !s.Taken() {
			continue
		}
		for _, m := range e.mails {
			if strings.Contains(m.ref, s.MessageID) && m.to != newest.user.Email && !strings.Contains(newest.user.Email, "\u00fc") && !strings.Contains(newest.user.Email, "xn--") {
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

func (e *evidence) eachOnce() (out []string) {
	mails := map[string]int{}
	for _, m := range e.mails {
		mails[strings.Trim(m.ref, "<>")]++
	}
	texts := map[string]int{}
	for _, m := range e.texts {
		texts[m.to]++
	}
	known := map[string]bool{}
	for id, p := range e.people {
		least, most, phone := 0, 0, ""
		for _, c := range e.cast {
			if e.ids[c.name()] == id {
				phone = c.phone
			}
		}
		for key, s := range p.Sends {
			if s.Copies > 0 && !e.w.plan.excused {
				out = append(out, fmt.Sprintf("the ledger of %s counts %d copies of %s, and no answer can have been lost", id, s.Copies, key))
			}
			if strings.Contains(key, "."+event.ChannelSMS+".") {
				if most += 1 + s.Copies; s.Taken() {
					least++
				}
				continue
			}
			known[s.MessageID] = true
			n := mails[s.MessageID]
			if n > 1+s.Copies || n == 0 && s.Taken() {
				out = append(out, fmt.Sprintf("%d mails %s of %s went out, and the ledger says %s with %d copies", n, key, id, s.State, s.Copies))
			}
		}
		if n := texts[phone]; phone != "" && (n > most || n < least) {
			out = append(out, fmt.Sprintf("%d text messages to %s went out, and the ledger knows %d to %d", n, id, least, most))
		}
	}
	for ref := range mails {
		if !known[ref] {
			out = append(out, "a mail went out of which the ledger knows nothing: "+ref)
		}
	}
	return out
}
