package console

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"usher/console/bulk"
	"usher/event"
)

// What the read model knows of decisions about many: the operations, their people, and
// what the streams tell of each decision. The feeds read their streams apart, so an
// answer may come before the chunk with its person; then it is looked up.

const bulkSchema = `
CREATE TABLE bulks (id TEXT PRIMARY KEY, chosen INTEGER NOT NULL, state TEXT NOT NULL, settled INTEGER NOT NULL, changed INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE bulk_people (
	bulk TEXT NOT NULL, n INTEGER NOT NULL, user_id TEXT NOT NULL, generation INTEGER NOT NULL, event_id TEXT NOT NULL,
	sent INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '', PRIMARY KEY (bulk, n)
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX bulk_people_event ON bulk_people (event_id);
CREATE INDEX bulk_people_user ON bulk_people (user_id);
CREATE INDEX bulk_people_result ON bulk_people (bulk, result, n);
CREATE TABLE bulk_counts (bulk TEXT, what TEXT, n INTEGER NOT NULL, PRIMARY KEY (bulk, what)) WITHOUT ROWID, STRICT;
CREATE TABLE forgotten (digest BLOB PRIMARY KEY) WITHOUT ROWID, STRICT; -- of user ids
`

// Results of one decision of an operation; "" while there is none.
const (
	resultApplied = "applied"
	resultHalf    = "half"    // it is one of the two that are needed
	resultRefused = "refused" // of one decision: it does not count; in an operation it has failed
	resultLate    = "late"
	resultFailed  = "failed"
	resultParked  = "parked" // the person is not there yet
	resultNone    = "none"   // asks for those without one
	countSent     = "sent"   // beside the results in bulk_counts
)

// bulkEventID is the event of one person's decision in an operation: the same whichever
// console says it, and however often.
func bulkEventID(id string, p bulk.Person) string {
	return eventIDOf(id, "bulk", p.UserID, strconv.Itoa(p.Generation))
}

// putMessage takes a message of the operations.
func (b *bulks) putMessage(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
	e, ok := bulk.Read(m)
	switch {
	case !ok || time.Since(meta.Timestamp) > bulk.Kept:
		return nil, nil
	case e.Gone:
		return b.k.live.operations, dropBulk(tx, e.ID)
	case e.Operation == nil:
		return nil, putChunk(tx, e)
	}
	o := *e.Operation
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(`INSERT INTO bulks VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, settled = excluded.settled, changed = excluded.changed, body = excluded.body`,
		o.ID, o.Chosen.UnixMicro(), string(o.State), o.Settled(), meta.Timestamp.UnixMicro(), string(body))
	if err == nil { // of a try that was given up
		_, err = tx.Exec(`DELETE FROM bulk_people WHERE bulk = ? AND n >= ?`, o.ID, o.Matched)
	}
	return func() { b.k.live.operations(); b.poke() }, err
}

func dropBulk(tx *writing, id string) error {
	for _, q := range []string{`DELETE FROM bulks WHERE id = ?`, `DELETE FROM bulk_people WHERE bulk = ?`, `DELETE FROM bulk_counts WHERE bulk = ?`} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	return nil
}

// putChunk takes people of an operation, with what is known of their decisions already.
func putChunk(tx *writing, e bulk.Entry) error {
	for i, p := range e.People {
		id := bulkEventID(e.ID, p)
		if _, err := tx.Exec(`INSERT INTO bulk_people (bulk, n, user_id, generation, event_id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, e.ID, e.First+i, p.UserID, p.Generation, id); err != nil {
			return err
		}
	}
	last := e.First + len(e.People)
	read := func(query string, args ...any) (out [][3]string, err error) {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var r [3]string
			if err := rows.Scan(&r[0], &r[1], &r[2]); err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, rows.Err()
	}
	const of = ` FROM bulk_people b JOIN `
	const here = ` WHERE b.bulk = ? AND b.n >= ? AND b.n < ?`
	said, err := read(`SELECT b.event_id, '', ''`+of+`recent r ON r.event_id = b.event_id`+here, e.ID, e.First, last)
	if err != nil {
		return err
	}
	for _, r := range said {
		if err := bulkSent(tx, r[0]); err != nil {
			return err
		}
	}
	facts, err := read(`SELECT f.body, '', ''`+of+`facts f ON f.event_id = b.event_id AND f.event_source = '`+event.SourceConsole+`'`+here+` ORDER BY f.at`, e.ID, e.First, last)
	if err != nil {
		return err
	}
	for _, r := range facts {
		var f event.Fact
		if err := json.Unmarshal([]byte(r[0]), &f); err != nil {
			return err
		}
		if err := bulkAnswered(tx, f); err != nil {
			return err
		}
	}
	letters, err := read(`SELECT b.event_id, d.reason, ''`+of+`deadletters d ON d.event_id = b.event_id`+here, e.ID, e.First, last)
	if err != nil {
		return err
	}
	for _, r := range letters {
		if err := bulkResult(tx, r[0], resultFailed, r[1]); err != nil {
			return err
		}
	}
	for _, p := range e.People {
		digest := sha256.Sum256([]byte(p.UserID))
		var there bool
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM forgotten WHERE digest = ?)`, digest[:]).Scan(&there); err != nil {
			return err
		}
		if there {
			if err := bulkForgotten(tx, p.UserID); err != nil {
				return err
			}
		}
	}
	return nil
}

