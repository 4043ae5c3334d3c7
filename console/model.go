package console

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"usher/event"
)

// model is the read model.
type model struct {
	db       *sql.DB
	prepared sync.Map // *sql.Stmt by what it executes; there are as many as are written here

	knownReason func(string) bool // whether a reason is a code, and so may be shown where data is masked
}

// Canary users are no people, so the model leaves them out.

// openModel opens the file, or makes it anew when it cannot be used: nothing in
// it is true only there.
func openModel(path string) (*model, error) {
	m, err := tryModel(path)
	if err == nil {
		return m, nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return tryModel(path)
}

func noReason(string) bool { return false }

var errVersion = errors.New("the read model has another version")

func tryModel(path string) (*model, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=busy_timeout(10000)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	var version, tables int
	err = errors.Join(
		db.QueryRow(`PRAGMA user_version`).Scan(&version),
		db.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&tables),
	)
	switch {
	case err == nil && version == modelVersion:
		return &model{db: db, knownReason: noReason}, nil
	case err == nil && tables == 0:
		if _, err = db.Exec(modelSchema + fmt.Sprintf(`PRAGMA user_version = %d`, modelVersion)); err == nil {
			return &model{db: db, knownReason: noReason}, nil
		}
	case err == nil:
		err = errVersion
	}
	return nil, errors.Join(err, db.Close())
}

func (m *model) close() error { return m.db.Close() }

// position is how far a stream was read; seq is 0 for a stream that is new.
func (m *model) position(ctx context.Context, stream string) (created int64, seq uint64, err error) {
	err = m.db.QueryRowContext(ctx, `SELECT created, seq FROM positions WHERE stream = ?`, stream).Scan(&created, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return created, seq, err
}

// reset forgets everything: a stream was made anew.
func (m *model) reset(ctx context.Context) error {
	return m.transaction(ctx, func(tx *writing) error {
		for _, t := range []string{"positions", "people", "facts", "decisions", "recent", "imports", "deadletters", "trail", "bulks", "bulk_people", "bulk_counts", "forgotten"} {
			if _, err := tx.Exec(`DELETE FROM ` + t); err != nil {
				return err
			}
		}
		return nil
	})
}

// writing is a transaction that writes. Its statements are prepared once for the model:
// to compile one with all that its triggers do takes far longer than to run it.
type writing struct {
	*sql.Tx
	m      *model
	wanted []string // that are not prepared yet
}

// Exec runs a statement.
func (w *writing) Exec(query string, args ...any) (sql.Result, error) {
	if s, ok := w.m.prepared.Load(query); ok {
		return w.Stmt(s.(*sql.Stmt)).Exec(args...)
	}
	w.wanted = append(w.wanted, query)
	return w.Tx.Exec(query, args...)
}

// settle brings the counts of people up to date with what the transaction changed.
func (w *writing) settle() error {
	var touched bool
	if err := w.QueryRow(`SELECT EXISTS (SELECT 1 FROM touched)`).Scan(&touched); err != nil || !touched {
		return err
	}
	for _, q := range settleCounts {
		if _, err := w.Exec(q); err != nil {
			return err
		}
	}
	return nil
}

// transaction runs f in one. What f has executed for the first time is prepared
// afterwards, when the connection is free again.
func (m *model) transaction(ctx context.Context, f func(*writing) error) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	w := &writing{Tx: tx, m: m}
	err = f(w)
	if err == nil {
		err = w.settle()
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, query := range w.wanted {
		if _, ok := m.prepared.Load(query); ok {
			continue
		}
		s, err := m.db.PrepareContext(ctx, query)
		if err != nil {
			return nil // it was executed, and is prepared the next time
		}
		if _, other := m.prepared.LoadOrStore(query, s); other {
			_ = s.Close() // nothing was done with it
		}
	}
	return nil
}

func setPosition(tx *writing, stream string, created int64, seq uint64) error {
	_, err := tx.Exec(`INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET created = excluded.created, seq = excluded.seq`, stream, created, seq)
	return err
}

// putUser takes an imported event. A record of another inbox than the one that
// first brought the user is left out.
func putUser(tx *writing, source string, u event.User, at time.Time) error {
	if source == event.SourceCanary {
		return nil
	}
	attributes, err := json.Marshal(u.Attributes)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO people (user_id, source, name, given_name, family_name, email, phone, locale, attributes, file, import, line, since, sort_name, words)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET source = excluded.source, name = excluded.name, given_name = excluded.given_name, family_name = excluded.family_name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
			attributes = excluded.attributes, file = excluded.file, import = excluded.import, line = excluded.line, sort_name = excluded.sort_name, words = excluded.words
		WHERE source = '' OR source = excluded.source`,
		u.UserID, source, u.Name, u.GivenName, u.FamilyName, u.Email, u.Phone, u.Locale, string(attributes), u.Import.File, u.Import.ID, u.Import.Line, at.UnixMicro(),
		sortName(u), words(u))
	return err
}

// forget removes what the model knows of a user.
func forget(tx *writing, userID string) error {
	digest := sha256.Sum256([]byte(userID))
	if _, err := tx.Exec(`INSERT INTO forgotten VALUES (?) ON CONFLICT DO NOTHING`, digest[:]); err != nil {
		return err
	}
	if err := bulkForgotten(tx, userID); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM decisions WHERE event_id IN (SELECT event_source || '/' || event_id FROM facts WHERE user_id = ?)`,
		`DELETE FROM facts WHERE user_id = ?`,
		`DELETE FROM recent WHERE user_id = ?`,
		`DELETE FROM people WHERE user_id = ?`,
	} {
		if _, err := tx.Exec(q, userID); err != nil {
			return err
		}
	}
	return nil
}

