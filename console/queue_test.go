package console

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

func newModel(t testing.TB) *model {
	t.Helper()
	m, err := openModel(filepath.Join(t.TempDir(), "console.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.close() })
	return m
}

func (m *model) must(t testing.TB, f func(*writing) error) {
	t.Helper()
	if err := m.transaction(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// crowd puts people into a model who differ in all that lists are filtered by, one
// after the other, in random order and some of them forgotten again.
func crowd(t *testing.T, m *model, r *rand.Rand, n int, now time.Time) {
	t.Helper()
	one := func(of []string) string { return of[r.IntN(len(of))] }
	for i := range 5 {
		m.must(t, func(tx *writing) error {
			return putImport(tx, event.Checkpoint{Import: fmt.Sprint("imp-", i), File: fmt.Sprint("list ", i, ".csv"), Source: "hr", StartedAt: now.Add(-time.Hour)})
		})
	}
	for range 3 * n {
		id := fmt.Sprint("u-", r.IntN(n))
		at := now.Add(-time.Duration(r.ExpFloat64() * 48 * float64(time.Hour)))
		m.must(t, func(tx *writing) error {
			switch r.IntN(8) {
			case 0:
				return putFact(tx, event.Fact{ID: event.NewID(), Kind: event.FactForgotten, UserID: id, At: at})
			case 1, 2, 3:
				u := event.User{UserID: id, Name: one([]string{"Özge Ö", "ann", "Bo", "Zoë"}) + " " + id, Email: id + "@example.org", Locale: one([]string{"", "de", "de-AT", "DE_de", "tr"})}
				u.Import = event.Import{ID: fmt.Sprint("imp-", r.IntN(5)), File: "a.csv", Line: 2}
				return putUser(tx, one([]string{"hr", "crm"}), u, at)
			default:
				f := event.Fact{ID: event.NewID(), UserID: id, At: at, Generation: 1 + r.IntN(2), N: r.IntN(4), Inbox: one([]string{"hr", "crm"})}
				f.Kind = one([]string{event.FactStarted, event.FactApproved, event.FactRejected, event.FactWelcomed})
				f.Status = map[string]event.Status{event.FactStarted: event.StatusWaiting}[f.Kind]
				if f.Status == "" {
					f.Status = event.Status(f.Kind)
				}
				if f.Kind == event.FactApproved || f.Kind == event.FactRejected {
					f.DecidedBy = one([]string{"crm", "console:admin"})
				}
				return putFact(tx, f)
			}
		})
	}
}

// all reads every page of a list.
func all(t *testing.T, m *model, f filter, now time.Time, limit int) (out []User) {
	t.Helper()
	return allFor(t.Context(), t, m, f, now, limit)
}

func allFor(ctx context.Context, t *testing.T, m *model, f filter, now time.Time, limit int) (out []User) {
	t.Helper()
	for {
		users, next, err := m.users(ctx, f, now, limit)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		out = append(out, users...)
		if next == "" {
			return out
		}
		f.Cursor = next
	}
}

// Whatever came and whatever the filters, each count is that of the people whom the
// list with that filter shows, and each list is in its order and shows no one twice.
func TestCountsAreThoseOfTheLists(t *testing.T) {
	const seed = 16
	r := rand.New(rand.NewPCG(seed, seed))
	m := newModel(t)
	now := time.Now()
	crowd(t, m, r, 150, now)
	values := map[string][]string{
		"status": {"", "", "waiting", "approved", "welcomed"}, "inbox": {"", "", "hr"}, "import": {"", "", "imp-1"}, "age": {"", "", "1h", "1d", "3d", "7d", "older"},
		"language": {"", "", "de", "-"}, "by": {"", "", "crm"}, "q": {"", "", "özge", "U-1 example", "nobody"}, "sort": {"", "name", "-age", "id"},
	}
	for range 300 {
		q := url.Values{}
		for p, of := range values {
			if v := of[r.IntN(len(of))]; v != "" {
				q.Set(p, v)
			}
		}
		f, err := filterOf(q)
		if err != nil {
			t.Fatal(err)
		}
		list := all(t, m, f, now, 1+r.IntN(20))
		counted, err := m.tally(t.Context(), f, now)
		if err != nil {
			t.Fatalf("%s: %v", q.Encode(), err)
		}
		if counted.total != (count{N: len(list)}) {
			t.Errorf("%s: %v counted, the list has %d", q.Encode(), counted.total, len(list))
		}
		var ids, sorted []string
		for _, u := range list {
			ids = append(ids, u.UserID)
		}
		sorted = slices.Clone(ids)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) != len(ids) {
			t.Errorf("%s: someone is there twice", q.Encode())
		}
		ordered := slices.IsSortedFunc(list, func(a, b User) int {
			switch f.Sort {
			case sortByName:
				return strings.Compare(fold(a.Name+" "+a.UserID), fold(b.Name+" "+b.UserID))
			case sortByID:
				return strings.Compare(a.UserID, b.UserID)
			case sortNewest:
				return b.Since.Compare(a.Since)
			}
			return a.Since.Compare(b.Since)
		})
		if !ordered && f.Sort != sortByName {
			t.Errorf("%s: the list is not in its order", q.Encode())
		}
		facets, err := m.facets(t.Context(), f, counted)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range facets {
			for _, o := range x.Options {
				with := q
				if !o.On {
					u, err := url.Parse(o.URL)
					if err != nil {
						t.Fatal(err)
					}
					with = u.Query()
				}
				g, err := filterOf(with)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(all(t, m, g, now, 1000)); o.N != (count{N: n}) {
					t.Errorf("%s: %s %s says %v, its list has %d", q.Encode(), x.Label, o.Label, o.N, n)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// The kept counts are those of the rows, and nothing is left of values that no one has
// any more.
func TestKeptCountsAreThoseOfTheRows(t *testing.T) {
	m := newModel(t)
	r := rand.New(rand.NewPCG(1, 2))
	crowd(t, m, r, 60, time.Now())
	read := func(query string) (out []string) {
		rows, err := m.db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}
	for table, key := range map[string]string{"cube": "status, source, lang, decider", "import_cube": "import, status, source, lang, decider", "ages": "since / 60000000, status, source, lang, decider"} {
		kept := strings.Replace(key, "since / 60000000", "minute", 1)
		got, want := read(`SELECT json_array(`+kept+`, n) FROM `+table+` ORDER BY 1`), read(`SELECT json_array(`+key+`, count(*)) FROM people GROUP BY `+key+` ORDER BY 1`)
		if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
			t.Errorf("%s (-rows +kept):\n%s", table, d)
		}
	}
	if err := m.reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"cube", "import_cube", "ages"} {
		if left := read(`SELECT n FROM ` + table); len(left) != 0 {
			t.Errorf("%s has %d rows after all was forgotten", table, len(left))
		}
	}
}

// Who decided is who decided in the generation that counts, in whichever order the
// facts come.
func TestTheDeciderIsThatOfTheGeneration(t *testing.T) {
	facts := []event.Fact{
		{ID: "1", Kind: event.FactStarted, Generation: 1, Status: event.StatusWaiting},
		{ID: "2", Kind: event.FactRejected, Generation: 1, N: 1, Status: event.StatusRejected, DecidedBy: "crm"},
		{ID: "3", Kind: event.FactReopened, Generation: 2, Status: event.StatusWaiting},
	}
	approved := event.Fact{ID: "4", Kind: event.FactApproved, Generation: 2, N: 1, Status: event.StatusApproved, DecidedBy: "console:admin"}
	for i := range 20 {
		r := rand.New(rand.NewPCG(uint64(i), 0))
		m := newModel(t)
		put := func(facts ...event.Fact) string {
			for _, f := range facts {
				f.UserID, f.At = "u-1", time.Now()
				m.must(t, func(tx *writing) error { return putFact(tx, f) })
			}
			u, err := m.user(t.Context(), "u-1")
			if err != nil {
				t.Fatal(err)
			}
			return u.DecidedBy
		}
		r.Shuffle(len(facts), func(a, b int) { facts[a], facts[b] = facts[b], facts[a] })
		if got := put(facts...); got != "" {
			t.Errorf("who waits again is decided about by %q", got)
		}
		if got := put(approved); got != "console:admin" {
			t.Errorf("decided by %q", got)
		}
	}
}

func TestFiltersAndCursorsThatAreNone(t *testing.T) {
	for _, q := range []string{"age=yesterday", "sort=size"} {
		v, _ := url.ParseQuery(q)
		if _, err := filterOf(v); err == nil {
			t.Errorf("%s is taken", q)
		}
	}
	m := newModel(t)
	name := cursor{sortByName, "ann", "u-1"}.String()
	for _, c := range []string{"x", "%", name, "W10", "WyJhZ2UiLCJhIiwidSJd"} { // the last ones: [], ["age","a","u"]
		if _, _, err := m.users(t.Context(), filter{Sort: sortOldest, Cursor: c}, time.Now(), 10); err != errCursor {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func TestFoldedTexts(t *testing.T) {
	for s, want := range map[string]string{"Özge": "ozge", "O\u0308zge": "ozge", "STRASSE": "strasse", "Straße": "strasse", "İstanbul": "istanbul", "ıłø": "ilo", "ﬁn": "fin", "Иван": "иван", "": ""} {
		if got := fold(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	m := newModel(t)
	m.must(t, func(tx *writing) error {
		return putUser(tx, "hr", event.User{UserID: "u-1", Name: "O\u0308zge Yılmaz", Phone: "+4915112345678"}, time.Now())
	})
	for _, q := range []string{"özge", "OZGE yilmaz", "yılmaz ö", "u-1", "1511234"} {
		if got := all(t, m, filter{Sort: sortOldest, Q: q}, time.Now(), 10); len(got) != 1 {
			t.Errorf("%q finds %d", q, len(got))
		}
	}
}

func TestReasonsForARejection(t *testing.T) {
	got, err := ReadReasons(strings.NewReader("\ufeff# ours\n\nleft = Has left = gone\r\n  wrong-data=The data are wrong\n"))
	if want := []Reason{{"left", "Has left = gone"}, {"wrong-data", "The data are wrong"}}; err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %v", got, err)
	}
	for text, want := range map[string]string{
		"": "no reason in it", "left": "line 1: write", "left = \n": "line 1: write", "\nHas Left = x": "line 2: a code", "a = b\na = c": "twice",
		"a = " + strings.Repeat("x", 201): "200 bytes", strings.Repeat("a", 61) + " = x": "60 at most",
	} {
		if _, err := ReadReasons(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := ReadReasons(strings.NewReader(strings.Repeat("x", 70_000))); err == nil {
		t.Error("a line without an end is taken")
	}
	var many strings.Builder
	for i := range mostReasons + 1 {
		fmt.Fprintf(&many, "r%d = x\n", i)
	}
	if _, err := ReadReasons(strings.NewReader(many.String())); err == nil {
		t.Error("more reasons than one reads are taken")
	}
	for _, r := range DefaultReasons() {
		b, _ := json.Marshal(r)
		if r.Code == "" || r.Words == "" {
			t.Errorf("%s", b)
		}
	}
}

// A fact that is told again is the same fact, whatever place it has then: the first one
// counts. Seeds 31682 and 37700 of the simulation showed somebody welcomed as active.
func TestAFactThatIsToldAgain(t *testing.T) {
	m := newModel(t)
	say := func(id, kind string, n int, status event.Status) {
		t.Helper()
		m.must(t, func(tx *writing) error {
			return putFact(tx, event.Fact{ID: id, Kind: kind, UserID: "u-1", Generation: 1, N: n, Status: status, Inbox: "hr", At: time.Now()})
		})
	}
	say("a", event.FactActivated, 2, event.StatusActive)
	say("b", event.FactSent, 4, event.StatusActive)
	say("c", event.FactSent, 3, event.StatusActive)
	say("d", event.FactWelcomed, 5, event.StatusWelcomed)
	say("c", event.FactSent, 6, event.StatusActive)
	u, err := m.user(t.Context(), "u-1")
	if err != nil || u.Status != event.StatusWelcomed || len(u.Timeline) != 4 {
		t.Errorf("%s with %d facts, %v", u.Status, len(u.Timeline), err)
	}
}

// Of one of two who decide a page names no more than facts do: no address, no full name.
func TestWhoIsOneOfTwoIsNamedAsInFacts(t *testing.T) {
	for actor, want := range map[string]string{"ann": "crm:ann", "jane.doe@corp.example": "crm", "Jane Doe": "crm", "": "crm"} {
		e := Entry{Fact: event.Fact{Kind: event.FactHalf, EventSource: "crm"}, Actor: actor}
		if got := e.Deciders(); got != want {
			t.Errorf("%q is shown as %q, want %q", actor, got, want)
		}
	}
}
