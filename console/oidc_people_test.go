package console

import (
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher/console/logins"
	"usher/console/signon/signontest"
	"usher/event"
)

// A new key of the issuer counts at once; one that it has withdrawn no longer when its
// discovery was read again.
func TestTheIssuersKeysChange(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, nil)
	r.issuedIn()
	before := i.Fetches()
	r.issuedIn()
	if got := i.Fetches(); got != before {
		t.Errorf("the keys were fetched %d times more without a reason", got-before)
	}
	i.Rotate(false)
	r.issuedIn()
	i.Rotate(true)
	r.issuedIn()
	if got := i.Fetches(); got != before+2 {
		t.Errorf("the keys were fetched %d times for two new ones", got-before)
	}
}

// Entries name the issuer's subject alone; the page says who that is now.
func TestTheTrailSaysWhoSomeoneIs(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"staff/bosses"}, map[string]any{"name": "Ann <Example>"})
	boss := r.issuedIn()
	r.eventually("the trail has the sign-in", func() bool {
		_, body := page(t, boss, "GET", r.base+"/trail?action=signin", nil)
		return strings.Contains(body, "<strong>Ann &lt;Example&gt;</strong> oidc.s-1")
	})
}

// What an issuer says of groups is shown to a bound.
func TestNamedGroups(t *testing.T) {
	got := namedGroups(append(slices.Repeat([]string{"g"}, 19), strings.Repeat("ä", 101), "one", "two"))
	if want := strings.Repeat(`"g", `, 19) + `"` + strings.Repeat("ä", 100) + `…" and 2 more.`; got != "It names these: "+want {
		t.Errorf("got %q", got)
	}
}

// The groups of a person count at each sign-in: with other ones all sessions have what they
// give or are over, and without one there is no session.
func TestGroupsChange(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"CN=ops,DC=example"}, nil)
	one := r.issuedIn()
	two := r.issuedIn()
	if !r.inside(one) || !r.inside(two) {
		t.Fatal("two sessions of one person")
	}
	i.Let("s-1", []string{"CN=ops,DC=example"}, map[string]any{"name": "Ann"}) // what people read does not end a session
	r.issuedIn()
	if !r.inside(one) {
		t.Error("a session is over though nothing has changed that counts")
	}
	i.Let("s-1", []string{"readers"}, nil)
	three := r.issuedIn()
	if r.inside(one) || r.inside(two) || !r.inside(three) {
		t.Error("sessions of the former role go on")
	}
	none := browser(t)
	for says, groups := range map[string][]string{"It names no groups of yours.": nil, `It names these: "Readers", "readers/more", "".`: {"Readers", "readers/more", ""}} {
		i.Let("s-1", groups, nil)
		resp, body := page(t, none, "GET", r.toIssuer(none, nil), nil)
		body = html.UnescapeString(body)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "none of your groups may do anything here. "+says+" Ask those") || !strings.Contains(body, "oidc.s-1") || r.inside(none) {
			t.Errorf("%q: %s %s", groups, resp.Status, body)
		}
	}
	if r.inside(three) {
		t.Error("the session of one who lost all groups goes on")
	}
	all, err := r.console.login.store.Read(t.Context())
	if _, there := all.Login("oidc.s-1"); err != nil || there {
		t.Errorf("the account is still there (%v)", err)
	}
	r.eventually("the trail says why", func() bool {
		did, _, err := r.console.model.trail(t.Context(), wanted{Actor: "oidc.s-1", Action: "signin-failed"}, 5)
		return err == nil && len(did) == 2 && strings.Contains(strings.Join(did[0].More, " "), "reason: group")
	})

	// Disabled here is disabled, whatever the groups become.
	i.Let("s-1", []string{"readers"}, nil)
	four := r.issuedIn()
	if err := r.console.login.store.Disable(t.Context(), "oidc.s-1", true); err != nil {
		t.Fatal(err)
	}
	if r.inside(four) {
		t.Error("a session goes on while the account is disabled")
	}
	for _, groups := range [][]string{{"readers"}, nil, {"staff/bosses"}} {
		i.Let("s-1", groups, nil)
		if resp, _ := page(t, none, "GET", r.toIssuer(none, nil), nil); resp.StatusCode != http.StatusForbidden || r.inside(none) {
			t.Errorf("disabled, in %v: %s", groups, resp.Status)
		}
	}
}

// An issuer that is away keeps neither the console from starting nor accounts out, and is
// found when it is there.
func TestAnIssuerThatIsAway(t *testing.T) {
	i := signontest.Start(t)
	i.Away(true)
	r := newRig(t)
	r.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		r.trust(c, i)
	}
	r.run()
	r.eventually("it was looked for", func() bool { return r.console.Issuer.Away() != nil })
	c := browser(t)
	if _, body := page(t, c, "GET", r.base+"/signin", nil); !strings.Contains(body, "cannot be reached now") {
		t.Errorf("the page does not say so:\n%s", body)
	}
	if resp, body := page(t, c, "POST", r.base+signOnPath, nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "password of an account") {
		t.Errorf("a sign-in begins: %s", resp.Status)
	}
	if !r.inside(r.signed()) {
		t.Error("an account cannot sign in")
	}
	i.Away(false)
	i.Let("s-1", []string{"readers"}, nil)
	r.eventually("it is found", func() bool { _, _, err := r.console.Issuer.Begin(""); return err == nil })
	to := r.toIssuer(c, nil)
	i.Away(true)
	if resp, body := page(t, c, "GET", to, nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "cannot be reached now") {
		t.Errorf("away in between: %s", resp.Status)
	}
	r.eventually("the log says so", func() bool { return strings.Contains(r.log.String(), "the issuer cannot be used") })
	if strings.Contains(r.log.String(), signontest.Secret) {
		t.Error("the secret is in the log")
	}
}

