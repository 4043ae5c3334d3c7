package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"usher/console/logins"
	"usher/event"
)

// login makes one that can sign in with the password of these tests.
func (r *rig) login(name string, role logins.Role, inboxes ...string) {
	r.Helper()
	store := r.console.login.store
	hash, err := logins.Hash(password)
	if err == nil {
		err = store.Add(r.Context(), name, role, inboxes, "test")
	}
	if err == nil {
		err = store.SetPassword(r.Context(), name, hash)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// signedAs is a browser in which a login has signed in.
func (r *rig) signedAs(name string) *http.Client {
	r.Helper()
	c := browser(r.T)
	if resp, body := page(r.T, c, "POST", r.base+"/signin", url.Values{"user": {name}, "password": {password}}); resp.StatusCode != http.StatusSeeOther {
		r.Fatalf("%s signs in: %d %s", name, resp.StatusCode, body)
	}
	return c
}

// inside tells whether a browser is signed in.
func (r *rig) inside(c *http.Client) bool {
	r.Helper()
	resp, _ := page(r.T, c, "GET", r.base+"/users", nil)
	return resp.StatusCode == http.StatusOK
}

// A role, inboxes, a password that changed, a login that was disabled or removed, and
// one's own wish end sessions at once: at the next request, and in streams of pages that
// are open. What other logins do ends none.
func TestSessionsEndWithWhatChanges(t *testing.T) {
	r := newRig(t)
	r.prepare = func(k *Console) { k.heartbeat = 1 << 50 } // only what is told ends a stream
	r.run()
	boss := r.signedAs("admin")
	r.login("ann", logins.Verifier)
	r.login("ben", logins.Viewer)
	ben := r.signedAs("ben")
	post := func(path string, form url.Values) {
		t.Helper()
		if resp, body := page(t, boss, "POST", r.base+path, form); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	store := r.console.login.store
	for what, change := range map[string]func(own *http.Client){
		"a role": func(*http.Client) { post("/accounts/ann/role", url.Values{"role": {"operator"}}) },
		"inboxes": func(*http.Client) {
			post("/accounts/ann/role", url.Values{"role": {"verifier"}, "inboxes": {"hr, crm"}})
		},
		"sessions":  func(*http.Client) { post("/accounts/ann/sessions/end", nil) },
		"disabled":  func(*http.Client) { post("/accounts/ann/disable", nil) },
		"one's own": func(own *http.Client) { page(t, own, "POST", r.base+"/signout", nil) },
		"a password": func(*http.Client) { // by another console, or a command
			hash, err := logins.Hash(password)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.SetPassword(t.Context(), "ann", hash); err != nil {
				t.Fatal(err)
			}
		},
	} {
		own := r.signedAs("ann")
		s := r.listen(own, "")
		s.line("event: resync")
		change(own)
		s.line("event: signedout")
		for range s.lines { // until it has ended
		}
		if r.inside(own) {
			t.Errorf("%s: the session goes on", what)
		}
		if err := store.Disable(t.Context(), "ann", false); err != nil {
			t.Fatal(err)
		}
		if r.inside(own) {
			t.Errorf("%s: the session is back", what)
		}
	}
	own := r.signedAs("ann")
	post("/accounts/ann/rm", nil)
	r.login("ann", logins.Verifier) // another one of that name
	if r.inside(own) {
		t.Error("the session of a login that was removed goes on with the next one of its name")
	}
	if !r.inside(boss) || !r.inside(ben) {
		t.Error("a session of another login has ended")
	}
}

// A request that is under way when its session is ended does not bring it back.
func TestAnEndedSessionStaysEnded(t *testing.T) {
	r := newRig(t)
	r.run()
	c := r.signed()
	var key string
	r.eventually("the session is known", func() bool {
		for _, s := range r.console.signins.all("admin") {
			key = sessionPrefix + s.ID
		}
		return key != ""
	})
	store := sessionStore{r.console.signins.kv}
	before, _, err := store.get(t.Context(), key)
	if err == nil {
		err = store.end(t.Context(), key)
	}
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(r.base)
	for _, cookie := range c.Jar.Cookies(u) {
		if cookie.Name == "usher_session" {
			if got := r.console.keyOf(cookie.Value); got != key {
				t.Fatalf("the key of the cookie is %s, want %s", got, key)
			}
			ctx, err := r.console.sessions.Load(t.Context(), cookie.Value)
			if err != nil || r.console.sessions.GetString(ctx, sessionUser) != "" {
				t.Fatalf("the ended session is loaded (%v)", err)
			}
		}
	}
	if err := store.commit(t.Context(), key, before); err != nil { // as the request that was under way does
		t.Fatal(err)
	}
	if r.inside(c) {
		t.Error("the session is back")
	}
}

// People see where they are signed in, and end those sessions that they do not know;
// those of others they cannot end.
func TestOwnSessions(t *testing.T) {
	r := newRig(t)
	r.run()
	r.login("ann", logins.Viewer)
	here, there, other := r.signedAs("ann"), r.signedAs("ann"), r.signed()
	ends := regexp.MustCompile(`/account/sessions/[0-9a-f]{64}/end`)
	var found []string
	var body string
	r.eventually("both are listed", func() bool {
		_, body = page(t, here, "GET", r.base+"/account", nil)
		found = ends.FindAllString(body, -1)
		return len(found) == 1 && strings.Count(body, "this one") == 1
	})
	theirs := r.console.signins.all("admin")
	page(t, here, "POST", r.base+"/account/sessions/"+theirs[0].ID+"/end", nil)
	if !r.inside(other) || !r.inside(there) {
		t.Error("someone else's session was ended")
	}
	page(t, here, "POST", r.base+found[0], nil)
	if r.inside(there) || !r.inside(here) {
		t.Error("not the session that was chosen has ended")
	}
	has(t, "the page", body, "127.0.0.1", "You are <strong>ann</strong>, viewer for all inboxes.")
}

// An invite works once, for the one password that is chosen first, and says no more to
// those who come later, with a link that was replaced, or with a wrong one.
func TestInvites(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.URL = "https://usher.example" }
	r.run()
	boss := r.signed()
	resp, body := page(t, boss, "POST", r.base+"/accounts", url.Values{"name": {"ann"}, "role": {"verifier"}, "inboxes": {"hr"}})
	link := regexp.MustCompile(`https://usher\.example(/invite/[A-Za-z0-9_-]{43})"`)
	first := link.FindStringSubmatch(body)
	if resp.StatusCode != http.StatusOK || first == nil {
		t.Fatalf("added: %d %s", resp.StatusCode, body)
	}
	_, body = page(t, boss, "POST", r.base+"/accounts/ann/invite", nil)
	second := link.FindStringSubmatch(body)
	if _, body := page(t, boss, "GET", r.base+"/accounts", nil); second == nil || strings.Contains(body, "/invite/") && link.MatchString(body) {
		t.Fatalf("the link is shown again: %s", body)
	}
	c := browser(t)
	choose := func(path, p, again string) (int, string) {
		t.Helper()
		resp, body := page(t, c, "POST", r.base+path, url.Values{"password": {p}, "again": {again}})
		return resp.StatusCode, body
	}
	for _, path := range []string{first[1], "/invite/none"} {
		if resp, _ := page(t, c, "GET", r.base+path, nil); resp.StatusCode != http.StatusGone {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if code, _ := choose(path, password, password); code != http.StatusGone {
			t.Errorf("%s is redeemed: %d", path, code)
		}
	}
	for range 2 { // looking uses nothing up
		_, body = page(t, c, "GET", r.base+second[1], nil)
		has(t, "the invite", body, "<strong>ann</strong>, verifier for hr")
	}
	if code, body := choose(second[1], "short", "short"); code != http.StatusConflict || !strings.Contains(body, "at least 10 characters") {
		t.Errorf("a short password: %d", code)
	}
	if code, body := choose(second[1], password, password+"x"); code != http.StatusConflict || !strings.Contains(body, "differ") {
		t.Errorf("two passwords: %d", code)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for range 4 { // at once, and one of them is first
		wg.Go(func() {
			resp, _ := page(t, browser(t), "POST", r.base+second[1], url.Values{"password": {password}, "again": {password}})
			mu.Lock()
			defer mu.Unlock()
			codes[resp.StatusCode]++
		})
	}
	wg.Wait()
	if codes[http.StatusSeeOther] != 1 || codes[http.StatusGone] != 3 {
		t.Errorf("four at once: %v", codes)
	}
	if c := r.signedAs("ann"); !r.inside(c) {
		t.Error("ann is not inside")
	}
}

// However many consoles take admins away at once, one who can manage accounts stays.
func TestTheLastAdminStays(t *testing.T) {
	r := newRig(t)
	r.run()
	store := r.console.login.store
	for round := range 5 {
		var names []string
		for i := range 4 {
			name := fmt.Sprint("boss-", round, "-", i)
			r.login(name, logins.Admin)
			names = append(names, name)
		}
		r.login(fmt.Sprint("scoped-", round), logins.Admin, "hr") // cannot manage accounts
		if err := store.Add(t.Context(), fmt.Sprint("invited-", round), logins.Admin, nil, "test"); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			names = append(names, "admin")
		}
		var wg sync.WaitGroup
		refused := make(chan error, len(names))
		for i, name := range names {
			wg.Go(func() {
				another := logins.NewStore(r.console.signins.kv)
				refused <- []func() error{
					func() error { return another.Remove(context.Background(), name) },
					func() error { return another.Disable(context.Background(), name, true) },
					func() error { return another.SetRole(context.Background(), name, logins.Viewer, nil) },
					func() error { return another.SetRole(context.Background(), name, logins.Admin, []string{"hr"}) },
				}[i%4]()
			})
		}
		wg.Wait()
		close(refused)
		n := 0
		for err := range refused {
			if err == logins.ErrLastAdmin {
				n++
			} else if err != nil {
				t.Error(err)
			}
		}
		if want := 1; round == 0 && n != want {
			t.Errorf("round %d: %d were refused, want %d", round, n, want)
		}
	}
	all, err := store.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, l := range all.Logins {
		if l.Usable() && l.Role == logins.Admin && len(l.Inboxes) == 0 {
			left++
		}
	}
	if left == 0 {
		t.Error("no admin is left")
	}
}

// What an earlier version stored goes on: the password of admin, and the sessions that
// it opened. So they do when the first other login is made.
func TestAnUpgradeEndsNoSession(t *testing.T) {
	r := newRig(t)
	kv, err := r.js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := logins.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), logins.EarlierKey, []byte(hash)); err != nil {
		t.Fatal(err)
	}
	r.run()
	if _, err := kv.Get(t.Context(), logins.Key); err == nil {
		t.Error("the record was written though nothing has changed")
	}
	// A session as the earlier version stored it.
	ctx, err := r.console.sessions.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r.console.sessions.Put(ctx, "user", "admin")
	r.console.sessions.Put(ctx, "account", earlierStamp(hash))
	token, _, err := r.console.sessions.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := browser(t)
	u, _ := url.Parse(r.base)
	c.Jar.SetCookies(u, []*http.Cookie{{Name: "usher_session", Value: token}})
	if !r.inside(c) {
		t.Fatal("the session of an earlier version has ended")
	}
	r.login("ann", logins.Viewer)
	if !r.inside(c) {
		t.Error("the session has ended with the first other login")
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != http.StatusOK {
		t.Errorf("the password of an earlier version: %d", code)
	}
}

// earlierStamp is what an earlier version kept of a password in a session.
func earlierStamp(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}
