package console

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams"
	"usher/streams/natstest"
	"usher/streams/streamstest"
)

const password = "a password for these tests"

type rig struct {
	*testing.T
	js      jetstream.JetStream
	pub     *streams.Publisher
	console *Console
	db      string
	base    string
	front   string // the address of a proxy before it; "": none
	log     natstest.Output
	change  func(*Config)  // of the next run; nil: nothing
	prepare func(*Console) // the same, once it is built

	mu   sync.Mutex // of what follows
	says *contract  // of the API; nil: not needed yet
}

func newRig(t *testing.T) *rig {
	t.Helper()
	js, _ := streamstest.Start(t)
	return &rig{T: t, js: js, pub: streams.NewPublisher(js, nil), db: filepath.Join(t.TempDir(), "console.db")}
}

// run starts a console that stops with the test, or with the returned function.
func (r *rig) run() (stop func()) {
	r.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	r.base = "http://" + l.Addr().String()
	c := Config{
		Listener: l, JetStream: r.js, DB: r.db, Password: password, Metrics: newMetrics(),
		Ledger: &ledger{}, Trouble: streams.NewTrouble(r.js), Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	if r.change != nil {
		r.change(&c)
	}
	r.console, err = New(context.Background(), c)
	if err != nil {
		r.Fatal(err)
	}
	r.base += r.console.site.base
	if r.prepare != nil {
		r.prepare(r.console)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.console.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				r.Error(err)
			}
		})
	}
	r.Cleanup(stop)
	r.eventually("the console is ready", func() bool { return r.console.Ready() == nil })
	return stop
}

func (r *rig) eventually(what string, check func() bool) {
	r.Helper()
	for deadline := time.Now().Add(15 * time.Second); !check(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("it never came true: %s\n%s", what, r.log.String())
		}
	}
}

func (r *rig) user(id, name string) {
	r.Helper()
	body, err := json.Marshal(event.User{UserID: id, Name: name, Email: id + "@example.org", Import: event.Import{ID: "imp", File: "a.csv", Line: 2}})
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.js.Publish(context.Background(), event.ImportedSubject("inbox"), body); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) fact(f event.Fact) {
	r.Helper()
	f.At = time.Now().UTC()
	if _, err := r.pub.Fact(context.Background(), f); err != nil {
		r.Fatal(err)
	}
}

// documented holds an answer of the API to its document.
func (r *rig) documented(method, path string, resp *http.Response, answer string) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.says == nil {
		r.says = theContract(r.T)
	}
	if t, ok := r.says.find(method, path); ok {
		if err := r.says.check(t, resp, answer); err != nil {
			r.Error(err)
		}
	}
}

// api calls the API, with headers, and returns the status code.
func (r *rig) api(method, path, body string, into any, header ...string) int {
	r.Helper()
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.SetBasicAuth("admin", password)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	r.documented(method, req.URL.EscapedPath(), resp, string(answer))
	if into != nil {
		err := json.Unmarshal(answer, into)
		if err != nil && resp.Header.Get("Content-Type") != problemType { // whose status is a number
			r.Fatal(err)
		}
	}
	return resp.StatusCode
}

func (r *rig) statusOf(id string) event.Status {
	r.Helper()
	var u User
	if r.api("GET", "/api/v1/users/"+id, "", &u) != http.StatusOK {
		return ""
	}
	return u.Status
}

