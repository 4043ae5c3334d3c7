// Package promises is what usher promises about people, as plain functions over
// what a test saw of it: messages in streams, records, what providers took, what
// the console shows. A test brings usher to rest, fills in a World and calls
// Broken. The functions know neither servers nor time, so that a test with real
// servers and a simulation can check the same list.
package promises

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"usher/event"
)

// World is what there is to be seen of usher at rest: nothing is waiting in a
// stream, no message is on its way.
type World struct {
	Records []Record                // every message of users.v1.imported
	Events  []Event                 // every verification that its sender knows to be stored
	People  map[string]event.Person // KV PEOPLE by user id
	Facts   []event.Fact            // ONBOARDING, in the order of the stream
	Arrived []Arrival               // what the providers took
	Letters []Letter                // DEADLETTERS
	Pages   map[string]Page         // what the console shows by user id; nil when there is no console

	// Deserved is how many dead letters there should be by reason, because the test
	// has sent messages that cannot be used.
	Deserved map[string]int
}

// Record is one record of a dropped file as USERS holds it.
type Record struct {
	event.Identity
	Seq          uint64
	UserID       string
	Inbox        string
	Email, Phone string
}

// Event is a decision or an order that was sent.
type Event struct {
	event.Identity
	UserID, Verb string
	Told         event.Effect // what its sender was answered, "" when it was answered nothing
}

// Arrival is one message that a provider took. ID is its Message-ID, "" for a
// channel that has none.
type Arrival struct{ Channel, To, ID string }

// Letter is a dead letter.
type Letter struct {
	Stream   string
	Sequence uint64
	EventID  string
	Reason   string
}

// Page is one person as the console shows them.
type Page struct {
	Status     event.Status
	Generation int
	Facts      []string                   // ids of the timeline
	Messages   map[string]event.SendState // by SendKey
}

// Promise is one thing that usher promises.
type Promise struct {
	Name   string
	Broken func(World) []string // a sentence for each case, without personal data
}

// All are the promises, in the order of what is worst when it is broken.
func All() []Promise {
	return []Promise{
		{"each record has one visible outcome", outcomes},
		{"each message goes out at most once, unless the ledger counts a copy", once},
		{"a message goes where the record says that counts", addressed},
		{"what was answered is what was done", answers},
		{"PEOPLE, the facts and the console agree", agreement},
		{"no dead letter that was not deserved", letters},
	}
}

// Broken returns a sentence for each case of a promise that was not kept.
func Broken(w World) (out []string) {
	for _, p := range All() {
		for _, s := range p.Broken(w) {
			out = append(out, p.Name+": "+s)
		}
	}
	return out
}

// answering are the facts that say what became of an event, by its identity.
func (w World) answering(answers string) map[event.Identity][]event.Fact {
	out := map[event.Identity][]event.Fact{}
	for _, f := range w.Facts {
		if f.Answers == answers && f.Effect != "" {
			id := event.Identity{Source: f.EventSource, ID: f.EventID}
			out[id] = append(out[id], f)
		}
	}
	return out
}

// effects are what the facts say became of their event in each generation, each
// one once. That it was there before says nothing new.
func effects(facts []event.Fact) map[int][]event.Effect {
	out := map[int][]event.Effect{}
	for _, f := range facts {
		if f.Effect != event.EffectDuplicate && !slices.Contains(out[f.Generation], f.Effect) {
			out[f.Generation] = append(out[f.Generation], f.Effect)
		}
	}
	return out
}

// outcomes: a record is in USERS once; it is told by a fact, or is a dead letter,
// or came when its person's onboarding was over; nobody is left half-way.
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

// once: nothing arrived that no ledger names, nothing more often than the ledger
// says, and what it says was taken has arrived.
func once(w World) (out []string) {
	owner := w.owners()
	byID, byChannel := map[string]int{}, map[[2]string]int{} // of channels without ids: user, channel
	for _, a := range w.Arrived {
		user, ok := owner[a.To]
		switch {
		case !ok:
			out = append(out, "a message arrived at an address of no record by "+a.Channel)
		case a.ID != "":
			byID[a.ID]++
		default:
			byChannel[[2]string{user, a.Channel}]++
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		least, most, identified := map[string]int{}, map[string]int{}, map[string]bool{}
		for _, m := range w.People[user].Messages() {
			low, high := 0, 1+m.Copies
			switch {
			case m.Taken():
				low = 1
			case m.State == event.SendUnknown:
			case m.State == event.SendSubmitting:
				out = append(out, fmt.Sprintf("%s of %s is left at submitting", name(m), user))
			default:
				high = 0
			}
			if got, ok := byID[m.MessageID]; ok || m.Channel == event.ChannelEmail {
				delete(byID, m.MessageID)
				identified[m.Channel] = true
				if got < low || got > high {
					out = append(out, fmt.Sprintf("%s of %s arrived %d times, the ledger says %s with %d copies", name(m), user, got, state(m), m.Copies))
				}
			}
			least[m.Channel] += low
			most[m.Channel] += high
		}
		for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
			got := byChannel[[2]string{user, channel}]
			if !identified[channel] && (got < least[channel] || got > most[channel]) {
				out = append(out, fmt.Sprintf("%s has %d messages by %s, the ledger explains %d to %d", user, got, channel, least[channel], most[channel]))
			}
		}
	}
	for range byID {
		out = append(out, "a message arrived that no ledger names")
	}
	return out
}

