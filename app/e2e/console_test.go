//go:build !noembed

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/app"
	"usher/cmd"
	rights "usher/deploy/nats"
	"usher/event"
	"usher/streams/natstest"
)

// What the console shows of a person who was welcomed, of one who was rejected, of
// a refused row, a refused file and a dead letter: each page and each answer of
// the API, by a console that runs apart, with the account on NATS that is shipped
// for it. A regression of issue 14: it showed no messages.
func TestTheConsoleShowsWhatHappened(t *testing.T) {
	u := newUsher(t)
	u.config.Roles = app.Roles{Watch: true, Bridge: true, Worker: true}
	u.config.NATSURL, u.config.NATSUser, u.config.NATSPassword = natstest.Guarded(t, "../../"+rights.File), "admin", "password-of-admin"
	u.config.IDKey = "the key of this test, long enough"
	u.start("")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := u.config
	c.Data, c.WatchData, c.Roles, c.ConsoleAddr = t.TempDir(), u.dir, app.Roles{Console: true}, l.Addr().String()
	c.NATSUser, c.NATSPassword = "console", "password-of-console"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	role := u.startRole(c)
	defer func() {
		_ = role.Process.Signal(syscall.SIGTERM)
		if err := role.Wait(); err != nil {
			t.Errorf("the console ended with %v", err)
		}
	}()

	u.drop("users.csv", list(1, 2, "vip")+"u-99,Nobody,nobody,,en,\n")
	u.drop("odd.csv", "colour,size\nred,1\n")
	u.waitIdle(2)
	u.publishRaw("verifications.v1.crm.approved", `{"user_id":`)
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	if err := u.decide(event.VerbRejected, "u-2"); err != nil {
		t.Fatal(err)
	}
	people := u.waitFinal(60*time.Second, "u-1", "u-2")

	v := &viewer{usher: u, base: "http://" + c.ConsoleAddr}
	var ann, ben shown
	u.until("the console shows both at their end", func() bool {
		return v.api("/api/v1/users/u-1", &ann) == 200 && v.api("/api/v1/users/u-2", &ben) == 200 &&
			ann.Status == event.StatusWelcomed && ben.Status == event.StatusRejected
	})
	var told []string
	for _, m := range ann.Messages {
		if told = append(told, fmt.Sprintf("%s by %s: %s", m.Channel, m.Provider, m.State)); m.At.IsZero() || m.MessageID == "" && m.Channel == event.ChannelEmail {
			t.Errorf("the message lacks when and what: %+v", m)
		}
	}
	if want := []string{"email by smtp: accepted", "sms by twilio: accepted"}; !slices.Equal(told, want) || ann.MessagesAway != "" {
		t.Errorf("the messages of u-1 are %q (%s), want %q", told, ann.MessagesAway, want)
	}
	for _, kind := range []string{event.FactStarted, event.FactApproved, event.FactActivated, event.FactSent, event.FactWelcomed} {
		if !slices.ContainsFunc(ann.Timeline, func(f event.Fact) bool { return f.Kind == kind }) {
			t.Errorf("the timeline of u-1 lacks %s: %+v", kind, ann.Timeline)
		}
	}
	if ann.Name != "User 1" || ann.Email != "u1@example.org" || ann.Phone != "+49300000001" || ann.Locale != "de" || ann.Attributes["note"] != "vip" || ann.File != "users.csv" ||
		ann.Import == "" || ann.Line != 2 || ann.Source != "inbox" || ann.Generation != 1 || ann.Since.IsZero() {
		t.Errorf("u-1 is %+v", ann)
	}
	if len(ben.Messages) != 0 || len(people["u-2"].Sends) != 0 {
		t.Errorf("u-2, who was rejected, has messages: %+v", ben.Messages)
	}
	var all struct{ Users []shown }
	for query, want := range map[string]int{"": 2, "?status=welcomed": 1, "?status=waiting": 0, "?q=u2%40example": 1, "?q=nobody": 0} {
		if code := v.api("/api/v1/users"+query, &all); code != 200 || len(all.Users) != want {
			t.Errorf("/api/v1/users%s: %d with %d users, want %d", query, code, len(all.Users), want)
		}
	}
	if code := v.api("/api/v1/users/nobody", &struct{}{}); code != 404 {
		t.Errorf("about a user who is not there the API answers %d", code)
	}
	var out, words bytes.Buffer
	export := []string{"export", "--console-url", v.base, "--console-password", u.config.ConsolePassword, "--with-data", "--status", "welcomed", "--since", "1h"}
	if code := cmd.Run(t.Context(), cmd.Main{Version: "test"}, export, strings.NewReader(""), &out, &words); code != 0 || words.String() != "1 person\n" ||
		!strings.Contains(out.String(), "\nu-1,welcomed,") || !strings.Contains(out.String(), ",User 1,,,u1@example.org,+49300000001,de,") || strings.Contains(out.String(), "u-2") {
		t.Errorf("usher export: %d\n%s%s", code, out.String(), words.String())
	}
	var files struct{ Imports []event.Progress }
	u.until("both files are shown at their end", func() bool {
		return v.api("/api/v1/imports", &files) == 200 && len(files.Imports) == 2 && files.Imports[0].Over() && files.Imports[1].Over()
	})
	for _, i := range files.Imports {
		good := i.File == "users.csv" && i.State == event.ImportArchived && i.Rows == 3 && i.Published == 2 && i.Refused == 1 && i.Errors["E_EMAIL_SYNTAX"] == 1 && i.Import == ann.Import
		bad := i.File == "odd.csv" && i.State == event.ImportRefused && i.Code == "E_HEADER" && i.Reason != "" && i.Next != ""
		if !good && !bad {
			t.Errorf("an import is %+v", i)
		}
	}

	v.signIn()
	upload, _ := v.post("/uploads", url.Values{"inbox": {"inbox"}, "do": {"check"}}, list(3, 1, ""))
	many, _ := v.post("/bulk", url.Values{"user_ids": {"u-1", "u-2"}}, "")
	_, invited := v.post("/accounts", url.Values{"name": {"cem"}, "role": {"verifier"}}, "")
	if _, whole := v.post("/deadletters/1/reveal", url.Values{}, ""); !strings.Contains(whole, "<pre>{&#34;user_id&#34;:</pre>") {
		t.Errorf("the dead letter, whole, is\n%s", whole)
	}
	rows := "/imports/" + ann.Import
	pages := map[string]struct {
		path string
		has  []string
	}{
		"/account":                      {"/account", []string{"Your account"}},
		"/accounts":                     {"/accounts", []string{"admin", "cem"}},
		"/tokens":                       {"/tokens", []string{"<h1>Tokens</h1>"}},
		"/trail":                        {"/trail", []string{"<h1>Trail</h1>"}},
		"/invite/{secret}":              {invite.FindString(invited), []string{"cem"}},
		"/bulk":                         {"/bulk", []string{"Recent decisions"}},
		"/bulk/{id}":                    {many, []string{"Decide about 2 people"}},
		"/uploads/{upload}":             {upload, []string{"list.csv"}},
		"/imports/{import}":             {rows, []string{"users.csv", "E_EMAIL_SYNTAX"}},
		"/imports/{import}/mend":        {rows + "/mend", []string{"Mend users.csv", "u-99"}},
		"/imports/{import}/rows/{kind}": {rows + "/rows/refused.csv", []string{"_row", "u-99", "E_EMAIL_SYNTAX"}},
		"/{$}":                          {"/", []string{"<h1>"}},
		"/users":                        {"/users", []string{"u-1", "u-2", "User 2", "welcomed", "rejected"}},
		"/users/{user_id}":              {"/users/u-1", []string{"<h2>Messages</h2>", "accepted by smtp", "accepted by twilio", "What happened", "activated", "users.csv, line 2"}},
		"/decisions":                    {"/decisions", []string{"Recent decisions"}},
		"/imports":                      {"/imports", []string{"users.csv", "archived", "E_EMAIL_SYNTAX 1", "odd.csv", "refused", "(E_HEADER)"}},
		"/deadletters":                  {"/deadletters", []string{"VERIFICATIONS", "malformed", "verifications.<wbr>v1.<wbr>crm.<wbr>approved"}},
		"/deadletters/{seq}":            {"/deadletters/1", []string{"malformed", "verifications.<wbr>v1.<wbr>crm.<wbr>approved", "Show the message"}},
		"/failed":                       {"/failed", []string{"No failed message"}},
		"/unknown":                      {"/unknown", []string{"No unknown outcome"}},
		"/stuck":                        {"/stuck", []string{"None: every run goes on."}},
		"/suppressed":                   {"/suppressed", []string{"Every address may get messages."}},
		"/figures":                      {"/figures", []string{"<svg", "welcomed"}},
		"/keys":                         {"/keys", []string{"Next in the list"}},
		"/preview":                      {"/preview", []string{"welcome"}},
		"/preview/html":                 {"/preview/html?purpose=welcome&locale=en", []string{"<html"}},
	}
	for pattern, p := range pages {
		code, body := v.page(p.path)
		if code != http.StatusOK {
			t.Errorf("%s answers %d", p.path, code)
		}
		for _, want := range p.has {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not show %q", p.path, want)
			}
		}
		if strings.Contains(body, "cannot be read now") {
			t.Errorf("%s cannot read what it shows", pattern)
		}
	}
	for _, pattern := range patterns(t) {
		if _, read := pages[pattern]; !read && pattern != "/signin" && pattern != "/live" && pattern != "/static/" && !strings.HasPrefix(pattern, "/api/") {
			t.Errorf("no page of %s was read", pattern)
		}
	}
	u.stop() // so that its log is whole
	log, err := os.ReadFile(u.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(string(log)), "permission") {
		t.Error("the console may not do what it does")
	}
}

