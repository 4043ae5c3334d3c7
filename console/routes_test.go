package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"usher/console/logins"
)

// address is one that a route serves.
func (t route) address() string {
	return strings.NewReplacer("{user_id}", "u-1", "{import}", "i-1", "{upload}", "up-1", "{kind}", "refused.csv", "{seq}", "1", "{$}", "", "{name}", "no-one", "{session}", "x", "{secret}", "x").Replace(t.path)
}

// Without a sign-in every route but those for everyone refuses, before it reads what was
// sent: pages lead to the sign-in, and the API says 401.
func TestNoRouteWithoutASignIn(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) {
		c.Payloads = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the payloads were reached") })
	}
	r.run()
	c := browser(t)
	for _, rt := range append(routes(), route{method: "GET", path: "/api/v1/none", right: logins.SignedIn}, route{method: "GET", path: "/none", right: logins.SignedIn}) {
		if rt.when != nil && !rt.when(r.console) {
			continue
		}
		resp, body := page(t, c, rt.method, r.base+rt.address(), url.Values{"decision": {"nonsense"}})
		to := resp.Header.Get("Location")
		switch {
		case rt.right == logins.Anyone:
			if resp.StatusCode == http.StatusForbidden {
				t.Errorf("%s %s: %d", rt.method, rt.path, resp.StatusCode)
			}
		case rt.program():
			if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"error":"sign in `) {
				t.Errorf("%s %s: %d %s", rt.method, rt.path, resp.StatusCode, body)
			}
		case rt.method == http.MethodGet:
			if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/signin?next=") {
				t.Errorf("%s %s: %d to %q", rt.method, rt.path, resp.StatusCode, to)
			}
		default:
			if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `action="/signin"`) {
				t.Errorf("%s %s: %d", rt.method, rt.path, resp.StatusCode)
			}
		}
	}
}

// An address answers other methods than its own, and addresses that there are not, like
// any server; only to people who are signed in.
func TestAddressesThatNoRouteHas(t *testing.T) {
	r := newRig(t)
	r.run()
	for address, want := range map[string]int{
		"GET /api/v1/users/u-1/decision": 405, "DELETE /api/v1/users": 405, "GET /api/v1/none": 404, "GET /api/": 404,
	} {
		method, path, _ := strings.Cut(address, " ")
		if got := r.api(method, path, "", nil); got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
	}
	c := r.signed()
	for address, want := range map[string]int{"GET /none": 404, "GET /users/u-1/decision": 405, "POST /users": 405} {
		method, path, _ := strings.Cut(address, " ")
		if resp, _ := page(t, c, method, r.base+path, nil); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", address, resp.StatusCode, want)
		}
	}
}

// Every role calls every route, by each way to sign in: it gets through exactly where the
// table says, and is refused before what it sent is looked at.
func TestEveryRouteWithEveryRole(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) {
		c.Payloads = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	}
	r.run()
	for _, role := range logins.Roles() {
		for _, inboxes := range [][]string{nil, {"inbox"}} {
			name := string(role) + map[bool]string{true: "-all", false: "-some"}[inboxes == nil]
			r.login(name, role, inboxes...)
			c := r.signedAs(name)
			for _, rt := range routes() {
				if rt.when != nil && !rt.when(r.console) || rt.path == "/signout" || rt.path == "/live" || rt.method == http.MethodOptions {
					continue
				}
				want := role.May(rt.right) && (inboxes == nil || !rt.right.Wide())
				resp, body := page(t, c, rt.method, r.base+rt.address(), url.Values{"decision": {"nonsense"}}) // no JSON either
				if got := resp.StatusCode != http.StatusForbidden; got != want || resp.StatusCode == http.StatusUnauthorized && rt.right != logins.Anyone {
					t.Errorf("%s, session: %s %s: %d %.200s", name, rt.method, rt.path, resp.StatusCode, body)
				}
				if !rt.program() {
					continue
				}
				req, err := http.NewRequest(rt.method, r.base+rt.address(), strings.NewReader("nonsense"))
				if err != nil {
					t.Fatal(err)
				}
				req.SetBasicAuth(name, password)
				resp, err = http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := resp.StatusCode != http.StatusForbidden; got != want || resp.StatusCode == http.StatusUnauthorized {
					t.Errorf("%s, password: %s %s: %d", name, rt.method, rt.path, resp.StatusCode)
				}
			}
			if role == logins.Viewer || role == logins.Admin {
				s := r.listen(c, "")
				s.line("event: resync")
				s.close()
			}
		}
	}
}
