package console

import (
	"context"
	"crypto/tls"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher/console/logins"
	"usher/event"
)

const (
	publicURL  = "https://usher.example.org/base/"
	publicHost = "usher.example.org"
)

// proxied starts a console under publicURL, with people who wait, and a proxy with TLS
// before it that passes everything on as it is.
func proxied(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t)
	r.change = func(c *Config) {
		c.URL = publicURL
		if change != nil {
			change(c)
		}
	}
	r.run()
	for _, id := range []string{"u-1", "u-2"} {
		r.user(id, "Ann")
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	}
	to := &url.URL{Scheme: "http", Host: r.console.Listener.Addr().String()}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Host = p.In.Host
		p.SetXForwarded()
	}})
	t.Cleanup(front.Close)
	r.base, r.front = strings.TrimSuffix(publicURL, "/"), front.Listener.Addr().String()
	r.eventually("they wait", func() bool { n, _, _ := r.console.model.heads(t.Context()); return n == 2 })
	return r
}

// through is a browser whose connections all go to one address, as if names led there.
func through(t *testing.T, address string) *http.Client {
	t.Helper()
	c := browser(t)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	c.Transport = tr
	return c
}

// enter signs in behind the proxy.
func (r *rig) enter(c *http.Client) *http.Response {
	r.Helper()
	resp, body := page(r.T, c, "POST", r.base+"/signin", url.Values{"user": {logins.First}, "password": {password}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/base/" {
		r.Fatalf("the sign-in: %s to %q %s", resp.Status, resp.Header.Get("Location"), body)
	}
	return resp
}

var inAttribute = regexp.MustCompile(`\s([a-z-]+)="(/[^"]*)"`)

// From the first page on, every link of every page leads to a page, and every address in
// it is under the base.
func TestEveryLinkIsUnderTheBase(t *testing.T) {
	r := proxied(t, nil)
	c := through(t, r.front)
	r.enter(c)
	resp, _ := page(t, c, "POST", r.base+"/bulk?status=waiting", url.Values{"scope": {"all"}})
	seen, todo := map[string]bool{}, []string{"/base/", resp.Header.Get("Location")}
	if !strings.HasPrefix(todo[1], "/base/bulk/") {
		t.Errorf("a choice of people leads to %q", todo[1])
	}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		if shape := u.Path + "?" + strings.Join(slices.Sorted(func(yield func(string) bool) {
			for k := range u.Query() {
				if !yield(k) {
					return
				}
			}
		}), "&"); seen[shape] {
			continue
		} else {
			seen[shape] = true
		}
		resp, body := page(t, c, "GET", "https://"+publicHost+at, nil)
		if to := resp.Header.Get("Location"); to != "" {
			if !strings.HasPrefix(to, "/base/") || body != "" {
				t.Errorf("%s leads to %q and says %q", at, to, body)
			}
			todo = append(todo, to)
			continue
		}
		if resp.StatusCode != http.StatusOK && u.Path != "/base/imports/imp" { // the import of these people is not there
			t.Errorf("%s: %s", at, resp.Status)
		}
		for _, m := range inAttribute.FindAllStringSubmatch(body, -1) {
			if m[1] == "value" {
				continue
			}
			if !strings.HasPrefix(m[2], "/base/") {
				t.Errorf("%s has %s", at, m[0])
			} else if m[1] != "action" {
				todo = append(todo, html.UnescapeString(m[2]))
			}
		}
	}
	for _, want := range []string{"/base/users/u-1?status", "/base/imports?", "/base/accounts?", "/base" + static.url("style.css") + "?", "/base" + static.url("main.js") + "?"} {
		if !seen[want] {
			t.Errorf("nothing led to %s: %v", want, seen)
		}
	}
}

