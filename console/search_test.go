package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// finds are the ids that a search finds, in order.
func finds(ctx context.Context, t *testing.T, m *model, q string) (ids []string) {
	t.Helper()
	f := filter{Q: q, Sort: sortOldest}
	for _, u := range allFor(ctx, t, m, f, time.Now(), 100) {
		ids = append(ids, u.UserID)
	}
	counted, err := m.tally(ctx, f, time.Now())
	if err != nil || counted.total != (count{N: len(ids)}) {
		t.Errorf("%q: %v counted (%v), %d found", q, counted.total, err, len(ids))
	}
	slices.Sort(ids)
	return ids
}

// Issue 16: a name is found however it is written, and so are numbers, ids and events.
func TestSearchFindsPeople(t *testing.T) {
	m := newModel(t)
	people := []event.User{
		{UserID: "hr:4711/a", Name: "Özge Yılmaz", Email: "oe.yilmaz@example.org", Phone: "+905321234567"},
		{UserID: "hr:4712/b", Name: "O\u0308zge Müller-Lüdenscheidt", GivenName: "O\u0308zge", FamilyName: "Müller-Lüdenscheidt", Email: "mueller@xn--bcher-kva.example", Phone: "+4915112345678"},
		{UserID: "0042", Name: "Siobhán O’Brien", GivenName: "Siobhan", FamilyName: "O'Brien", Email: "sob@example.org", Phone: "+353861234567"},
		{UserID: "jp-1", Name: "山田太郎"},
		{UserID: "us-1", Name: "Straße Æble", Phone: "+12025550123"},
		{UserID: "long-" + strings.Repeat("x", 200), Name: strings.Repeat("é", 100) + "b"},
	}
	m.must(t, func(tx *writing) error {
		for _, u := range people {
			if err := putUser(tx, "hr", u, time.Now()); err != nil {
				return err
			}
		}
		return errors.Join(
			putFact(tx, event.Fact{ID: "f-1", Kind: event.FactStarted, UserID: "0042", Generation: 1, Status: event.StatusWaiting, EventID: "Order 7/α", EventSource: "hr"}),
			putFact(tx, event.Fact{ID: "f-2", Kind: event.FactStarted, UserID: "hr:new 9", Generation: 1, Status: event.StatusWaiting}), // whom no list has brought yet
		)
	})
	for q, want := range map[string]string{
		"özge": "hr:4711/a hr:4712/b", "OZGE": "hr:4711/a hr:4712/b", "o\u0308zge": "hr:4711/a hr:4712/b", "öz yıl": "hr:4711/a", "yilmaz ozge": "hr:4711/a",
		"müller": "hr:4712/b", "muller-lud": "hr:4712/b", "mullerlud": "hr:4712/b", "lüdenscheidt": "hr:4712/b", "udenscheidt": "", "zge": "",
		"o'brien": "0042", "obrien": "0042", "brien": "0042", "O’Brien siobhán": "0042",
		"4711": "hr:4711/a", "hr:4711/a": "hr:4711/a", "hr471": "hr:4711/a hr:4712/b", "hr:4711/b": "", "0042": "0042", "42": "",
		"oe.yilmaz@example.org": "hr:4711/a", "@example.org": "0042 hr:4711/a", "mueller@bücher.example": "hr:4712/b", "mueller@xn--bcher": "hr:4712/b", "bücher": "hr:4712/b",
		"+49 151 1234 5678": "hr:4712/b", "+49 (0)151/12345678": "hr:4712/b", "0151 12345678": "hr:4712/b", "0049-151-123": "hr:4712/b", "15112345678": "hr:4712/b", "+4915112345679": "",
		"özge 0151 1234": "hr:4712/b", "0151 1234 özge": "hr:4712/b", "(202) 555-0123": "us-1", "1 202 555": "us-1", "086 1234567": "0042", "+353 +49": "",
		"山田": "jp-1", "太郎": "jp-1", "strasse able": "", "strasse aeble": "us-1",
		"Order 7/α": "0042", "order 7/α": "", " Order 7/α ": "0042",
		"hr:new": "hr:new 9", "new 9": "hr:new 9", "9": "hr:4711/a hr:new 9",
		"long-" + strings.Repeat("x", 200): people[5].UserID, strings.Repeat("é", 100): people[5].UserID,
		"-": "", "- özge": "hr:4711/a hr:4712/b", "...": "",
	} {
		if got := strings.Join(finds(t.Context(), t, m, q), " "); got != want {
			t.Errorf("%q finds %q, want %q", q, got, want)
		}
	}
	viewer := context.WithValue(t.Context(), whoKey{}, who{Name: "ann", Role: logins.Viewer})
	for q, want := range map[string]string{"4711": "hr:4711/a", "HR:47": "hr:4711/a hr:4712/b", "özge": "", "oe": "", "15112345678": "", "0151 12345678": "", "0042": "0042", "Order 7/α": "0042", "9": "hr:new 9"} {
		if got := strings.Join(finds(viewer, t, m, q), " "); got != want {
			t.Errorf("for a viewer %q finds %q, want %q", q, got, want)
		}
	}
}

