package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// unreached are folders of a watcher in which nothing is to be touched: what is asked
// beyond their names fails.
type unreached struct{ Intake }

func (unreached) Inboxes() []Inbox  { return nil }
func (unreached) Uploads() []Upload { return nil }

// By the ids of another inbox no route tells or does anything: each answers as if there
// were no such user or import, before it looks at what was sent.
func TestIDsOfAnotherInboxOpenNothing(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.Intake = unreached{} }
	r.run()
	r.playWorkflows(t.Context())
	r.publish(event.ImportedSubject("other"), event.User{UserID: "u-1", Name: "Ann Quill", Email: "ann@quill.example", Import: event.Import{ID: "i-1", File: "their.csv", Line: 2}})
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "other"})
	p := event.Progress{Import: "i-1", File: "their.csv", Source: "other", State: event.ImportHeld, Digest: "d", StartedAt: time.Now()}
	r.publish("users.v1.progress.other.i-1", p)
	var imports struct{ Imports []Import }
	r.eventually("they are there", func() bool {
		return r.statusOf("u-1") == event.StatusWaiting && r.api("GET", "/api/v1/imports", "", &imports) == 200 && len(imports.Imports) == 1
	})
	before := r.stored(event.StreamVerifications) + r.stored(event.StreamUsers)
	tried := 0
	for _, role := range []logins.Role{logins.Viewer, logins.Verifier, logins.Operator, logins.Auditor, logins.Admin} {
		name := string(role)
		if role == logins.Admin {
			name = "boss"
		}
		r.login(name, role, "inbox")
		c := r.signedAs(name)
		for _, rt := range routes() {
			about := strings.Contains(rt.path, "{user_id}") || strings.Contains(rt.path, "{import}")
			if !about || rt.when != nil && !rt.when(r.console) || !role.May(rt.right) {
				continue
			}
			tried++
			for what, form := range map[string]url.Values{"a good form": {"decision": {"approved"}, "order": {"withdrawn"}, "reason": {"x"}, "sha256": {"d"}, "undoes": {event.NewID()}}, "a bad one": {}} {
				resp, body := page(t, c, rt.method, r.base+rt.address(), form)
				if strings.Contains(body, "Quill") || strings.Contains(body, "their.csv") {
					t.Errorf("%s, %s: %s %s tells of another inbox", name, what, rt.method, rt.path)
				}
				done := strings.HasPrefix(rt.path, "/imports/") && resp.StatusCode == http.StatusSeeOther // says in words that it did nothing
				if resp.StatusCode != http.StatusNotFound && !done && !(rt.program() && resp.StatusCode == http.StatusBadRequest && strings.Contains(rt.path, "{import}")) {
					t.Errorf("%s, %s: %s %s: %d", name, what, rt.method, rt.path, resp.StatusCode)
				}
			}
		}
		for _, path := range []string{"/users?q=quill", "/users?import=i-1", "/users?inbox=other", "/imports", "/imports?import=i-1", "/decisions", "/figures", "/api/v1/users", "/api/v1/imports"} {
			if _, body := page(t, c, "GET", r.base+path, nil); strings.Contains(body, "Quill") || strings.Contains(body, "their.csv") || strings.Contains(body, "/users/u-1") || strings.Contains(body, `"u-1"`) {
				t.Errorf("%s: %s tells of another inbox", name, path)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d routes were tried, so this test is blind", tried)
	}
	if after := r.stored(event.StreamVerifications) + r.stored(event.StreamUsers); after != before {
		t.Errorf("%d events were published", after-before)
	}
}

// A sign-in gives the session a new name, so one that was put into a browser before is
// worth nothing; and a stolen cookie is worth nothing after a change of role.
func TestACookieFromBeforeTheSignInIsWorthNothing(t *testing.T) {
	r := newRig(t)
	r.run()
	r.login("ann", logins.Admin)
	cookieOf := func(c *http.Client) string {
		u, _ := url.Parse(r.base)
		for _, k := range c.Jar.Cookies(u) {
			if k.Name == "usher_session" {
				return k.Value
			}
		}
		return ""
	}
	with := func(cookie string) *http.Client {
		c := browser(t)
		u, _ := url.Parse(r.base)
		c.Jar.SetCookies(u, []*http.Cookie{{Name: "usher_session", Value: cookie}})
		return c
	}
	fixed := with("chosen-by-another")
	page(t, fixed, "POST", r.base+"/signin", url.Values{"user": {"ann"}, "password": {password}})
	if got := cookieOf(fixed); got == "" || got == "chosen-by-another" || r.inside(with("chosen-by-another")) {
		t.Errorf("a cookie from before the sign-in opens the session (now %q)", got)
	}
	stolen := with(cookieOf(fixed))
	if !r.inside(stolen) {
		t.Fatal("the copy of a cookie opens nothing, so this test is blind")
	}
	if err := r.console.login.store.SetRole(t.Context(), "ann", logins.Viewer, nil); err != nil {
		t.Fatal(err)
	}
	if r.inside(stolen) {
		t.Error("a stolen cookie is good after a change of role")
	}
}

// The stream of an open page tells a login of some inboxes of these alone: people and
// counts.
func TestAStreamTellsOfItsInboxes(t *testing.T) {
	r := newRig(t)
	r.run()
	r.login("ann", logins.Viewer, "inbox")
	s := r.listen(r.signedAs("ann"), "")
	s.line("event: resync")
	wait := func(id, inbox string) {
		t.Helper()
		r.publish(event.ImportedSubject(inbox), event.User{UserID: id, Name: "N", Email: id + "@example.org"})
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: inbox})
		r.eventually(id+" waits", func() bool { return r.statusOf(id) == event.StatusWaiting })
	}
	wait("u-out", "other")
	wait("u-in", "inbox")
	for timeout := time.After(15 * time.Second); ; {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatal("the stream has ended")
			}
			if strings.Contains(line, "u-out") || strings.Contains(line, `"waiting":2`) {
				t.Errorf("it tells of another inbox: %s", line)
			}
			if strings.Contains(line, `"id":"u-in","status":"waiting"`) {
				if !strings.Contains(line, `"waiting":1`) {
					t.Errorf("it counts something else: %s", line)
				}
				return
			}
		case <-timeout:
			t.Fatal("it does not tell of its own inbox")
		}
	}
}