// bulkSent notes that a decision is stored in VERIFICATIONS.
func bulkSent(tx *writing, eventID string) error {
	var id string
	var sent bool
	err := tx.QueryRow(`SELECT bulk, sent FROM bulk_people WHERE event_id = ?`, eventID).Scan(&id, &sent)
	if errors.Is(err, sql.ErrNoRows) || sent {
		return nil
	}
	if err == nil {
		_, err = tx.Exec(`UPDATE bulk_people SET sent = 1 WHERE event_id = ?`, eventID)
	}
	return errors.Join(err, bulkCount(tx, id, countSent, 1))
}

// bulkAnswered notes what a fact says of a decision.
func bulkAnswered(tx *writing, f event.Fact) error {
	if f.EventSource != event.SourceConsole || f.EventID == "" {
		return nil
	}
	switch {
	case f.Kind == event.FactParked:
		return bulkResult(tx, f.EventID, resultParked, "")
	case f.Effect == event.EffectApplied:
		return bulkResult(tx, f.EventID, resultApplied, "")
	case f.Effect == event.EffectHalf:
		return bulkResult(tx, f.EventID, resultHalf, "")
	case f.Effect == event.EffectRefused:
		return bulkResult(tx, f.EventID, resultFailed, refusedWords(f))
	case f.Effect == event.EffectLate:
		why := late(f)
		if f.Status == event.StatusWaiting { // no decision was first: the event is about an earlier generation
			why = "The person was reopened since."
		}
		return bulkResult(tx, f.EventID, resultLate, why)
	}
	return nil // a copy of the event came, or what it became is still to come
}

// ranks: a result takes the place of one with a lower rank. A dead letter that is sent
// again has its effect after all.
var ranks = map[string]int{"": 0, resultParked: 1, resultFailed: 2, resultLate: 3, resultHalf: 4, resultApplied: 5}

func bulkResult(tx *writing, eventID, result, why string) error {
	var id, was string
	err := tx.QueryRow(`SELECT bulk, result FROM bulk_people WHERE event_id = ?`, eventID).Scan(&id, &was)
	if errors.Is(err, sql.ErrNoRows) || ranks[was] >= ranks[result] {
		return nil
	}
	if err == nil {
		_, err = tx.Exec(`UPDATE bulk_people SET result = ?, why = ? WHERE event_id = ?`, result, why, eventID)
	}
	if err == nil && was != "" {
		err = bulkCount(tx, id, was, -1)
	}
	return errors.Join(err, bulkCount(tx, id, result, 1))
}

// bulkForgotten ends what an operation has to do with a person. What had its result
// keeps it.
func bulkForgotten(tx *writing, userID string) error {
	rows, err := tx.Query(`SELECT event_id FROM bulk_people WHERE user_id = ?`, userID)
	if err != nil {
		return err
	}
	var events []string
	for rows.Next() {
		var id string
		if err = rows.Scan(&id); err != nil {
			break
		}
		events = append(events, id)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, id := range events {
		if err := bulkResult(tx, id, resultFailed, "forgotten"); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`UPDATE bulk_people SET user_id = '' WHERE user_id = ?`, userID)
	return err
}

func bulkCount(tx *writing, id, what string, by int) error {
	if id == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO bulk_counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n`, id, what, by)
	return err
}

// bulkCounts are what is known of an operation's decisions.
func (m *model) bulkCounts(ctx context.Context, id string) (c bulk.Counts, err error) {
	rows, err := m.db.QueryContext(ctx, `SELECT what, n FROM bulk_counts WHERE bulk = ?`, id)
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var what string
		var n int
		if err := rows.Scan(&what, &n); err != nil {
			return c, err
		}
		switch what {
		case countSent:
			c.Sent = n
		case resultApplied:
			c.Applied = n
		case resultHalf:
			c.Half = n
		case resultLate:
			c.Late = n
		case resultFailed:
			c.Failed = n
		case resultParked:
			c.Parked = n
		}
	}
	return c, rows.Err()
}

// bulkUnanswered tells whether a decision that was sent has no result yet.
func (m *model) bulkUnanswered(ctx context.Context, id string) (open bool, err error) {
	err = m.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM bulk_people WHERE bulk = ? AND result IN ('', ?) AND sent = 1)`, id, resultParked).Scan(&open)
	return open, err
}

