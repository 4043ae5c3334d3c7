package console

import (
	"context"
	"encoding/json"
	"strings"

	"usher/console/bulk"
)

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
	return m.texts(ctx, `SELECT id FROM bulks WHERE settled = 0 ORDER BY chosen, id`)
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
