package sim

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // the driver of the console's read model

	"usher/event"
	"usher/event/promises"
	"usher/streams"
)

// evidence is what a seed left.
type evidence struct {
	w       *world
	cast    []*person
	ids     map[string]string               // user ids, by name
	imports map[string]event.Progress       // the last word, by import
	records []record                        // of USERS
	said    []said                          // of VERIFICATIONS
	empty   int                             // dead letters that are due: of messages without a body
	people  map[string]event.Person         // PEOPLE
	facts   []event.Fact                    // of ONBOARDING
	untold  []string                        // of them, those that a subscriber was not told of
	answers map[event.Identity][]event.Fact // by the event that they answer
	letters []promises.Letter
	pages   map[string]promises.Page
	ends    map[string]uint64 // the last message that a stream has
	read    map[string]uint64 // the last one that the console has read
	mails   []taken
	texts   []taken
}

type record struct {
	event.Identity
	seq    uint64
	stored time.Time
	user   event.User
}

type said struct {
	event.Identity
	verb   string
	stored time.Time
	userID string
}

func (w *world) collect(cast []*person) (*evidence, error) {
	e := &evidence{w: w, cast: cast, imports: map[string]event.Progress{}, ids: map[string]string{}, people: map[string]event.Person{}, answers: map[event.Identity][]event.Fact{}, pages: map[string]promises.Page{}, ends: map[string]uint64{}, read: map[string]uint64{}}
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
		e.records = append(e.records, record{event.Identify(source, env.ID, "", event.Position{}), m.Sequence, m.Time, user})
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
		e.said = append(e.said, said{event.Identify(source, env.ID, "", event.Position{}), verb, m.Time, b.UserID})
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
	if err := e.readFacts(ctx); err != nil {
		return nil, err
	}
	w.facts.mu.Lock()
	e.letters, e.empty = slices.Clone(w.facts.letters), w.facts.empty
	w.facts.mu.Unlock()
	e.mails, e.texts = w.sink.all()
	return e, e.readPage(filepath.Join(w.dir, "console", "console.db"))
}

// readFacts reads the stream itself, and what of it the subscriber has heard.
func (e *evidence) readFacts(ctx context.Context) error {
	e.w.facts.mu.Lock()
	heard := maps.Clone(e.w.facts.seen)
	e.w.facts.mu.Unlock()
	return e.w.each(ctx, event.StreamOnboarding, func(m *jetstream.RawStreamMsg) {
		var f event.Fact
		if json.Unmarshal(m.Data, &f) != nil {
			return
		}
		if !heard[m.Subject+m.Header.Get(event.HeaderMsgID)] {
			e.untold = append(e.untold, fmt.Sprintf("%s of %s, message %d of %s", f.Kind, f.UserID, m.Sequence, event.StreamOnboarding))
		}
		e.facts = append(e.facts, f)
		if f.EventID != "" {
			id := event.Identity{Source: f.EventSource, ID: f.EventID}
			e.answers[id] = append(e.answers[id], f)
		}
	})
}

// world is the evidence as the promises take it.
func (e *evidence) world() promises.World {
	w := promises.World{People: e.people, Facts: e.facts, Letters: e.letters, Pages: e.pages, Deserved: map[string]int{event.ReasonMalformed: e.empty}}
	for _, r := range e.records {
		w.Records = append(w.Records, promises.Record{Identity: r.Identity, Seq: r.seq, UserID: r.user.UserID, Inbox: r.Source, Email: r.user.Email, Phone: r.user.Phone})
	}
	for _, s := range e.said {
		w.Events = append(w.Events, promises.Event{Identity: s.Identity, UserID: s.userID, Verb: s.verb})
	}
	for _, m := range e.mails {
		w.Arrived = append(w.Arrived, promises.Arrival{Channel: event.ChannelEmail, To: m.to, ID: m.ref})
	}
	for _, m := range e.texts {
		w.Arrived = append(w.Arrived, promises.Arrival{Channel: event.ChannelSMS, To: m.to})
	}
	return w
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
	people, err := db.Query("SELECT user_id, status, generation, coalesce(group_concat(f.id, ' '), '') FROM people LEFT JOIN facts f USING (user_id) GROUP BY user_id")
	if err != nil {
		return err
	}
	defer people.Close()
	for people.Next() {
		var user, facts string
		var p promises.Page
		if err := people.Scan(&user, &p.Status, &p.Generation, &facts); err != nil {
			return err
		}
		p.Facts = strings.Fields(facts)
		e.pages[user] = p
	}
	if err := people.Err(); err != nil {
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