// What leads elsewhere after a form, and what scripts are told, is under the base, too.
func TestRedirectsUnderTheBase(t *testing.T) {
	r := proxied(t, nil)
	c := through(t, r.front)
	resp, _ := page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	to := resp.Header.Get("Location")
	if want := "/base/signin?next=" + url.QueryEscape("/users/u-1?status=waiting"); to != want {
		t.Fatalf("without a sign-in: to %q, want %q", to, want)
	}
	next, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	resp, _ = page(t, c, "POST", r.base+"/signin", url.Values{"user": {logins.First}, "password": {password}, "next": {next.Query().Get("next")}})
	if got, want := resp.Header.Get("Location"), "/base/users/u-1?status=waiting"; got != want {
		t.Errorf("after the sign-in: to %q, want %q", got, want)
	}
	for _, bad := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "evil"} {
		resp, _ = page(t, c, "POST", r.base+"/signin", url.Values{"user": {logins.First}, "password": {password}, "next": {bad}})
		if got := resp.Header.Get("Location"); got != "/base/" {
			t.Errorf("after a sign-in that is to lead to %s: to %q", bad, got)
		}
	}
	if resp, _ := page(t, c, "GET", "https://"+publicHost+"/base?x=1", nil); resp.Header.Get("Location") != "/base/?x=1" {
		t.Errorf("the base without its slash: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	_, body := page(t, c, "POST", r.base+"/accounts", url.Values{"name": {"ben"}, "role": {"viewer"}})
	has(t, "the invite", body, publicURL+"invite/")
	for _, outside := range []string{"/users", "/basement/users", "/", "/api/v1/users", "/static/x/style.css", "/%62ase/users/"} {
		if resp, body := page(t, c, "GET", "https://"+publicHost+outside, nil); outside != "/%62ase/users/" && (resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "pass the path on unchanged, with /base")) {
			t.Errorf("%s: %s %s", outside, resp.Status, body)
		} else if resp.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", outside, resp.Status)
		}
	}
	if n := strings.Count(r.log.String(), "without the path of --console-url"); n != 1 {
		t.Errorf("the log says %d times that the path is missing:\n%s", n, r.log.String())
	}
}

// Over https the cookies are bound to it and to the host; straight on this machine they
// are as ever, and neither is taken for the other.
func TestCookiesBehindAProxy(t *testing.T) {
	r := proxied(t, nil)
	c := through(t, r.front)
	cookies := map[string]*http.Cookie{}
	for _, x := range r.enter(c).Cookies() {
		cookies[x.Name] = x
	}
	s, b := cookies["__Host-usher_session.base"], cookies["__Secure-usher_browser"]
	if len(cookies) != 2 || s == nil || !s.Secure || !s.HttpOnly || s.Path != "/" || s.Domain != "" || s.SameSite != http.SameSiteLaxMode {
		t.Fatalf("the cookies of a sign-in: %v", cookies)
	}
	if b == nil || !b.Secure || !b.HttpOnly || b.Path != "/base/signin" {
		t.Errorf("the cookie of the browser: %v", b)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("signed in: %s", resp.Status)
	}

	straight := "http://" + r.console.Listener.Addr().String()
	l := browser(t)
	resp, _ := page(t, l, "POST", straight+"/base/signin", url.Values{"user": {logins.First}, "password": {password}})
	for _, x := range resp.Cookies() {
		if x.Secure || !slices.Contains([]string{sessionCookie + " /base/", browserCookie + " /base/signin"}, x.Name+" "+x.Path) {
			t.Errorf("straight on this machine: %v", x)
		}
		if x.Name == sessionCookie { // as a page of another host under the same domain could set it
			if resp, _ := page(t, through(t, r.front), "GET", r.base+"/users", nil, "Cookie", x.Name+"="+x.Value); resp.StatusCode != http.StatusSeeOther {
				t.Errorf("a cookie without a prefix opens the console over https: %s", resp.Status)
			}
		}
	}
	if resp, _ := page(t, l, "GET", straight+"/base/users", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("signed in on this machine: %s", resp.Status)
	}
	// A proxy that puts its own target in the place of the host.
	resp, _ = page(t, browser(t), "POST", straight+"/base/signin", url.Values{"user": {logins.First}, "password": {password}}, "Origin", "https://"+publicHost)
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 2 || !resp.Cookies()[0].Secure || !resp.Cookies()[1].Secure {
		t.Errorf("with the origin of the site and another host: %s %v", resp.Status, resp.Cookies())
	}
	// The stream of a page has the same cookie.
	live := r.listen(c, "")
	live.line("event: resync")
	live.close()
	page(t, c, "POST", r.base+"/signout", url.Values{})
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("signed out: %s", resp.Status)
	}
}

