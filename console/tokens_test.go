package console

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// bearer calls the API with a token.
func (r *rig) bearer(token, method, path, body string) (code int, answer string) {
	r.Helper()
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Authorization", "bearer "+token) // the scheme has no case
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A token is good for the API in its role and its inboxes, and for no page; not after
// its end, after it was removed, or with a letter changed. Its secret is stored nowhere.
func TestTokens(t *testing.T) {
	r := newRig(t)
	r.run()
	store := r.console.login.store
	boss := r.signed()
	_, body := page(t, boss, "POST", r.base+"/tokens", url.Values{"name": {"nightly"}, "role": {"viewer"}, "inboxes": {"inbox"}, "days": {"90"}})
	found := regexp.MustCompile(`value="(usher_[A-Za-z0-9_-]{43})"`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the token is not shown: %s", body)
	}
	token := found[1]
	if _, body := page(t, boss, "GET", r.base+"/tokens", nil); strings.Contains(body, token) || !strings.Contains(body, "nightly") {
		t.Error("the token is shown again, or not listed")
	}
	r.user("u-1", "Ann Quill")
	r.publish(event.ImportedSubject("other"), event.User{UserID: "u-2", Name: "Ben", Email: "ben@example.org"})
	r.eventually("both are there", func() bool {
		return r.api("GET", "/api/v1/users/u-1", "", nil) == 200 && r.api("GET", "/api/v1/users/u-2", "", nil) == 200
	})
	if code, body := r.bearer(token, "GET", "/api/v1/users", ""); code != 200 || !strings.Contains(body, "u-1") || strings.Contains(body, "Quill") || strings.Contains(body, "u-2") {
		t.Errorf("its list: %d %s", code, body)
	}
	if code, _ := r.bearer(token, "GET", "/api/v1/users/u-2", ""); code != 404 {
		t.Errorf("a user of another inbox: %d", code)
	}
	if code, _ := r.bearer(token, "POST", "/api/v1/users/u-1/decision", "nonsense"); code != 403 {
		t.Errorf("a decision: %d", code)
	}
	if code, body := r.bearer(token, "POST", "/api/v1/users/u-1/reveal", ""); code != 200 || !strings.Contains(body, "Quill") {
		t.Errorf("revealed: %d %s", code, body)
	}
	var audit map[string]string
	if r.only(event.StreamAudit, &audit, "audit.v1.reveal"); audit["actor"] != "token.nightly" || audit["user_id"] != "u-1" || audit["via"] != "token" {
		t.Errorf("the audit: %v", audit)
	}
	if resp, _ := page(t, http.DefaultClient, "POST", r.base+"/accounts", url.Values{}, "Authorization", "Bearer "+token); resp.StatusCode == 200 {
		t.Error("a token opens a page")
	}
	if used, err := store.LastUsed(t.Context(), "nightly"); err != nil || time.Since(used) > time.Minute {
		t.Errorf("last used %s (%v)", used, err)
	}
	kv := r.console.signins.kv
	keys, err := kv.Keys(t.Context())
	if err != nil || len(keys) == 0 {
		t.Fatalf("no keys (%v)", err)
	}
	for _, k := range keys {
		if e, err := kv.Get(t.Context(), k); err == nil && strings.Contains(string(e.Value()), token[6:]) {
			t.Errorf("%s holds the secret", k)
		}
	}
	over, err := store.AddToken(t.Context(), "over", logins.Admin, nil, time.Second, "test")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the token ends", func() bool { code, _ := r.bearer(over, "GET", "/api/v1/users", ""); return code == 401 })
	for _, bad := range []string{"", "usher_", token[:len(token)-1], token + "x", strings.ToUpper(token), "admin"} {
		if code, _ := r.bearer(bad, "GET", "/api/v1/users", ""); code != 401 {
			t.Errorf("%q: %d", bad, code)
		}
	}
	if resp, _ := page(t, boss, "POST", r.base+"/tokens/nightly/rm", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("removed: %d", resp.StatusCode)
	}
	if code, _ := r.bearer(token, "GET", "/api/v1/users", ""); code != 401 {
		t.Errorf("after it was removed: %d", code)
	}
}

// Without basic auth the API takes tokens, and no password.
func TestBasicAuthCanBeSwitchedOff(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.NoBasicAuth = true }
	r.run()
	token, err := r.console.login.store.AddToken(context.Background(), "t", logins.Viewer, nil, 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	if code := r.api("GET", "/api/v1/users", "", nil); code != 401 {
		t.Errorf("with the password: %d", code)
	}
	if code, _ := r.bearer(token, "GET", "/api/v1/users", ""); code != 200 {
		t.Errorf("with a token: %d", code)
	}
}

// Who decided is what the server knows, not what the request says: in the event, the
// fact, the timeline and the audit.
func TestTheServerSaysWhoDecided(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.login("ann", logins.Verifier)
	token, err := r.console.login.store.AddToken(t.Context(), "ci", logins.Verifier, nil, 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"u-1", "u-2"} {
		r.user(id, "N")
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		r.await(id)
	}
	forged := `{"decision":"rejected","reason":"left","actor":"boss","via":"oidc"}`
	if code, body := r.bearer(token, "POST", "/api/v1/users/u-1/decision", forged); code != 200 {
		t.Fatalf("decided: %d %s", code, body)
	}
	page(t, r.signedAs("ann"), "POST", r.base+"/users/u-2/decision", url.Values{"decision": {"rejected"}, "reason": {"left"}, "actor": {"boss"}, "via": {"oidc"}, "event_id": {event.NewID()}})
	for id, want := range map[string][2]string{"u-1": {"token.ci", "token"}, "u-2": {"ann", "session"}} {
		var u User
		r.eventually(id+" is decided", func() bool {
			u = User{}
			return r.api("GET", "/api/v1/users/"+id, "", &u) == 200 && u.Status == event.StatusRejected
		})
		last := u.Timeline[len(u.Timeline)-1]
		if u.DecidedBy != "console:"+want[0] || last.Actor != want[0] || last.Via != want[1] || last.DecidedBy != "console:"+want[0] {
			t.Errorf("%s: %s, %+v", id, u.DecidedBy, last)
		}
	}
}
