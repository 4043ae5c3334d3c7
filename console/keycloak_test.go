//go:build keycloak

package console

import (
	"html"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"usher/console/logins"
	"usher/console/signon"
)

// keycloakDesk is a console whose people Keycloak vouches for, as docs/sign-on.md sets both up.
type keycloakDesk struct {
	*rig
	at *keycloak
}

func newKeycloakDesk(t *testing.T) *keycloakDesk {
	t.Helper()
	page, err := os.ReadFile("../docs/sign-on.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Keycloak\n")
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(section)
	if m == nil {
		t.Fatal("docs/sign-on.md has no settings for Keycloak")
	}
	var of struct {
		Issuer   string   `yaml:"oidc-issuer"`
		ClientID string   `yaml:"oidc-client-id"`
		Groups   string   `yaml:"oidc-groups-claim"`
		Roles    []string `yaml:"group-role"`
	}
	if err := yaml.Unmarshal([]byte(m[1]), &of); err != nil || !strings.HasSuffix(of.Issuer, "/realms/"+realm) || of.Groups != "" {
		t.Fatalf("the settings of the page: %+v %v", of, err)
	}
	d := &keycloakDesk{rig: newRig(t)}
	d.change = func(c *Config) {
		c.URL = "http://" + c.Listener.Addr().String()
		var secret string
		d.at, secret = startKeycloak(t, c.URL)
		c.Issuer, err = signon.New(signon.Config{URL: d.at.issuer(), ClientID: of.ClientID, Secret: secret, Groups: "groups", Scopes: []string{"profile"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(of.Roles, "viewer=usher-admins", "verifier:crm=usher-verifiers") { // those without a path are for one test
			g, err := logins.ParseGrant(s)
			if err != nil {
				t.Fatal(err)
			}
			c.Grants = append(c.Grants, g)
		}
	}
	d.run()
	d.eventually("the issuer is known", func() bool { _, _, err := d.console.Issuer.Begin(""); return err == nil })
	return d
}

// visitor is a person with a browser of one's own.
func (d *keycloakDesk) visitor() *http.Client {
	d.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// begins opens the sign-in, and returns where that leads.
func (d *keycloakDesk) begins(c *http.Client) (*http.Response, string) {
	d.Helper()
	resp, body := page(d.T, c, "POST", d.base+signOnPath, url.Values{"next": {"/account"}})
	m := onward.FindStringSubmatch(body)
	if m == nil {
		d.Fatalf("a sign-in begins: %s\n%s", resp.Status, body)
	}
	return page(d.T, c, "GET", html.UnescapeString(m[1]), nil)
}

// signsIn signs a person in on Keycloak's page.
func (d *keycloakDesk) signsIn(c *http.Client, name string) (*http.Response, string) {
	d.Helper()
	resp, body := d.begins(c)
	if !strings.Contains(body, `name="password"`) {
		d.Fatalf("Keycloak asks for no password: %s at %s\n%s", resp.Status, resp.Request.URL, body)
	}
	return sends(d.T, c, resp, body, url.Values{"username": {name}, "password": {"for " + name + " in this test"}})
}

// enters is a browser in which a person has signed in, as someone.
func (d *keycloakDesk) enters(name, as string) *http.Client {
	d.Helper()
	c := d.visitor()
	resp, body := d.signsIn(c, name)
	d.isAccount(resp, body, name, as)
	return c
}

func (d *keycloakDesk) isAccount(resp *http.Response, body, name, as string) {
	d.Helper()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != d.base+"/account" || !strings.Contains(body, "<strong>"+name+"</strong>") || !strings.Contains(body, as) {
		d.Fatalf("signed in as %s: %s at %s, not %q\n%s", name, resp.Status, resp.Request.URL, as, body)
	}
}

// isRefused fails the test unless a person is told that no group may do anything.
func (d *keycloakDesk) isRefused(name string) {
	d.Helper()
	c := d.visitor()
	resp, body := d.signsIn(c, name)
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "none of your groups may do anything here") ||
		!strings.Contains(body, "you are oidc."+d.at.person(name)) || d.isIn(c) {
		d.Errorf("%s: %s %s", name, resp.Status, body)
	}
}

// isIn tells whether a browser has a session of usher.
func (d *keycloakDesk) isIn(c *http.Client) bool {
	d.Helper()
	alone := *c
	alone.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d.inside(&alone)
}

// With the real Keycloak, set up as docs/sign-on.md says.
func TestKeycloak(t *testing.T) {
	d := newKeycloakDesk(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *keycloakDesk)
	}{
		{"groups", keycloakGroups}, {"names without paths", keycloakFlat}, {"other groups", keycloakOtherGroups},
		{"sign-out", keycloakSignOut}, {"ended at Keycloak", keycloakEnded}, {"front channel", keycloakFrontChannel},
		{"keys", keycloakKeys}, {"restart", keycloakRestart},
	} {
		t.Run(part.name, func(t *testing.T) {
			of := *d
			r := &rig{T: t, js: d.js, pub: d.pub, console: d.console, base: d.base}
			of.rig = r
			d.at.T = t
			part.run(t, &of)
			if t.Failed() {
				t.Log(d.log.String())
			}
		})
		d.at.T = t
	}
}

func keycloakGroups(_ *testing.T, d *keycloakDesk) {
	d.enters("ann", "admin for all inboxes")
	d.enters("ben", "verifier for hr")
	d.isRefused("cy") // whose group has the name of the admins', below another one
}

// Names without what is above them are those of any group that is called so.
func keycloakFlat(_ *testing.T, d *keycloakDesk) {
	d.at.fullPaths(false)
	defer d.at.fullPaths(true)
	d.enters("ann", "viewer for all inboxes")
	d.enters("ben", "verifier for crm")
	d.enters("cy", "viewer for all inboxes")
}

func keycloakOtherGroups(t *testing.T, d *keycloakDesk) {
	before := d.enters("ben", "verifier for hr")
	d.at.leave("ben")
	d.at.join("ben", "usher-operators")
	if !d.isIn(before) {
		t.Error("groups count before the next sign-in")
	}
	// The same browser, which Keycloak knows: it does not ask for the password again.
	resp, body := d.begins(before)
	d.isAccount(resp, body, "ben", "operator for all inboxes")
	d.at.leave("ben")
	d.isRefused("ben")
	if d.isIn(before) {
		t.Error("the session of one who lost all groups goes on")
	}
	d.at.join("ben", "usher-operators")
}

func keycloakSignOut(t *testing.T, d *keycloakDesk) {
	c := d.enters("ann", "admin")
	n := len(d.at.sessions("ann"))
	home, _ := url.Parse(d.base)
	first := d.visitor() // another window of the same browser, with a session of its own
	first.Jar.SetCookies(home, []*http.Cookie{cookieOf(c.Jar, home, sessionCookie)})
	c.Jar.SetCookies(home, []*http.Cookie{{Name: sessionCookie, MaxAge: -1, Path: "/"}})
	resp, body := d.begins(c)
	d.isAccount(resp, body, "ann", "admin")
	other := d.enters("ann", "admin") // in a browser that has nothing to do with it
	_, body = page(t, c, "POST", d.base+"/signout", nil)
	m := onward.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("a sign-out does not lead on:\n%s", body)
	}
	resp, body = page(t, c, "GET", html.UnescapeString(m[1]), nil)
	if resp.Request.URL.String() != d.base+"/signin" {
		t.Fatalf("after the sign-out: %s at %s\n%s", resp.Status, resp.Request.URL, body)
	}
	if got := len(d.at.sessions("ann")); got != n {
		t.Errorf("Keycloak has %d sessions, want %d", got, n)
	}
	if d.isIn(first) || d.isIn(c) || !d.isIn(other) {
		t.Errorf("the other window is in: %v; this one: %v; another browser: %v", d.isIn(first), d.isIn(c), d.isIn(other))
	}
	if _, body := d.begins(c); !strings.Contains(body, `name="password"`) {
		t.Errorf("Keycloak does not ask again who it is:\n%s", body)
	}
}

// What ends sessions at Keycloak ends them here at once, or not: as the page says.
func keycloakEnded(t *testing.T, d *keycloakDesk) {
	in := func() *http.Client { t.Helper(); return d.enters("ann", "admin") }
	ann := d.at.person("ann")
	is := func(what string, c *http.Client, want bool) {
		t.Helper()
		if got := d.isIn(c); got != want {
			t.Errorf("%s: is in: %v", what, got)
		}
	}
	one, two, ben := in(), in(), d.enters("ben", "")
	d.at.admin("POST", "/users/"+ann+"/logout", nil, nil)
	is("all of a person, the one", one, false)
	is("all of a person, the other", two, false)
	is("all of a person, another person", ben, true)

	one = in()
	ofOne := d.at.sessions("ann")
	two = in()
	if len(ofOne) != 1 {
		t.Fatalf("sessions at Keycloak: %+v", ofOne)
	}
	d.at.admin("DELETE", "/sessions/"+ofOne[0].ID, nil, nil)
	is("one session", one, false)
	is("one session, another of the person", two, true)

	// Keycloak tells no client of the rest.
	d.at.admin("POST", "/logout-all", nil, nil)
	is("all of the realm", two, true)
	one = in()
	d.at.enable("ann", false)
	is("disabled", one, true)
	d.at.admin("POST", "/users/"+ann+"/logout", nil, nil)
	is("disabled, then signed out", one, false)
	is("all of the realm, and then of the person", two, true)
	d.at.enable("ann", true)

	d.at.admin("POST", "/users", map[string]any{"username": "eve", "enabled": true, "email": "eve@example.org", "emailVerified": true, "firstName": "Eve", "lastName": "Example",
		"credentials": []any{map[string]any{"type": "password", "value": "for eve in this test"}}}, nil)
	d.at.join("eve", "usher-operators")
	eve := d.enters("eve", "operator")
	d.at.admin("DELETE", "/users/"+d.at.person("eve"), nil, nil)
	is("deleted", eve, true)
}

// With a front channel Keycloak does not use the back channel.
func keycloakFrontChannel(t *testing.T, d *keycloakDesk) {
	front := func(yes bool) { d.at.change(func(c map[string]any) { c["frontchannelLogout"] = yes }) }
	front(true)
	defer front(false)
	c := d.enters("ann", "admin")
	d.at.admin("POST", "/users/"+d.at.person("ann")+"/logout", nil, nil)
	if !d.isIn(c) {
		t.Error("Keycloak has told of a sign-out")
	}
}

// A new key costs one look at the keys, whatever becomes of the old one.
func keycloakKeys(t *testing.T, d *keycloakDesk) {
	first := d.enters("ann", "admin")
	before := d.at.keys.Load()
	fetched := func(what string, want int64) {
		t.Helper()
		if got := d.at.keys.Load() - before; got != want {
			t.Errorf("%s: the keys were fetched %d times more, want %d", what, got, want)
		}
	}
	d.enters("ann", "admin")
	fetched("the same key", 0)
	old := d.at.key()
	newer := maps.Clone(old)
	delete(newer, "id")
	newer["name"], newer["config"] = "newer", map[string]any{"priority": []string{"200"}}
	d.at.admin("POST", "/components", newer, nil)
	second := d.enters("ann", "admin")
	fetched("a newer key", 1)
	old["config"] = map[string]any{"priority": []string{"100"}, "active": []string{"false"}, "enabled": []string{"false"}}
	d.at.admin("PUT", "/components/"+old["id"].(string), old, nil)
	d.enters("ben", "")
	fetched("the old key disabled", 1)
	for _, c := range []struct {
		client *http.Client
		at     string
		says   string
	}{
		{first, d.at.issuer(), "Invalid parameter: id_token_hint"}, // it is shown an ID token that it does not know any more
		{second, d.base + "/signin", "Sign in by"},
	} {
		if !d.isIn(c.client) {
			t.Errorf("of two sessions the one that leads to %q is over", c.says)
		}
		_, body := page(t, c.client, "POST", d.base+"/signout", nil)
		m := onward.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("a sign-out does not lead on:\n%s", body)
		}
		resp, body := page(t, c.client, "GET", html.UnescapeString(m[1]), nil)
		if !strings.HasPrefix(resp.Request.URL.String(), c.at) || !strings.Contains(body, c.says) || d.isIn(c.client) {
			t.Errorf("a sign-out leads to %s, not %q\n%s", resp.Request.URL, c.says, body)
		}
	}
	d.at.admin("POST", "/users/"+d.at.person("ann")+"/logout", nil, nil)
	fetched("a sign-out at Keycloak", 1)
}

// Keycloak comes and goes.
func keycloakRestart(t *testing.T, d *keycloakDesk) {
	c := d.enters("ann", "admin")
	late := d.visitor()
	late.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), d.base) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	back, body := d.signsIn(late, "ben")
	if back.StatusCode != http.StatusFound {
		t.Fatalf("at Keycloak: %s %s", back.Status, body)
	}
	d.at.stops()
	if resp, body := page(t, late, "GET", back.Header.Get("Location"), nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "cannot be reached now") || d.isIn(late) {
		t.Errorf("Keycloak has gone while a person comes back: %s %s", resp.Status, body)
	}
	if !d.isIn(c) {
		t.Error("a session is over while Keycloak is away")
	}
	d.at.start()
	if !d.isIn(c) {
		t.Error("a session is over when Keycloak is back")
	}
	d.enters("ann", "admin")
	d.at.admin("POST", "/users/"+d.at.person("ann")+"/logout", nil, nil)
	if d.isIn(c) {
		t.Error("a session from before cannot be ended at Keycloak")
	}
}
