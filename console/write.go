package console

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strings"
)

// writer is the one connection that writes; the others read beside it. Its statements
// are prepared once: to compile one takes longer than to run it.
type writer struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// statement is a prepared statement. Its calls have no context: the driver starts a
// goroutine for each call that has one.
func (w *writer) statement(query string) (*sql.Stmt, error) {
	if s, ok := w.prepared[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.prepared[query] = s
	}
	return s, err
}

func (w *writer) exec(query string, args ...any) (sql.Result, error) {
	s, err := w.statement(query)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

// discard gives up a connection of which it is not known whether a transaction is open.
func (w *writer) discard() {
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	*w = writer{}
}

// writing is a transaction.
type writing struct {
	w       *writer
	changed []string                   // ids of people, in the order in which they came
	changes map[string][]func(*person) // of each, in their order
}

// transaction runs f in one. Transactions take turns.
func (m *model) transaction(ctx context.Context, f func(*writing) error) (err error) {
	return m.alone(ctx, func(w *writer) error {
		if _, err := w.exec(`BEGIN IMMEDIATE`); err != nil {
			return err
		}
		open := true
		defer func() { // also after a panic
			if !open {
				return
			}
			if _, err := w.exec(`ROLLBACK`); err != nil {
				w.discard()
			}
		}()
		tx := &writing{w: w, changes: map[string][]func(*person){}}
		if err := f(tx); err != nil {
			return err
		}
		if err := tx.settle(); err != nil {
			return err
		}
		_, err := w.exec(`COMMIT`)
		open = err != nil
		return err
	})
}

// alone calls f with the writer when no one else has it.
func (m *model) alone(ctx context.Context, f func(*writer) error) error {
	var w *writer
	select {
	case w = <-m.writer:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { m.writer <- w }()
	if w.conn == nil {
		conn, err := m.db.Conn(ctx)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, writerPragmas); err != nil {
			return errors.Join(err, conn.Close())
		}
		*w = writer{conn, map[string]*sql.Stmt{}}
	}
	return f(w)
}

// writerPragmas give the writer room: 32 MB for pages, as each person is in a dozen
// trees, and a log of 32 MB before it is moved into the file, so that a page that many
// transactions change is moved once.
const writerPragmas = `PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 8000`

// Exec runs a statement.
func (tx *writing) Exec(query string, args ...any) (sql.Result, error) {
	return tx.w.exec(query, args...)
}

// Query asks for rows. What change was called with is not in them yet.
func (tx *writing) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := tx.w.statement(query)
	if err != nil {
		return nil, err
	}
	return s.Query(args...)
}

// QueryRow is Query for one row.
func (tx *writing) QueryRow(query string, args ...any) *sql.Row {
	s, err := tx.w.statement(query)
	if err != nil { // the row has the error of the same try
		return tx.w.conn.QueryRowContext(context.Background(), query, args...)
	}
	return s.QueryRow(args...)
}

// change changes what is known of a person, at the end of the transaction.
func (tx *writing) change(userID string, f func(*person)) {
	if _, ok := tx.changes[userID]; !ok {
		tx.changed = append(tx.changed, userID)
	}
	tx.changes[userID] = append(tx.changes[userID], f)
}

// settle writes the people who were changed, with the words that they are found by, and
// brings the counts up to date.
func (tx *writing) settle() error {
	if len(tx.changed) == 0 {
		return nil
	}
	before, err := tx.people()
	if err != nil {
		return err
	}
	var c recount
	for _, id := range tx.changed {
		was, ok := before[id]
		if !ok {
			was = nobody(id)
		}
		now := was
		for _, f := range tx.changes[id] {
			f(&now)
		}
		if now == was {
			continue
		}
		if err := tx.replace(was, &now); err != nil {
			return err
		}
		if err := tx.index(now.id, was.words, now.words); err != nil {
			return err
		}
		c.move(was, now)
	}
	return c.write(tx)
}

const (
	recordColumns   = `source, name, given_name, family_name, email, phone, locale, attributes, file, import, line, lang, sort_name, words`
	standingColumns = `generation, n, status, since, decided_by, decided_generation, decided_n, decider, half`
)

func (r *record) values() []any {
	return []any{r.source, r.name, r.givenName, r.familyName, r.email, r.phone, r.locale, r.attributes, r.file, r.imported, r.line, r.lang, r.sortName, r.words}
}

func (r *record) pointers() []any {
	return []any{&r.source, &r.name, &r.givenName, &r.familyName, &r.email, &r.phone, &r.locale, &r.attributes, &r.file, &r.imported, &r.line, &r.lang, &r.sortName, &r.words}
}

func (s *standing) values() []any {
	return []any{s.generation, s.n, s.status, s.since, s.decidedBy, s.decidedGeneration, s.decidedN, s.decider, s.half}
}

