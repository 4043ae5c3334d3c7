package catcher

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// store keeps messages in SQLite. A message is there when add returns.
type store struct{ db *sql.DB }

// message is one e-mail or text message.
type message struct {
	ID      int64
	Kind    string // "email" or "sms"
	Ref     string // Message-ID, or the text message's sid
	From    string
	To      string
	Subject string
	Text    string
	HTML    string
	Raw     []byte
	At      time.Time
}

const schema = `
CREATE TABLE IF NOT EXISTS messages (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	kind TEXT NOT NULL, ref TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
	subject TEXT NOT NULL, body_text TEXT NOT NULL, body_html TEXT NOT NULL, raw BLOB NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_kind ON messages (kind, id);`

func openStore(path string) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)&_pragma=secure_delete(1)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &store{db}, nil
}

func (s *store) close() error { return s.db.Close() }

// add stores m and returns its number.
func (s *store) add(ctx context.Context, m message) (int64, error) {
	r, err := s.db.ExecContext(ctx, `INSERT INTO messages (kind, ref, sender, recipient, subject, body_text, body_html, raw, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.Kind, m.Ref, m.From, m.To, m.Subject, m.Text, m.HTML, append([]byte{}, m.Raw...), m.At.UnixMicro())
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// list returns the messages of a kind ("" for all), the newest first, without
// their raw bytes, and how many there are.
func (s *store) list(ctx context.Context, kind string, start, limit int) (ms []message, total int, err error) {
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM messages WHERE ?1 = '' OR kind = ?1`, kind).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, kind, ref, sender, recipient, subject, body_text, body_html, length(raw), at
		FROM messages WHERE ?1 = '' OR kind = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3`, kind, limit, start)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var m message
		var size, at int64
		if err := rows.Scan(&m.ID, &m.Kind, &m.Ref, &m.From, &m.To, &m.Subject, &m.Text, &m.HTML, &size, &at); err != nil {
			return nil, 0, err
		}
		m.Raw, m.At = make([]byte, size), time.UnixMicro(at).UTC()
		ms = append(ms, m)
	}
	return ms, total, rows.Err()
}

var errNone = errors.New("there is no such message")

func (s *store) get(ctx context.Context, id int64) (message, error) {
	var m message
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT id, kind, ref, sender, recipient, subject, body_text, body_html, raw, at FROM messages WHERE id = ?`, id).
		Scan(&m.ID, &m.Kind, &m.Ref, &m.From, &m.To, &m.Subject, &m.Text, &m.HTML, &m.Raw, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return m, errNone
	}
	m.At = time.UnixMicro(at).UTC()
	return m, err
}

// clearFor deletes what was sent to a recipient.
func (s *store) clearFor(ctx context.Context, recipient string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM messages WHERE recipient = ? COLLATE NOCASE`, recipient)
	if err != nil {
		return fmt.Errorf("clear the store: %w", err)
	}
	return nil
}

func (s *store) clear(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM messages`)
	if err != nil {
		return fmt.Errorf("clear the store: %w", err)
	}
	return nil
}