func name(m event.Message) string {
	return event.SendKey(m.Generation, m.Purpose, m.Channel, m.Ordinal)
}

func state(m event.Message) event.SendState { return cmp.Or(m.State, "not sent") }

// owners are the people by each address of their records.
func (w World) owners() map[string]string {
	out := map[string]string{}
	for _, r := range w.Records {
		if w.People[r.UserID].Source == r.Inbox {
			out[r.Email], out[r.Phone] = r.UserID, r.UserID
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
		byID[a.ID] = a
	}
	for _, r := range w.Records {
		bySeq[r.Seq] = r
		p := w.People[r.UserID]
		for _, e := range effects(told[r.Identity])[p.Generation] {
			if (e == event.EffectApplied || e == event.EffectUpdated) && r.Seq > newest[r.UserID].Seq {
				newest[r.UserID] = r
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		if r, ok := newest[user]; ok && p.Record != r.Seq {
			out = append(out, fmt.Sprintf("%s has the data of record %d, the newest that took effect is %d", user, p.Record, r.Seq))
		}
		for _, m := range p.Messages() {
			a, arrived := byID[m.MessageID]
			r, kept := bySeq[p.Record]
			if arrived && kept && m.Channel == event.ChannelEmail && p.Generation == 1 && a.To != r.Email {
				out = append(out, fmt.Sprintf("%s of %s went to another address than that of record %d", name(m), user, p.Record))
			}
		}
	}
	return out
}

// answers: every event is answered, in one generation by one answer, which its
// sender got too; and what the answer says was done is what PEOPLE holds.
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
		if len(facts) == 0 && !dead[e.ID] {
			bad("never answered")
		}
		var did []int // generations in which it took effect
		for generation, effects := range by {
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
				if other, taken := deciders[at]; taken {
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

// last is the fact that tells the status of a user.
func (w World) last(user string) (last event.Fact, ok bool) {
	for _, f := range w.Facts {
		if f.UserID == user && (!ok || cmp.Or(cmp.Compare(f.Generation, last.Generation), cmp.Compare(f.N, last.N)) >= 0) {
			last, ok = f, true
		}
	}
	return last, ok
}

// agreement: status and generation are the same wherever one looks, each message
// of the ledger is told by a fact and the other way round, and the console shows
// every fact and every message.
func agreement(w World) (out []string) {
	ids, sent := map[string][]string{}, map[string][]string{} // by user
	for _, f := range w.Facts {
		if !slices.Contains(ids[f.UserID], f.ID) {
			ids[f.UserID] = append(ids[f.UserID], f.ID)
		}
		if f.Kind == event.FactSent {
			key := event.SendKey(f.Generation, cmp.Or(f.Purpose, event.PurposeWelcome), f.Channel, max(f.Ordinal, 1))
			if !slices.Contains(sent[f.UserID], key) {
				sent[f.UserID] = append(sent[f.UserID], key)
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		last, told := w.last(user)
		if !told || last.Status != p.Status || last.Generation != p.Generation {
			out = append(out, fmt.Sprintf("%s is %s in generation %d, by the facts %s in %d", user, p.Status, p.Generation, last.Status, last.Generation))
		}
		var taken []string
		ledger := map[string]event.SendState{}
		for _, m := range p.Messages() {
			ledger[name(m)] = m.State
			if m.Taken() {
				taken = append(taken, name(m))
			}
		}
		slices.Sort(taken)
		slices.Sort(sent[user])
		if !slices.Equal(taken, sent[user]) {
			out = append(out, fmt.Sprintf("by the ledger %v were sent to %s, by the facts %v", taken, user, sent[user]))
		}
		if w.Pages == nil {
			continue
		}
		page, shown := w.Pages[user]
		if !shown || page.Status != p.Status || page.Generation != p.Generation {
			out = append(out, fmt.Sprintf("%s is %s in generation %d, the console shows %s in %d", user, p.Status, p.Generation, page.Status, page.Generation))
		}
		slices.Sort(page.Facts)
		slices.Sort(ids[user])
		if !slices.Equal(page.Facts, ids[user]) {
			out = append(out, fmt.Sprintf("%s has %d facts, the console shows %d", user, len(ids[user]), len(page.Facts)))
		}
		if !maps.Equal(page.Messages, ledger) {
			out = append(out, fmt.Sprintf("by the ledger the messages of %s are %v, the console shows %v", user, ledger, page.Messages))
		}
	}
	return out
}

// letters: an outage makes none.
func letters(w World) (out []string) {
	count := map[string]int{}
	for _, l := range w.Letters {
		count[l.Reason]++
	}
	for _, reason := range event.Reasons() {
		if count[reason] != w.Deserved[reason] {
			out = append(out, fmt.Sprintf("%d with the reason %s, %d were deserved", count[reason], reason, w.Deserved[reason]))
		}
	}
	return out
}
