package console

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"usher/event"
)

// benchUsers is how many people the read model has: USHER_BENCH_USERS, else 50,000.
func benchUsers(b *testing.B) int {
	b.Helper()
	s := os.Getenv("USHER_BENCH_USERS")
	if s == "" {
		return 50_000
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatalf("USHER_BENCH_USERS: %v", err)
	}
	return n
}

// benchUser is one of many: every twentieth waits, the others were decided about.
func benchUser(i int, now time.Time) (event.User, []event.Fact, time.Time) {
	id := fmt.Sprintf("u-%07d", i*7919%10_000_000) // lists come in no order of ids
	at := now.Add(-time.Duration(i) * time.Second)
	first, last := []string{"Özge", "Ann", "Zoë", "Bo", "Maximilian"}[i%5], fmt.Sprint("Family", i%9973)
	u := event.User{UserID: id, Name: first + " " + last, GivenName: first, FamilyName: last, Email: id + "@example.org", Phone: fmt.Sprintf("+49151%07d", i), Locale: []string{"de", "en", "tr-TR", ""}[i%4],
		Import: event.Import{ID: fmt.Sprintf("imp-%04d", i/5000), File: "list.csv", Line: i%5000 + 2}}
	f := event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: []string{"hr", "crm"}[i%2], At: at, EventID: event.NewID(), EventSource: "hr"}
	facts := []event.Fact{f.WithID()}
	if i%20 != 0 {
		f.Kind, f.Status, f.N, f.DecidedBy, f.EventSource, f.EventID = event.FactApproved, event.StatusApproved, 1, []string{"crm", "console:admin"}[i%3%2], "crm", event.NewID()
		facts = append(facts, f.WithID())
		f.Kind, f.Status, f.N, f.EventID = event.FactWelcomed, event.StatusWelcomed, 2, ""
		facts = append(facts, f.WithID())
	}
	return u, facts, at
}

// fill puts people into a model as the feeds do.
func fill(b *testing.B, m *model, n int, now time.Time) time.Duration {
	b.Helper()
	began := time.Now()
	for from := 0; from < n; from += perTransaction {
		m.must(b, func(tx *writing) error {
			for i := from; i < min(from+perTransaction, n); i++ {
				u, facts, at := benchUser(i, now)
				if i%5000 == 0 {
					if err := putImport(tx, event.Checkpoint{Import: u.Import.ID, File: u.Import.File, Source: "hr", Done: true, StartedAt: at}); err != nil {
						return err
					}
				}
				if err := putUser(tx, []string{"hr", "crm"}[i%2], u, at); err != nil {
					return err
				}
				for _, f := range facts {
					if err := putFact(tx, f); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return time.Since(began)
}

// insertBare inserts the rows that fill ends with, each once and without counts.
func insertBare(b *testing.B, n int, now time.Time) time.Duration {
	b.Helper()
	m := newModel(b)
	if _, err := m.db.Exec(`DROP TRIGGER people_came; DROP TRIGGER people_changed; DROP TRIGGER people_went`); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for from := 0; from < n; from += perTransaction {
		m.must(b, func(tx *writing) error {
			for i := from; i < min(from+perTransaction, n); i++ {
				u, facts, at := benchUser(i, now)
				last := facts[len(facts)-1]
				if _, err := tx.Exec(`INSERT INTO people (user_id, source, name, given_name, family_name, email, phone, locale, file, import, line, generation, n, status, since, sort_name, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
					u.UserID, last.Inbox, u.Name, u.GivenName, u.FamilyName, u.Email, u.Phone, u.Locale, u.Import.File, u.Import.ID, u.Import.Line, last.Generation, last.N, string(last.Status), at.UnixMicro(), u.Name, u.Name); err != nil {
					return err
				}
				for _, f := range facts {
					body, err := json.Marshal(f)
					if err != nil {
						return err
					}
					if _, err := tx.Exec(`INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)`, f.ID, f.UserID, f.EventID, f.EventSource, f.At.UnixMicro(), string(body)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return time.Since(began)
}

// BenchmarkDesk prints how long the server takes for a page of the desk, in milliseconds,
// the slowest of all tries; a page is the list, its counts and its filters. The goal is
// 100. It also prints how fast the read model is filled, as a share of bare inserts of
// the same rows into the same tables.
func BenchmarkDesk(b *testing.B) {
	n, now := benchUsers(b), time.Now()
	m := newModel(b)
	filled := fill(b, m, n, now)

	bare := insertBare(b, n, now)
	b.Run("fill", func(b *testing.B) {
		for b.Loop() { // it was measured once above
		}
		b.ReportMetric(float64(n)/filled.Seconds(), "users/s")
		b.ReportMetric(bare.Seconds()/filled.Seconds(), "of-bare-inserts")
	})

	page := func(f filter) time.Duration {
		began := time.Now()
		if _, _, err := m.users(b.Context(), f, now, perPage); err != nil {
			b.Fatal(err)
		}
		t, err := m.tally(b.Context(), f, now)
		if err == nil {
			_, err = m.facets(b.Context(), f, t)
		}
		if err == nil {
			_, err = m.figures(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	deep := func(f filter) filter { // the cursor of a person in the middle
		u, _, at := benchUser(n/2, now)
		f.Cursor = cursor{f.Sort, at.UnixMicro(), u.UserID}.String()
		if f.Sort == sortByName {
			f.Cursor = cursor{f.Sort, sortName(u), u.UserID}.String()
		}
		return f
	}
	for name, f := range map[string]filter{
		"all": {Sort: sortOldest}, "waiting": {Status: "waiting", Sort: sortOldest}, "welcomed": {Status: "welcomed", Sort: sortNewest}, "inbox": {Source: "hr", Sort: sortOldest},
		"import": {Import: "imp-0001", Sort: sortOldest}, "age": {Age: "older", Sort: sortOldest}, "language": {Language: "tr", Sort: sortOldest}, "decider": {Decider: "console:admin", Sort: sortOldest},
		"name": {Sort: sortByName}, "welcomed-name": {Status: "welcomed", Sort: sortByName}, "inbox-language": {Source: "hr", Language: "de", Sort: sortOldest}, "waiting-age-language": {Status: "waiting", Age: "1d", Language: "de", Sort: sortOldest},
		"deep": deep(filter{Sort: sortOldest}), "deep-welcomed": deep(filter{Status: "welcomed", Sort: sortNewest}), "deep-name": deep(filter{Sort: sortByName}), "search": {Q: "ozge family77", Sort: sortOldest},
	} {
		b.Run(name, func(b *testing.B) {
			slowest := time.Duration(0)
			for b.Loop() {
				slowest = max(slowest, page(f))
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
		})
	}
}