// shown is a user as the API tells it.
type shown struct {
	UserID       string            `json:"user_id"`
	Status       event.Status      `json:"status"`
	Since        time.Time         `json:"since"`
	Name         string            `json:"name"`
	Email        string            `json:"email"`
	Phone        string            `json:"phone"`
	Locale       string            `json:"locale"`
	Attributes   map[string]string `json:"attributes"`
	Source       string            `json:"source"`
	File         string            `json:"file"`
	Import       string            `json:"import"`
	Line         int               `json:"line"`
	Generation   int               `json:"generation"`
	Timeline     []event.Fact      `json:"timeline"`
	Messages     []event.Message   `json:"messages"`
	MessagesAway string            `json:"messages_away"`
}

// viewer is a person who looks at a console, as a person and as a program.
type viewer struct {
	*usher
	base   string
	client http.Client
}

// api returns the status code, 0 while there is no answer.
func (v *viewer) api(path string, into any) int {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), http.MethodGet, v.base+path, nil)
	if err != nil {
		v.Fatal(err)
	}
	r.SetBasicAuth("admin", v.config.ConsolePassword)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		v.Fatalf("%s: %v", path, err)
	}
	return resp.StatusCode
}

func (v *viewer) signIn() {
	v.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.Fatal(err)
	}
	v.client.Jar = jar
	resp, err := v.client.PostForm(v.base+"/signin", url.Values{"user": {"admin"}, "password": {v.config.ConsolePassword}})
	if err != nil {
		v.Fatal(err)
	}
	_ = resp.Body.Close()
}

