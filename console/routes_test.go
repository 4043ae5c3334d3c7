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
	return strings.NewReplacer("{user_id}", "u-1", "{import}", "i-1", "{$}", "").Replace(t.path)
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
			if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(body, `{"error":"sign in `) {
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
