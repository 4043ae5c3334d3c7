package app

import (
	"crypto/rand"
	"crypto/tls"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"
)

// gate is a service that proxies ask who is there, with the paths and headers of
// oauth2-proxy. It takes any name.
type gate struct {
	mu     sync.Mutex
	people map[string]http.Header // by cookie
}

const gateCookie = "gate"

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := ""
	if c, err := r.Cookie(gateCookie); err == nil {
		key = c.Value
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /oauth2/auth":
		says, there := g.people[key]
		if body, err := io.ReadAll(r.Body); err != nil || len(body) > 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if !there {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		for name, values := range says {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusAccepted)
	case "GET /oauth2/sign_in":
		_, _ = io.WriteString(w, `<form method="post" action="/oauth2/sign_in">Who are you? Back to <i>`+html.EscapeString(r.Header.Get("X-Auth-Request-Redirect"))+`</i></form>`)
	case "POST /oauth2/sign_in":
		key = rand.Text()
		says := http.Header{"X-Auth-Request-User": {r.PostFormValue("user")}}
		if r.PostForm.Has("groups") {
			says.Set("X-Auth-Request-Groups", r.PostFormValue("groups"))
		}
		g.people[key] = says
		http.SetCookie(w, &http.Cookie{Name: gateCookie, Value: key, Path: "/", Secure: true, HttpOnly: true})
		http.Redirect(w, r, r.PostFormValue("rd"), http.StatusFound)
	case "GET /oauth2/sign_out":
		delete(g.people, key)
		http.Redirect(w, r, "/oauth2/sign_in", http.StatusFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// guarded is one way through a proxy that asks a gate.
type guarded struct {
	visit
	reached *atomic.Int64 // requests that came to the console
	fresh   func() *http.Client
}

// Through each proxy that asks who is there, configured as docs/sign-on.md says, only those
// come to the console whom the service knows, and as whom it says.
func TestTheProxiesThatAskWhoIsThere(t *testing.T) {
	var settings struct {
		Header string   `yaml:"trusted-header"`
		Groups string   `yaml:"trusted-groups-header"`
		From   []string `yaml:"trusted-header-from"`
		Roles  []string `yaml:"group-role"`
	}
	for _, block := range blocks(t, "sign-on.md", "yaml") {
		if strings.Contains(block, "trusted-header:") {
			if err := yaml.Unmarshal([]byte(block), &settings); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := startDesk(t, false, func(_, web *Config) {
		web.ConsoleURL, web.TrustedProxies = proxied+"/", []string{"127.0.0.1"}
		web.TrustedHeader, web.TrustedGroupsHeader, web.TrustedHeaderFrom = settings.Header, settings.Groups, settings.From
		web.GroupRole = append(settings.Roles, "viewer=usher-viewers")
	})
	var reached atomic.Int64
	console, err := url.Parse(strings.TrimSuffix(d.base, "/base"))
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(console)
	counted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(counted.Close)
	asked := httptest.NewServer(&gate{people: map[string]http.Header{}})
	t.Cleanup(asked.Close)
	folder, pool := certify(t)
	for _, name := range []string{"nginx", "Caddy"} {
		t.Run(name, func(t *testing.T) {
			address := startProxy(t, proxyPrograms[name], "sign-on.md", folder, map[string]string{
				"127.0.0.1:8080": counted.Listener.Addr().String(), "127.0.0.1:4180": asked.Listener.Addr().String(),
			})
			fresh := func() *http.Client { return visitor(t, address, &tls.Config{RootCAs: pool}) }
			v := guarded{visit: visit{T: t, desk: d, browser: fresh(), id: "u-gate-" + strings.ToLower(name)}, reached: &reached, fresh: fresh}
			v.unknown()
			v.comes("boss", url.Values{"groups": {"others,usher-admins"}}, "/account?x=1&y=2")
			v.account("boss", "admin for all inboxes")
			v.decision()
			v.stream()
			v.upload()
			v.lies()
			v.past(console.Host)
			v.goes()
		})
	}
}

// comes signs a person in at the gate, on the way to a page.
func (v guarded) comes(user string, form url.Values, to string) {
	v.Helper()
	resp, body := v.ask("GET", proxied+to, nil)
	back := html.EscapeString("/base" + to)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Who are you? Back to <i>"+back+"</i>") {
		v.Fatalf("the gate does not ask who is there: %s\n%.2000s", resp.Status, body)
	}
	form.Set("user", user)
	form.Set("rd", "/base"+to)
	if resp, body = v.ask("POST", "https://"+proxiedHost+"/oauth2/sign_in", form); form.Get("groups") != "" && user != "" && resp.Request.URL.String() != proxied+to {
		v.Fatalf("signed in at the gate: %s at %s\n%.2000s", resp.Status, resp.Request.URL, body)
	}
}

// account is whom the console sees, from where, with headers that the browser sends.
func (v guarded) account(user, as string, header ...string) {
	v.Helper()
	resp, body := v.ask("GET", proxied+"/account", nil, header...)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<strong>"+user+"</strong>") || !strings.Contains(body, as) || strings.Contains(body, "Sign out") {
		v.Errorf("with %q one is not %s, %s: %s\n%.2000s", header, user, as, resp.Status, body)
	}
}

// as are headers of one who says who one is.
func as(user string) []string {
	return []string{"X-Remote-User", user, "X-Remote-Groups", "usher-admins", "X-Auth-Request-User", user, "X-Auth-Request-Groups", "usher-admins"}
}

// unknown is one whom the gate does not know, who gets no further.
func (v guarded) unknown() {
	v.Helper()
	before := v.reached.Load()
	for what, header := range map[string][]string{"no one": nil, "one who says so": as("boss"), "one with a cookie": {"Cookie", gateCookie + "=x"}} {
		for _, path := range []string{"/", "/users", "/live", "/api/v1/users", "/static/x"} {
			if resp, body := v.send(v.fresh(), "GET", proxied+path, nil, header...); !strings.Contains(body, "Who are you?") {
				v.Errorf("%s at %s: %s\n%.2000s", what, path, resp.Status, body)
			}
		}
		v.send(v.fresh(), "POST", proxied+"/users/"+v.id+"/decision", strings.NewReader("decision=approved"), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
	}
	if n := v.reached.Load() - before; n > 0 {
		v.Errorf("%d requests of people who are not signed in reached the console", n)
	}
}

// lies are headers that a person's browser sends, who is someone else.
func (v guarded) lies() {
	v.Helper()
	v.account("boss", "admin for all inboxes", as("ann")...)
	ben := v
	ben.browser = v.fresh()
	ben.comes("ben", url.Values{"groups": {"usher-viewers"}}, "/account")
	ben.account("ben", "viewer for all inboxes", as("boss")...)
	for what, form := range map[string]url.Values{"nothing is said of the groups": {}, "there are none": {"groups": {""}}} {
		cy := v
		cy.browser = v.fresh()
		cy.comes("cy", form, "/account")
		resp, body := cy.ask("GET", proxied+"/account", nil, as("boss")...)
		if strings.Contains(body, "<strong>") || !strings.Contains(body, "You are known to the proxy as cy") {
			v.Errorf("%s: %s\n%.2000s", what, resp.Status, body)
		}
		if resp, body := cy.ask("GET", proxied+"/api/v1/users", nil, as("boss")...); resp.StatusCode != http.StatusUnauthorized {
			v.Errorf("%s, in the API: %s %.200s", what, resp.Status, body)
		}
	}
	nameless := v
	nameless.browser = v.fresh()
	nameless.comes("", url.Values{"groups": {"usher-admins"}}, "/account")
	if resp, body := nameless.ask("GET", proxied+"/account", nil, as("boss")...); strings.Contains(body, "<strong>") {
		v.Errorf("one without a name: %s\n%.2000s", resp.Status, body)
	}
}

// past is the way to the console that leaves the proxy out.
func (v guarded) past(console string) {
	v.Helper()
	resp, body := v.send(visitor(v.T, console, nil), "GET", "http://"+proxiedHost+"/base/api/v1/users", nil, as("boss")...)
	if resp.StatusCode != http.StatusUnauthorized {
		v.Errorf("past the proxy: %s %.200s", resp.Status, body)
	}
}

// goes signs out at the gate.
func (v guarded) goes() {
	v.Helper()
	if resp, body := v.ask("GET", "https://"+proxiedHost+"/oauth2/sign_out", nil); !strings.Contains(body, "Who are you?") {
		v.Errorf("the sign-out: %s\n%.2000s", resp.Status, body)
	}
	before := v.reached.Load()
	if _, body := v.ask("GET", proxied+"/account", nil); !strings.Contains(body, "Who are you?") || v.reached.Load() != before {
		v.Errorf("signed out, and the console is still reached:\n%.2000s", body)
	}
}
