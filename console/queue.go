package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// filter is which people a list shows, and in which order. All of it is in the
// address of the page.
type filter struct {
	Status   string
	Source   string // an inbox
	Import   string
	Age      string // one of ages
	Language string // "-": not said
	Decider  string
	Bulk     string // an operation
	Q        string
	Sort     string // one of sorts
	Cursor   string

	From time.Time // when the status began, at the earliest; zero: whenever. No list has it

	sight sight // of the one who asks; set by the model
}

// Orders of a list.
const (
	sortOldest = "age" // who has had their status longest comes first
	sortNewest = "-age"
	sortByName = "name"
	sortByID   = "id" // nothing that happens to people changes their places
)

var sorts = []string{sortOldest, sortNewest, sortByName, sortByID}

// noLanguage stands for people whose language was not said.
const noLanguage = "-"

// ageBand is how long people have had their status, from a bound on and below the next.
type ageBand struct {
	Name, Label string
	from, below time.Duration
}

var ageBands = []ageBand{
	{"1h", "under 1 hour", -1 << 62, time.Hour},
	{"1d", "1 hour to 1 day", time.Hour, 24 * time.Hour},
	{"3d", "1 to 3 days", 24 * time.Hour, 72 * time.Hour},
	{"7d", "3 to 7 days", 72 * time.Hour, 168 * time.Hour},
	{"older", "7 days or more", 168 * time.Hour, 1 << 62},
}

// minutes returns the bounds of when their status began, in minutes since 1970: from
// the first on and before the second. Counts are kept by the minute, so lists are cut
// there too.
func (b ageBand) minutes(now time.Time) (from, before int64) {
	from, before = 0, 1<<36
	if b.below < 1<<62 {
		from = now.Add(-b.below).Unix()/60 + 1
	}
	if b.from > 0 {
		before = now.Add(-b.from).Unix()/60 + 1
	}
	return from, before
}

func bandOf(name string) (ageBand, bool) {
	i := slices.IndexFunc(ageBands, func(b ageBand) bool { return b.Name == name })
	if i < 0 {
		return ageBand{}, false
	}
	return ageBands[i], true
}

var errFilter = errors.New("there is no such filter; age is one of 1h, 1d, 3d, 7d and older, sort one of age, -age, name and id")

// filterOf reads a filter out of an address.
func filterOf(q url.Values) (filter, error) {
	f := filter{
		Status: q.Get("status"), Source: q.Get("inbox"), Import: q.Get("import"), Age: q.Get("age"), Language: q.Get("language"), Decider: q.Get("by"), Bulk: q.Get("bulk"),
		Q: strings.TrimSpace(q.Get("q")), Sort: q.Get("sort"), Cursor: q.Get("cursor"),
	}
	if f.Sort == "" {
		f.Sort = sortOldest
	}
	_, known := bandOf(f.Age)
	if f.Age != "" && !known || !slices.Contains(sorts, f.Sort) {
		return filter{Sort: sortOldest}, errFilter
	}
	return f, nil
}

// query is the filter as an address has it, without its place in the list.
func (f filter) query() url.Values {
	q := url.Values{}
	for _, p := range [][2]string{{"status", f.Status}, {"inbox", f.Source}, {"import", f.Import}, {"age", f.Age}, {"language", f.Language}, {"by", f.Decider}, {"bulk", f.Bulk}, {"q", f.Q}} {
		if p[1] != "" {
			q.Set(p[0], p[1])
		}
	}
	if f.Sort != sortOldest {
		q.Set("sort", f.Sort)
	}
	return q
}

// terms is a condition in SQL with its arguments.
type terms struct {
	sql  []string
	args []any
}

func (t *terms) add(sql string, args ...any) {
	t.sql = append(t.sql, sql)
	t.args = append(t.args, args...)
}

func (t terms) String() string {
	if len(t.sql) == 0 {
		return "1"
	}
	return strings.Join(t.sql, " AND ")
}

// in adds that a column has one of some values.
func (t *terms) in(column string, values []string) {
	list, err := json.Marshal(values)
	if err != nil {
		panic("console: texts can be marshalled: " + err.Error())
	}
	t.add(column+` IN (SELECT value FROM json_each(?))`, string(list))
}

