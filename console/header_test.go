package console

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"usher/console/logins"
	"usher/event"
)

// headed is a console behind a proxy that says who is there, from one network.
func headed(t *testing.T, from string) *rig {
	t.Helper()
	r := newRig(t)
	r.change = func(c *Config) {
		c.TrustedHeader = &TrustedHeader{User: "X-Remote-User", Groups: "X-Remote-Groups", From: []netip.Prefix{netip.MustParsePrefix(from)}}
		c.Grants = testGrants(t)
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	r.run()
	return r
}

// A proxy vouches for each request; a person has what the groups give, is who decides, and
// has no session that outlives the proxy's word.
func TestAProxySaysWhoIsThere(t *testing.T) {
	r := headed(t, "127.0.0.1/32")
	r.publish(event.ImportedSubject("hr"), event.User{UserID: "u-1", Name: "Ben", Email: "u-1@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "hr"})
	r.await("u-1")
	c := browser(t)
	ask := func(method, path string, form url.Values, header ...string) (int, string) {
		t.Helper()
		resp, body := page(t, c, method, r.base+path, form, header...)
		return resp.StatusCode, body
	}
	as := func(user, groups string) []string { return []string{"X-Remote-User", user, "X-Remote-Groups", groups} }
	if code, body := ask("GET", "/account", nil, as("ann@example.org", "others, hr ,crm")...); code != http.StatusOK || !strings.Contains(body, "verifier for crm, hr") ||
		!strings.Contains(body, "<strong>ann@example.org</strong>") || strings.Contains(body, "Sign out") || strings.Contains(body, "Present password") {
		t.Errorf("the own page: %d\n%s", code, body)
	}
	if code, _ := ask("GET", "/api/v1/users/u-1", nil, as("ann@example.org", "hr")...); code != http.StatusOK {
		t.Errorf("the API: %d", code)
	}
	if code, body := ask("POST", "/users/u-1/decision", url.Values{"decision": {"approved"}, "event_id": {event.NewID()}}, as("ann@example.org", "hr")...); code != http.StatusSeeOther {
		t.Errorf("a decision: %d %s", code, body)
	}
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), event.VerificationSubject(event.SourceConsole, "approved"))
	var said spoken
	if err != nil || json.Unmarshal(m.Data, &said) != nil || !strings.HasPrefix(said.Actor, "proxy.sha256-") || said.Via != byHeader {
		t.Errorf("the decision is %+v (%v)", said, err)
	}
	for what, headers := range map[string][]string{
		"no header":            nil,
		"no groups":            as("ann@example.org", ""),
		"groups of nothing":    as("ann@example.org", "nothing"),
		"no person":            as(" ", "staff/bosses"),
		"no UTF-8":             as("j\xfcrgen", "staff/bosses"),
		"a person of a novel":  as(strings.Repeat("x", 300), "staff/bosses"),
		"from another origin":  append(as("ann", "staff/bosses"), "Origin", "https://example.com"),
		"with a wrong token":   append(as("ann", "staff/bosses"), "Authorization", "Bearer usher_x"),
		"with a wrong account": append(as("ann", "staff/bosses"), "Authorization", "Basic YWRtaW46eA=="),
	} {
		path, method := "/users", "GET"
		if strings.HasPrefix(what, "with") {
			path = "/api/v1/users"
		} else if strings.HasPrefix(what, "from") {
			path, method = "/users/u-1/decision", "POST"
		}
		if code, _ := ask(method, path, nil, headers...); code == http.StatusOK {
			t.Errorf("%s: %d", what, code)
		}
	}
	req, _ := http.NewRequest("GET", r.base+"/users", nil)
	req.Header["X-Remote-User"], req.Header["X-Remote-Groups"] = []string{"ann", "ben"}, []string{"staff/bosses"}
	if resp, _ := answerOf(t, c, req); resp.StatusCode == http.StatusOK {
		t.Error("two people in one request are let in")
	}
	if _, body := ask("GET", "/signin", nil, as("ann@example.org", "nothing")...); !strings.Contains(body, "You are known to the proxy as ann@example.org") {
		t.Errorf("the sign-in does not say why:\n%s", body)
	}
	// Disabled is disabled, also in the stream of a page that is open.
	if code, _ := ask("GET", "/users", nil, as("cy", "readers")...); code != http.StatusOK {
		t.Fatal(code)
	}
	req, _ = http.NewRequestWithContext(t.Context(), "GET", r.base+"/live", nil)
	req.Header.Set("X-Remote-User", "cy")
	req.Header.Set("X-Remote-Groups", "readers")
	open, err := c.Do(req)
	if err != nil || open.StatusCode != http.StatusOK {
		t.Fatal(err, open)
	}
	if err := r.console.login.store.Disable(t.Context(), "proxy.cy", true); err != nil {
		t.Fatal(err)
	}
	defer open.Body.Close()
	if rest, err := io.ReadAll(open.Body); err != nil || !strings.Contains(string(rest), "event: signedout") {
		t.Errorf("the stream: %s %v", rest, err)
	}
	if code, _ := ask("GET", "/users", nil, as("cy", "readers")...); code == http.StatusOK {
		t.Error("a disabled account comes in")
	}
	r.eventually("the trail has them", func() bool {
		did, _, err := r.console.model.trail(t.Context(), wanted{Actor: "proxy.cy"}, 9)
		return err == nil && len(did) == 2 && did[0].Action == "signin-failed" && did[1].Action == "signin" && strings.Contains(strings.Join(did[1].More, " "), "by: proxy")
	})
	if !r.inside(r.signed()) {
		t.Error("an account with a password cannot sign in")
	}
}

// A person is one however the name is written: who decides twice is not two people.
func TestNamesOfAProxyAreOneInAnyCase(t *testing.T) {
	r := headed(t, "127.0.0.1/32")
	r.publish(event.ImportedSubject("hr"), event.User{UserID: "u-1", Name: "Ben", Email: "u-1@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "hr"})
	r.await("u-1")
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	actors := map[string]bool{}
	for _, name := range []string{"Jürgen@Example.org", "jürgen@example.org", " JÜRGEN@EXAMPLE.ORG "} {
		resp, body := page(t, browser(t), "POST", r.base+"/users/u-1/decision", url.Values{"decision": {"approved"}, "event_id": {event.NewID()}}, "X-Remote-User", name, "X-Remote-Groups", "hr")
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("%q: %s %s", name, resp.Status, body)
		}
		m, err := s.GetLastMsgForSubject(t.Context(), event.VerificationSubject(event.SourceConsole, "approved"))
		var said spoken
		if err != nil || json.Unmarshal(m.Data, &said) != nil {
			t.Fatal(err)
		}
		actors[said.Actor] = true
	}
	all, err := r.console.login.store.Read(t.Context())
	if err != nil || len(actors) != 1 || !actors[logins.PersonName(logins.ByHeader, "jürgen@example.org")] || len(all.Logins) != 2 { // and admin
		t.Errorf("one person is %v, and there are %d accounts (%v)", actors, len(all.Logins), err)
	}
}

// That someone came in is written once in a while, and anew when the login has changed.
func TestThatAProxysPersonCameIsWrittenOnce(t *testing.T) {
	r := headed(t, "127.0.0.1/32")
	come := func(groups string, want int) {
		t.Helper()
		if resp, _ := page(t, browser(t), "GET", r.base+"/users", nil, "X-Remote-User", "cy", "X-Remote-Groups", groups); resp.StatusCode != want {
			t.Errorf("in %q: %s", groups, resp.Status)
		}
	}
	for _, groups := range []string{"readers", "hr", "readers"} {
		for range 3 {
			come(groups, http.StatusOK)
		}
	}
	if err := r.console.login.store.EndSessions(t.Context(), "proxy.cy"); err != nil {
		t.Fatal(err)
	}
	come("readers", http.StatusOK)
	come("nothing", http.StatusSeeOther)
	come("nothing", http.StatusSeeOther)
	var got []string
	r.eventually("the trail has the last", func() bool {
		did, _, err := r.console.model.trail(t.Context(), wanted{Actor: "proxy.cy"}, 20)
		got = nil
		for _, d := range did {
			got = append(got, d.Action)
		}
		return err == nil && len(got) > 0 && got[0] == "signin-failed"
	})
	if want := []string{"signin-failed", "signin", "signin", "signin"}; !slices.Equal(got, want) { // as reader, as verifier, after the end
		t.Errorf("the trail has %v", got)
	}
}

// From anywhere else the headers are taken off, whatever X-Forwarded-For says of where the
// request comes from, and the log says so once.
func TestHeadersOfOthersAreTakenOff(t *testing.T) {
	r := headed(t, "192.0.2.7/32")
	for _, forwarded := range []string{"", "192.0.2.7", "192.0.2.7, 127.0.0.1"} {
		for _, path := range []string{"/users", "/api/v1/users"} {
			resp, body := page(t, browser(t), "GET", r.base+path, nil, "X-Remote-User", "ann", "X-Remote-Groups", "staff/bosses", forwardedFor, forwarded)
			if resp.StatusCode == http.StatusOK || strings.Contains(body, "ann") {
				t.Errorf("as from %q: %s %s", forwarded, resp.Status, body)
			}
		}
	}
	// Whatever looks at the request later finds them neither from there nor from elsewhere.
	for peer, trusted := range map[string]bool{"192.0.2.7:1": true, "[::ffff:192.0.2.7]:1": true, "192.0.2.8:1": false, "[2001:db8::1]:1": false, "nonsense": false, "": false} {
		req := httptest.NewRequest("GET", "/users", nil)
		req.RemoteAddr = peer
		req.Header["X-Remote-User"], req.Header["X-Remote-Groups"] = []string{"ann"}, []string{"readers", "hr"}
		got := r.console.takeHeaders(req)
		if v, ok := vouchedIn(got.Context()); ok != trusted || ok && (v.user != "ann" || len(v.groups) != 2) || len(got.Header) > 0 {
			t.Errorf("from %q: %v %+v, and %v is left", peer, ok, v, got.Header)
		}
	}
	all, err := r.console.login.store.Read(t.Context())
	if _, there := all.Login(logins.PersonName(logins.ByHeader, "ann")); err != nil || there {
		t.Error("an account was made")
	}
	if n := strings.Count(r.log.String(), "--trusted-header-from"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}
