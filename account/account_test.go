package account

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/elimity-com/scim"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

func TestSCIMTakesOverOnlyWhatCarriesTheUserID(t *testing.T) {
	t.Parallel()
	f := &faults{at: -1}
	p, url := newProvider(t, f)
	target, reg := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken, Undo: UndoDelete})

	p.add(scim.ResourceAttributes{"userName": "ada@example.org", "active": false}) // another one's
	_, err := target.Activate(t.Context(), "1/activate", ada)
	if !event.IsPermanent(err) || Reason(err) != ReasonTaken {
		t.Errorf("a taken name: %v", err)
	}
	grace := event.User{UserID: "u-2", Email: "grace@example.org"}
	id := p.add(scim.ResourceAttributes{"userName": "gh", "externalId": "u-2", "active": false})
	a, err := target.Activate(t.Context(), "1/activate", grace)
	if want := (Account{ID: id}); err != nil || a != want {
		t.Errorf("got %+v, %v, want %+v", a, err, want)
	}
	if usable, _ := p.usable("u-2"); usable != 1 {
		t.Error("the account that was there is not usable")
	}
	if err := target.Deactivate(t.Context(), "1/deactivate", "u-2", a); err != nil {
		t.Fatal(err)
	}
	if usable, all := p.usable("u-2"); usable != 0 || all != 1 {
		t.Errorf("%d of %d: an account that others made must stay, unusable", usable, all)
	}
	p.add(scim.ResourceAttributes{"userName": "gh2", "externalId": "u-2", "active": false})
	if _, err := target.Activate(t.Context(), "1/activate", grace); !event.IsPermanent(err) || Reason(err) != ReasonAmbiguous {
		t.Errorf("two accounts: %v", err)
	}
	for labels, want := range map[[4]string]float64{
		{"scim", "activate", "done", ""}: 1, {"scim", "activate", "failed", ReasonTaken}: 1, {"scim", "activate", "failed", ReasonAmbiguous}: 1, {"scim", "deactivate", "done", ""}: 1,
	} {
		if got := testutil.ToFloat64(target.(observed).metrics.AccountAttempts.WithLabelValues(labels[:]...)); got != want {
			t.Errorf("%v: %v, want %v", labels, got, want)
		}
	}
	if problems, err := testutil.GatherAndLint(reg, "usher_account_attempts_total"); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// A wrong address answers that no account is there. It is not taken for one that
// is undone, and nothing else is deleted in its stead.
func TestSCIMTakesNoWrongAddressForAnAccountThatIsGone(t *testing.T) {
	t.Parallel()
	for _, undo := range []string{UndoDeactivate, UndoDelete} {
		f := &faults{at: -1}
		p, url := newProvider(t, f)
		target, _ := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken, Undo: undo})
		a, err := target.Activate(t.Context(), "1/activate", ada)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, _ := newTarget(t, Config{Kind: SCIM, URL: strings.TrimSuffix(url, "/v2") + "/v9", Token: testToken, Undo: undo})
		if err := elsewhere.Deactivate(t.Context(), "1/deactivate", ada.UserID, a); Reason(err) != ReasonConfig || event.IsPermanent(err) {
			t.Errorf("%s at a wrong address: %v", undo, err)
		}
		if usable, _ := p.usable(ada.UserID); usable != 1 {
			t.Fatalf("%d accounts can be used", usable)
		}
		other := a
		other.ID = "made anew since"
		if err := target.Deactivate(t.Context(), "1/deactivate", ada.UserID, other); err != nil {
			t.Error(err)
		}
		if usable, all := p.usable(ada.UserID); usable != 0 || all != 1 {
			t.Errorf("%s: %d of %d accounts can be used: one under another id must stay, unusable", undo, usable, all)
		}
	}
}

// Between the look and the change another client changes the account: with
// versions the next try looks again, and nothing of the other's is overwritten.
func TestSCIMLooksAgainWhenTheAccountChanged(t *testing.T) {
	t.Parallel()
	f := &faults{at: -1}
	p, url := newProvider(t, f)
	p.noPatch = true
	id := p.add(scim.ResourceAttributes{"userName": "a", "externalId": ada.UserID, "active": false})
	target, _ := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken, Undo: UndoDelete})
	inner, raced := f.next, false
	f.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && !raced {
			raced = true
			p.mu.Lock()
			p.accounts[id].attributes["title"] = "Countess"
			p.accounts[id].version++
			p.mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	})
	errs := again(t, func() error { _, err := target.Activate(t.Context(), "1/activate", ada); return err })
	if len(errs) != 1 {
		t.Errorf("errors %v, want one about the race", errs)
	}
	if got := p.accounts[id].attributes; got["title"] != "Countess" || got["active"] != true {
		t.Errorf("the account is %v", got)
	}
}

