package console

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	_ "modernc.org/sqlite" // the driver

	"usher/event"
)

// model is the read model.
type model struct {
	db     *sql.DB      // for reading
	writer chan *writer // the one that writes, while it has nothing to do

	knownReason func(string) bool // whether a reason is a code, and so may be shown where data is masked
}

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

// readers is how many questions are answered beside each other.
const readers = 4

var errVersion = errors.New("the read model has another version")

func tryModel(path string) (*model, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=busy_timeout(10000)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers + 1)
	var version, tables int
	err = errors.Join(
		db.QueryRow(`PRAGMA user_version`).Scan(&version),
		db.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&tables),
	)
	switch {
	case err == nil && version == modelVersion:
		return newModelOf(db), nil
	case err == nil && tables == 0:
		if _, err = db.Exec(modelSchema + fmt.Sprintf(`PRAGMA user_version = %d`, modelVersion)); err == nil {
			return newModelOf(db), nil
		}
	case err == nil:
		err = errVersion
	}
	return nil, errors.Join(err, db.Close())
}

func newModelOf(db *sql.DB) *model {
	m := &model{db: db, writer: make(chan *writer, 1), knownReason: noReason}
	m.writer <- &writer{}
	return m
}

// close closes the file, when the transaction that is open has ended.
func (m *model) close() error {
	w := <-m.writer
	defer func() { m.writer <- w }()
	if w.conn != nil {
		_ = w.conn.Close() // gives the connection back, which is closed next
		*w = writer{}
	}
	return m.db.Close()
}

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
		for _, t := range []string{"positions", "people", "words", "cube", "import_cube", "ages", "facts", "decisions", "recent", "imports", "deadletters", "trail", "bulks", "bulk_people", "bulk_counts", "forgotten", "missed"} {
			if _, err := tx.Exec(`DELETE FROM ` + t); err != nil {
				return err
			}
		}
		return nil
	})
}

func setPosition(tx *writing, stream string, created int64, seq uint64) error {
	_, err := tx.Exec(`INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET created = excluded.created, seq = excluded.seq`, stream, created, seq)
	return err
}

// emptyLog moves the write-ahead log into the file and empties it, so that deleted
// rows stand in neither. Readers may delay it; then the next one does it.
func (m *model) emptyLog() {
	_, _ = m.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
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