// Requests that come straight over loopback with the site's host are answered, and those
// with another host or from pages of another origin read what to set; the log says it
// once, whoever asks how often.
func TestWrongHostsAndOrigins(t *testing.T) {
	r := proxied(t, nil)
	c := through(t, r.console.Listener.Addr().String())
	if resp, body := page(t, c, "GET", "http://"+publicHost+"/base/api/v1/users", nil, "Authorization", basic()); resp.StatusCode != http.StatusOK {
		t.Errorf("straight with the site's host: %s %s", resp.Status, body)
	}
	if resp, _ := page(t, c, "GET", "http://USHER.example.org.:8080/base/api/v1/users", nil, "Authorization", basic()); resp.StatusCode != http.StatusOK {
		t.Errorf("straight with the site's host in another spelling: %s", resp.Status)
	}
	for range 3 {
		resp, body := page(t, c, "GET", "http://other.example.org:8443/base/", nil)
		if want := "usher's console is not served under the host name other.example.org: if people are to reach it there, set --console-url to the address that they open, such as https://other.example.org:8443/, and start it again\n"; resp.StatusCode != http.StatusMisdirectedRequest || body != want {
			t.Errorf("another host: %s %s", resp.Status, body)
		}
		resp, body = page(t, c, "POST", "http://"+publicHost+"/base/signin", url.Values{}, "Origin", "https://desk.example.org")
		if want := "set --console-url to the address that they open, such as https://desk.example.org/, and"; resp.StatusCode != http.StatusForbidden || !strings.Contains(body, want) {
			t.Errorf("another origin: %s %s", resp.Status, body)
		}
	}
	for _, x := range []struct{ origin, site string }{{"https://" + publicHost, ""}, {"https://" + publicHost, "same-site"}, {"", ""}} {
		resp, _ := page(t, c, "POST", "http://127.0.0.1:1/base/signin", url.Values{}, "Origin", x.origin, "Sec-Fetch-Site", x.site)
		if resp.StatusCode == http.StatusForbidden {
			t.Errorf("from the site's own pages, with another host: %s", resp.Status)
		}
	}
	resp, body := page(t, c, "POST", "http://"+publicHost+"/base/api/v1/users/u-1/decision", url.Values{}, "Sec-Fetch-Site", "cross-site", "Origin", "null")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "--console-url") || !strings.HasPrefix(body, "{") {
		t.Errorf("the API, from another site: %s %s", resp.Status, body)
	}
	for what, n := range map[string]int{"host=other.example.org": 1, "host=https://desk.example.org": 1, "host=null": 1} {
		if got := strings.Count(r.log.String(), what); got != n {
			t.Errorf("the log has %s %d times, want %d:\n%s", what, got, n, r.log.String())
		}
	}
	for i := range 2 * mostStrangers {
		page(t, c, "GET", "http://h"+strings.Repeat("x", i)+".example.org/", nil)
	}
	if got := strings.Count(r.log.String(), "set --console-url to"); got != mostStrangers {
		t.Errorf("the log has %d such lines, and %d at most are promised", got, mostStrangers)
	}
	has(t, "the log", r.log.String(), "the next line is the last")
}

func basic() string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(logins.First, password)
	return r.Header.Get("Authorization")
}

// Guesses count against whoever is behind the proxies that are trusted, and sessions and
// the trail name that one. Nobody else's X-Forwarded-For is believed.
func TestWhoIsBehindAProxy(t *testing.T) {
	for name, x := range map[string]struct {
		trusted []netip.Prefix
		want    string
	}{
		"trusted":     {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "198.51.100.7"},
		"not trusted": {nil, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := proxied(t, func(c *Config) { c.Proxies = x.trusted })
			straight := "http://" + r.console.Listener.Addr().String() + "/base/signin"
			form := func(password string) url.Values { return url.Values{"user": {"none"}, "password": {password}} }
			slow := false
			for i := range 8 { // each from another address, as the one who guesses says
				resp, _ := page(t, browser(t), "POST", straight, form("guess"), forwardedFor, "203.0.113."+string(rune('0'+i))+", 198.51.100.7")
				slow = slow || resp.StatusCode == http.StatusTooManyRequests
			}
			if !slow {
				t.Error("guesses are not slowed by the address that they come from")
			}
			r.console.login.failures.Purge()
			if resp, _ := page(t, browser(t), "POST", straight, url.Values{"user": {logins.First}, "password": {password}}, forwardedFor, "203.0.113.9, 198.51.100.7"); resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("the sign-in: %s", resp.Status)
			}
			r.eventually("the session has the address", func() bool {
				all := r.console.signins.all(logins.First)
				return len(all) == 1 && all[0].Client == x.want
			})
			if got, want := strings.Count(r.log.String(), "--trusted-proxies"), map[bool]int{true: 1}[x.trusted == nil]; got != want {
				t.Errorf("the log names --trusted-proxies %d times, want %d", got, want)
			}
		})
	}
}

