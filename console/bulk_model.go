package console

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
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
