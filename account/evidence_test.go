package account

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// picky is a SCIM service that refuses accounts by what they hold, and finds none.
type picky struct {
	mu     sync.Mutex
	refuse func(account map[string]any) (status int, body string)
	made   int
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", mediaSCIM)
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(`{"Resources":[]}`))
		return
	}
	var account map[string]any
	_ = json.NewDecoder(r.Body).Decode(&account)
	if status, body := p.refuse(account); status != 0 {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return
	}
	p.made++
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(`{"id":"1"}`))
}

func newPicky(t *testing.T) (*picky, Target) {
	p := &picky{refuse: func(map[string]any) (int, string) { return 0, "" }}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	target, _ := newTarget(t, Config{Kind: SCIM, URL: s.URL, Token: testToken})
	return p, target
}

func user(id string) event.User { return event.User{UserID: id, Email: id + "@example.org"} }

const badValue = `{"scimType":"invalidValue","detail":"name.givenName is missing"}`

// A service that refuses everybody has a setting that usher does not meet: after
// the mend all are activated, and none has failed.
func TestARefusalOfEverybodyFailsNoUser(t *testing.T) {
	t.Parallel()
	p, target := newPicky(t)
	p.refuse = func(map[string]any) (int, string) { return http.StatusBadRequest, badValue }
	ids := []string{"u-1", "u-2", "u-3", "u-4"}
	for round := range 3 {
		for i, id := range ids {
			_, err := target.Activate(t.Context(), id, user(id))
			want := ReasonRejected
			if round > 0 || i+1 >= enoughUsers {
				want = ReasonConfig
			}
			if err == nil || event.IsPermanent(err) || Reason(err) != want {
				t.Errorf("round %d, %s: %v (%s), want %s and another try", round, id, err, Reason(err), want)
			}
		}
	}
	p.mu.Lock()
	p.refuse = func(map[string]any) (int, string) { return 0, "" }
	p.mu.Unlock()
	for _, id := range ids {
		if _, err := target.Activate(t.Context(), id, user(id)); err != nil {
			t.Errorf("after the mend, %s: %v", id, err)
		}
	}
}

// A service that wants the parts of a name gets them, of lists that have them.
func TestTheServiceGetsThePartsOfTheName(t *testing.T) {
	t.Parallel()
	p, target := newPicky(t)
	var got []any
	p.refuse = func(account map[string]any) (int, string) {
		name, _ := account["name"].(map[string]any)
		if got = append(got, account["name"]); name["givenName"] == nil || name["familyName"] == nil {
			return http.StatusBadRequest, badValue
		}
		return 0, ""
	}
	u := user("u-1")
	u.Name = "Dr. Ada K. Lovelace"
	if _, err := target.Activate(t.Context(), "k", u); err == nil || event.IsPermanent(err) {
		t.Errorf("without the parts: %v", err)
	}
	u.GivenName, u.FamilyName = "Ada King", "Lovelace"
	if _, err := target.Activate(t.Context(), "k", u); err != nil {
		t.Errorf("with the parts: %v", err)
	}
	want := []any{
		map[string]any{"formatted": "Dr. Ada K. Lovelace"},
		map[string]any{"formatted": "Dr. Ada K. Lovelace", "givenName": "Ada King", "familyName": "Lovelace"},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// One whose data alone are refused fails, once the service has taken another.
func TestARefusalOfOneFailsThatUser(t *testing.T) {
	t.Parallel()
	p, target := newPicky(t)
	p.refuse = func(account map[string]any) (int, string) {
		if account["externalId"] == "bad" {
			return http.StatusBadRequest, badValue
		}
		return 0, ""
	}
	for range 20 { // alone, nothing tells whose fault it is
		if _, err := target.Activate(t.Context(), "k", user("bad")); err == nil || event.IsPermanent(err) || Reason(err) != ReasonRejected {
			t.Fatalf("before another was taken: %v (%s)", err, Reason(err))
		}
	}
	if _, err := target.Activate(t.Context(), "k", user("good")); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Activate(t.Context(), "k", user("bad")); !event.IsPermanent(err) || Reason(err) != ReasonRejected {
		t.Errorf("after another was taken: %v (%s)", err, Reason(err))
	}
}

// A name that is taken by an account which the search does not show, because it
// minds the case of letters or the account was deleted.
func TestATakenNameThatIsNotShown(t *testing.T) {
	t.Parallel()
	p, target := newPicky(t)
	p.refuse = func(map[string]any) (int, string) { return http.StatusConflict, `{"scimType":"uniqueness"}` }
	for try := 1; try < enoughTries; try++ {
		if _, err := target.Activate(t.Context(), "k", user("u-1")); err == nil || event.IsPermanent(err) || Reason(err) != ReasonTaken {
			t.Fatalf("try %d: %v (%s)", try, err, Reason(err))
		}
	}
	_, err := target.Activate(t.Context(), "k", user("u-1"))
	if !event.IsPermanent(err) || Reason(err) != ReasonTaken || !strings.Contains(err.Error(), "differs in case") {
		t.Errorf("the last try: %v (%s)", err, Reason(err))
	}
	if _, err := target.Activate(t.Context(), "k", user("u-2")); event.IsPermanent(err) {
		t.Errorf("another user's first try: %v", err)
	}
}

// A service that says so of one user after the other, and finds no account, does not
// search as usher asks: no user fails for that.
func TestNamesOfAllAreTaken(t *testing.T) {
	t.Parallel()
	p, target := newPicky(t)
	p.refuse = func(map[string]any) (int, string) { return http.StatusConflict, `{"scimType":"uniqueness"}` }
	ids := []string{"u-1", "u-2", "u-3", "u-4"}
	for try := range 2 * enoughTries {
		for _, id := range ids {
			_, err := target.Activate(t.Context(), "k", user(id))
			if _, asked := event.RetryDelay(err); err == nil || event.IsPermanent(err) || Reason(err) != ReasonTaken || asked != (try+1 >= enoughTries) {
				t.Fatalf("try %d of %s: %v (%s)", try, id, err, Reason(err))
			}
		}
	}
	p.mu.Lock()
	p.refuse = func(account map[string]any) (int, string) {
		if account["externalId"] == "u-2" {
			return http.StatusConflict, `{"scimType":"uniqueness"}`
		}
		return 0, ""
	}
	p.mu.Unlock()
	for _, id := range ids {
		if _, err := target.Activate(t.Context(), "k", user(id)); event.IsPermanent(err) != (id == "u-2") || (err != nil) != (id == "u-2") {
			t.Errorf("after another was made, %s: %v", id, err)
		}
	}
}

// A regression of issue 19: on a quiet system no other user shows whose fault a
// refusal is, so that one who alone is refused was tried without end.
func TestOneWhoAloneIsRefusedEndsAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e evidence
		refuse := func(when, id string, failed bool) {
			t.Helper()
			err := e.weigh(id, false, event.Permanent(&failure{ReasonRejected, errors.New("the account service answered 400")}))
			if err == nil || event.IsPermanent(err) != failed || Reason(err) != ReasonRejected {
				t.Errorf("%s: %v (%s)", when, err, Reason(err))
			}
		}
		refuse("at first", "u-1", false)
		time.Sleep(enoughTime - time.Second)
		refuse("for less than a day", "u-1", false)
		time.Sleep(time.Second)
		refuse("for a day", "u-1", true)
		refuse("asked for again", "u-1", false)
		time.Sleep(enoughTime)
		refuse("another", "u-2", false)
		refuse("no more alone", "u-1", false)
	})
}