// Without accounts no password opens anything, and what it opened before is over.
func TestNoLocalAccounts(t *testing.T) {
	r, i := issued(t, nil)
	old := r.signed()
	r.login("ann", logins.Verifier)
	secret, err := r.console.login.store.NewInvite(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	before := r.change
	r.change = func(c *Config) { before(c); c.NoLocalAccounts = true }
	r.db = filepath.Join(t.TempDir(), "other.db")
	u, _ := url.Parse(r.base)
	cookies := old.Jar.Cookies(u)
	r.run()
	u, _ = url.Parse(r.base)
	old.Jar.SetCookies(u, cookies)
	if r.inside(old) {
		t.Error("a session of a password goes on")
	}
	c := browser(t)
	if _, body := page(t, c, "GET", r.base+"/signin", nil); strings.Contains(body, `name="password"`) || !strings.Contains(body, `action="/signin/oidc"`) {
		t.Errorf("the sign-in:\n%s", body)
	}
	for _, user := range []string{"admin", "ann"} {
		if resp, _ := page(t, c, "POST", r.base+"/signin", url.Values{"user": {user}, "password": {password}}); resp.StatusCode != http.StatusForbidden || r.inside(c) {
			t.Errorf("%s: %s", user, resp.Status)
		}
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != http.StatusUnauthorized {
		t.Errorf("the API with a password: %d", code)
	}
	for _, method := range []string{"GET", "POST"} {
		if resp, body := page(t, c, method, r.base+"/invite/"+secret, url.Values{"password": {password}, "again": {password}}); resp.StatusCode != http.StatusGone || !strings.Contains(body, "are switched off here") {
			t.Errorf("%s of an invite: %s\n%s", method, resp.Status, body)
		}
	}
	r.eventually("the issuer is known", func() bool { _, _, err := r.console.Issuer.Begin(""); return err == nil })
	i.Let("s-1", []string{"staff/bosses"}, nil)
	boss := r.issuedIn()
	if _, body := page(t, boss, "GET", r.base+"/accounts", nil); !strings.Contains(body, "are switched off here") || strings.Contains(body, "Add and invite") {
		t.Error("accounts can be added")
	}
	for path, form := range map[string]url.Values{"/accounts": {"name": {"ben"}, "role": {"admin"}}, "/accounts/ann/invite": nil} {
		if resp, body := page(t, boss, "POST", r.base+path, form); resp.StatusCode != http.StatusConflict || !strings.Contains(body, "--no-local-accounts") {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if all, err := r.console.login.store.Read(t.Context()); err != nil || len(all.Logins) != 3 {
		t.Errorf("%d accounts are there: %v", len(all.Logins), err)
	}
	resp, body := page(t, boss, "POST", r.base+"/tokens", url.Values{"name": {"nightly"}, "role": {"viewer"}, "days": {"1"}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "usher_") {
		t.Errorf("a token: %s", resp.Status)
	}
}

// Where no one signs in with a password the first start makes none.
func TestNoFirstPasswordWithoutAccounts(t *testing.T) {
	r, _ := issued(t, func(c *Config) {
		c.NoLocalAccounts, c.Password = true, ""
		c.PrintPassword = func(string, string) { t.Error("a password was made") }
	})
	if all, err := r.console.login.store.Read(t.Context()); err != nil || len(all.Logins) > 0 {
		t.Errorf("the accounts are %v (%v)", all.Logins, err)
	}
}

// Where two decide, an issuer's person is one however often signed in, and counts among
// those who could; accounts that may not come in do not.
func TestAPersonOfAnIssuerCountsOnce(t *testing.T) {
	r, i := issued(t, func(c *Config) { c.FourEyes = map[string]*event.FourEyes{"hr": {}} })
	short := func() int {
		t.Helper()
		all, err := r.console.login.store.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all.Short())
	}
	r.publish(event.ImportedSubject("hr"), event.User{UserID: "u-1", Name: "Ben", Email: "u-1@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "hr"})
	r.await("u-1")
	i.Let("auth0|Ann", []string{"hr"}, nil)
	var actors []string
	for range 2 {
		c := r.issuedIn()
		if resp, body := page(t, c, "POST", r.base+"/users/u-1/decision", url.Values{"decision": {"approved"}, "event_id": {event.NewID()}}); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("a decision: %s %s", resp.Status, body)
		}
		s, err := r.js.Stream(t.Context(), event.StreamVerifications)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.GetLastMsgForSubject(t.Context(), event.VerificationSubject(event.SourceConsole, "approved"))
		if err != nil {
			t.Fatal(err)
		}
		said, err := parseSpoken(m.Data)
		if err != nil || said.Via != byIssuer {
			t.Errorf("%s: %v", m.Data, err)
		}
		actors = append(actors, event.Verification{Identity: event.Identity{Source: event.SourceConsole}, Actor: said.Actor}.By())
	}
	if actors[0] != actors[1] || !strings.HasPrefix(actors[0], "console:oidc.sha256-") {
		t.Errorf("one person decided as %q", actors)
	}
	if short() != 0 { // admin and the person
		t.Error("a person of the issuer does not count among those who could decide")
	}
	if err := r.console.login.store.SetDoors(t.Context(), logins.Doors{NoLocal: true, Issuer: i.URL}); err != nil {
		t.Fatal(err)
	}
	if short() != 1 {
		t.Error("an account that may not sign in counts")
	}
}