// A service whose search is behind its accounts: the account is there, and a name
// that is taken by the user's own account is no conflict.
func TestSCIMWaitsForASearchThatIsBehind(t *testing.T) {
	t.Parallel()
	f := &faults{at: 1, kind: "drop after"}
	p, url := newProvider(t, f)
	p.behind = 5 // two at the first try, three at the second
	target, _ := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken, Undo: UndoDelete})
	var a Account
	errs := again(t, func() (err error) { a, err = target.Activate(t.Context(), "1/activate", ada); return err })
	if usable, all := p.usable(ada.UserID); usable != 1 || all != 1 || a.ID == "" {
		t.Errorf("%d of %d accounts can be used, %+v, after %v", usable, all, a, errs)
	}
	if len(errs) != 2 || !strings.Contains(errs[1].Error(), "does not show yet by whom") {
		t.Errorf("errors %v", errs)
	}
}

func TestSCIMSendsWhatRFC7643Asks(t *testing.T) {
	body := func(u event.User, userName string) string {
		return string(encode((&scimTarget{userName: userName}).newUser(u)))
	}
	got := body(ada, UserNameEmail)
	want := `{"active":true,"displayName":"Ada Lovelace","emails":[{"primary":true,"type":"work","value":"ada@example.org"}],"externalId":"u-1.ada","locale":"en-GB",` +
		`"name":{"familyName":"Lovelace","formatted":"Ada Lovelace","givenName":"Ada"},"phoneNumbers":[{"type":"mobile","value":"+4915112345678"}],"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.org"}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for want, u := range map[string]event.User{
		`"name":{"formatted":"Ada Lovelace"},`:                     {UserID: "u-4", Name: "Ada Lovelace"}, // which part is which, it does not say
		`"name":{"familyName":"Lovelace","formatted":"Lovelace"},`: {UserID: "u-4", Name: "Lovelace", FamilyName: "Lovelace"},
	} {
		if got := body(u, UserNameEmail); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if got := body(event.User{UserID: "u-3", Phone: "+1"}, UserNameEmail); strings.Contains(got, `"name"`) || !strings.Contains(got, `"userName":"u-3"`) {
		t.Error(got)
	}
	if got := body(ada, UserNameUserID); !strings.Contains(got, `"userName":"u-1.ada"`) {
		t.Error(got)
	}
}

// What concerns everybody waits until it is mended; what concerns one user ends
// that user's onboarding; what passes by itself is tried again.
func TestAnswersAreReadAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	status, body, header := 0, "", ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header != "" {
			w.Header().Set("Retry-After", header)
		}
		w.Header().Set("Location", "http://192.0.2.1/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer s.Close()
	hook, _ := newTarget(t, Config{Kind: Webhook, URL: s.URL, Secret: testSecret})
	provider, _ := newTarget(t, Config{Kind: SCIM, URL: s.URL, Token: testToken})
	for _, tc := range []struct {
		target    Target
		status    int
		body      string
		after     string
		reason    string
		permanent bool
		pause     time.Duration
	}{
		{hook, 400, ada.Email + " is no address", "", ReasonRejected, false, 0}, // for good on evidence only
		{hook, 422, "", "", ReasonRejected, false, 0},
		{hook, 401, "", "", ReasonConfig, false, time.Minute},
		{hook, 404, "", "", ReasonConfig, false, time.Minute},
		{hook, 302, "", "", ReasonConfig, false, time.Minute},
		{hook, 409, "", "", ReasonTransient, false, 0},
		{hook, 429, "", "", ReasonRateLimited, false, 30 * time.Second},
		{hook, 429, "", "9999999999", ReasonRateLimited, false, time.Hour},
		{hook, 429, "", "soon", ReasonRateLimited, false, 30 * time.Second},
		{hook, 502, "", "", ReasonTransient, false, 0},
		{provider, 400, `{"scimType":"invalidFilter","detail":"ada@example.org"}`, "", ReasonConfig, false, time.Minute},
		{provider, 200, `<html>ada@example.org</html>`, "", ReasonConfig, false, time.Minute},
		{provider, 200, `{"Resources":[{"id":"1","externalId":"U-1.ADA"}]}`, "", ReasonConfig, false, time.Minute},
		{provider, 200, strings.Repeat(" ", mostAnswer+1), "", ReasonConfig, false, time.Minute},
		{provider, 503, "", "Mon, 02 Jan 2006 15:04:05 GMT", ReasonTransient, false, 0},
	} {
		status, body, header = tc.status, tc.body, tc.after
		_, err := tc.target.Activate(t.Context(), "1/activate", ada)
		d, _ := event.RetryDelay(err)
		if err == nil || Reason(err) != tc.reason || event.IsPermanent(err) != tc.permanent || d != tc.pause {
			t.Errorf("%s %d: %v (%s, permanent %v, pause %v)", tc.target.Name(), tc.status, err, Reason(err), event.IsPermanent(err), d)
		} else if strings.Contains(err.Error(), ada.Email) {
			t.Errorf("%s %d: the error quotes the answer: %v", tc.target.Name(), tc.status, err)
		}
	}
}

func TestWebhookBodies(t *testing.T) {
	t.Parallel()
	f := &faults{at: -1}
	r, url := newReceiver(t, f)
	target, _ := newTarget(t, Config{Kind: Webhook, URL: url, Secret: testSecret, Undo: UndoDelete})
	a, err := target.Activate(t.Context(), "3/activate", ada)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Deactivate(t.Context(), "3/deactivate", ada.UserID, a); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"type":"account.activate","data":{"user_id":"u-1.ada","name":"Ada Lovelace","given_name":"Ada","family_name":"Lovelace","email":"ada@example.org","phone":"+4915112345678","locale":"en-GB"}}`,
		`{"type":"account.delete","data":{"user_id":"u-1.ada","id":"a-1"}}`,
	}
	for i, b := range r.bodies {
		if d := cmp.Diff(want[i], string(b)); d != "" {
			t.Error(d)
		}
	}
	for key := range r.done {
		if key != "3/activate" && key != "3/deactivate" {
			t.Errorf("the key %q", key)
		}
	}
}

