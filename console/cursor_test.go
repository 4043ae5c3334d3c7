package console

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"usher/event"
)

// matching are the people whom a filter has now.
func matching(t *testing.T, m *model, f filter, now time.Time) map[string]bool {
	t.Helper()
	f.Cursor, f.Sort = "", sortOldest
	out := map[string]bool{}
	for _, u := range all(t, m, f, now, 1000) {
		out[u.UserID] = true
	}
	return out
}

// Between the pages of a list people come, go, move on, come back and change their data.
// Who matches all the while is listed once, and no one twice: by id whatever the filter,
// by age with a status, by name while names stay.
func TestPagesWhileRowsChange(t *testing.T) {
	t.Parallel()
	for _, q := range []string{"sort=id", "sort=id&inbox=hr", "sort=id&status=waiting", "sort=id&q=example", "sort=id&by=crm", "status=waiting", "status=waiting&sort=-age", "status=approved&inbox=hr&sort=-age", "status=waiting&sort=name"} {
		t.Run(q, func(t *testing.T) {
			t.Parallel()
			values, err := url.ParseQuery(q)
			if err != nil {
				t.Fatal(err)
			}
			f, err := filterOf(values)
			if err != nil {
				t.Fatal(err)
			}
			m := newModel(t)
			r := rand.New(rand.NewPCG(7, 16))
			now := time.Now()
			crowd(t, m, r, 80, now)
			stayed, listed, came := matching(t, m, f, now), map[string]int{}, 0
			for {
				page, next, err := m.users(t.Context(), f, now, 2)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range page {
					listed[u.UserID]++
				}
				if f.Cursor = next; next == "" {
					break
				}
				for range 4 {
					came++
					m.must(t, func(tx *writing) error { return happen(tx, r, came, f.Sort == sortByName) })
				}
				there := matching(t, m, f, now)
				for id := range stayed {
					if !there[id] {
						delete(stayed, id)
					}
				}
			}
			if len(stayed) < 3 || came < 12 {
				t.Fatalf("only %d people stayed and %d things happened, so this test is blind", len(stayed), came)
			}
			for id := range stayed {
				if listed[id] != 1 {
					t.Errorf("%s, who matched all the while, is listed %d times", id, listed[id])
				}
			}
			for id, n := range listed {
				if n > 1 && !(f.Status != "" && f.Sort != sortByID && !stayed[id]) { // or left the status and came back as another
					t.Errorf("%s is listed %d times", id, n)
				}
			}
		})
	}
}

// happen lets something happen to someone; the time goes on.
func happen(tx *writing, r *rand.Rand, n int, named bool) error {
	id, at := fmt.Sprint("u-", r.IntN(100)), time.Now().Add(time.Duration(n)*time.Millisecond)
	fact := event.Fact{ID: event.NewID(), UserID: id, At: at, Generation: 3 + n, N: 1, Inbox: "hr"}
	switch r.IntN(6) {
	case 0:
		fact.Kind, fact.Status = event.FactStarted, event.StatusWaiting
	case 1:
		fact.Kind, fact.Status, fact.DecidedBy = event.FactApproved, event.StatusApproved, "crm"
	case 2:
		fact.Kind = event.FactForgotten
	case 3:
		if named {
			return nil
		}
		return putUser(tx, "hr", event.User{UserID: id, Name: fmt.Sprint("New ", n), Email: id + "@example.org"}, at)
	case 4:
		fact.UserID, fact.Kind, fact.Status = fmt.Sprint("v-", n), event.FactStarted, event.StatusWaiting
	default: // what moves nothing
		fact.Kind, fact.Generation, fact.N = event.FactUnchanged, 0, 0
	}
	return putFact(tx, fact)
}

// A program that says no order gets one in which nothing that happens moves anyone.
func TestTheDefaultOrderOfTheAPI(t *testing.T) {
	r := newRig(t)
	r.run()
	r.await("u-2")
	r.await("u-1")
	for query, want := range map[string][]string{"": {"u-1", "u-2"}, "?status=waiting": {"u-2", "u-1"}, "?sort=age": {"u-2", "u-1"}, "?sort=-age": {"u-1", "u-2"}} {
		var page pageOfUsers
		if code := r.api("GET", "/api/v1/users"+query, "", &page); code != http.StatusOK || len(page.Users) != 2 || page.Users[0].UserID != want[0] || page.Users[1].UserID != want[1] {
			t.Errorf("%q: %d %+v", query, code, page)
		}
	}
}
