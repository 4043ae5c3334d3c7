package console

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/console/signon"
	"usher/console/signon/signontest"
	"usher/event"
)

// grants of these tests.
func testGrants(t *testing.T) (out []logins.Grant) {
	t.Helper()
	for _, s := range []string{"admin=staff/bosses", "verifier:hr=hr", "verifier:crm=crm", "operator=CN=ops,DC=example", "viewer:inbox=readers"} {
		g, err := logins.ParseGrant(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// issued is a console whose people an issuer vouches for.
func issued(t *testing.T, more func(*Config)) (*rig, *signontest.Issuer) {
	t.Helper()
	i := signontest.Start(t)
	r := newRig(t)
	r.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		r.trust(c, i)
		if more != nil {
			more(c)
		}
	}
	r.run()
	r.eventually("the issuer is known", func() bool { _, _, err := r.console.Issuer.Begin(""); return err == nil })
	return r, i
}

func (r *rig) trust(c *Config, i *signontest.Issuer) {
	r.Helper()
	of, err := signon.New(signon.Config{URL: i.URL, ClientID: signontest.ClientID, Secret: signontest.Secret, Groups: "groups", Scopes: []string{"profile"}})
	if err != nil {
		r.Fatal(err)
	}
	c.Issuer, c.Grants = of, testGrants(r.T)
}

var onward = regexp.MustCompile(`content="0; url=([^"]+)"`)

// toIssuer begins a sign-in in a browser, and returns where the issuer sends it back to.
func (r *rig) toIssuer(c *http.Client, form url.Values) string {
	r.Helper()
	resp, body := page(r.T, c, "POST", r.base+signOnPath, form)
	m := onward.FindStringSubmatch(body)
	if resp.StatusCode != http.StatusOK || m == nil {
		r.Fatalf("a sign-in begins: %s\n%s", resp.Status, body)
	}
	resp, body = page(r.T, browser(r.T), "GET", html.UnescapeString(m[1]), nil)
	if resp.StatusCode != http.StatusFound {
		r.Fatalf("at the issuer: %s %s", resp.Status, body)
	}
	return resp.Header.Get("Location")
}

// issuedIn is a browser that has signed in by the issuer.
func (r *rig) issuedIn() *http.Client {
	r.Helper()
	c := browser(r.T)
	if resp, body := page(r.T, c, "GET", r.toIssuer(c, nil), nil); resp.StatusCode != http.StatusSeeOther {
		r.Fatalf("signed in: %s %s", resp.Status, body)
	}
	return c
}

// Just after its start a console does not know the issuer yet. That is no reason to say that
// the issuer cannot be reached.
func TestASignInWaitsForTheFirstLook(t *testing.T) {
	i := signontest.Start(t)
	release := i.Hold()
	r := newRig(t)
	r.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		r.trust(c, i)
	}
	r.run()
	c, answered := browser(t), make(chan int, 1)
	go func() {
		code := 0
		if resp, err := c.Post(r.base+signOnPath, "application/x-www-form-urlencoded", nil); err == nil {
			code = resp.StatusCode
			_ = resp.Body.Close()
		}
		answered <- code
	}()
	select {
	case code := <-answered:
		release()
		t.Fatalf("answered %d before the issuer was", code)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if code := <-answered; code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}

// A person of the issuer has the role and the inboxes of the groups, is who decides in
// events and in the trail, comes back to the page, and keeps what was typed.
func TestSigningInByAnIssuer(t *testing.T) {
	r, i := issued(t, nil)
	r.playWorkflows(t.Context())
	i.Let("7d9a-Ann", []string{"crm", "others", "hr"}, map[string]any{"preferred_username": "ann.example"})
	c := browser(t)
	_, body := page(t, c, "GET", r.base+"/signin?next=/imports", nil)
	for _, want := range []string{`action="/signin/oidc"`, `action="/signin"`, "Sign in by " + r.console.Issuer.Host(), `value="/imports"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the sign-in lacks %q", want)
		}
	}
	resp, body := page(t, c, "GET", r.toIssuer(c, url.Values{"next": {"/imports"}, "kept_user": {"u-1"}, "kept_reason": {"has “left”"}}), nil)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/imports" {
		t.Fatalf("back: %s to %q\n%s", resp.Status, resp.Header.Get("Location"), body)
	}
	if _, body := page(t, c, "GET", r.base+"/account", nil); !strings.Contains(body, "ann.example") || !strings.Contains(body, "verifier for crm, hr") || strings.Contains(body, "Present password") {
		t.Errorf("the own page:\n%s", body)
	}
	for _, inbox := range []string{"hr", "other"} {
		id := "u-1"
		if inbox == "other" {
			id = "u-2"
		}
		r.publish(event.ImportedSubject(inbox), event.User{UserID: id, Name: "Ben", Email: id + "@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: inbox})
		r.await(id)
	}
	if resp, body := page(t, c, "GET", r.base+"/users/u-1", nil); resp.StatusCode != http.StatusOK || !strings.Contains(body, "has “left”") {
		t.Errorf("what was typed: %s\n%s", resp.Status, body)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users/u-2", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a person of another inbox: %s", resp.Status)
	}
	if resp, body := page(t, c, "POST", r.base+"/users/u-1/decision", url.Values{"decision": {"approved"}, "event_id": {event.NewID()}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("a decision: %s %s", resp.Status, body)
	}
	var u User
	r.eventually("it is in the timeline", func() bool {
		r.api("GET", "/api/v1/users/u-1", "", &u)
		for _, e := range u.Timeline {
			if e.Actor == "oidc.7d9a-Ann" && e.DecidedBy == "console:oidc.7d9a-Ann" && e.Via == byIssuer {
				return true
			}
		}
		return false
	})
	r.eventually("the trail has it", func() bool {
		did, _, err := r.console.model.trail(t.Context(), wanted{Actor: "oidc.7d9a-Ann"}, 10)
		return err == nil && len(did) == 2 && did[0].Action == "decision" && did[0].Via == byIssuer && did[1].Action == "signin" &&
			strings.Contains(strings.Join(did[1].More, " "), "by: oidc")
	})
	boss := r.signed()
	_, body = page(t, boss, "GET", r.base+"/accounts", nil)
	for _, want := range []string{"oidc.7d9a-Ann", "ann.example", "by " + r.console.Issuer.Host()} {
		if !strings.Contains(strings.ReplaceAll(body, "<wbr>", ""), want) {
			t.Errorf("the accounts lack %q", want)
		}
	}
	for _, what := range []string{"role", "invite"} {
		if resp, body := page(t, boss, "POST", r.base+"/accounts/oidc.7d9a-Ann/"+what, url.Values{"role": {"admin"}}); resp.StatusCode != http.StatusConflict || !strings.Contains(body, "comes from its sign-on") {
			t.Errorf("%s: %s", what, resp.Status)
		}
	}
	if strings.Contains(r.log.String(), "ann.example") {
		t.Error("a name is in the log")
	}
}

// What an issuer would not say, and what was made for others, lets no one in.
func TestWhatIsNotFromTheIssuer(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"staff/bosses"}, nil)
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for what, change := range map[string]func(map[string]any){
		"another issuer":       func(c map[string]any) { c["iss"] = "https://id.example.com" },
		"another audience":     func(c map[string]any) { c["aud"] = "others" },
		"several audiences":    func(c map[string]any) { c["aud"] = []string{signontest.ClientID, "others"} },
		"for another client":   func(c map[string]any) { c["azp"] = "others" },
		"another nonce":        func(c map[string]any) { c["nonce"] = "n" },
		"no nonce":             func(c map[string]any) { delete(c, "nonce") },
		"expired":              func(c map[string]any) { c["exp"] = at(-5 * time.Minute) },
		"of the future":        func(c map[string]any) { c["iat"] = at(time.Hour) },
		"no subject":           func(c map[string]any) { delete(c, "sub") },
		"not before an hour":   func(c map[string]any) { c["nbf"] = at(time.Hour) },
		"a subject of a novel": func(c map[string]any) { c["sub"] = strings.Repeat("s", 300) },
	} {
		i.Change(change)
		r.console.login.failures.Purge()
		c := browser(t)
		resp, body := page(t, c, "GET", r.toIssuer(c, nil), nil)
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "is not good") || r.inside(c) {
			t.Errorf("%s: %s %s", what, resp.Status, body)
		}
	}
	r.console.login.failures.Purge()
	i.Change(func(c map[string]any) { c["exp"], c["iat"] = at(-30*time.Second), at(-time.Minute) }) // clocks differ
	if c := r.issuedIn(); !r.inside(c) {
		t.Error("a clock that is a little ahead keeps people out")
	}
	i.Change(nil)
	did, _, err := r.console.model.trail(t.Context(), wanted{Action: "signin-failed"}, 20)
	r.eventually("the trail has them", func() bool {
		did, _, err = r.console.model.trail(t.Context(), wanted{Action: "signin-failed"}, 20)
		return err == nil && len(did) == 11
	})
	for _, d := range did {
		if d.Actor != "" || !strings.Contains(strings.Join(d.More, " "), "reason: token") {
			t.Errorf("%+v", d)
		}
	}
}

// An answer of the issuer is good once, in the browser that asked, and within a while.
func TestAnAnswerIsGoodOnce(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"staff/bosses"}, nil)
	refused := func(what string, c *http.Client, to string) {
		t.Helper()
		if resp, body := page(t, c, "GET", to, nil); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Begin again") || r.inside(c) {
			t.Errorf("%s: %s %s", what, resp.Status, body)
		}
	}
	c := browser(t)
	to := r.toIssuer(c, nil)
	refused("in a browser that began nothing", browser(t), to)
	other := browser(t)
	r.toIssuer(other, nil)
	refused("in a browser that began another one", other, to)
	if resp, _ := page(t, c, "GET", to, nil); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("in its own: %s", resp.Status)
	}
	if resp, _ := page(t, c, "GET", to, nil); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Errorf("loaded again: %s", resp.Status)
	}
	page(t, c, "POST", r.base+"/signout", nil)
	refused("after the sign-out", c, to)

	// The code of another one's sign-in, put behind one's own state.
	victim, thief := browser(t), browser(t)
	stolen, _ := url.Parse(r.toIssuer(victim, nil))
	own, _ := url.Parse(r.toIssuer(thief, nil))
	q := own.Query()
	q.Set("code", stolen.Query().Get("code"))
	if resp, _ := page(t, thief, "GET", r.base+signOnPath+"?"+q.Encode(), nil); resp.StatusCode != http.StatusUnauthorized || r.inside(thief) {
		t.Errorf("with a stolen code: %s", resp.Status)
	}
	late := begun{Attempt: signon.Attempt{State: "s", Nonce: "n", Verifier: "v", Began: time.Now().Add(-time.Hour).Unix()}}
	ahead := late
	ahead.Began = time.Now().Add(time.Hour).Unix()
	for what, x := range map[string]struct{ cookie, query string }{
		"after an hour":     {late.encode(), "?state=s&code=c"},
		"of the future":     {ahead.encode(), "?state=s&code=c"},
		"with no state":     {begun{}.encode(), "?state=&code=c"},
		"without an answer": {late.encode(), ""},
		"with nonsense":     {"~", "?state=s&code=c"},
	} {
		resp, _ := page(t, browser(t), "GET", r.base+signOnPath+x.query, nil, "Cookie", signOnCookie+"="+x.cookie)
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", what, resp.Status)
		}
	}
	c = browser(t)
	own, _ = url.Parse(r.toIssuer(c, nil))
	q = url.Values{"state": {own.Query().Get("state")}, "error": {"access_denied"}, "error_description": {"<b>words"}}
	if resp, body := page(t, c, "GET", r.base+signOnPath+"?"+q.Encode(), nil); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "did not let you in") || strings.Contains(body, "words") {
		t.Errorf("denied: %s %s", resp.Status, body)
	}
	c = browser(t)
	own, _ = url.Parse(r.toIssuer(c, nil))
	q = own.Query()
	q.Set("iss", "https://id.example.com")
	refused("as from another issuer", c, r.base+signOnPath+"?"+q.Encode())
}

// A sign-in leads to pages of the console only, and the session is a new one: who knew the
// cookie before knows nothing.
func TestWhereASignInLeads(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"staff/bosses"}, nil)
	for next, want := range map[string]string{
		"https://example.com/": "/", "//example.com/": "/", `/\example.com`: "/", "javascript:alert(1)": "/", "": "/", "/users?status=waiting": "/users?status=waiting",
	} {
		c := browser(t)
		resp, _ := page(t, c, "GET", r.toIssuer(c, url.Values{"next": {next}}), nil)
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	c, at := browser(t), &url.URL{}
	at, _ = url.Parse(r.base)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: "known-to-another-one", Path: "/"}})
	page(t, c, "GET", r.toIssuer(c, nil), nil)
	if !r.inside(c) {
		t.Fatal("not signed in")
	}
	thief := browser(t)
	thief.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: "known-to-another-one", Path: "/"}})
	if r.inside(thief) {
		t.Error("the cookie from before opens the session")
	}
	// So does the one of a session that a thief has, and has put into the browser.
	i.Let("s-2", []string{"readers"}, nil)
	thief = r.issuedIn()
	i.Let("s-1", []string{"staff/bosses"}, nil)
	c = browser(t)
	c.Jar.SetCookies(at, []*http.Cookie{cookieOf(thief.Jar, at, sessionCookie)})
	if !r.inside(c) {
		t.Fatal("the thief's session is not in the browser")
	}
	page(t, c, "GET", r.toIssuer(c, nil), nil)
	if resp, _ := page(t, c, "GET", r.base+"/accounts", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("the person's pages: %s", resp.Status)
	}
	if r.inside(thief) {
		t.Error("the thief's cookie opens the person's session")
	}
	// What was begun elsewhere does not begin here: forms of other origins are refused.
	if resp, _ := page(t, browser(t), "POST", r.base+signOnPath, nil, "Origin", "https://example.com"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another origin: %s", resp.Status)
	}
}

// Answers that are made up, cookie and all, are slowed as wrong passwords are: each has the
// issuer asked, and stands in the trail. One that does not fit the browser does neither.
func TestForgedAnswersAreSlowed(t *testing.T) {
	r, i := issued(t, nil)
	i.Let("s-1", []string{"readers"}, nil)
	forged := begun{Attempt: signon.Attempt{State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43), Began: time.Now().Unix()}}
	send := func(state string) int {
		t.Helper()
		resp, _ := page(t, browser(t), "GET", r.base+signOnPath+"?state="+state+"&code=c", nil, "Cookie", signOnCookie+"="+forged.encode())
		return resp.StatusCode
	}
	for range 2 * freeTries {
		if code := send("another"); code != http.StatusBadRequest {
			t.Errorf("an answer that does not fit: %d", code)
		}
	}
	asked, codes := i.Exchanges(), map[int]int{}
	for range 20 {
		codes[send("s")]++
	}
	refused := codes[http.StatusUnauthorized]
	if refused <= freeTries || refused > 3*freeTries || refused+codes[http.StatusTooManyRequests] != 20 { // some when a wait was over
		t.Errorf("20 forged answers: %v", codes)
	}
	if got := i.Exchanges() - asked; got != refused {
		t.Errorf("%d answers of 20 were let through, and the issuer was asked %d times", refused, got)
	}
	c := browser(t)
	if resp, body := page(t, c, "GET", r.toIssuer(c, nil), nil); resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, "Wait a moment") || r.inside(c) {
		t.Errorf("from the same place: %s", resp.Status)
	}
	r.console.login.failures.Purge()
	for range 2 * freeTries { // what succeeds does not count
		r.issuedIn()
	}
	var did []Did
	r.eventually("the trail has the last sign-in", func() bool {
		var err error
		did, _, err = r.console.model.trail(t.Context(), wanted{}, 50)
		return err == nil && len(did) >= 2*freeTries && did[2*freeTries-1].Action == "signin"
	})
	if failed := len(did) - 2*freeTries; failed != refused {
		t.Errorf("the trail has %d failures of %d", failed, refused)
	}
}

// A session by the issuer ends at the set time, however much it is used.
func TestHowLongAnIssuersSessionLasts(t *testing.T) {
	const lasts = 20 * time.Minute
	r, i := issued(t, func(c *Config) { c.IssuedFor = lasts })
	i.Let("s-1", []string{"readers"}, nil)
	before := time.Now()
	c := r.issuedIn()
	after := time.Now()
	expiry := func() (at time.Time) {
		t.Helper()
		r.eventually("the session is known", func() bool {
			s := r.console.signins.all("oidc.s-1")
			if len(s) == 1 {
				at = s[0].Expiry
			}
			return len(s) == 1
		})
		return at
	}
	first := expiry()
	if first.Before(before.Add(lasts).Truncate(time.Second)) || first.After(after.Add(lasts)) {
		t.Errorf("it lasts until %s, and was opened at %s", first, before)
	}
	if !r.inside(c) || !expiry().Equal(first) {
		t.Error("use makes it last longer")
	}
}

// Behind a proxy the cookies are bound to https and the host, and the issuer's answer comes
// under the path.
func TestAnIssuerBehindAProxy(t *testing.T) {
	i := signontest.Start(t)
	r := proxied(t, func(c *Config) { (&rig{T: t}).trust(c, i) })
	r.eventually("the issuer is known", func() bool { _, _, err := r.console.Issuer.Begin(""); return err == nil })
	i.Let("s-1", []string{"staff/bosses"}, nil)
	c := through(t, r.front)
	resp, body := page(t, c, "POST", r.base+signOnPath, url.Values{"next": {"/imports"}}, "Origin", "https://"+publicHost)
	cookie := resp.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-usher_signon.base=", "Path=/;", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=900"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, cookie)
		}
	}
	if strings.Contains(body, i.URL+"/base") {
		t.Error("the issuer's address was changed")
	}
	resp, _ = page(t, browser(t), "GET", html.UnescapeString(onward.FindStringSubmatch(body)[1]), nil)
	to := resp.Header.Get("Location")
	if !strings.HasPrefix(to, "https://"+publicHost+"/base/signin/oidc?") {
		t.Fatalf("back to %s", to)
	}
	if resp, body = page(t, c, "GET", to, nil); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/base/imports" || !r.inside(c) {
		t.Errorf("back: %s to %q %s", resp.Status, resp.Header.Get("Location"), body)
	}
	direct := "http://" + r.console.Listener.Addr().String() + "/base"
	if resp, body := page(t, browser(t), "POST", direct+signOnPath, nil); resp.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, publicURL) {
		t.Errorf("straight on the machine: %s %s", resp.Status, body)
	}
}
