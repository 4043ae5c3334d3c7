//go:build !noembed

package embedded

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	persistence "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	"modernc.org/sqlite"
)

// keepStatements puts a driver that keeps its statements in front of the one by which
// Temporal's server uses a file. The server gives SQLite each statement as text,
// and SQLite reads and plans it each time; for some that takes longer than what they do.
//
// The server names its driver in its code and keeps one pool of connections for each
// file as long as the process lives. So the pool is exchanged, before the server starts.
func keepStatements(c *config.SQL, dsn string) error {
	db, err := persistence.NewSQLDB(sqlplugin.DbKindUnknown, c, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	pool, err := poolOf(db)
	if err != nil {
		return err
	}
	if _, kept := (*pool).Driver().(keeping); kept { // by an earlier start in this process
		return nil
	}
	stock := *pool
	*pool = sql.OpenDB(keeping{dsn: dsn})
	(*pool).SetMaxOpenConns(c.MaxConns)
	(*pool).SetMaxIdleConns(c.MaxIdleConns)
	return stock.Close()
}

// poolOf is where the server's database has its pool: the field db, a *sqlx.DB, and in
// that the field DB.
func poolOf(db sqlplugin.DB) (**sql.DB, error) {
	v := reflect.ValueOf(db)
	for _, field := range []string{"db", "DB"} {
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			break
		}
		v = v.Elem().FieldByName(field)
	}
	if !v.IsValid() || v.Type() != reflect.TypeFor[*sql.DB]() {
		return nil, fmt.Errorf("this version of Temporal's server keeps its connections elsewhere than is known: %T", db)
	}
	return (**sql.DB)(v.Addr().UnsafePointer()), nil
}

// keeping opens connections that keep their statements.
type keeping struct{ dsn string }

var _ driver.Connector = keeping{}

// Connect implements driver.Connector.
func (k keeping) Connect(context.Context) (driver.Conn, error) { return k.Open(k.dsn) }

// Driver implements driver.Connector.
func (k keeping) Driver() driver.Driver { return k }

// Open implements driver.Driver.
func (keeping) Open(dsn string) (driver.Conn, error) {
	c, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &keptConn{sqliteConn: c.(sqliteConn), recent: map[string]*keptStmt{}}, nil
}

// sqliteConn is what SQLite's driver offers.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// mostKept is how many statements are kept at least; twice as many are at most. The
// server has about a hundred, and some more with lists of different lengths.
const mostKept = 256

// keptConn is a connection with the statements that were used last. As any
// driver.Conn it is used by one goroutine at a time.
//
// What it keeps runs to its end though its context ends meanwhile. An interrupted
// statement is an error that the server takes for a duplicate key, the connection is
// given up with its cache of pages, and each statement would need a goroutine that waits
// for the context. They take milliseconds.
type keptConn struct {
	sqliteConn
	recent, older map[string]*keptStmt // older ones are closed when there are mostKept recent ones
}

type keptStmt struct {
	driver.Stmt
	busy, dropped bool // rows are being read; it is kept no longer
}

// take returns the kept statement of a query, nil for one that is not worth it because
// it holds values, or whose rows are being read.
func (c *keptConn) take(ctx context.Context, query string) (*keptStmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if strings.Contains(query, "'") {
		return nil, nil
	}
	s, ok := c.recent[query]
	if !ok {
		if s, ok = c.older[query]; ok {
			delete(c.older, query)
		} else {
			prepared, err := c.Prepare(query)
			if err != nil {
				return nil, err
			}
			s = &keptStmt{Stmt: prepared}
		}
		if len(c.recent) == mostKept {
			for _, old := range c.older {
				_ = old.drop() // what it said last was told
			}
			c.older, c.recent = c.recent, map[string]*keptStmt{}
		}
		c.recent[query] = s
	}
	if s.busy {
		return nil, nil
	}
	return s, nil
}

// drop closes the statement, as soon as its rows are closed.
func (s *keptStmt) drop() error {
	s.dropped = true
	if s.busy {
		return nil
	}
	return s.Close()
}

// ExecContext implements driver.ExecerContext.
func (c *keptConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(context.Background(), args)
}

// QueryContext implements driver.QueryerContext.
func (c *keptConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &keptRows{rows, s}, nil
}

// BeginTx implements driver.ConnBeginTx.
func (c *keptConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.sqliteConn.BeginTx(context.Background(), o)
}

// Close implements driver.Conn.
func (c *keptConn) Close() error {
	var errs []error
	for _, kept := range []map[string]*keptStmt{c.recent, c.older} {
		for _, s := range kept {
			errs = append(errs, s.drop())
		}
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// keptRows give their statement back.
type keptRows struct {
	driver.Rows
	of *keptStmt
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	err := r.Rows.Close()
	r.of.busy = false
	if r.of.dropped {
		err = errors.Join(err, r.of.Close())
	}
	return err
}