// brought is an upload that ann has brought.
type brought struct {
	unreached
	stepped bool
}

func (*brought) Upload(id string) (Upload, error) {
	return Upload{ID: id, File: "a.csv", Inbox: "inbox", By: "ann", Seen: &Report{}}, nil
}

func (b *brought) Step(context.Context, string, Step) (Upload, error) {
	b.stepped = true
	return Upload{}, nil
}

// Who goes on with an upload is who stands in its records as the one who gave them: no
// other person shapes what they may then be one of two to approve.
func TestOnlyWhoBroughtAFileGoesOnWithIt(t *testing.T) {
	r := newRig(t)
	in := &brought{}
	r.change = func(c *Config) { c.Intake = in }
	r.run()
	r.login("ann", logins.Operator)
	form := url.Values{"do": {"import"}, "columns": {"yes"}, "c0": {"email"}}
	resp, body := page(t, r.signed(), "POST", r.base+"/uploads/up-1", form)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "ann has brought this file, and only the same person can go on with it") || in.stepped {
		t.Errorf("another person: %d, %v\n%s", resp.StatusCode, in.stepped, body)
	}
	if resp, _ := page(t, r.signedAs("ann"), "POST", r.base+"/uploads/up-1", form); resp.StatusCode != http.StatusSeeOther || !in.stepped {
		t.Errorf("the same person: %d, %v", resp.StatusCode, in.stepped)
	}
}
