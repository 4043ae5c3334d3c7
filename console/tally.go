package console

import (
	"context"
	"slices"
	"time"
)

// mostCounted is how far people are counted one by one; other counts are kept.
const mostCounted = 10_000

// mostImports is how many of the newest imports a list can be filtered by.
const mostImports = 100

// tally is the counts of every filter's values, and of all that the list shows.
type tally struct {
	total count
	by    map[string]map[string]count // column, value
}

// counted is what a person is counted by.
type counted struct {
	status, source, imported, lang, decider string
	minute                                  int64
}

func (p counted) of(column string) string {
	return map[string]string{byStatus: p.status, bySource: p.source, byImport: p.imported, byLanguage: p.lang, byDecider: p.decider}[column]
}

// tally counts for the page of a filter.
func (m *model) tally(ctx context.Context, f filter, now time.Time) (tally, error) {
	f.sight = sightOf(ctx)
	t := tally{by: map[string]map[string]count{}}
	switch { // those who are counted one by one
	case f.Bulk != "":
		return t, m.tallyRows(ctx, &t, f, ofBulk(f), now)
	case f.Q != "":
		return t, m.tallyFound(ctx, &t, f, now)
	case f.Import != "" && f.Age != "":
		return t, m.tallyRows(ctx, &t, f, ofImport(f.Import), now)
	}
	table, extra := "cube", terms{}
	if f.Import != "" {
		table = "import_cube"
	}
	if b, ok := bandOf(f.Age); ok {
		from, before := b.minutes(now)
		table = "ages"
		extra.add("minute >= ? AND minute < ?", from, before)
	}
	for _, column := range []string{byStatus, bySource, byLanguage, byDecider} {
		w := f.equal(column)
		if err := m.group(ctx, &t, column, `SELECT `+column+`, sum(n) FROM `+table+` WHERE `+w.String()+` AND `+extra.String()+` GROUP BY 1`, append(w.args, extra.args...)...); err != nil {
			return t, err
		}
	}
	w := f.equal()
	if err := m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM `+table+` WHERE `+w.String()+` AND `+extra.String(), append(w.args, extra.args...)...).Scan(&t.total.N); err != nil {
		return t, err
	}
	if err := m.tallyImports(ctx, &t, f, now); err != nil {
		return t, err
	}
	return t, m.tallyAges(ctx, &t, f, now)
}

func (m *model) group(ctx context.Context, t *tally, column, query string, args ...any) error {
	rows, err := m.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	t.by[column] = map[string]count{}
	for rows.Next() {
		var value string
		var n int
		if err := rows.Scan(&value, &n); err != nil {
			return err
		}
		t.by[column][value] = count{N: n}
	}
	return rows.Err()
}

// tallyImports counts people of the newest imports. Together with an age they are
// counted one by one.
func (m *model) tallyImports(ctx context.Context, t *tally, f filter, now time.Time) error {
	if f.Age == "" {
		w, seen := f.equal(byImport), f.sight.people(bySource)
		return m.group(ctx, t, byImport, `SELECT import, sum(n) FROM import_cube WHERE import IN (SELECT id FROM imports WHERE `+seen.String()+` ORDER BY started DESC, id DESC LIMIT ?) AND `+w.String()+` GROUP BY 1`,
			slices.Concat(seen.args, []any{mostImports}, w.args)...)
	}
	w := f.where(now, byImport)
	if err := m.group(ctx, t, byImport, `SELECT import, count(*) FROM (SELECT import FROM people WHERE `+w.String()+` LIMIT ?) GROUP BY 1`, append(w.args, mostCounted+1)...); err != nil {
		return err
	}
	all := 0
	for _, c := range t.by[byImport] {
		all += c.N
	}
	if all > mostCounted {
		for k, c := range t.by[byImport] {
			t.by[byImport][k] = count{c.N, true}
		}
	}
	return nil
}

// tallyAges counts people by how long they have had their status. What is older than
// the last bound is the rest of all, so that only a week's minutes are read.
func (m *model) tallyAges(ctx context.Context, t *tally, f filter, now time.Time) error {
	if f.Import != "" { // and no age, or they were counted one by one
		return m.tallyAgesOfImport(ctx, t, f, now)
	}
	t.by[byAge] = map[string]count{}
	w := f.equal()
	rest := t.total.N
	if f.Age != "" {
		if err := m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM cube WHERE `+w.String(), w.args...).Scan(&rest); err != nil {
			return err
		}
	}
	for i, b := range ageBands {
		n := rest
		if i < len(ageBands)-1 {
			from, before := b.minutes(now)
			if err := m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM ages WHERE minute >= ? AND minute < ? AND `+w.String(), append([]any{from, before}, w.args...)...).Scan(&n); err != nil {
				return err
			}
		}
		rest -= n
		if n > 0 {
			t.by[byAge][b.Name] = count{N: n}
		}
	}
	return nil
}

// tallyAgesOfImport is tallyAges for the people of an import, of whom no ages are kept.
// Each band is counted as far as mostCounted; when only one goes beyond, it is the rest.
func (m *model) tallyAgesOfImport(ctx context.Context, t *tally, f filter, now time.Time) error {
	f.Sort = sortOldest
	index, _, err := m.index(ctx, f)
	if err != nil {
		return err
	}
	t.by[byAge] = map[string]count{}
	rest, beyond := t.total.N, []string{}
	for _, b := range ageBands {
		f.Age = b.Name
		w := f.where(now)
		var n int
		if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM people INDEXED BY `+index+` WHERE `+w.String()+` LIMIT ?)`, append(w.args, mostCounted+1)...).Scan(&n); err != nil {
			return err
		}
		switch {
		case n > mostCounted:
			beyond = append(beyond, b.Name)
		case n > 0:
			t.by[byAge][b.Name] = count{N: n}
			rest -= n
		}
	}
	for _, b := range beyond {
		t.by[byAge][b] = count{mostCounted, true}
	}
	if len(beyond) == 1 {
		t.by[byAge][beyond[0]] = count{N: rest}
	}
	return nil
}

