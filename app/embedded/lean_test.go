//go:build !noembed

package embedded

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The indexes of a file that an earlier usher made are changed once, its rows stay, and
// all that usher, Temporal's web pages and the server ask for is found by an index.
func TestLeanVisibility(t *testing.T) {
	path := filepath.Join(t.TempDir(), "visibility.db")
	if err := makeDatabase(path, nil); err != nil {
		t.Fatal(err)
	}
	db := openKeeping(t, path)
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			at := time.Now()
			exec(t, db, `INSERT INTO executions_visibility
				(namespace_id, run_id, start_time, execution_time, workflow_id, workflow_type_name, status, encoding, search_attributes, root_workflow_id, root_run_id)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				"ns", fmt.Sprint("run-", i), at, at, fmt.Sprint("onboard-", i), "Onboard", 1+i%2, "Proto3", fmt.Sprintf(`{"Keyword01":"import-%d"}`, i%3), fmt.Sprint("onboard-", i), fmt.Sprint("run-", i))
		}
	}
	fill(0, 30)
	if err := makeLean(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	lean, err := indexesOf(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	full := 0
	for name, made := range lean {
		if neverAsked[name] {
			t.Errorf("%s is still there", name)
		}
		if !strings.Contains(made, "IS NOT NULL") {
			full++
		}
	}
	if full != len(alwaysFilled) || len(lean) < 45 {
		t.Errorf("%d indexes of %d have all rows: %v", full, len(lean), lean)
	}
	if err := makeLean(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	again, err := indexesOf(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(lean, again); d != "" {
		t.Errorf("the second time changes something (-first +second):\n%s", d)
	}
	fill(30, 60)
	exec(t, db, "ANALYZE") // as few rows as here would make scans look cheap

	const order = " ORDER BY coalesce(close_time, '9999-12-31 23:59:59+00:00') DESC, start_time DESC, run_id LIMIT 10"
	for where, want := range map[string]struct {
		n     int
		index string // default_idx is in the order of all lists
	}{ // as Temporal's server writes what it is asked
		"TemporalNamespaceDivision is null":                                                              {60, "default_idx"},   // all that the web pages list
		"TemporalNamespaceDivision is null and (workflow_type_name = 'Onboard' and status = 1)":          {30, "by_status"},     // the reports' and the doctor's open runs
		"TemporalNamespaceDivision is null and workflow_id = 'onboard-7'":                                {1, "by_workflow_id"}, // one user: `usher forget`, and a search
		"TemporalNamespaceDivision is null and status = 1":                                               {30, "by_status"},
		"TemporalNamespaceDivision is null and Keyword01 = 'import-1'":                                   {20, "by_keyword_01"}, // UsherImport
		"TemporalNamespaceDivision is null and Keyword01 in ('import-1', 'import-2')":                    {40, "default_idx"},
		"TemporalNamespaceDivision is null and Keyword01 like 'import-%'":                                {60, "default_idx"},
		"TemporalNamespaceDivision is null and Keyword02 = 'inbox'":                                      {0, "by_keyword_02"},       // UsherSource
		"TemporalNamespaceDivision is null and Keyword02 is null":                                        {60, "default_idx"},        // what has none is not in its index
		"TemporalNamespaceDivision is null and root_workflow_id = 'onboard-7' and root_run_id = 'run-7'": {1, "by_root_workflow_id"}, // relations
		"TemporalNamespaceDivision is null and parent_workflow_id = 'onboard-7'":                         {0, "by_parent_workflow_id"},
		"TemporalNamespaceDivision = 'TemporalScheduler' and status = 1":                                 {0, "by_temporal_namespace_division"},
	} {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM executions_visibility WHERE namespace_id = 'ns' and "+where).Scan(&n); err != nil || n != want.n {
			t.Errorf("%s finds %d, want %d (%v)", where, n, want.n, err)
		}
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT workflow_id FROM executions_visibility WHERE namespace_id = 'ns' and "+where+order)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "; "
		}
		if err := rows.Err(); err != nil || !strings.Contains(plan, " INDEX "+want.index+" ") {
			t.Errorf("%s: %s, want %s (%v)", where, plan, want.index, err)
		}
	}
}
