package console

import (
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/console/signon/signontest"
)

// signOutEvent is what a logout token is told by.
var signOutEvent = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}

func (r *rig) tellOfSignOut(token string) int {
	r.Helper()
	resp, _ := page(r.T, browser(r.T), "POST", r.base+signedOutPath, url.Values{"logout_token": {token}})
	return resp.StatusCode
}

// Who signs out here signs out at the issuer, too, and comes back to the sign-in. Who signed
// in with a password does not go there.
func TestSigningOutAtTheIssuer(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, nil)
	c := r.issuedIn()
	resp, body := page(t, c, "POST", r.base+"/signout", nil)
	m := onward.FindStringSubmatch(body)
	if resp.StatusCode != http.StatusOK || m == nil || r.inside(c) {
		t.Fatalf("signed out: %s %s", resp.Status, body)
	}
	page(t, browser(t), "GET", html.UnescapeString(m[1]), nil)
	q, err := url.ParseQuery(i.Asks()[0])
	if err != nil || q.Get("client_id") != signontest.ClientID || q.Get("post_logout_redirect_uri") != r.base+"/signin" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("the issuer is asked %v", q)
	}
	if resp, _ := page(t, r.signed(), "POST", r.base+"/signout", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("with a password: %s", resp.Status)
	}
	i.Let("s-1", []string{"readers"}, map[string]any{"long": strings.Repeat("x", 5000)})
	c = r.issuedIn()
	if resp, body := page(t, c, "POST", r.base+"/signout", nil); resp.StatusCode != http.StatusOK || strings.Contains(body, "id_token_hint") || r.inside(c) {
		t.Errorf("with a token that is too long: %s", resp.Status)
	}
}

// What the issuer says of a sign-out ends the sessions that it is about in all consoles, and
// the streams of their pages, and no other ones, also when it says so late.
func TestASignOutAtTheIssuer(t *testing.T) {
	r, i := issued(t, nil)
	at := func(other *rig, subject, session string) *http.Client {
		t.Helper()
		more := map[string]any{}
		if session != "" {
			more["sid"] = session
		}
		i.Let(subject, []string{"readers"}, more)
		return other.issuedIn()
	}
	two := &rig{T: t, js: r.js, pub: r.pub, db: filepath.Join(t.TempDir(), "two.db")}
	two.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		two.trust(c, i)
	}
	two.prepare = func(k *Console) { k.heartbeat = 1 << 50 } // only what is told ends a stream
	two.run()
	two.eventually("the issuer is known", func() bool { _, _, err := two.console.Issuer.Begin(""); return err == nil })

	for what, claims := range map[string]map[string]any{
		"a-session":                {"sid": "a-session-1"},
		"a-session-and-its-person": {"sid": "a-session-and-its-person-1", "sub": "a-session-and-its-person"},
		"a-person":                 {"sub": "a-person"},
	} {
		i.Change(func(c map[string]any) { c["iat"] = time.Now().Add(-time.Minute).Unix() })
		here, there := at(r, what, what+"-1"), at(two, what, what+"-1")
		later, other, unknown, boss := at(r, what, what+"-2"), at(two, "s-2", "x-3"), at(r, what, ""), r.signed()
		s := two.listen(there, "")
		s.line("event: resync")
		i.Change(nil)
		claims["events"], claims["jti"], claims["iat"] = signOutEvent, what, time.Now().Add(-30*time.Second).Unix()
		meanwhile := at(r, what, what+"-8")
		token := i.Sign(claims)
		if code := r.tellOfSignOut(token); code != http.StatusOK {
			t.Fatalf("%s: %d", what, code)
		}
		s.line("event: signedout")
		for range s.lines { // until it has ended
		}
		if r.inside(here) || two.inside(there) {
			t.Errorf("%s: a session goes on", what)
		}
		if !r.inside(meanwhile) {
			t.Errorf("%s: a session is over that the issuer vouched for later", what)
		}
		if got, want := r.inside(later), claims["sid"] != nil; got != want {
			t.Errorf("%s: another session of the person goes on: %v", what, got)
		}
		if got, want := r.inside(unknown), claims["sub"] == nil; got != want {
			t.Errorf("%s: a session of which the issuer's is not known goes on: %v", what, got)
		}
		if !two.inside(other) || !r.inside(boss) {
			t.Errorf("%s: a session of another one is over", what)
		}
		// The same message again ends nothing.
		again := at(r, what, what+"-9")
		if code := two.tellOfSignOut(token); code != http.StatusOK || !r.inside(again) {
			t.Errorf("%s, told again: %d", what, code)
		}
	}
	r.eventually("the trail has it", func() bool {
		did, _, err := r.console.model.trail(t.Context(), wanted{Actor: "oidc.a-person", Action: "session-end"}, 50)
		return err == nil && len(did) > 0
	})
}