func TestClientOfProxies(t *testing.T) {
	var ours proxies
	for _, s := range []string{"127.0.0.1", "10.0.0.0/8", "fd00::/8", "::ffff:192.0.2.0/120"} {
		p, err := ParseProxy(s)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, p)
	}
	for _, x := range []struct {
		peer, want string
		forwarded  []string
	}{
		{"203.0.113.9:1", "203.0.113.9", []string{"198.51.100.7"}}, // not one of ours
		{"127.0.0.1:1", "127.0.0.1", nil},
		{"127.0.0.1:1", "198.51.100.7", []string{"198.51.100.7"}},
		{"127.0.0.1:1", "198.51.100.7", []string{"1.2.3.4, 198.51.100.7"}},
		{"127.0.0.1:1", "198.51.100.7", []string{"1.2.3.4, 198.51.100.7, 10.1.1.1"}},
		{"127.0.0.1:1", "198.51.100.7", []string{"1.2.3.4", "198.51.100.7", "10.1.1.1,10.2.2.2"}},
		{"127.0.0.1:1", "10.2.2.2", []string{"10.2.2.2, 10.1.1.1"}}, // all of them are ours
		{"127.0.0.1:1", "10.1.1.1", []string{"1.2.3.4, unknown, 10.1.1.1"}},
		{"127.0.0.1:1", "127.0.0.1", []string{"_hidden"}},
		{"127.0.0.1:1", "127.0.0.1", []string{""}},
		{"127.0.0.1:1", "198.51.100.7", []string{"198.51.100.7:4711"}},
		{"[fd00::1]:1", "2001:db8::1", []string{"[2001:db8::1]:4711"}},
		{"[fd00::1%eth0]:1", "2001:db8::1", []string{"2001:db8::1%eth1"}},
		{"[::ffff:127.0.0.1]:1", "198.51.100.7", []string{"::ffff:198.51.100.7"}},
		{"192.0.2.200:1", "198.51.100.7", []string{"198.51.100.7"}},
		{"@", "", []string{"198.51.100.7"}},
	} {
		r := &http.Request{RemoteAddr: x.peer, Header: http.Header{forwardedFor: x.forwarded}}
		got, untrusted := ours.client(r)
		if theirs := x.peer == "203.0.113.9:1" || x.peer == "@"; got != x.want || untrusted != theirs {
			t.Errorf("%s %q: %s, want %s; not trusted: %v", x.peer, x.forwarded, got, x.want, untrusted)
		}
	}
	for _, bad := range []string{"", "proxy.example.org", "10.0.0.0/33", "0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:0:0/8", "fe80::1%eth0"} {
		if p, err := ParseProxy(bad); err == nil {
			t.Errorf("%q is taken, as %s", bad, p)
		}
	}
}

func TestParseURL(t *testing.T) {
	for address, want := range map[string]string{ // origin and base
		"https://usher.example.org": "https://usher.example.org ", "https://usher.example.org/": "https://usher.example.org ",
		"https://Usher.Example.org:443/base": "https://usher.example.org /base", "https://usher.example.org:8443/a/b/": "https://usher.example.org:8443 /a/b",
		"http://usher.internal:80/": "http://usher.internal ", "http://[::1]:8080/x.y/": "http://[::1]:8080 /x.y", "http://10.0.0.7/": "http://10.0.0.7 ",
		"https://xn--bcher-kva.example/": "https://xn--bcher-kva.example ",
	} {
		s, err := newSite(address)
		if got := s.origin() + " " + s.base; err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", address, got, err, want)
		}
	}
	for bad, want := range map[string]string{
		"usher.example.org": "begins with https://", "ftp://usher.example.org/": "begins with https://", "https:///base/": "begins with https://", "https://:8080/": "the host or its port is missing",
		"https://usher.example.org:/": "port is missing", "https://ann@usher.example.org/": "before the @", "https://usher.example.org/?x": "? or #", "https://usher.example.org/?": "? or #", "https://usher.example.org/#x": "? or #",
		"https://bücher.example/": "xn--bcher-kva.example", "https://usher.example.org/a//b/": "one slash", "https://usher.example.org/a b/": "the path", "https://usher.example.org/../": "the path", "https://usher.example.org/%62/": "",
		"https://a_b..c/": "not the name of a host", "https://usher.example.org:99999999/": "", ":": "",
	} {
		_, err := newSite(bad)
		if want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
}

// No template has an address that the edge does not see, and no script one that it has
// not made with the base.
func TestNoPageForgetsTheBase(t *testing.T) {
	attribute := regexp.MustCompile(`([a-z-]+)\s*=\s*["']?/|url=/`)
	text := regexp.MustCompile("(\\S*)(['\"`])/[a-z{$]")
	entries, err := files.ReadDir("pages")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("pages/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(b), "\n") {
			switch path.Ext(e.Name()) {
			case ".html":
				for _, m := range attribute.FindAllStringSubmatch(line, -1) {
					if !slices.Contains(links, m[1]) && m[1] != "value" {
						t.Errorf("%s, line %d: %s is none of the attributes that get the base", e.Name(), n+1, m[0])
					}
				}
			case ".js":
				for _, m := range text.FindAllStringSubmatch(line, -1) {
					if before := m[1]; !strings.HasSuffix(before, "at(") && !strings.HasSuffix(before, "signIn(") {
						t.Errorf("%s, line %d: make the address with at of site.js: %s", e.Name(), n+1, m[0])
					}
				}
			}
		}
	}
}
