package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher/event"
)

// signed is a client with a session.
func (r *rig) signed() *http.Client {
	r.Helper()
	c := browser(r.T)
	if resp, _ := page(r.T, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}}); resp.StatusCode != http.StatusSeeOther {
		r.Fatalf("the sign-in: %s", resp.Status)
	}
	return c
}

// has fails the test for each text that a page lacks.
func has(t *testing.T, what, body string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("%s lacks %q:\n%s", what, w, body)
		}
	}
}

// The desk offers the deployment's reasons, and what is given with a rejection is in the
// timeline, in words where the code is one of them.
func TestARejectionHasAReasonAndANote(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) {
		c.Answer = 10 * time.Second
		c.RejectReasons = []Reason{{"gone", `Is "gone"`}}
		c.TemporalUI = "https://temporal.example/namespaces/default"
	}
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	c := r.signed()
	_, body := page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	has(t, "the page", body, `<option value="gone">Is &#34;gone&#34;</option>`, `name="reason"`, `name="note"`, `action="/users/u-1/decision?status=waiting"`,
		`href="https://temporal.example/namespaces/default/workflows/onboard-u-1"`, `href="/imports?import=imp"`, "a.csv, line 2")
	form := url.Values{"decision": {event.VerbRejected}, "reason": {" "}, "note": {"<b>since</b> May"}, "event_id": {event.NewID()}}
	resp, _ := page(t, c, "POST", r.base+"/users/u-1/decision?status=waiting", form)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/users/u-1?status=waiting" {
		t.Fatalf("without a reason: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	_, body = page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	has(t, "without a reason the page", body, "A rejection needs a reason. Not decided yet.", "&lt;b&gt;since&lt;/b&gt; May</textarea>")
	form.Set("reason", "gone")
	page(t, c, "POST", r.base+"/users/u-1/decision?status=waiting", form)
	_, body = page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
	has(t, "after it the page", body, "Done: rejected.", `“gone (Is &#34;gone&#34;)”`, "&lt;b&gt;since&lt;/b&gt; May")
	var said spoken
	if r.only(event.StreamVerifications, &said); said.Reason != "gone" || said.Note != "<b>since</b> May" || said.UserID != "u-1" {
		t.Errorf("the event says %+v", said)
	}
	var u User
	if r.api("GET", "/api/v1/users/u-1", "", &u); len(u.Timeline) != 2 || u.Timeline[1].Reason != "gone" || u.Timeline[1].Note != "<b>since</b> May" || u.DecidedBy != "console:admin" {
		t.Errorf("the API: %+v", u)
	}
}

// Temporal's pages on this machine are offered to those alone who have come to this machine.
func TestWhereARunCanBeSeen(t *testing.T) {
	for _, tc := range []struct{ ui, host, want string }{
		{"http://127.0.0.1:8233/namespaces/x", "127.0.0.1:8080", "http://127.0.0.1:8233/namespaces/x/workflows/onboard-u-1"},
		{"http://127.0.0.1:8233/namespaces/x", "localhost", "http://127.0.0.1:8233/namespaces/x/workflows/onboard-u-1"},
		{"http://127.0.0.1:8233/namespaces/x", "usher.example.org", ""},
		{"https://temporal.example/namespaces/x", "usher.example.org", "https://temporal.example/namespaces/x/workflows/onboard-u-1"},
		{"", "localhost", ""},
	} {
		k := &Console{Config: Config{TemporalUI: tc.ui}}
		if got := k.runURL(&http.Request{Host: tc.host}, "u-1"); got != tc.want {
			t.Errorf("pages at %q, asked at %s: got %q, want %q", tc.ui, tc.host, got, tc.want)
		}
	}
}

// The answer to a decision may be read before the decision is, from another stream. The
// page that shows the one shows the other.
func TestTheReasonIsThereWithTheAnswer(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.Answer = 10 * time.Second }
	r.prepare = func(k *Console) {
		f := k.feeds[slices.IndexFunc(k.feeds, func(f *feed) bool { return f.stream == event.StreamVerifications })]
		put, late := f.put, false
		f.put = func(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
			if !late { // the feed begins again in a second
				late = true
				return nil, errors.New("the test lets this feed be behind")
			}
			return put(tx, m, meta)
		}
	}
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	c := r.signed()
	form := url.Values{"decision": {event.VerbRejected}, "reason": {"on leave"}, "note": {"in May"}, "event_id": {event.NewID()}}
	page(t, c, "POST", r.base+"/users/u-1/decision", form)
	_, body := page(t, c, "GET", r.base+"/users/u-1", nil)
	has(t, "after it the page", body, "Done: rejected.", "“on leave”", "in May")
}

// A script is told what became of a decision, and gets a person without a whole page.
func TestWhatScriptsAsk(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.Answer = 10 * time.Second }
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	c := r.signed()
	_, body := page(t, c, "GET", r.base+"/users/u-1", nil, partHeader, "pane")
	if strings.Contains(body, "<html") || strings.Contains(body, `id="rows"`) || !strings.Contains(body, `id="pane"`) {
		t.Errorf("the part:\n%s", body)
	}
	_, body = page(t, c, "GET", r.base+"/users?status=waiting", nil, partHeader, "list")
	if strings.Contains(body, "<html") || !strings.Contains(body, `id="rows"`) {
		t.Errorf("the list:\n%s", body)
	}
	decide := func(c *http.Client, form url.Values) (int, string) {
		resp, body := page(t, c, "POST", r.base+"/users/u-1/decision", form, "Accept", "application/json")
		return resp.StatusCode, body
	}
	key := event.NewID()
	if code, body := decide(c, url.Values{"decision": {"rejected"}, "event_id": {key}}); code != http.StatusBadRequest {
		t.Errorf("without a reason: %d %s", code, body)
	}
	if code, body := decide(browser(t), url.Values{"decision": {"approved"}, "event_id": {key}}); code != http.StatusUnauthorized {
		t.Errorf("without a session: %d %s", code, body)
	}
	for range 2 {
		if code, body := decide(c, url.Values{"decision": {"approved"}, "event_id": {key}}); code != http.StatusOK || !strings.Contains(body, `"result":"applied"`) {
			t.Errorf("the decision: %d %s", code, body)
		}
	}
	if code, body := decide(c, url.Values{"decision": {"rejected"}, "reason": {"x"}, "event_id": {key}}); code != http.StatusConflict || !strings.Contains(body, "Already approved by console:admin at ") {
		t.Errorf("a second one: %d %s", code, body)
	}
}