func (v *viewer) page(path string) (code int, body string) {
	v.Helper()
	resp, err := v.client.Get(v.base + path)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// post sends a form, or a list with it, and returns the path that it leads to and the page.
func (v *viewer) post(path string, form url.Values, list string) (to, body string) {
	v.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range form {
		for _, value := range values {
			_ = w.WriteField(name, value) // a buffer takes it all
		}
	}
	kind := "application/x-www-form-urlencoded"
	if list != "" {
		f, err := w.CreateFormFile("file", "list.csv")
		if err != nil {
			v.Fatal(err)
		}
		_, _ = io.WriteString(f, list)
		_ = w.Close()
		kind = w.FormDataContentType()
	} else {
		b.Reset()
		b.WriteString(form.Encode())
	}
	resp, err := v.client.Post(v.base+path, kind, &b)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.Fatalf("%s answers %d (%v): %s", path, resp.StatusCode, err, page)
	}
	return resp.Request.URL.Path, string(page)
}

var (
	route  = regexp.MustCompile(`method: "GET", path: "([^"]+)"`)
	invite = regexp.MustCompile(`/invite/[A-Za-z0-9_-]+`)
)

// patterns are all that the console has a page for.
func patterns(t *testing.T) (out []string) {
	t.Helper()
	sources, err := filepath.Glob("../../console/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		if strings.HasSuffix(s, "_test.go") {
			continue
		}
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range route.FindAllStringSubmatch(string(b), -1) {
			out = append(out, m[1])
		}
	}
	if len(out) < 8 {
		t.Fatalf("only %q were found", out)
	}
	return out
}

// A decision on a page can be undone until it takes effect, and takes effect when it was
// not (issue 16).
func TestADecisionOnAPageIsUndone(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.UndoWindow = 3 * time.Second
	u.drop("list.csv", list(1, 2, ""))
	u.start("")
	v := &viewer{usher: u, base: "http://" + u.addr.Console}
	v.signIn()
	var shows shown
	for _, id := range []string{"u-1", "u-2"} {
		v.until(id+" waits", func() bool { return v.api("/api/v1/users/"+id, &shows) == 200 && shows.Status == event.StatusWaiting })
	}
	answer := func(path string, form url.Values) (a struct {
		Result  string `json:"result"`
		EventID string `json:"event_id"`
	}) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "application/json")
		resp, err := v.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	d := answer("/users/u-1/decision", url.Values{"decision": {event.VerbRejected}, "reason": {"the wrong key"}})
	if n := answer("/users/u-1/undo", url.Values{"undoes": {d.EventID}}); d.Result != "pending" || n.Result != "undone" {
		t.Errorf("a rejection is %q, and then %q", d.Result, n.Result)
	}
	for _, id := range []string{"u-1", "u-2"} {
		answer("/users/"+id+"/decision", url.Values{"decision": {event.VerbApproved}})
	}
	people := u.waitFinal(60*time.Second, "u-1", "u-2")
	u.eachOnce(people)
	if code, body := v.page("/decisions"); code != 200 || !strings.Contains(body, "undone") || strings.Count(body, "took effect") != 2 {
		t.Errorf("recent decisions: %d\n%s", code, body)
	}
}