// What is typed is data, whatever it looks like.
func TestSearchesHaveNoSyntax(t *testing.T) {
	m := newModel(t)
	m.must(t, func(tx *writing) error {
		return putUser(tx, "hr", event.User{UserID: "u-1", Name: "Ann Near"}, time.Now())
	})
	for _, q := range []string{
		`"`, `'`, `' OR 1=1 --`, `*`, `%`, `_`, `\`, `#`, `#u1`, `ann*`, `ann OR x`, `NOT ann`, `NEAR(ann near)`, `name:ann`, `^ann`, `{name} : ann`, `ann + near`, `(`, `?`, `?1`, "\x00", "ann\x00", "\xff\xfe", "ann\xff",
		strings.Repeat("ann ", 5000), strings.Repeat("a", 1<<20), strings.Repeat(`"(`, 5000), strings.Repeat("1 ", 3000), "\U0010ffff", "a\u0301\u0301\u0301",
	} {
		want := map[bool]int{true: 1}[slices.Contains([]string{`#u1`, `ann*`, `^ann`, `ann + near`, `?1`, "ann\x00", "ann\xff", strings.Repeat("ann ", 5000), "a\u0301\u0301\u0301"}, q)]
		if got := finds(t.Context(), t, m, q); len(got) != want {
			t.Errorf("%.40q finds %v, want %d", q, got, want)
		}
	}
}

// Whatever came, in whichever order, a search finds those whose words begin with what
// was typed, as the index has it and as the rows do.
func TestTheIndexIsThatOfTheRows(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 2))
	m := newModel(t)
	crowd(t, m, r, 80, time.Now())
	kept, err := m.db.Query(`SELECT (SELECT group_concat(word, ' ') FROM (SELECT word FROM words w WHERE w.person = p.person ORDER BY word)), words FROM people p UNION ALL SELECT 'of no one', word FROM words WHERE person NOT IN (SELECT person FROM people)`)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	n := 0
	for ; kept.Next(); n++ {
		var got, row string
		if err := kept.Scan(&got, &row); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(row)
		slices.Sort(want)
		if got != strings.Join(want, " ") {
			t.Errorf("the index has %q, the row %q", got, row)
		}
	}
	if n == 0 || kept.Err() != nil {
		t.Error("no one is there", kept.Err())
	}
}