// playWorkflows plays the workflows: the first decision about a user is applied, once
// its window is over, and any other is late.
func (r *rig) playWorkflows(ctx context.Context) {
	c, err := r.js.OrderedConsumer(ctx, event.StreamVerifications, jetstream.OrderedConsumerConfig{})
	if err != nil {
		r.Error(err)
		return
	}
	decided := map[string]event.Fact{}
	generations := map[string]int{} // of those who were reopened; else 1
	facts, err := r.js.OrderedConsumer(ctx, event.StreamOnboarding, jetstream.OrderedConsumerConfig{FilterSubjects: event.FactsOfKind(event.FactReopened)})
	if err != nil {
		r.Error(err)
		return
	}
	held := map[string]*time.Timer{} // decisions that take effect later
	var mu sync.Mutex
	reopened, err := facts.Consume(func(m jetstream.Msg) {
		mu.Lock()
		defer mu.Unlock()
		var f event.Fact
		_ = json.Unmarshal(m.Data(), &f)
		generations[f.UserID] = f.Generation
	})
	if err != nil {
		r.Error(err)
		return
	}
	context.AfterFunc(ctx, reopened.Stop)
	publish := r.publisher(ctx)
	cc, err := c.Consume(func(m jetstream.Msg) {
		mu.Lock()
		defer mu.Unlock()
		source, verb, _ := event.ParseVerificationSubject(m.Subject())
		var b event.VerificationBody
		_ = json.Unmarshal(m.Data(), &b)
		at := time.Now().UTC()
		f := event.Fact{Kind: verb, UserID: b.UserID, Generation: 1, N: 1, At: at, Status: event.Status(verb), Answers: event.AnswersVerification,
			EventID: m.Headers().Get("ce-id"), EventSource: source, Effect: event.EffectApplied, Verdict: verb, DecidedBy: source + ":" + b.Actor, DecidedAt: &at}
		first, late := decided[b.UserID]
		timer, waits := held[b.Undoes]
		switch {
		case verb == event.VerbUndone && waits && timer.Stop():
			delete(held, b.Undoes)
			f.N, f.Status, f.Verdict, f.DecidedBy, f.DecidedAt = 0, event.StatusWaiting, "", "", nil
			undone := f
			undone.EventID, undone.Effect = b.Undoes, event.EffectUndone
			publish(undone)
		case verb == event.VerbUndone && !late: // there is none
			f.Kind, f.Effect, f.N, f.Status, f.Verdict, f.DecidedBy, f.DecidedAt = event.FactLate, event.EffectLate, 0, event.StatusWaiting, "", "", nil
		case !late && b.EffectiveAfter > 0:
			counts := f
			held[f.EventID] = time.AfterFunc(time.Duration(b.EffectiveAfter)*time.Second, func() {
				mu.Lock()
				defer mu.Unlock()
				decided[b.UserID] = counts
				publish(counts)
			})
			f.Kind, f.Effect, f.N, f.Status, f.Verdict, f.DecidedBy, f.DecidedAt = event.FactPending, "", 0, event.StatusWaiting, "", "", nil
			publish(f)
			return
		case b.OfGeneration > 0 && b.OfGeneration != max(1, generations[b.UserID]):
			f.Kind, f.Effect, f.N, f.Generation, f.Status, f.Verdict, f.DecidedBy, f.DecidedAt = event.FactLate, event.EffectLate, 0, generations[b.UserID], event.StatusWaiting, "", "", nil
		case late:
			f.Kind, f.Effect, f.N = event.FactLate, event.EffectLate, 2
			f.Status, f.Verdict, f.DecidedBy, f.DecidedAt = first.Status, first.Verdict, first.DecidedBy, first.DecidedAt
		default:
			decided[b.UserID] = f
		}
		publish(f)
	})
	if err != nil {
		r.Error(err)
		return
	}
	context.AfterFunc(ctx, cc.Stop)
}