// inBulk are the people of an operation.
const inBulk = `user_id IN (SELECT user_id FROM bulk_people WHERE bulk = ?)`

// language is what the column lang holds for a filter.
func language(of string) string {
	if of == noLanguage {
		return ""
	}
	return of
}

// Names of what people are counted by, as the tables of counts name it.
const (
	byStatus, bySource, byImport, byLanguage, byDecider, byAge = "status", "source", "import", "lang", "decider", "age"
)

// equal are the filters that one value of a column answers, without some of them, and
// the inboxes of the one who asks. Lists and counts all take their conditions from here,
// so another limit on who is seen belongs here too, as a condition on these columns.
func (f filter) equal(without ...string) (t terms) {
	for _, c := range [][2]string{{byStatus, f.Status}, {bySource, f.Source}, {byImport, f.Import}, {byLanguage, f.Language}, {byDecider, f.Decider}} {
		if c[1] != "" && !slices.Contains(without, c[0]) {
			t.add(c[0]+" = ?", language(c[1]))
		}
	}
	f.sight.within(&t, bySource)
	return t
}

// where are all its conditions besides the search.
func (f filter) where(now time.Time, without ...string) terms {
	t := f.equal(without...)
	if b, ok := bandOf(f.Age); ok && !slices.Contains(without, byAge) {
		from, before := b.minutes(now)
		t.add(`since >= ? AND since < ?`, from*microsPerMinute, before*microsPerMinute)
	}
	if f.Bulk != "" {
		t.add(inBulk, f.Bulk)
	}
	if !f.From.IsZero() {
		t.add(`since >= ?`, f.From.UnixMicro())
	}
	return t
}

const perPage = 50

// users lists people, after a cursor that an earlier page gave.
func (m *model) users(ctx context.Context, f filter, now time.Time, limit int) (out []User, next string, err error) {
	if f.sight = sightOf(ctx); f.sight.masked && f.Sort == sortByName {
		return nil, "", errMasked
	}
	p, err := m.pool(ctx, f)
	if err != nil {
		return nil, "", err
	}
	t := f.where(now)
	t.add(p.terms.String(), p.terms.args...)
	key, order := "since", "since, user_id"
	switch f.Sort {
	case sortNewest:
		order = "since DESC, user_id DESC"
	case sortByName:
		key, order = "sort_name", "sort_name, user_id"
	case sortByID:
		order = "user_id"
	}
	if f.Cursor != "" {
		at, err := readCursor(f.Cursor, f.Sort)
		if err != nil {
			return nil, "", err
		}
		op := ">"
		if f.Sort == sortNewest {
			op = "<"
		}
		if f.Sort == sortByID {
			t.add(`user_id > ?`, at.ID)
		} else {
			t.add(`(`+key+`, user_id) `+op+` (?, ?)`, at.Key, at.ID)
		}
	}
	rows, err := m.db.QueryContext(ctx, `SELECT `+userColumns+`, sort_name FROM `+p.from+` WHERE `+t.String()+` ORDER BY `+order+` LIMIT ?`, slices.Concat(p.args, t.args, []any{limit + 1})...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		u, err := scanUser(rows, &name)
		if err != nil {
			return nil, "", err
		}
		f.sight.mask(&u, m.knownReason)
		out, names = append(out, u), append(names, name)
	}
	if len(out) > limit {
		out = out[:limit]
		at := cursor{f.Sort, out[limit-1].Since.UnixMicro(), out[limit-1].UserID}
		switch f.Sort {
		case sortByName:
			at.Key = names[limit-1]
		case sortByID:
			at.Key = ""
		}
		next = at.String()
	}
	return out, next, rows.Err()
}

// fewEnough can be sorted in memory at once.
const fewEnough = 20_000

// pool is where the list of a filter is read: those whom the search finds; all whom the
// filters leave, each held against the search, when these are fewer than it finds.
func (m *model) pool(ctx context.Context, f filter) (pool, error) {
	s := searchOf(f.Q, f.sight)
	if f.Q != "" && f.Bulk == "" {
		found, err := m.find(ctx, s)
		if err != nil {
			return found, err
		}
		return m.narrow(ctx, f, s, found)
	}
	index, _, err := m.index(ctx, f)
	p := pool{from: `people INDEXED BY ` + index}
	if f.Q != "" {
		p.terms = s.holds()
	}
	return p, err
}