// A search that finds more than are counted says so, and lists as many; filters that
// leave few people are exact all the same.
func TestSearchesThatFindMany(t *testing.T) {
	m := newModel(t)
	now := time.Now()
	const n = mostCounted + 500
	m.must(t, func(tx *writing) error {
		for i := range n {
			u := event.User{UserID: fmt.Sprint("u-", i), Name: "Ann Lee", Email: fmt.Sprintf("a%d@example.org", i)}
			if i%100 == 0 {
				u.Locale, u.Name = "tr", "Ann Rare"
			}
			if err := putUser(tx, "hr", u, now.Add(-time.Duration(i)*time.Second)); err != nil {
				return err
			}
		}
		return putUser(tx, "crm", event.User{UserID: "last", Name: "Zoë Ann"}, now)
	})
	for _, tc := range []struct {
		f     filter
		total string
		list  int
	}{
		{filter{Q: "ann"}, "10,000+", mostCounted + 1},
		{filter{Q: "ann example"}, "10,000+", mostCounted + 1},
		{filter{Q: "ann rare"}, "105", 105},
		{filter{Q: "ann", Language: "tr"}, "105", 105},
		{filter{Q: "ann u", Source: "crm"}, "0", 0},
		{filter{Q: "ann", Source: "crm"}, "1", 1},
		{filter{Q: "ann zoe"}, "1", 1},
		{filter{Q: "u example", Language: "tr"}, "105", 105},
	} {
		tc.f.Sort = sortOldest
		list := all(t, m, tc.f, now, mostCounted)
		counted, err := m.tally(t.Context(), tc.f, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := counted.total.String(); len(list) != tc.list || got != tc.total {
			t.Errorf("%+v: %d listed, %s counted; want %d and %s", tc.f, len(list), got, tc.list, tc.total)
		}
		if !slices.IsSortedFunc(list, func(a, b User) int { return a.Since.Compare(b.Since) }) {
			t.Errorf("%+v: the list is not in its order", tc.f)
		}
	}
}

// Issue 16: of people who were forgotten no word is left in any file of the read model,
// wherever its pages were moved and copied to before, and while it is open.
func TestNoWordIsLeftOfTheForgotten(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 1))
	path := filepath.Join(t.TempDir(), "console.db")
	m, err := openModel(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	letters := func() string {
		b := make([]byte, 12)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	people := make([]event.User, 2000)
	for i := range people {
		people[i] = event.User{UserID: letters(), Name: letters() + " " + letters(), GivenName: letters(), Email: letters() + "@" + letters() + ".example", Phone: fmt.Sprintf("+49%011d", r.Int64N(1e11)),
			Attributes: map[string]string{"team": letters()}, Import: event.Import{ID: "i", File: "list.csv", Line: i}}
	}
	put := func(users ...event.User) {
		m.must(t, func(tx *writing) (err error) {
			for _, u := range users {
				err = errors.Join(err, putUser(tx, "hr", u, time.Now()),
					putFact(tx, event.Fact{ID: event.NewID(), Kind: event.FactStarted, UserID: u.UserID, Generation: 1, Status: event.StatusWaiting, Inbox: "hr", At: time.Now()}))
			}
			return err
		})
	}
	for some := range slices.Chunk(people, 50) {
		put(some...)
	}
	was := map[string][]string{} // words that a person had before a later record
	forgotten := people[:200]
	r.Shuffle(len(forgotten), func(a, b int) { forgotten[a], forgotten[b] = forgotten[b], forgotten[a] })
	for i, u := range forgotten {
		if i%4 == 0 {
			was[u.UserID] = []string{u.Name, u.Email}
			u.Name, u.Email = letters(), ""
			was[u.UserID] = append(was[u.UserID], u.Name)
			put(u)
		}
		m.must(t, func(tx *writing) error {
			return putFact(tx, event.Fact{ID: event.NewID(), Kind: event.FactForgotten, UserID: u.UserID, At: time.Now()})
		})
		if i%10 == 0 { // others come, and take up the room
			put(event.User{UserID: letters(), Name: letters()})
		}
	}
	m.emptyLog()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	content := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		content[filepath.Base(f)] = b
	}
	holds := func(word string) string {
		for f, b := range content {
			if bytes.Contains(b, []byte(word)) {
				return f
			}
		}
		return ""
	}
	if there := people[1000]; holds(there.UserID) == "" || holds(there.Name) == "" || holds(there.Attributes["team"]) == "" || holds(there.Phone[3:]) == "" {
		t.Error("who is there is not in the files, so the test cannot fail")
	}
	for _, u := range forgotten {
		words := []string{u.UserID, u.GivenName, u.Attributes["team"], u.Phone[3:12]}
		for _, w := range append([]string{u.Name, u.Email}, was[u.UserID]...) {
			words = append(words, strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune(" @.", r) })...)
		}
		for _, w := range words {
			if f := holds(w[:min(len(w), 9)]); f != "" && w != "example" {
				t.Fatalf("%s still has %q of %+v", f, w, u)
			}
		}
	}
}