func (s *standing) pointers() []any {
	return []any{&s.generation, &s.n, &s.status, &s.since, &s.decidedBy, &s.decidedGeneration, &s.decidedN, &s.decider, &s.half}
}

// people reads those who are about to change.
func (tx *writing) people() (map[string]person, error) {
	ids, err := json.Marshal(tx.changed)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`SELECT person, user_id, `+recordColumns+`, `+standingColumns+` FROM json_each(?) CROSS JOIN people ON user_id = value`, string(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]person{}
	for rows.Next() {
		p := person{known: true}
		if err := rows.Scan(append(append([]any{&p.id, &p.userID}, p.record.pointers()...), p.standing.pointers()...)...); err != nil {
			return nil, err
		}
		out[p.userID] = p
	}
	return out, rows.Err()
}

var (
	insertPerson   = `INSERT INTO people (user_id, ` + recordColumns + `, ` + standingColumns + `) VALUES (?` + strings.Repeat(`, ?`, len((&record{}).values())+len((&standing{}).values())) + `)`
	updateRecord   = `UPDATE people SET ` + strings.ReplaceAll(recordColumns, `,`, ` = ?,`) + ` = ? WHERE person = ?`
	updateStanding = `UPDATE people SET ` + strings.ReplaceAll(standingColumns, `,`, ` = ?,`) + ` = ? WHERE person = ?`
)

// replace writes the row of a person, as far as it has changed: most of the work is in
// the indexes of what is written.
func (tx *writing) replace(was person, now *person) error {
	switch {
	case !now.known:
		_, err := tx.Exec(`DELETE FROM people WHERE person = ?`, was.id)
		return err
	case !was.known:
		r, err := tx.Exec(insertPerson, append(append([]any{now.userID}, now.record.values()...), now.standing.values()...)...)
		if err == nil {
			now.id, err = r.LastInsertId()
		}
		return err
	}
	var errs [2]error
	if now.record != was.record {
		_, errs[0] = tx.Exec(updateRecord, append(now.record.values(), now.id)...)
	}
	if now.standing != was.standing {
		_, errs[1] = tx.Exec(updateStanding, append(now.standing.values(), now.id)...)
	}
	return errors.Join(errs[0], errs[1])
}

// index keeps the words by which a person is found.
func (tx *writing) index(id int64, was, now string) error {
	for w := range strings.FieldsSeq(was) {
		if !hasWord(now, w) {
			if _, err := tx.Exec(`DELETE FROM words WHERE word = ? AND person = ?`, w, id); err != nil {
				return err
			}
		}
	}
	for w := range strings.FieldsSeq(now) {
		if !hasWord(was, w) {
			if _, err := tx.Exec(`INSERT INTO words VALUES (?, ?)`, w, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasWord(words, w string) bool { return words != "" && strings.Contains(words, " "+w+" ") }

// recount is how the counts of people change in a transaction.
type recount struct {
	cube, imports, ages map[counted]int
	less                bool // some became less, so one may be 0
}

func (c *recount) move(was, now person) {
	if was.known == now.known && was.counted() == now.counted() {
		return
	}
	if c.cube == nil {
		c.cube, c.imports, c.ages = map[counted]int{}, map[counted]int{}, map[counted]int{}
	}
	if was.known {
		c.add(was.counted(), -1)
		c.less = true
	}
	if now.known {
		c.add(now.counted(), 1)
	}
}

func (c *recount) add(p counted, n int) {
	all, imported, aged := p, p, p
	all.imported, all.minute, imported.minute, aged.imported = "", 0, 0, ""
	c.cube[all] += n
	c.imports[imported] += n
	c.ages[aged] += n
}

func (c *recount) write(tx *writing) error {
	const more = ` ON CONFLICT DO UPDATE SET n = n + excluded.n`
	for p, n := range c.cube {
		if n != 0 {
			if _, err := tx.Exec(`INSERT INTO cube VALUES (?, ?, ?, ?, ?)`+more, p.status, p.source, p.lang, p.decider, n); err != nil {
				return err
			}
		}
	}
	for p, n := range c.imports {
		if n != 0 {
			if _, err := tx.Exec(`INSERT INTO import_cube VALUES (?, ?, ?, ?, ?, ?)`+more, p.imported, p.status, p.source, p.lang, p.decider, n); err != nil {
				return err
			}
		}
	}
	for p, n := range c.ages {
		if n != 0 {
			if _, err := tx.Exec(`INSERT INTO ages VALUES (?, ?, ?, ?, ?, ?)`+more, p.minute, p.status, p.source, p.lang, p.decider, n); err != nil {
				return err
			}
		}
	}
	if !c.less {
		return nil
	}
	for _, q := range []string{`DELETE FROM cube WHERE n = 0`, `DELETE FROM import_cube WHERE n = 0`, `DELETE FROM ages WHERE n = 0`} {
		if _, err := tx.Exec(q); err != nil {
			return err
		}
	}
	return nil
}
