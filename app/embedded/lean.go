//go:build !noembed

package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
)

// Temporal's schema has an index of visibility for each column, 58 in all, and each
// write of a row changes all of them. Most columns are empty in every row of usher's.
// What is changed here makes no query fail and none wrong, and a Temporal that knows
// nothing of it uses the file as before.

// alwaysFilled are the indexes that queries of usher, of Temporal's web pages or of the
// server itself ask: they stay.
var alwaysFilled = map[string]bool{
	"default_idx": true, "by_workflow_id": true, "by_workflow_type": true, "by_status": true, "by_root_workflow_id": true,
}

// neverAsked are the indexes on columns that every row fills, by which lists are not
// asked for: they go. Who asks by one of them all the same waits until all rows are read.
var neverAsked = map[string]bool{
	"by_execution_time": true, "by_history_length": true, "by_history_size_bytes": true, "by_execution_duration": true,
	"by_state_transition_count": true, "by_task_queue": true, "by_root_run_id": true,
}

// firstColumn finds the column that an index is on, after the namespace.
var firstColumn = regexp.MustCompile(`\(namespace_id,\s*(\w+),`)

// leanIndex is what becomes of an index of visibility: the statement that makes it, ""
// when it goes. One of a column that is often empty leaves empty rows out: a
// comparison never asks for those.
func leanIndex(name, made string) string {
	column := firstColumn.FindStringSubmatch(made)
	switch {
	case neverAsked[name]:
		return ""
	case alwaysFilled[name], column == nil, wherePart.MatchString(made):
		return made
	}
	return made + " WHERE " + column[1] + " IS NOT NULL"
}

var wherePart = regexp.MustCompile(`(?i)\sWHERE\s`)

// makeLean changes the indexes of a file of visibility that are not yet as leanIndex
// wants them, each on its own, so that a start that is cut short has done a part of it.
func makeLean(ctx context.Context, path string) (err error) {
	db := sql.OpenDB(keeping{dsn: dsn(path)})
	db.SetMaxOpenConns(1)
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
		if err != nil {
			err = fmt.Errorf("%s: making its indexes lean: %w", path, err)
		}
	}()
	indexes, err := indexesOf(ctx, db)
	if err != nil {
		return err
	}
	for name, made := range indexes {
		want := leanIndex(name, made)
		if want == made {
			continue
		}
		if err := exchangeIndex(ctx, db, name, want); err != nil {
			return err
		}
	}
	return nil
}

// indexesOf are the indexes of visibility, by name, with the statements that made them.
func indexesOf(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL", "index", "executions_visibility")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, made string
		if err := rows.Scan(&name, &made); err != nil {
			return nil, err
		}
		out[name] = made
	}
	return out, rows.Err()
}

func exchangeIndex(ctx context.Context, db *sql.DB, name, want string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "DROP INDEX "+name); err != nil {
		return err
	}
	if want != "" {
		if _, err := tx.ExecContext(ctx, want); err != nil {
			return err
		}
	}
	return tx.Commit()
}
