package sim

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // the driver of the console's read model

	"usher/event"
	"usher/streams"
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

// evidence is what a seed left.
type evidence struct {
	w       *world
	cast    []*person
	ids     map[string]string         // user ids, by name
	imports map[string]event.Progress // the last word, by import
	records []record                  // of USERS
	said    []said                    // of VERIFICATIONS
	people  map[string]event.Person   // PEOPLE
	facts   map[string][]event.Fact   // by user id
	answers map[string][]event.Fact   // by the event that they answer
	letters []letter
	page    map[string]pageRow
	ends    map[string]uint64 // the last message that a stream has
	read    map[string]uint64 // the last one that the console has read
	mails   []taken
	texts   []taken
}

type record struct {
	seq    uint64
	stored time.Time
	id     string // source/event id
	user   event.User
}

type said struct {
	id, verb string
	stored   time.Time
	userID   string
}

type pageRow struct {
	status     string
	generation int
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

func (w *world) collect(cast []*person) (*evidence, error) {
	e := &evidence{w: w, cast: cast, imports: map[string]event.Progress{}, ids: map[string]string{}, people: map[string]event.Person{}, facts: map[string][]event.Fact{}, answers: map[string][]event.Fact{}, page: map[string]pageRow{}, ends: map[string]uint64{}, read: map[string]uint64{}}
	ctx := w.ctx()
	err := w.each(ctx, event.StreamUsers, func(m *jetstream.RawStreamMsg) {
		e.ends[event.StreamUsers] = m.Sequence
		var last event.Progress
		if strings.HasPrefix(m.Subject, "users.v1.progress.") && json.Unmarshal(m.Data, &last) == nil {
			e.imports[last.Import] = last
			return
		}
		source, err := event.ParseImportedSubject(m.Subject)
		if err != nil {
			return
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err != nil {
			return
		}
		user, err := event.ParseUser(env.Data)
		if err != nil {
			return
		}
		e.ids[user.Name] = user.UserID
		e.records = append(e.records, record{m.Sequence, m.Time, source + "/" + env.ID, user})
	})
	if err != nil {
		return nil, err
	}
	byEmail := map[string]string{}
	for _, p := range cast {
		byEmail[strings.ToLower(p.email)] = e.ids[p.name()]
	}
	err = w.each(ctx, event.StreamVerifications, func(m *jetstream.RawStreamMsg) {
		e.ends[event.StreamVerifications] = m.Sequence
		source, verb, err := event.ParseVerificationSubject(m.Subject)
		if err != nil || len(m.Data) == 0 {
			return
		}
		env, err := event.ParseEnvelope(m.Header, m.Data)
		if err != nil {
			return
		}
		var b event.VerificationBody
		if json.Unmarshal(env.Data, &b) != nil {
			return
		}
		if b.UserID == "" {
			b.UserID = byEmail[strings.ToLower(b.Email)]
		}
		e.said = append(e.said, said{source + "/" + env.ID, verb, m.Time, b.UserID})
	})
	if err != nil {
		return nil, err
	}
	people, err := streams.NewPeople(ctx, w.js)
	if err != nil {
		return nil, err
	}
	if err := people.Each(ctx, func(id string, p event.Person) error { e.people[id] = p; return nil }); err != nil {
		return nil, err
	}
	w.facts.mu.Lock()
	for _, f := range w.facts.list {
		e.facts[f.UserID] = append(e.facts[f.UserID], f)
		if f.EventID != "" {
			id := f.EventSource + "/" + f.EventID
			e.answers[id] = append(e.answers[id], f)
		}
	}
	e.letters = slices.Clone(w.facts.letters)
	w.facts.mu.Unlock()
	e.mails, e.texts = w.sink.all()
	return e, e.readPage(filepath.Join(w.dir, "console", "console.db"))
}

// each reads a whole stream.
func (w *world) each(ctx context.Context, stream string, f func(*jetstream.RawStreamMsg)) error {
	s, err := w.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	i := s.CachedInfo().State
	for seq := i.FirstSeq; seq <= i.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err == nil {
			f(m)
		}
	}
	return nil
}

func (e *evidence) readPage(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query("SELECT user_id, status, generation FROM people")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var r pageRow
		if err := rows.Scan(&id, &r.status, &r.generation); err != nil {
			return err
		}
		e.page[id] = r
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for stream := range e.ends {
		var seq int64
		if err := db.QueryRow("SELECT seq FROM positions WHERE stream = ?", stream).Scan(&seq); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		e.read[stream] = uint64(seq)
	}
	return nil
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
