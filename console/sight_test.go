package console

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// asks is a context of what a login asks for.
func asks(t *testing.T, role logins.Role, inboxes ...string) context.Context {
	return context.WithValue(t.Context(), whoKey{}, who{Name: "ann", Role: role, Inboxes: inboxes})
}

// To a login of some inboxes each count is that of its list, and no list has a person
// of another inbox or without one.
func TestWhatIsOutsideTheInboxesIsNotThere(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	m := newModel(t)
	now := time.Now()
	crowd(t, m, r, 150, now)
	m.must(t, func(tx *writing) error {
		return putImport(tx, event.Checkpoint{Import: "imp-crm", File: "theirs.csv", Source: "crm", StartedAt: now.Add(-time.Minute)})
	})
	values := map[string][]string{
		"status": {"", "", "waiting"}, "inbox": {"", "", "crm", "hr"}, "import": {"", "", "imp-1"}, "age": {"", "", "1d", "older"},
		"language": {"", "", "de"}, "by": {"", "", "crm"}, "q": {"", "", "zoë", "u-1"}, "sort": {"", "name", "-age"},
	}
	for _, inboxes := range [][]string{{"crm"}, {"crm", "none"}, {}, {"crm", "hr"}} {
		ctx := context.WithValue(t.Context(), whoKey{}, who{Name: "ann", Role: logins.Verifier, Inboxes: inboxes})
		for range 60 {
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
			want := slices.DeleteFunc(all(t, m, f, now, 1000), func(u User) bool { return !slices.Contains(inboxes, u.Source) })
			got := allFor(ctx, t, m, f, now, 7)
			if !slices.EqualFunc(got, want, func(a, b User) bool { return a.UserID == b.UserID }) {
				t.Fatalf("%v, %s: %d in the list, want %d", inboxes, q.Encode(), len(got), len(want))
			}
			counted, err := m.tally(ctx, f, now)
			if err != nil || counted.total != (count{N: len(want)}) {
				t.Fatalf("%v, %s: %v counted of %d (%v)", inboxes, q.Encode(), counted.total, len(want), err)
			}
			for _, c := range []string{byStatus, bySource, byLanguage, byDecider, byImport} {
				for v, n := range counted.by[c] {
					g := f
					if field := map[string]*string{byStatus: &g.Status, bySource: &g.Source, byLanguage: &g.Language, byDecider: &g.Decider, byImport: &g.Import}[c]; v != "" {
						*field = v
						if have := len(allFor(ctx, t, m, g, now, 1000)); n != (count{N: have}) {
							t.Fatalf("%v, %s: %s %q says %v, its list has %d", inboxes, q.Encode(), c, v, n, have)
						}
					}
				}
			}
		}
		waiting, _, err := m.heads(ctx)
		if list := allFor(ctx, t, m, filter{Status: "waiting", Sort: sortOldest}, now, 1000); err != nil || waiting != len(list) {
			t.Errorf("%v: the head counts %d of %d (%v)", inboxes, waiting, len(list), err)
		}
		imports, err := m.imports(ctx, 100)
		if err != nil || slices.ContainsFunc(imports, func(i Import) bool { return !slices.Contains(inboxes, i.Source) }) {
			t.Errorf("%v: imports %+v (%v)", inboxes, imports, err)
		}
	}
	theirs := asks(t, logins.Verifier, "hr")
	if _, err := m.importOf(theirs, "imp-crm"); !errors.Is(err, errNoImport) {
		t.Errorf("an import of another inbox: %v", err)
	}
	for _, u := range all(t, m, filter{Source: "crm", Sort: sortOldest}, now, 1000) {
		_, err := m.user(theirs, u.UserID)
		if !errors.Is(err, errNone) || !errors.Is(m.reach(theirs, u.UserID), errNone) {
			t.Fatalf("a person of another inbox: %v", err)
		}
	}
}