// publisher returns what publishes the facts of one person in order, and of many at once,
// as workflows do: what is published alone waits a moment for company.
func (r *rig) publisher(ctx context.Context) func(event.Fact) {
	var lanes [32]chan event.Fact
	for i := range lanes {
		lanes[i] = make(chan event.Fact, 1000)
		go func() {
			for {
				select {
				case f := <-lanes[i]:
					_, _ = r.pub.Fact(ctx, f) // a test that misses it fails
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return func(f event.Fact) {
		select {
		case lanes[crc32.ChecksumIEEE([]byte(f.UserID))%uint32(len(lanes))] <- f:
		case <-ctx.Done():
		}
	}
}

func TestDecisionsOverTheAPI(t *testing.T) {
	r := newRig(t)
	r.run()
	r.user("u-1", "Ann")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("u-1 waits", func() bool { return r.statusOf("u-1") == event.StatusWaiting })

	var a Answer
	if code := r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"approved"}`, &a); code != http.StatusAccepted || a.Result != "stored" {
		t.Errorf("with nobody to answer: %d %+v", code, a)
	}
	r.playWorkflows(t.Context())
	r.eventually("the stored decision is applied", func() bool { return r.statusOf("u-1") == event.StatusApproved })
	if code := r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"rejected","reason":"late"}`, &a); code != http.StatusConflict || !strings.Contains(a.Message, "Already approved by console:admin at ") {
		t.Errorf("the second decision: %d %+v", code, a)
	}
	r.user("u-2", "Ben")
	r.eventually("u-2 is known", func() bool { return r.api("GET", "/api/v1/users/u-2", "", nil) == http.StatusOK })
	if code := r.api("POST", "/api/v1/users/u-2/decision", `{"decision":"approved"}`, &a); code != http.StatusOK || a.Status != event.StatusApproved {
		t.Errorf("an answered decision: %d %+v", code, a)
	}
	for body, want := range map[string]int{`{"decision":"maybe"}`: 400, `{"decision":"rejected"}`: 400, `nonsense`: 400} {
		if code := r.api("POST", "/api/v1/users/u-2/decision", body, nil); code != want {
			t.Errorf("%s: %d, want %d", body, code, want)
		}
	}
	if code := r.api("POST", "/api/v1/users/nobody/decision", `{"decision":"approved"}`, nil); code != http.StatusNotFound {
		t.Errorf("a decision about nobody: %d", code)
	}
	req, _ := http.NewRequest("GET", r.base+"/api/v1/users", nil)
	req.SetBasicAuth("admin", "wrong")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", resp.StatusCode)
	}
}

// browser is a client with cookies that does not follow redirects.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func page(t *testing.T, c *http.Client, method, address string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return answerOf(t, c, req)
}

// answerOf sends a request and reads its answer.
func answerOf(t *testing.T, c *http.Client, req *http.Request) (*http.Response, string) {
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
	return resp, string(b)
}

