package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console/bulk"
	"usher/console/logins"
	"usher/event"
)

// playTwoPeople answers decisions as a run does for whom two approve, neither of them ann,
// who uploaded the file.
func (r *rig) playTwoPeople(ctx context.Context) {
	r.Helper()
	c, err := r.js.OrderedConsumer(ctx, event.StreamVerifications, jetstream.OrderedConsumerConfig{})
	if err != nil {
		r.Fatal(err)
	}
	rule := event.FourEyes{}
	first := map[string]event.Verification{}
	var mu sync.Mutex
	cc, err := c.Consume(func(m jetstream.Msg) {
		mu.Lock()
		defer mu.Unlock()
		source, verb, _ := event.ParseVerificationSubject(m.Subject())
		var b event.VerificationBody
		_ = json.Unmarshal(m.Data(), &b)
		v := event.Verification{Identity: event.Identity{Source: source, ID: m.Headers().Get("ce-id")}, UserID: b.UserID, Verb: verb, Actor: b.Actor, Stored: time.Now().UTC()}
		f := event.Fact{UserID: b.UserID, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox", Answers: event.AnswersVerification, EventID: v.ID, EventSource: source}
		was, half := first[b.UserID]
		switch {
		case rule.Voter(v) == "":
			f.Kind, f.Effect, f.Why = event.FactRefused, event.EffectRefused, event.WhyNoPerson
		case v.Uploaded("ann"):
			f.Kind, f.Effect, f.Why = event.FactRefused, event.EffectRefused, event.WhyUploader
		case half && rule.Voter(was) == rule.Voter(v):
			f.Kind, f.Effect, f.Why = event.FactRefused, event.EffectRefused, event.WhySamePerson
		case half:
			f.Kind, f.Effect, f.N, f.Status, f.Verdict, f.DecidedBy, f.DecidedAt, f.FirstBy = verb, event.EffectApplied, 2, event.StatusApproved, verb, v.By(), &v.Stored, was.By()
		default:
			first[b.UserID] = v
			f.Kind, f.Effect, f.N, f.Half = event.FactHalf, event.EffectHalf, 1, []event.Vote{{Verdict: verb, By: v.By(), At: v.Stored}}
		}
		r.fact(f)
	})
	if err != nil {
		r.Fatal(err)
	}
	context.AfterFunc(ctx, cc.Stop)
}

// three are browsers of ann, ben and cleo, by name. A hash takes a while, so they have
// one password.
func (r *rig) three() map[string]*http.Client {
	r.Helper()
	hash, err := logins.Hash(password)
	if err != nil {
		r.Fatal(err)
	}
	out := map[string]*http.Client{}
	for _, name := range []string{"ann", "ben", "cleo"} {
		store := r.console.login.store
		if err := errors.Join(store.Add(r.Context(), name, logins.Verifier, nil, "test"), store.SetPassword(r.Context(), name, hash)); err != nil {
			r.Fatal(err)
		}
		out[name] = r.signedAs(name)
	}
	return out
}

// send is an answer to a request.
func send(t *testing.T, c *http.Client, req *http.Request) (code int, body string) {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// One person is one whatever they sign in with, and a token is none. What the first one
// of two decided is shown as half until the second has, in pages, API and timeline.
func TestTwoPeopleAtTheConsole(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.Answer = 5 * time.Second }
	r.run()
	r.playTwoPeople(t.Context())
	r.user("u-1", "Una")
	r.await("u-1")
	browsers := r.three()
	other := r.signedAs("ben") // a second session
	token, err := r.console.login.store.AddToken(t.Context(), "night", logins.Verifier, nil, 0, "ben")
	if err != nil {
		t.Fatal(err)
	}
	say := func(name, how string) (int, string) { // how may be another session, too
		t.Helper()
		const path, body = "/api/v1/users/u-1/decision", `{"decision":"approved","actor":"somebody"}`
		switch how {
		case byToken:
			return r.bearer(token, "POST", path, body)
		case byPassword:
			req, err := http.NewRequest("POST", r.base+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth(name, password)
			return send(t, http.DefaultClient, req)
		}
		req, err := http.NewRequest("POST", r.base+"/users/u-1/decision", strings.NewReader(url.Values{"decision": {"approved"}, "event_id": {newEventID()}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "application/json")
		if how == "other" {
			return send(t, other, req)
		}
		return send(t, browsers[name], req)
	}
	for _, tc := range []struct {
		name, how string
		code      int
		answer    string
	}{
		{"ann", bySession, http.StatusConflict, `"result":"refused"`},
		{"", byToken, http.StatusConflict, `"result":"refused"`},
		{"ben", bySession, http.StatusOK, `"result":"half"`},
		{"ben", "other", http.StatusConflict, "another person's"},
		{"ben", byPassword, http.StatusConflict, "another person's"},
		{"", byToken, http.StatusConflict, `"result":"refused"`},
		{"ann", bySession, http.StatusConflict, "who uploaded the file"},
	} {
		if code, answer := say(tc.name, tc.how); code != tc.code || !strings.Contains(answer, tc.answer) {
			t.Errorf("%s by %s: %d %s, want %d %s", tc.name, tc.how, code, answer, tc.code, tc.answer)
		}
	}
	var u User
	if r.api("GET", "/api/v1/users/u-1", "", &u); u.Status != event.StatusWaiting || len(u.Half) != 1 || u.Half[0].By != "console:ben" || u.Half[0].Verdict != event.VerbApproved {
		t.Errorf("half approved, by the API: %s %+v", u.Status, u.Half)
	}
	_, body := page(t, other, "GET", r.base+"/users/u-1", nil)
	for _, want := range []string{`<span class="half" title=`, "approved by console:ben", "<strong>half</strong>", "does not count: who uploaded the file", "by console:token.night"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of a person who is half approved lacks %q", want)
		}
	}
	if _, body := page(t, other, "GET", r.base+"/decisions", nil); !strings.Contains(body, "another person has to say the same") || !strings.Contains(body, "did not count") {
		t.Error("the recent decisions do not say what became of them")
	}
	if code, answer := say("cleo", bySession); code != http.StatusOK || !strings.Contains(answer, `"result":"applied"`) {
		t.Errorf("the second person: %d %s", code, answer)
	}
	if r.api("GET", "/api/v1/users/u-1", "", &u); u.Status != event.StatusApproved {
		t.Errorf("then %s", u.Status)
	}
	_, body = page(t, other, "GET", r.base+"/users/u-1", nil)
	if strings.Contains(body, `class="half"`) || !strings.Contains(body, "by console:ben and console:cleo") {
		t.Error("the page of who was approved by two")
	}
}

// An operation counts the first of two decisions apart, and ends; the second person's is
// another one about the same people.
func TestTwoPeopleDecideAboutMany(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playTwoPeople(t.Context())
	for _, id := range []string{"u-1", "u-2"} {
		r.user(id, "Una")
		r.await(id)
	}
	browsers := r.three()
	for _, tc := range []struct {
		name string
		want bulk.Counts
	}{
		{"ben", bulk.Counts{Half: 2}}, {"ann", bulk.Counts{Failed: 2}}, {"ben", bulk.Counts{Failed: 2}}, {"cleo", bulk.Counts{Applied: 2}},
	} {
		req, err := http.NewRequest("POST", r.base+"/api/v1/bulk", strings.NewReader(`{"user_ids":["u-1","u-2"],"decision":"approved"}`))
		if err != nil {
			t.Fatal(err)
		}
		code, answer := send(t, browsers[tc.name], req)
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &made); err != nil || code != http.StatusAccepted {
			t.Fatalf("%d %s", code, answer)
		}
		var s BulkStanding
		r.eventually("the operation of "+tc.name+" ends", func() bool {
			req, err := http.NewRequest("GET", r.base+"/api/v1/bulk/"+made.ID, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, answer := send(t, browsers[tc.name], req)
			return json.Unmarshal([]byte(answer), &s) == nil && s.State == bulk.Done
		})
		if s.Half != tc.want.Half || s.Failed != tc.want.Failed || s.Applied != tc.want.Applied || s.Late != 0 {
			t.Errorf("%s: %+v", tc.name, s)
		}
	}
}

// That too few could decide is said in the log at the start and on the pages of those
// whom it is about; who manages accounts may not take the last second one away.
func TestTooFewPeopleCouldDecide(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.FourEyes = map[string]*event.FourEyes{"hr": {}} }
	r.run()
	if !strings.Contains(r.log.String(), "too few people could decide") || !strings.Contains(r.log.String(), "source=hr") {
		t.Errorf("the log says %s", r.log.String())
	}
	boss := r.signed()
	const said = "Too few people could decide"
	if _, body := page(t, boss, "GET", r.base+"/users", nil); !strings.Contains(body, said) || !strings.Contains(body, "inbox hr") || !strings.Contains(body, `href="/accounts"`) {
		t.Error("the pages of the only account do not say it")
	}
	for inbox, two := range map[string]bool{"hr": true, "inbox": false} {
		r.publish(event.ImportedSubject(inbox), event.User{UserID: "u-" + inbox, Email: "una@example.org"})
		r.await("u-" + inbox)
		if _, body := page(t, boss, "GET", r.base+"/users/u-"+inbox, nil); strings.Contains(body, "Two have to approve here") != two {
			t.Errorf("the page of a person of the inbox %s", inbox)
		}
	}
	r.login("ann", logins.Verifier, "hr")
	if _, body := page(t, boss, "GET", r.base+"/users", nil); strings.Contains(body, said) {
		t.Error("with two accounts it is still said")
	}
	for path, form := range map[string]url.Values{
		"/accounts/ann/disable": {}, "/accounts/ann/rm": {}, "/accounts/ann/role": {"role": {"viewer"}}, "/accounts/admin/role": {"role": {"operator"}},
	} {
		resp, body := page(t, boss, "POST", r.base+path, form)
		if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "Nothing was changed") {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