// emptyLog moves the write-ahead log into the file and empties it, so that deleted
// rows stand in neither. Readers may delay it; then the next one does it.
func (m *model) emptyLog() {
	_, _ = m.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
}

// putFact takes a fact; the one with the highest generation and n has the status.
func putFact(tx *writing, f event.Fact) error {
	if f.Inbox == event.SourceCanary {
		return nil
	}
	if f.Kind == event.FactForgotten {
		return forget(tx, f.UserID)
	}
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, f.ID, f.UserID, f.EventID, f.EventSource, f.At.UnixMicro(), string(body)); err != nil {
		return err
	}
	if err := bulkAnswered(tx, f); err != nil {
		return err
	}
	if f.Status == "" {
		return nil
	}
	_, err = tx.Exec(`INSERT INTO people (user_id, source, generation, n, status, since, sort_name, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
		ON CONFLICT DO UPDATE SET since = CASE WHEN status = excluded.status THEN since ELSE excluded.since END,
			generation = excluded.generation, n = excluded.n, status = excluded.status
		WHERE excluded.generation > generation OR excluded.generation = generation AND excluded.n >= n`,
		f.UserID, f.Inbox, f.Generation, f.N, string(f.Status), f.At.UnixMicro(), fold(f.UserID))
	if err != nil || f.DecidedBy == "" || f.Kind != event.FactApproved && f.Kind != event.FactRejected {
		return err
	}
	_, err = tx.Exec(`UPDATE people SET decided_by = ?2, decided_generation = ?3, decided_n = ?4
		WHERE user_id = ?1 AND (decided_generation < ?3 OR decided_generation = ?3 AND decided_n <= ?4)`, f.UserID, f.DecidedBy, f.Generation, f.N)
	return err
}

func putDecision(tx *writing, id event.Identity, b spoken) error {
	_, err := tx.Exec(`INSERT INTO decisions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, id.String(), b.Reason, b.Actor, b.Note, b.Via)
	return err
}

// putImport takes a checkpoint. What putProgress knows besides stays.
func putImport(tx *writing, p event.Checkpoint) error {
	if p.Source == event.SourceCanary {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO imports (id, file, source, record, published, refused, total, done, started, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		record = excluded.record, published = excluded.published, refused = excluded.refused, total = excluded.total, done = excluded.done, state = excluded.state`,
		p.Import, p.File, p.Source, p.Record, p.Published, p.Refused, p.Rows, p.Done, p.StartedAt.UnixMicro(), event.ImportPublishing)
	return err
}

// putProgress takes what the watch role tells about an import between its
// checkpoints, and its end.
func putProgress(tx *writing, p event.Progress) error {
	if p.Source == event.SourceCanary {
		return nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO imports (id, file, source, record, published, refused, total, done, started, state, progress) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		record = max(record, excluded.record), published = max(published, excluded.published), refused = excluded.refused, total = excluded.total,
		done = max(done, excluded.done), state = excluded.state, progress = excluded.progress`,
		p.Import, p.File, p.Source, p.Record, p.Published, p.Refused, p.Rows, p.Over(), p.StartedAt.UnixMicro(), p.State, string(body))
	return err
}

func putDeadLetter(tx *writing, d DeadLetter) error {
	_, err := tx.Exec(`INSERT INTO deadletters VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, d.Seq, d.Stream, d.Reason, d.Cause, d.Subject, d.Sequence, d.At.UnixMicro(), d.eventID)
	if err != nil || d.eventID == "" {
		return err
	}
	return bulkResult(tx, d.eventID, resultFailed, d.Reason)
}