func TestPages(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.playWorkflows(t.Context())
	r.user("u-1", "<script>alert(1)</script>")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("u-1 waits", func() bool { return r.statusOf("u-1") == event.StatusWaiting })

	c := browser(t)
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/signin") {
		t.Errorf("without a session: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp, _ := page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {"wrong"}}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", resp.StatusCode)
	}
	resp, _ := page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}, "next": {"//evil.example"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Errorf("signed in: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	resp, body := page(t, c, "GET", r.base+"/users?status=waiting", nil)
	if !strings.Contains(body, "&lt;script&gt;") || strings.Contains(body, "<script>") || !strings.Contains(body, "a.csv") {
		t.Errorf("the list:\n%s", body)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy allows other scripts than the console's: %s", csp)
	}
	for _, path := range []string{"/imports", "/deadletters", "/users/u-1", "/static/style.css"} {
		if resp, _ := page(t, c, "GET", r.base+path, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := page(t, c, "GET", r.base+"/users/nobody", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown user: %d", resp.StatusCode)
	}
	form := url.Values{"decision": {"approved"}, "event_id": {event.NewID()}}
	if resp, _ := page(t, c, "POST", r.base+"/users/u-1/decision", form, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a cross-site POST: %d", resp.StatusCode)
	}
	for range 2 { // a double click is one event
		page(t, c, "POST", r.base+"/users/u-1/decision", form)
	}
	if _, body = page(t, c, "GET", r.base+"/users/u-1", nil); !strings.Contains(body, "Done: approved.") || strings.Contains(body, "Already") {
		t.Errorf("after a double click:\n%s", body)
	}
	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil || s.CachedInfo().State.Msgs != 1 {
		t.Errorf("%d verification events, want 1 (%v)", s.CachedInfo().State.Msgs, err)
	}
	if resp, _ := page(t, c, "GET", r.base+"/users", nil, "Host", "x"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d", resp.StatusCode) // Host is set by the client, not by a header
	}
	req, _ := http.NewRequest("GET", r.base+"/signin", nil)
	req.Host = "evil.example"
	if resp, err := c.Do(req); err != nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host name: %v %v", resp, err)
	}
	// The session outlives the process.
	stop()
	old := r.base
	r.run()
	u, _ := url.Parse(r.base)
	o, _ := url.Parse(old)
	c.Jar.SetCookies(u, c.Jar.Cookies(o))
	if resp, _ := page(t, c, "GET", r.base+"/users", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("after a restart: %d", resp.StatusCode)
	}
}

// Facts and users in any order give the same status, and a restart or a stream
// that was made anew changes nothing.
func TestTheModelDoesNotDependOnOrder(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	facts := []event.Fact{
		{Kind: event.FactParked, Generation: 0, N: 0, Status: event.StatusParked},
		{Kind: event.FactStarted, Generation: 1, N: 0, Status: event.StatusWaiting},
		{Kind: event.FactApproved, Generation: 1, N: 1, Status: event.StatusApproved},
		{Kind: event.FactActivated, Generation: 1, N: 2, Status: event.StatusActive},
		{Kind: event.FactWelcomed, Generation: 1, N: 5, Status: event.StatusWelcomed},
	}
	const users = 20
	publish := func() {
		var steps []func()
		for i := range users {
			id := fmt.Sprint("u-", i)
			steps = append(steps, func() { r.user(id, "N "+id) })
			for _, f := range facts {
				f.UserID, f.Inbox = id, "inbox"
				steps = append(steps, func() { r.fact(f) })
			}
		}
		rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for _, s := range steps {
			s()
		}
	}
	check := func(when string) {
		t.Helper()
		r.eventually(when, func() bool {
			var list struct{ Users []User }
			r.api("GET", "/api/v1/users?status=welcomed", "", &list)
			n := 0
			for _, u := range list.Users {
				if u.Name != "" {
					n++
				}
			}
			return n == users
		})
	}
	publish()
	check("everybody is welcomed")
	stop()
	r.run()
	check("after a restart")
	var u User
	if r.api("GET", "/api/v1/users/u-3", "", &u); len(u.Timeline) != len(facts) {
		t.Errorf("the timeline has %d facts, want %d", len(u.Timeline), len(facts))
	}
	for _, s := range []string{event.StreamUsers, event.StreamOnboarding} {
		if err := r.js.DeleteStream(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := streams.Ensure(t.Context(), r.js, streams.Options{MaxBytes: 32 << 20, AcceptLost: []string{event.StreamUsers, event.StreamOnboarding}}); err != nil {
		t.Fatal(err)
	}
	r.eventually("the model forgot what the streams forgot", func() bool { return r.statusOf("u-3") == "" })
	publish()
	check("after the streams were made anew")
}

func TestThePasswordIsMadeAndPrintedOnce(t *testing.T) {
	r := newRig(t)
	kv, err := r.js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	var printed []string
	for range 2 {
		if err := newLogin(kv).store.Ensure(t.Context(), "", func(_, p string) { printed = append(printed, p) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(printed) != 1 || len(printed[0]) < 12 {
		t.Fatalf("printed: %d", len(printed))
	}
	a := newLogin(kv)
	if _, ok, err := a.signIn(t.Context(), attempt{client: "c", user: "admin", password: printed[0]}); !ok || err != nil {
		t.Errorf("the printed password is wrong: %v", err)
	}
	for range 10 {
		_, _, err = a.signIn(t.Context(), attempt{client: "d", user: "admin", password: "guess"})
	}
	if err != errSlow {
		t.Errorf("after ten guesses: %v", err)
	}
}

func newMetrics() *metrics.Console {
	reg := prometheus.NewRegistry()
	return metrics.NewConsole(reg, metrics.NewShared(reg))
}

// A console that lacks a neighbour is not built: it would run and not show what it
// is there for. A regression of issue 14.
func TestAConsoleIsBuiltWhole(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	whole := Config{Listener: l, JetStream: r.js, DB: r.db, Ledger: &ledger{}, Metrics: newMetrics(), Log: slog.New(slog.DiscardHandler)}
	for _, field := range []string{"Listener", "JetStream", "DB", "Ledger", "Metrics", "Log"} {
		c := whole
		reflect.ValueOf(&c).Elem().FieldByName(field).SetZero()
		if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "console.Config: "+field+" is not set") {
			t.Errorf("without %s: %v", field, err)
		}
	}
}

// A search finds an address of an internationalised domain as people write it.
func TestSearchByAnAddressHoweverItIsWritten(t *testing.T) {
	r := newRig(t)
	r.run()
	r.publish(event.ImportedSubject("inbox"), event.User{UserID: "u-zoe", Email: "zoe@xn--bcher-kva.example"})
	r.user("u-ann", "Ann")
	r.eventually("both are there", func() bool {
		var all struct{ Users []User }
		return r.api("GET", "/api/v1/users", "", &all) == http.StatusOK && len(all.Users) == 2
	})
	for q, want := range map[string]int{"zoe@bücher.example": 1, " Zoe@BÜCHER.example": 1, "zoe@xn--": 1, "u-zoe": 1, "zoe@other.example": 0} {
		var found struct{ Users []User }
		if r.api("GET", "/api/v1/users?q="+url.QueryEscape(q), "", &found); len(found.Users) != want {
			t.Errorf("%q finds %d, want %d", q, len(found.Users), want)
		}
	}
}

// The parts of a name are shown as far as they are known, found by a search, and gone
// with the person.
func TestThePartsOfANameAreShown(t *testing.T) {
	r := newRig(t)
	r.run()
	r.publish(event.ImportedSubject("inbox"), event.User{UserID: "u-zoe", Name: "Dr. Z. Lee", GivenName: "Zoë <b>", FamilyName: "Quill-Lee", Email: "zoe@example.org"})
	r.user("u-ann", "Ann Lee")
	r.eventually("both are there", func() bool {
		var all struct{ Users []User }
		return r.api("GET", "/api/v1/users", "", &all) == http.StatusOK && len(all.Users) == 2
	})
	find := func(q string) []User {
		var found struct{ Users []User }
		r.api("GET", "/api/v1/users?q="+url.QueryEscape(q), "", &found)
		return found.Users
	}
	if got := find("<b> quill"); len(got) != 1 || got[0].GivenName != "Zoë <b>" || got[0].FamilyName != "Quill-Lee" || got[0].Name != "Dr. Z. Lee" {
		t.Errorf("found %+v", got)
	}
	c := browser(t)
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	if _, body := page(t, c, "GET", r.base+"/users/u-zoe", nil); !strings.Contains(body, "<dt>Given name</dt><dd>Zoë &lt;b&gt;</dd>") || !strings.Contains(body, "<dt>Family name</dt><dd>Quill-Lee</dd>") {
		t.Errorf("the page of one with both parts:\n%s", body)
	}
	if _, body := page(t, c, "GET", r.base+"/users/u-ann", nil); !strings.Contains(body, "Ann Lee") || strings.Contains(body, "Given name") || strings.Contains(body, "Family name") {
		t.Errorf("the page of one without:\n%s", body)
	}
	r.publish(event.ImportedSubject("inbox"), event.User{UserID: "u-zoe", Name: "Zoë Poe", FamilyName: "Poe", Email: "zoe@example.org"})
	r.eventually("the parts are those of the last record", func() bool {
		got := find("u-zoe")
		return len(got) == 1 && got[0].GivenName == "" && got[0].FamilyName == "Poe"
	})
	r.fact(event.Fact{Kind: event.FactForgotten, UserID: "u-zoe", Generation: 1})
	r.eventually("nothing is left of whom is forgotten", func() bool { return len(find("poe")) == 0 && len(find("u-zoe")) == 0 })
}
