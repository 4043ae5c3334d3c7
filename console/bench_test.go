package console

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
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

// wave is how many people one import brings, all of whom are started before the first of
// them is decided about.
const wave = 5000

// filling is what it took to fill a model, in time of the processor.
type filling struct{ usher, bare time.Duration }

// fill puts people into a model in transactions like those of the feeds, of which each
// reads its own stream; and the rows that come of it into another one, each row once. They
// take turns, so that whatever else the machine does hits both.
func fill(b *testing.B, m, bare *model, n int, now time.Time) (took filling) {
	b.Helper()
	for from := 0; from < n; from += wave {
		var users, facts []func(*writing) error
		var later [][]event.Fact
		for i := from; i < min(from+wave, n); i++ {
			u, of, at := benchUser(i, now)
			if i == from {
				users = append(users, func(tx *writing) error {
					return putImport(tx, event.Checkpoint{Import: u.Import.ID, File: u.Import.File, Source: "hr", Done: true, StartedAt: at})
				})
			}
			users = append(users, func(tx *writing) error { return putUser(tx, []string{"hr", "crm"}[i%2], u, at) })
			facts = append(facts, func(tx *writing) error { return putFact(tx, of[0]) })
			later = append(later, of[1:])
		}
		for _, of := range later {
			for _, f := range of {
				facts = append(facts, func(tx *writing) error { return putFact(tx, f) })
			}
		}
		for len(users)+len(facts) > 0 {
			for _, feed := range []*[]func(*writing) error{&users, &facts} {
				puts := (*feed)[:min(perTransaction, len(*feed))]
				*feed = (*feed)[len(puts):]
				began := processorTime(b)
				m.must(b, func(tx *writing) error {
					for _, put := range puts {
						if err := put(tx); err != nil {
							return err
						}
					}
					return nil
				})
				took.usher += processorTime(b) - began
			}
		}
		if bare != nil {
			began := processorTime(b)
			insertBare(b, bare, from, min(from+wave, n), now)
			took.bare += processorTime(b) - began
		}
	}
	return took
}

// processorTime is what this process has used.
func processorTime(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// insertBare inserts the rows that fill ends with, each once and without counts.
func insertBare(b *testing.B, m *model, from, to int, now time.Time) {
	b.Helper()
	for ; from < to; from += perTransaction {
		m.must(b, func(tx *writing) error {
			for i := from; i < min(from+perTransaction, to); i++ {
				u, facts, _ := benchUser(i, now)
				p := nobody(u.UserID)
				p.record = recordOf(facts[0].Inbox, u, "{}")
				p.known = true
				for _, f := range facts {
					p.apply(f, "", "")
					body, err := json.Marshal(f)
					if err != nil {
						return err
					}
					if _, err := tx.Exec(`INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)`, f.ID, f.UserID, f.EventID, f.EventSource, f.At.UnixMicro(), string(body)); err != nil {
						return err
					}
				}
				if err := tx.replace(nobody(u.UserID), &p); err != nil {
					return err
				}
				if err := tx.index(p.id, "", p.words); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkDesk prints how long the server takes for a page of the desk, in milliseconds:
// the slowest of all tries, of which the goal is 100, and the time of the processor that
// one takes, which other work on the machine does not change. A page is the list, its
// counts and its filters. It also prints how fast the read model is filled, as a share of
// bare inserts of the rows that it ends with, people, their words and facts, each once;
// both in time of the processor, taking turns.
func BenchmarkDesk(b *testing.B) {
	n, now := benchUsers(b), time.Now()
	m := newModel(b)
	took := fill(b, m, newModel(b), n, now)
	b.Run("fill", func(b *testing.B) {
		for b.Loop() { // it was measured once above
		}
		b.ReportMetric(float64(n)/took.usher.Seconds(), "users/cpu-s")
		b.ReportMetric(took.bare.Seconds()/took.usher.Seconds(), "of-bare-inserts")
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
		"deep": deep(filter{Sort: sortOldest}), "deep-welcomed": deep(filter{Status: "welcomed", Sort: sortNewest}), "deep-name": deep(filter{Sort: sortByName}), "search": {Q: "ozge family77", Sort: sortOldest}, "search-many": {Q: "ozge", Sort: sortOldest}, "search-all": {Q: "49151 exam", Sort: sortOldest}, "search-common": {Q: "ozge family7", Sort: sortOldest},
		"search-waiting": {Q: "ozge", Status: "waiting", Sort: sortOldest}, "search-number": {Q: "0151 0000 123", Sort: sortOldest}, "search-none": {Q: "özgür", Sort: sortOldest},
	} {
		b.Run(name, func(b *testing.B) {
			slowest := time.Duration(0)
			began := processorTime(b)
			for b.Loop() {
				slowest = max(slowest, page(f))
			}
			b.ReportMetric(float64((processorTime(b)-began).Microseconds())/1000/float64(b.N), "ms-cpu")
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
		})
	}
}
