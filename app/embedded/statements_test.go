//go:build !noembed

package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	persistence "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
)

func openKeeping(t *testing.T, path string) *sql.DB {
	t.Helper()
	db := sql.OpenDB(keeping{dsn: dsn(path)})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// kept counts the statements that the one connection keeps.
func kept(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Raw(func(c any) error {
		k := c.(*keptConn)
		n = len(k.recent) + len(k.older)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// A statement that is kept does each time what it would do if it were new: after an
// error, while the rows of another use are being read, and when the tables were changed.
func TestKeptStatements(t *testing.T) {
	db := openKeeping(t, filepath.Join(t.TempDir(), "x.db"))
	exec(t, db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
	const insert, list = "INSERT INTO t (k, v) VALUES (?, ?)", "SELECT k, v FROM t WHERE k >= ? ORDER BY k"
	for i := range 3 {
		exec(t, db, insert, i, fmt.Sprint("v", i))
	}
	if _, err := db.ExecContext(t.Context(), insert, 1, "twice"); err == nil {
		t.Error("a key is taken twice")
	}
	exec(t, db, insert, 3, "v3")
	if n := kept(t, db); n != 2 {
		t.Errorf("%d statements are kept, want 2", n)
	}

	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	read := func(from int, each func(k int)) {
		t.Helper()
		rows, err := tx.QueryContext(t.Context(), list, from)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for next := from; ; next++ {
			if !rows.Next() {
				if next != 4 || rows.Err() != nil {
					t.Errorf("the rows from %d end before %d: %v", from, next, rows.Err())
				}
				return
			}
			var k int
			var v string
			if err := rows.Scan(&k, &v); err != nil || k != next || v != fmt.Sprint("v", next) {
				t.Errorf("row %d is %d, %q (%v)", next, k, v, err)
			}
			each(k)
		}
	}
	read(0, func(k int) { read(k, func(int) {}) })
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}

	exec(t, db, "ALTER TABLE t ADD COLUMN w TEXT")
	exec(t, db, "CREATE INDEX by_v ON t (v)")
	exec(t, db, insert, 4, "v4")
	var v string
	if err := db.QueryRowContext(t.Context(), "SELECT v FROM t WHERE k = ?", 4).Scan(&v); err != nil || v != "v4" {
		t.Errorf("after the table was changed: %q, %v", v, err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT v FROM t WHERE k = ?", 5).Scan(&v); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a key that is not there: %v", err)
	}
}

// Statements that are used once do not push out for ever what is used again, and there
// are not more of them than memory is meant for.
func TestKeptStatementsAreBounded(t *testing.T) {
	db := openKeeping(t, filepath.Join(t.TempDir(), "x.db"))
	var n int
	for i := range 5 * mostKept {
		if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&n); err != nil || n != i {
			t.Fatalf("%d, %v", n, err)
		}
		if err := db.QueryRowContext(t.Context(), "SELECT ?", i).Scan(&n); err != nil || n != i {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if n := kept(t, db); n > 2*mostKept {
		t.Errorf("%d statements are kept", n)
	}
	exec(t, db, "CREATE TABLE t (v TEXT)")
	before := kept(t, db)
	exec(t, db, "INSERT INTO t (v) VALUES ('of its own')")
	if n := kept(t, db); n != before {
		t.Error("a statement with a value in it is kept")
	}
}

// A context that has ended keeps a statement from beginning, and costs no connection.
func TestKeptStatementsAndContexts(t *testing.T) {
	db := openKeeping(t, filepath.Join(t.TempDir(), "x.db"))
	exec(t, db, "CREATE TABLE t (v INTEGER)")
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := tx.ExecContext(ctx, "INSERT INTO t (v) VALUES (?)", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t (v) VALUES (?)", 2); err != nil {
		t.Error(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT sum(v) FROM t").Scan(&sum); err != nil || sum != 2 {
		t.Errorf("%d, %v", sum, err)
	}
}

// Temporal's server uses both files through the driver that keeps statements.
func TestTemporalKeepsStatements(t *testing.T) {
	c := config0(t.TempDir())
	c.NATS = false
	s := start(t, c)
	defer stop(t, s)
	withTemporal(t, s, func(cl client.Client) { // the server has nothing of its own that is visible
		if _, err := cl.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "q"}, "W"); err != nil {
			t.Fatal(err)
		}
	})
	files := store(filepath.Join(c.Dir, "temporal"))
	for _, path := range []string{files.state(), files.visibility()} {
		pool, err := poolOf(temporalDB(t, database(path)))
		if err != nil {
			t.Fatal(err)
		}
		for late := time.Now().Add(time.Minute); kept(t, *pool) < 1; time.Sleep(10 * time.Millisecond) { // visibility is behind
			if time.Now().After(late) {
				t.Fatalf("%s: no statement is kept", filepath.Base(path))
			}
		}
	}
}

func temporalDB(t *testing.T, c *config.SQL) sqlplugin.DB {
	t.Helper()
	db, err := persistence.NewSQLDB(sqlplugin.DbKindUnknown, c, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
