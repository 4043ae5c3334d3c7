package app

import (
	"context"
	"database/sql"
	"fmt"
)

// dbPulse asks a SQLite file over a connection of its own.
type dbPulse struct {
	*pulse
	db *sql.DB
}

// pulseOfDB asks whether a file can be read and locked for writing, and writes
// nothing.
func pulseOfDB(path string) (dbPulse, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=rw&_pragma=busy_timeout(2000)")
	if err != nil {
		return dbPulse{}, fmt.Errorf("%s: %w", path, err)
	}
	return dbPulse{&pulse{probe: func(ctx context.Context) error {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		_, err = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}}, db}, nil
}

func (d dbPulse) close() { _ = d.db.Close() } // nothing was written