// A viewer finds, sorts and reads nothing but ids and masked forms, however it asks;
// what is revealed is whole.
func TestAMaskTellsNothing(t *testing.T) {
	m := newModel(t)
	now := time.Now()
	m.knownReason = func(s string) bool { return s == "left" }
	id := event.Identity{Source: "console", ID: "e-1"}
	secret := event.User{UserID: "u-1", Name: "Zoë Quillfeather", GivenName: "Zoë", FamilyName: "Quillfeather", Email: "zoe@quill.example", Phone: "+4915112345678", Locale: "de",
		Attributes: map[string]string{"team": "Nightwatch"}, Import: event.Import{ID: "i", File: "a.csv", Line: 2}}
	m.must(t, func(tx *writing) error {
		return errors.Join(
			putUser(tx, "hr", secret, now),
			putDecision(tx, id, spoken{VerificationBody: event.VerificationBody{Reason: "Quillfeather has gone", Actor: "ben"}, Note: "call +4915112345678"}),
			putFact(tx, event.Fact{ID: "f", Kind: event.FactRejected, UserID: "u-1", Generation: 1, N: 1, At: now, Status: event.StatusRejected, EventID: "e-1", EventSource: "console"}),
			putRecent(tx, "e-1", "rejected", spoken{VerificationBody: event.VerificationBody{UserID: "u-1", Actor: "ben"}}, now),
		)
	})
	ctx := context.WithValue(t.Context(), whoKey{}, who{Name: "ann", Role: logins.Viewer})
	for _, q := range []string{"zoe", "Quill", "zoe@quill.example", "4915112345678", "quill u-1", "Nightwatch"} {
		f := filter{Q: q, Sort: sortOldest}
		if users := allFor(ctx, t, m, f, now, 10); len(users) > 0 {
			t.Errorf("%q finds someone", q)
		}
		if counted, err := m.tally(ctx, f, now); err != nil || counted.total.N > 0 || len(counted.by[byStatus]) > 0 {
			t.Errorf("%q is counted: %v %v", q, counted, err)
		}
	}
	if _, _, err := m.users(ctx, filter{Sort: sortByName}, now, 10); !errors.Is(err, errMasked) {
		t.Errorf("by name: %v", err)
	}
	one, err := m.user(ctx, "u-1")
	if err != nil {
		t.Fatal(err)
	}
	recent, err := m.recent(ctx, 10)
	if err != nil || len(recent) != 1 {
		t.Fatal(recent, err)
	}
	shown, err := json.Marshal([]any{one, recent, allFor(ctx, t, m, filter{Q: "U-1", Sort: sortOldest}, now, 10)})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Quill", "quill", "Zoë", "zoe", "1234567", "Nightwatch", "gone"} {
		if strings.Contains(string(shown), part) {
			t.Errorf("%q is shown: %s", part, shown)
		}
	}
	if one.Name != "Z••• Q•••" || one.Email != "z•••@•••.example" || one.Phone != "•••78" || !one.Masked || one.Locale != "de" || len(one.Timeline) != 1 {
		t.Errorf("the masked forms: %+v", one)
	}
	if whole, err := m.user(revealed(ctx), "u-1"); err != nil || whole.Name != secret.Name || whole.Masked || whole.Timeline[0].Reason != "Quillfeather has gone" {
		t.Errorf("revealed: %+v %v", whole, err)
	}
}

// Masked forms of odd values show no more than those of plain ones.
func TestMaskedForms(t *testing.T) {
	for _, tc := range [][2]string{
		{maskWords(""), ""}, {maskWords("a b c d e"), "a••• b••• c•••"}, {maskWords("Łukasz"), "Ł•••"},
		{maskEmail("a@localhost"), "a•••@•••"}, {maskEmail("@x.org"), "•••@•••.org"}, {maskEmail("odd"), "o•••"},
		{maskEnd(""), ""}, {maskEnd("12"), "•••"}, {maskEnd("1234567"), "•••67"},
	} {
		if tc[0] != tc[1] {
			t.Errorf("got %q, want %q", tc[0], tc[1])
		}
	}
}