// A form whose session has ended leads through the sign-in back to its page, with all
// that was typed in it and nothing decided.
func TestWhatIsTypedOutlivesTheSession(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	for name, test := range map[string]struct {
		path string
		form url.Values
		want []string
	}{
		"a rejection":  {"/decision?status=waiting", url.Values{"decision": {"rejected"}, "reason": {`"left" & gone`}, "note": {"<since> May"}, "event_id": {"e"}}, []string{"Not decided yet", `value="&#34;left&#34; &amp; gone"`, "&lt;since&gt; May</textarea>"}},
		"an approval":  {"/decision?status=waiting", url.Values{"decision": {"approved"}, "event_id": {"e"}}, []string{"Not decided yet", "press Approve to decide", `aria-keyshortcuts="a" autofocus>Approve`}},
		"a withdrawal": {"/order?status=waiting", url.Values{"order": {"withdrawn"}, "reason": {"a mistake"}, "event_id": {"e"}}, []string{"Not done yet", `value="a mistake"`}},
	} {
		c := browser(t)
		resp, body := page(t, c, "POST", r.base+"/users/u-1"+test.path, test.form)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a session: %s", name, resp.Status)
		}
		has(t, name+": the sign-in", body, "Your session has ended.", "what you typed is kept", `name="next" value="/users/u-1?status=waiting"`)
		again := url.Values{"user": {"admin"}, "password": {"wrong"}, "next": {"/users/u-1?status=waiting"}, "kept_user": {"u-1"}, "kept_event": {"e"},
			"kept_decision": {test.form.Get("decision")}, "kept_order": {test.form.Get("order")}, "kept_reason": {test.form.Get("reason")}, "kept_note": {test.form.Get("note")}}
		for field, values := range again {
			if strings.HasPrefix(field, "kept_") {
				if escaped := strings.NewReplacer(`&`, "&amp;", `"`, "&#34;", "<", "&lt;", ">", "&gt;").Replace(values[0]); !strings.Contains(body, `name="`+field+`" value="`+escaped+`"`) {
					t.Errorf("%s: the sign-in has no %s of %q", name, field, values[0])
				}
			}
		}
		if resp, body := page(t, c, "POST", r.base+"/signin", again); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "what you typed is kept") {
			t.Errorf("%s: after a wrong password: %s\n%s", name, resp.Status, body)
		}
		again.Set("password", password)
		if resp, _ := page(t, c, "POST", r.base+"/signin", again); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/users/u-1?status=waiting" {
			t.Fatalf("%s: signed in: %s to %s", name, resp.Status, resp.Header.Get("Location"))
		}
		_, body = page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil)
		has(t, name+": the user's page", body, test.want...)
		if _, body = page(t, c, "GET", r.base+"/users/u-1?status=waiting", nil); strings.Contains(body, "session had ended") {
			t.Errorf("%s: what was typed is there a second time", name)
		}
	}
	if n := r.stored(event.StreamVerifications); n != 0 {
		t.Errorf("%d decisions are stored, want none", n)
	}
}

// Times are in the zone that the reader's browser says, and name it.
func TestTimesAreInTheReadersZone(t *testing.T) {
	r := newRig(t)
	r.run()
	r.await("u-1")
	c := r.signed()
	at, _ := url.Parse(r.base)
	for zone, want := range map[string]string{"Europe/Berlin": " CET<", "Asia/Kathmandu": " UTC+0545<", "": " UTC<", "../../etc/passwd": " UTC<", "Local": " UTC<", "Nowhere/Town": " UTC<"} {
		c.Jar.SetCookies(at, []*http.Cookie{{Name: zoneCookie, Value: zone}})
		_, body := page(t, c, "GET", r.base+"/users/u-1", nil)
		_, timeline, _ := strings.Cut(body, "What happened")
		if !strings.Contains(timeline, want) || !strings.Contains(timeline, `data-at="`) || !strings.Contains(timeline, ">just now<") {
			t.Errorf("%q lacks %q:\n%s", zone, want, timeline)
		}
	}
}

// Style and scripts may be kept by browsers under the address that pages name, and are
// compressed.
func TestAssets(t *testing.T) {
	r := newRig(t)
	r.run()
	total := 0
	for name, x := range static.of {
		total += len(x.compressed)
		resp, body := page(t, http.DefaultClient, "GET", r.base+static.url(name), nil)
		if resp.StatusCode != http.StatusOK || body != string(x.plain) || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s %v", name, resp.Status, resp.Header)
		}
		if resp, _ := page(t, http.DefaultClient, "GET", r.base+"/static/of-before/"+name, nil); resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s under an older address: %s %v", name, resp.Status, resp.Header)
		}
	}
	if total == 0 || total > 60_000 {
		t.Errorf("style and scripts have %d bytes compressed, want less than 60 kB", total)
	}
	if resp, _ := page(t, http.DefaultClient, "GET", r.base+"/static/desk.html", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a template is served: %s", resp.Status)
	}
}