// What is stored of a sign-out counts at the next request, also for a session that the console
// that was told did not know of.
func TestAStoredSignOutCountsAtOnce(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, map[string]any{"sid": "x-1"})
	one := r.issuedIn()
	i.Let("s-1", []string{"readers"}, map[string]any{"sid": "x-2"})
	two := r.issuedIn()
	leave := func(id, session string) {
		t.Helper()
		if err := r.console.login.store.Leave(t.Context(), id, "s-1", session, time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	leave("m-1", "x-1")
	if r.inside(one) || !r.inside(two) {
		t.Error("by its session: it goes on, or another one is over")
	}
	leave("m-2", "")
	if r.inside(two) {
		t.Error("by the person: a session goes on")
	}
}

// What the issuer has not said ends nothing, and does not make usher ask for keys without
// a bound.
func TestWhatIsNoSignOut(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, map[string]any{"sid": "x-1"})
	c := r.issuedIn()
	good := func(change func(map[string]any)) string {
		claims := map[string]any{"sub": "s-1", "sid": "x-1", "jti": "j", "events": signOutEvent}
		change(claims)
		return i.Sign(claims)
	}
	for what, token := range map[string]string{
		"nothing":            "",
		"nonsense":           "a.b.c",
		"an ID token":        good(func(c map[string]any) { delete(c, "events"); c["nonce"] = "n" }),
		"without the event":  good(func(c map[string]any) { delete(c, "events") }),
		"of another event":   good(func(c map[string]any) { c["events"] = map[string]any{"https://example.org/other": map[string]any{}} }),
		"with a nonce":       good(func(c map[string]any) { c["nonce"] = "n" }),
		"of another issuer":  good(func(c map[string]any) { c["iss"] = "https://id.example.com" }),
		"for another client": good(func(c map[string]any) { c["aud"] = "others" }),
		"expired":            good(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"of the future":      good(func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() }),
		"of last week":       good(func(c map[string]any) { c["iat"] = time.Now().Add(-7 * 24 * time.Hour).Unix() }),
		"about no one":       good(func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }),
		"without an id":      good(func(c map[string]any) { delete(c, "jti") }),
	} {
		if code := r.tellOfSignOut(token); code != http.StatusBadRequest || !r.inside(c) {
			t.Errorf("%s: %d", what, code)
		}
	}
	other := signontest.Start(t)
	before := i.Fetches()
	for range 40 {
		if code := r.tellOfSignOut(other.Sign(map[string]any{"iss": i.URL, "sub": "s-1", "jti": "j", "events": signOutEvent})); code == http.StatusOK || !r.inside(c) {
			t.Fatalf("signed by another one: %d", code)
		}
	}
	if got := i.Fetches() - before; got > 25 {
		t.Errorf("40 tokens of strangers made usher fetch the keys %d times", got)
	}
	if code := r.tellOfSignOut(good(func(map[string]any) {})); code != http.StatusOK || r.inside(c) {
		t.Errorf("a good one afterwards: %d", code)
	}
}

// While the issuer's keys cannot be had a person reads to try again, a sign-out is told again
// by the issuer, and neither is taken for a forgery.
func TestKeysThatCannotBeHad(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, nil)
	c := r.issuedIn()
	i.Rotate(true)
	i.Break("/keys", http.StatusServiceUnavailable)
	token := i.Sign(map[string]any{"sub": "s-1", "jti": "j", "events": signOutEvent})
	resp, _ := page(t, browser(t), "POST", r.base+signedOutPath, url.Values{"logout_token": {token}})
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a sign-out: %s", resp.Status)
	}
	other := browser(t)
	if resp, body := page(t, other, "GET", r.toIssuer(other, nil), nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "Try again in a moment") || r.inside(other) {
		t.Errorf("a sign-in: %s", resp.Status)
	}
	i.Mend()
	if !r.inside(c) {
		t.Error("the session is over already")
	}
	if code := r.tellOfSignOut(token); code != http.StatusOK || r.inside(c) {
		t.Errorf("told again: %d", code)
	}
	r.issuedIn()
	var did []Did
	r.eventually("the trail has both sign-ins", func() bool {
		var err error
		did, _, err = r.console.model.trail(t.Context(), wanted{Actor: "oidc.s-1", Action: "signin"}, 9)
		return err == nil && len(did) == 2
	})
	if did, _, err := r.console.model.trail(t.Context(), wanted{Action: "signin-failed"}, 9); err != nil || len(did) > 0 {
		t.Errorf("the trail has %+v (%v)", did, err)
	}
	if log := r.log.String(); strings.Contains(log, "Ann") || !strings.Contains(log, "it answered 503") {
		t.Error("the log has the issuer's words, or does not say why")
	}
}