// narrow is all whom the filters leave, when these are fewer than a search finds.
func (m *model) narrow(ctx context.Context, f filter, s search, found pool) (pool, error) {
	if !found.many {
		return found, nil
	}
	index, n, err := m.index(ctx, f)
	if err != nil || n > fewEnough {
		return found, err
	}
	return pool{from: `people INDEXED BY ` + index, terms: s.holds()}, nil
}

// whole is where all whom a filter leaves are read, however many: the caller holds each
// against the search.
func (m *model) whole(ctx context.Context, f filter) (pool, error) {
	if f.Q != "" && f.Bulk == "" {
		if found, err := m.find(ctx, searchOf(f.Q, f.sight)); err != nil || !found.many {
			return found, err
		}
	}
	index, _, err := m.index(ctx, f)
	return pool{from: `people INDEXED BY ` + index}, err
}

// index names the index that leads to the fewest people, as the counts tell it, and says
// how many they are. In an order that this index does not have, many are better read in
// that order.
func (m *model) index(ctx context.Context, f filter) (string, int64, error) {
	name, least := "people_since", int64(1<<62)
	if f.Bulk != "" { // they are read by their ids
		if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM bulk_people WHERE bulk = ?`, f.Bulk).Scan(&least); err != nil {
			return "", 0, err
		}
		name = "sqlite_autoindex_people_1"
	}
	for _, c := range []struct{ column, value string }{{byStatus, f.Status}, {bySource, f.Source}, {byImport, f.Import}, {byLanguage, f.Language}, {byDecider, f.Decider}} {
		if c.value == "" {
			continue
		}
		table := "cube"
		if c.column == byImport {
			table = "import_cube"
		}
		var n int64
		if err := m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM `+table+` WHERE `+c.column+` = ?`, language(c.value)).Scan(&n); err != nil {
			return "", 0, err
		}
		if n < least {
			name, least = "people_"+c.column, n
		}
	}
	if f.sight.limited {
		var n int64
		w := f.sight.people(bySource)
		if err := m.db.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM cube WHERE `+w.String(), w.args...).Scan(&n); err != nil {
			return "", 0, err
		}
		if n < least && (n <= fewEnough || len(f.sight.inboxes) == 1) { // in the order of one inbox, or to be sorted
			name, least = "people_source", n
		}
	}
	if f.Sort == sortByID && least > fewEnough {
		return "sqlite_autoindex_people_1", least, nil
	}
	if f.Sort == sortByName && least > fewEnough {
		if f.Status != "" {
			return "people_status_name", least, nil
		}
		return "people_name", least, nil
	}
	return name, least, nil
}

// cursor is the last person of a page.
type cursor struct {
	Sort string
	Key  any // when the status began, in microseconds, or the name
	ID   string
}

// errDay is about a day that is none.
var errDay = errors.New("the day is written as YYYY-MM-DD")

// errMasked is about an order that would tell what is masked.
var errMasked = errors.New("names are masked for your role, so a list cannot be sorted by them; sort is age, -age or id")

var errCursor = errors.New("the cursor is not one that a page gave")

func (c cursor) String() string {
	b, err := json.Marshal([]any{c.Sort, c.Key, c.ID})
	if err != nil {
		panic(fmt.Sprintf("console: texts and numbers can be marshalled: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(text, sort string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return c, errCursor
	}
	var parts []json.RawMessage
	if json.Unmarshal(b, &parts) != nil || len(parts) != 3 || json.Unmarshal(parts[0], &c.Sort) != nil || json.Unmarshal(parts[2], &c.ID) != nil || c.Sort != sort {
		return c, errCursor
	}
	if sort == sortByName || sort == sortByID {
		var name string
		err = json.Unmarshal(parts[1], &name)
		c.Key = name
	} else {
		var at int64
		err = json.Unmarshal(parts[1], &at)
		c.Key = at
	}
	if err != nil {
		return c, errCursor
	}
	return c, nil
}