func TestSettings(t *testing.T) {
	good := []Config{
		{Kind: "", URL: ""}, {Kind: None},
		{Kind: SCIM, URL: "https://id.example/scim/v2", Token: "t"},
		{Kind: SCIM, URL: "http://127.0.0.1:1/", Token: "t"},
		{Kind: Webhook, URL: "http://accounts.internal/hook", Secret: testSecret, Insecure: true},
	}
	for _, c := range good {
		newTarget(t, c)
	}
	for _, tc := range []struct {
		c    Config
		says string
	}{
		{Config{Kind: "ldap", URL: "https://x/"}, "none, scim or webhook"},
		{Config{Kind: SCIM, URL: "id.example", Token: "t"}, "https://"},
		{Config{Kind: SCIM, URL: "https://ada:secret@id.example", Token: "t"}, "without a user name"},
		{Config{Kind: SCIM, URL: "http://id.example/scim", Token: "t"}, "unencrypted"},
		{Config{Kind: SCIM, URL: "https://id.example/scim"}, "bearer token"},
		{Config{Kind: SCIM, URL: "https://id.example/scim/Users/", Token: "t"}, "/Users"},
		{Config{Kind: Webhook, URL: "https://x/", Secret: "too short"}, "openssl"},
		{Config{Kind: Webhook, URL: "https://x/", Secret: "whsec_c2hvcnQ="}, "24 to 64"},
	} {
		_, err := New(tc.c)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%+v: %v, want something about %q", tc.c, err, tc.says)
		} else if strings.Contains(err.Error(), "secret@") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
}

func TestNobodyIsReached(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nil)
	url := s.URL
	s.Close()
	target, _ := newTarget(t, Config{Kind: SCIM, URL: url, Token: testToken})
	_, err := target.Activate(t.Context(), "1/activate", ada)
	if err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	tls := httptest.NewTLSServer(nil)
	defer tls.Close()
	target, _ = newTarget(t, Config{Kind: SCIM, URL: tls.URL, Token: testToken})
	if _, err := target.Activate(t.Context(), "1/activate", ada); Reason(err) != ReasonConfig || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

// The sample of the documentation takes what usher sends, and nothing else.
func TestTheSampleVerifies(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is needed")
		}
		t.Skip("python3 is not there; the sample in docs/accounts.md is not tried")
	}
	doc, err := os.ReadFile("../docs/accounts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(doc), "```python\n")
	sample, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/accounts.md has no sample")
	}
	var header http.Header
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	target, _ := newTarget(t, Config{Kind: Webhook, URL: s.URL, Secret: testSecret})
	if _, err := target.Activate(t.Context(), "1/activate", ada); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ id, at, secret, want string }{
		{header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), testSecret, "True"},
		{"u-2/1/activate", header.Get("Webhook-Timestamp"), testSecret, "False"},
		{header.Get("Webhook-Id"), "1000000000", testSecret, "False"},
		{header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), "whsec_" + strings.Repeat("A", 40), "False"},
	} {
		c := exec.Command(python, "-c", sample+"\nimport sys\nprint(genuine(sys.argv[1], {'Webhook-Id': sys.argv[2], 'Webhook-Timestamp': sys.argv[3], 'Webhook-Signature': sys.argv[4]}, sys.stdin.buffer.read()))",
			tc.secret, tc.id, tc.at, header.Get("Webhook-Signature"))
		c.Stdin = bytes.NewReader(body)
		out, err := c.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != tc.want {
			t.Errorf("%+v: %s %v", tc, out, err)
		}
	}
}
