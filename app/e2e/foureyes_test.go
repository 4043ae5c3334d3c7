//go:build !noembed

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/console/logins"
	"usher/event"
)

// Two people approve whom a third one has uploaded. Who uploaded the file, one person
// twice, and events of others that name a person do not; and of two approvals at the same
// moment one is the first.
func TestTwoPeopleDecide(t *testing.T) {
	u := newUsher(t)
	u.config.FourEyes = []string{event.SourceInbox}
	u.start("")
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store, err := c.Logins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash, err := logins.Hash(u.config.ConsolePassword)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ben", "cleo"} {
		if err := errors.Join(store.Add(t.Context(), name, logins.Verifier, nil, "test"), store.SetPassword(t.Context(), name, hash)); err != nil {
			t.Fatal(err)
		}
	}
	u.upload("people.csv", list(1, 2, ""))
	for _, id := range []string{"u-1", "u-2"} {
		u.until(id+" waits", func() bool { return u.api("ben", "GET", "/api/v1/users/"+id, "", nil) == http.StatusOK })
		u.until(id+" has a run", func() bool { p, err := u.status(id); return err == nil && p.Generation == 1 })
	}

	type answer struct{ Result, Message string }
	approve := func(name, id string) (a answer) {
		t.Helper()
		u.until(name+" is answered", func() bool { // 202 while the fact is on its way; the same key is the same event
			code := u.api(name, "POST", "/api/v1/users/"+id+"/decision", `{"decision":"approved"}`, &a, "Idempotency-Key", name+id)
			return code == http.StatusOK || code == http.StatusConflict && a.Result != ""
		})
		return a
	}
	if a := approve("admin", "u-1"); a.Result != "refused" || !strings.Contains(a.Message, "who uploaded the file") {
		t.Errorf("who uploaded the file: %+v", a)
	}
	if a := approve("ben", "u-1"); a.Result != "half" {
		t.Errorf("the first: %+v", a)
	}
	for _, source := range []string{event.SourceCLI, "crm"} { // who may publish as these can name whom they like
		if err := c.Publisher.Verification(t.Context(), source, event.VerbApproved, event.NewID(), event.VerificationBody{UserID: "u-1", Actor: "cleo"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Publisher.Verification(t.Context(), event.SourceConsole, event.VerbApproved, "once more", event.VerificationBody{UserID: "u-1", Actor: "ben"}); err != nil {
		t.Fatal(err)
	}
	u.until("four events do not count", func() bool {
		var who struct{ Timeline []event.Fact }
		u.api("ben", "GET", "/api/v1/users/u-1", "", &who)
		n := 0
		for _, f := range who.Timeline {
			if f.Kind == event.FactRefused {
				n++
			}
		}
		return n == 4
	})
	if p, err := u.status("u-1"); err != nil || p.Status != event.StatusWaiting {
		t.Errorf("half approved: %s %v", p.Status, err)
	}
	if a := approve("cleo", "u-1"); a.Result != "applied" {
		t.Errorf("the second: %+v", a)
	}

	var at sync.WaitGroup // both at once
	got := make([]answer, 2)
	for i, name := range []string{"ben", "cleo"} {
		at.Go(func() { got[i] = approve(name, "u-2") })
	}
	at.Wait()
	if a, b := got[0].Result, got[1].Result; !(a == "half" && b == "applied" || a == "applied" && b == "half") {
		t.Errorf("two at once: %+v", got)
	}
	for _, id := range []string{"u-1", "u-2"} {
		var p event.Person
		u.until(id+" is welcomed", func() bool { p, err = u.status(id); return err == nil && p.Status == event.StatusWelcomed })
		two := map[string]bool{p.Decided.By: true, p.Decided.FirstBy: true}
		if !two["console:ben"] || !two["console:cleo"] {
			t.Errorf("%s was approved by %v", id, two)
		}
	}
}

// api calls the console's API with an account; the code is 0 when it cannot be reached.
func (u *usher) api(name, method, path, body string, into any, header ...string) int {
	u.Helper()
	ctx, cancel := context.WithTimeout(u.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+u.addr.Console+path, strings.NewReader(body))
	if err != nil {
		u.Error(err)
		return 0
	}
	req.SetBasicAuth(name, u.config.ConsolePassword)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if into != nil {
		_ = json.NewDecoder(resp.Body).Decode(into) // what is no answer is left as it was
	}
	return resp.StatusCode
}

// upload gives a file at the console, as admin.
func (u *usher) upload(name, content string) {
	u.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		u.Fatal(err)
	}
	admin := &http.Client{Jar: jar}
	base := "http://" + u.addr.Console
	send := func(kind, path string, body io.Reader) {
		u.Helper()
		resp, err := admin.Post(base+path, kind, body)
		if err != nil {
			u.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			u.Fatalf("%s: %s", path, resp.Status)
		}
	}
	send("application/x-www-form-urlencoded", "/signin", strings.NewReader(url.Values{"user": {"admin"}, "password": {u.config.ConsolePassword}}.Encode()))
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err = errors.Join(w.WriteField("inbox", event.SourceInbox), w.WriteField("do", "import"))
	part, err2 := w.CreateFormFile("file", name)
	if err = errors.Join(err, err2); err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		u.Fatal(err)
	}
	send(w.FormDataContentType(), "/uploads", &b)
}