// ofImport are the people of one import.
func ofImport(id string) pool {
	p := pool{from: "people"}
	p.add("import = ?", id)
	return p
}

// ofBulk are the people of an operation whom the search finds.
func ofBulk(f filter) pool {
	p := pool{from: "people"}
	if f.Q != "" {
		p.terms = searchOf(f.Q, f.sight).holds()
	}
	p.add(inBulk, f.Bulk)
	return p
}

// tallyFound counts those whom a search finds. When it finds many, all who are on the
// list are counted as the list finds them.
func (m *model) tallyFound(ctx context.Context, t *tally, f filter, now time.Time) error {
	s := searchOf(f.Q, f.sight)
	found, err := m.find(ctx, s)
	if err != nil {
		return err
	}
	if err := m.tallyRows(ctx, t, f, found, now); err != nil || !t.total.More {
		return err
	}
	p, err := m.narrow(ctx, f, s, found)
	if err != nil || p.many {
		return err
	}
	w := f.where(now)
	w.add(p.terms.String(), p.terms.args...)
	t.total = count{}
	if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+p.from+` WHERE `+w.String()+` LIMIT ?)`, slices.Concat(p.args, w.args, []any{mostCounted + 1})...).Scan(&t.total.N); err != nil {
		return err
	}
	if t.total.N > mostCounted {
		t.total = count{mostCounted, true}
	}
	return nil
}

// tallyRows counts one by one those of a pool, as far as mostCounted.
func (m *model) tallyRows(ctx context.Context, t *tally, f filter, p pool, now time.Time) error {
	f.sight.within(&p.terms, bySource)
	rows, err := m.db.QueryContext(ctx, `SELECT status, source, import, lang, decider, since / 60000000 FROM `+p.from+` WHERE `+p.terms.String()+` LIMIT ?`, slices.Concat(p.args, p.terms.args, []any{mostCounted + 1})...)
	if err != nil {
		return err
	}
	defer rows.Close()
	band, aged := bandOf(f.Age)
	from, before := band.minutes(now)
	chosen := map[string]string{byStatus: f.Status, bySource: f.Source, byImport: f.Import, byLanguage: f.Language, byDecider: f.Decider}
	columns := []string{byStatus, bySource, byImport, byLanguage, byDecider}
	for _, c := range append(columns, byAge) {
		t.by[c] = map[string]count{}
	}
	n := 0
	for ; rows.Next(); n++ {
		if n == mostCounted {
			p.many = true
			break
		}
		var p counted
		if err := rows.Scan(&p.status, &p.source, &p.imported, &p.lang, &p.decider, &p.minute); err != nil {
			return err
		}
		missed := "" // the one filter that leaves the person out
		misses := 0
		for _, c := range columns {
			if chosen[c] != "" && language(chosen[c]) != p.of(c) {
				missed = c
				misses++
			}
		}
		if aged && (p.minute < from || p.minute >= before) {
			missed = byAge
			misses++
		}
		if misses > 1 {
			continue
		}
		if misses == 0 {
			t.total.N++
		}
		for _, c := range columns {
			if misses == 0 || missed == c {
				t.one(c, p.of(c))
			}
		}
		if misses == 0 || missed == byAge {
			for _, b := range ageBands {
				if from, before := b.minutes(now); p.minute >= from && p.minute < before {
					t.one(byAge, b.Name)
				}
			}
		}
	}
	if p.many {
		t.total.More = true
		for _, values := range t.by {
			for v, c := range values {
				values[v] = count{c.N, true}
			}
		}
	}
	return rows.Err()
}

func (t *tally) one(column, value string) {
	c := t.by[column][value]
	c.N++
	t.by[column][value] = c
}