// bulkOpen lists the operations that are not settled, the oldest first.
func (m *model) bulkOpen(ctx context.Context) (ids []string, err error) {
	rows, err := m.db.QueryContext(ctx, `SELECT id FROM bulks WHERE settled = 0 ORDER BY chosen, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// bulkList lists the newest operations; drafts are none yet.
func (m *model) bulkList(ctx context.Context, limit int) (out []bulk.Operation, err error) {
	rows, err := m.db.QueryContext(ctx, `SELECT body FROM bulks WHERE state != ? ORDER BY chosen DESC, id DESC LIMIT ?`, string(bulk.Draft), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		var o bulk.Operation
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// Result is what became of one decision of an operation.
type Result struct {
	N       int    `json:"n"`                 // the place in the operation
	UserID  string `json:"user_id,omitempty"` // "" of a person who was forgotten
	Name    string `json:"-"`
	EventID string `json:"event_id"`
	Sent    bool   `json:"sent"`
	Result  string `json:"result"` // applied, half, late, failed; parked or "" while there is none
	Why     string `json:"why,omitempty"`

	generation int
}

// bulkResults lists decisions from a place on; what selects by result, "" for all.
func (m *model) bulkResults(ctx context.Context, id, what string, from, limit int) (out []Result, err error) {
	s := sightOf(ctx)
	seen := s.people("p.source")
	query := `SELECT b.n, user_id, coalesce(p.name, ''), event_id, sent, result, why, b.generation FROM bulk_people b LEFT JOIN people p USING (user_id) WHERE bulk = ? AND b.n >= ? AND ` + seen.String()
	args := append([]any{id, from}, seen.args...)
	if what != "" {
		query += ` AND result = ?`
		args = append(args, strings.TrimPrefix(what, resultNone))
	}
	rows, err := m.db.QueryContext(ctx, query+` ORDER BY b.n LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Result
		if err := rows.Scan(&r.N, &r.UserID, &r.Name, &r.EventID, &r.Sent, &r.Result, &r.Why, &r.generation); err != nil {
			return nil, err
		}
		if s.masked {
			r.Name = maskWords(r.Name)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// named are people by their ids, in the order of who has had the status longest.
func (m *model) named(ctx context.Context, ids []string) (out []User, err error) {
	s := sightOf(ctx)
	t := s.people("source")
	t.in("user_id", ids)
	rows, err := m.db.QueryContext(ctx, `SELECT `+userColumns+` FROM people WHERE `+t.String()+` ORDER BY since, user_id`, t.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		s.mask(&u, m.knownReason)
		out = append(out, u)
	}
	return out, rows.Err()
}

// forgetBulks drops operations whose time is over: a stream says nothing when the time
// to live of a message ends.
func (m *model) forgetBulks(ctx context.Context, now time.Time) error {
	var old []string
	rows, err := m.db.QueryContext(ctx, `SELECT id FROM bulks WHERE changed < ? OR state = ? AND changed < ?`, now.Add(-bulk.Kept).UnixMicro(), string(bulk.Draft), now.Add(-bulk.DraftKept).UnixMicro())
	if err != nil {
		return err
	}
	for rows.Next() {
		var id string
		if err = rows.Scan(&id); err != nil {
			break
		}
		old = append(old, id)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil || len(old) == 0 {
		return err
	}
	return m.transaction(ctx, func(tx *writing) error {
		for _, id := range old {
			if err := dropBulk(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// bulkStates counts the operations in each state.
func (m *model) bulkStates(ctx context.Context) (map[bulk.State]int, error) {
	out := map[bulk.State]int{}
	rows, err := m.db.QueryContext(ctx, `SELECT state, count(*) FROM bulks GROUP BY state`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s bulk.State
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			return nil, err
		}
		out[s] = n
	}
	return out, rows.Err()
}
