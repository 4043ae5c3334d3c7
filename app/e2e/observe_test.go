//go:build !noembed

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/app"
	"usher/canary"
	"usher/deploy/monitoring"
	"usher/deploy/monitoring/promtest"
	"usher/event"
	"usher/metrics"
)

// TestEveryPanelShowsData runs usher through a good day with some bad luck: a
// refused row, a message that is retried, one that fails for good, and a dead
// letter. Then no panel of any dashboard may be empty or NaN, asked of
// Prometheus's engine and, where it is installed, of the real server that
// scraped with the configuration that is shipped.
func TestEveryPanelShowsData(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.SMTPAddr = moodySMTP(t, map[string][]error{
		"u2@example.org": {&smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}},
		"u3@example.org": {&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody"}, errAlways},
	})
	accounts := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // takes every webhook
	defer accounts.Close()
	u.config.Accounts = app.Accounts{AccountTarget: "webhook", AccountURL: accounts.URL, AccountSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", AccountUndo: "deactivate"}
	u.config.ReconcileEvery = time.Minute
	u.config.Canary, u.config.CanaryEmail = 2*time.Second, "sink@example.org" // counted nowhere below
	u.start("")
	real := startPrometheus(t, u.addr.Ops)
	store := promtest.NewStore("usher", u.addr.Ops)
	u.scrape(store)
	before := store.Len()

	u.drop("users.csv", list(1, 6, "")+"u-99,Nobody,nobody,,en,\n")
	u.waitIdle(6)
	u.publishRaw("verifications.v1.crm.approved", `{"user_id":`)
	u.scrape(store)
	if err := u.decide(event.VerbApproved, ids(1, 4)...); err != nil {
		t.Fatal(err)
	}
	if err := u.decide(event.VerbRejected, ids(5, 1)...); err != nil {
		t.Fatal(err)
	}
	people := u.waitFinal(60*time.Second, ids(1, 5)...)
	if people["u-2"].Status != event.StatusWelcomed || people["u-3"].Status != event.StatusPartlyWelcomed {
		t.Fatalf("u-2 is %s and u-3 %s", people["u-2"].Status, people["u-3"].Status)
	}
	u.checked(6, 1)
	u.canary()
	for range 14 { // the samplers look every five seconds
		time.Sleep(500 * time.Millisecond)
		u.scrape(store)
	}

	for _, name := range store.Names() {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		_, known := metrics.Find(name)
		_, summary := metrics.Find(base)
		if !known && !summary && !strings.HasPrefix(name, "go_memstats_") && !strings.HasPrefix(name, "process_network_") && !strings.HasPrefix(name, "process_virtual_memory_max") {
			t.Errorf("%s is exported and not in the catalogue", name)
		}
	}
	eachPanel(func(where, expr string) {
		v, err := store.Query(t.Context(), expr, 10*time.Second, time.Minute)
		if err != nil || len(v) == 0 {
			t.Errorf("%s shows nothing (%v):\n%s", where, err, expr)
		}
		for _, s := range v {
			if math.IsNaN(s.F) || math.IsInf(s.F, 0) {
				t.Errorf("%s shows %v for %s:\n%s", where, s.F, s.Metric, expr)
			}
		}
	})
	for expr, want := range map[string]float64{
		`max(usher_people{status="waiting"})`: 1, `max(usher_people{status="partly_welcomed"})`: 1,
		`sum(usher_records_total{result="refused",reason="E_EMAIL_SYNTAX"})`:         1,
		`sum(usher_records_total{result="published"})`:                               6,
		`sum(usher_events_total{kind="user",effect="applied"})`:                      6,
		`sum(usher_events_total{kind="verification",effect="applied"})`:              5,
		`sum(usher_retries_total{stage="email",reason="deferred"})`:                  1,
		`sum(usher_notify_messages_total{channel="email",outcome="failed"})`:         1,
		`sum(usher_notify_messages_total{outcome="accepted"})`:                       7,
		`sum(usher_finished_total)`:                                                  5,
		`sum(usher_deadletters{reason="malformed"})`:                                 1,
		`sum(usher_bridge_messages_total{outcome="malformed"})`:                      1,
		`count(usher_welcome_latency_seconds_count > 0)`:                             1,
		`sum(jetstream_stream_total_messages{stream_name="VERIFICATIONS"}) > bool 6`: 1, // those of canaries go within an hour
		`sum(temporal_activity_execution_failed_total{activity_type="SendEmail"})`:   2,
		`sum(rate(usher_sampler_errors_total[1m]))`:                                  0,
		`sum(usher_canary_runs_total{result="failed"})`:                              0,
		`count(usher_canary_seconds_count > 2)`:                                      1,
		`count(usher_component_state == 2)`:                                          8,
	} {
		v, err := store.Query(t.Context(), expr, 10*time.Second, time.Minute)
		if err != nil || len(v) != 1 || v[0].F != want {
			t.Errorf("%s: got %v (%v), want %v", expr, v, err, want)
		}
	}
	firing := map[string]bool{"UsherDeadLetters": true}
	for _, r := range monitoring.Rules() {
		v, err := store.Query(t.Context(), r.Expr, 10*time.Second, time.Minute)
		if err != nil || (len(v) > 0) != firing[r.Name] {
			t.Errorf("%s: got %v (%v), want it to fire: %v", r.Name, v, err, firing[r.Name])
		}
	}
	real.everyPanel(t)
	for _, bucket := range []string{`usher_welcome_latency_seconds_bucket{le=~"300(.0)?"}`, `usher_intake_latency_seconds_bucket{le=~"60(.0)?"}`} {
		rules := fmt.Sprint(monitoring.Rules())
		if name, match, _ := strings.Cut(bucket, "{"); !strings.Contains(rules, name+"{"+strings.TrimSuffix(match, "}")) {
			t.Errorf("no rule asks for %s", bucket)
		}
		real.shows(t, bucket)
	}

	// A hostile list makes no new series: nothing of it becomes a label.
	during := store.Len()
	u.drop("hostile.csv", hostileList(2000))
	u.waitReports(2)
	u.scrape(store)
	if store.Len() != during {
		t.Errorf("a hostile import made %d new series", store.Len()-during)
	}
	t.Logf("%d series at the start, %d after the day", before, store.Len())
	if store.Len() > 2500 {
		t.Errorf("%d series are more than a small machine's Prometheus should keep for one process", store.Len())
	}
}

func eachPanel(f func(where, expr string)) {
	for _, b := range monitoring.Boards() {
		for _, r := range b.Rows {
			for _, p := range r.Panels {
				for _, q := range p.Queries {
					f(b.Title+" / "+p.Title, q.Text())
				}
			}
		}
	}
}

func hostileList(n int) string {
	var b strings.Builder
	b.WriteString("user_id,name,email,phone,locale\n")
	for i := range n {
		fmt.Fprintf(&b, "id %d!,\"a\"\"{}=%d\",not-an-address-%d,+%d,x-%d\n", i, i, i, i, i)
	}
	return b.String()
}

// waitReports waits until n files are archived or refused.
func (u *usher) waitReports(n int) {
	u.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a, _ := filepath.Glob(filepath.Join(u.dir, "*", "inbox", "*.report.json")) // the pattern is good
		if len(a) >= n {
			return
		}
		if time.Now().After(deadline) {
			u.Fatalf("%d reports after half a minute, want %d", len(a), n)
		}
	}
}

func (u *usher) scrape(store *promtest.Store) {
	u.Helper()
	var text string
	u.get("http://"+u.addr.Ops+"/metrics", &text)
	if err := store.Scrape(time.Now(), strings.NewReader(text)); err != nil {
		u.Fatal(err)
	}
}

func (u *usher) publishRaw(subject, body string) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	if _, err := c.JetStream.Publish(u.Context(), subject, []byte(body)); err != nil {
		u.Fatal(err)
	}
}

// errAlways repeats the answer before it for ever.
var errAlways = errors.New("always")

// moodySMTP is a mail server that answers a recipient with the given errors, one
// after the other, before it takes a message.
func moodySMTP(t *testing.T, moods map[string][]error) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(&moodyBackend{moods: moods})
	s.Domain = "localhost"
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return l.Addr().String()
}

type moodyBackend struct {
	mu    sync.Mutex
	moods map[string][]error
}

func (b *moodyBackend) NewSession(*smtp.Conn) (smtp.Session, error) { return moodySession{b}, nil }

type moodySession struct{ *moodyBackend }

func (s moodySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.moods[to]
	if len(m) == 0 {
		return nil
	}
	if len(m) > 1 && m[1] == errAlways {
		return m[0]
	}
	s.moods[to] = m[1:]
	return m[0]
}
func (moodySession) Mail(string, *smtp.MailOptions) error { return nil }
func (moodySession) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }
func (moodySession) Reset()                               {}
func (moodySession) Logout() error                        { return nil }

// promServer is Debian's server, scraping with the shipped configuration.
type promServer struct{ addr string }

func startPrometheus(t *testing.T, target string) *promServer {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("prometheus is missing; Debian has a package of this name")
		}
		t.Log("prometheus is missing, so only its engine is asked; Debian has a package of this name")
		return nil
	}
	dir := t.TempDir()
	shipped := "../../deploy/prometheus/"
	config, err := os.ReadFile(shipped + "prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("127.0.0.1:9464", target, "interval: 15s", "interval: 1s").Replace(string(config))
	if strings.Contains(text, "9464") || strings.Contains(text, "15s") {
		t.Fatal("the shipped configuration has other targets or intervals than this test replaces")
	}
	rules, err := os.ReadFile(shipped + "usher.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"prometheus.yml": []byte(text), "usher.rules.yml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &promServer{l.Addr().String()}
	l.Close()
	cmd := exec.Command(path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.addr)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return p
}

func (p *promServer) everyPanel(t *testing.T) {
	if p == nil {
		return
	}
	answered := 0
	eachPanel(func(where, expr string) {
		expr = strings.NewReplacer("$__rate_interval", "10s", "$__range", "1m", "$job", ".+").Replace(expr)
		r := p.ask(t, expr)
		if r.Status != "success" || len(r.Data.Result) == 0 {
			t.Errorf("%s: the real server says %s %s, %d series:\n%s", where, r.Status, r.Error, len(r.Data.Result), expr)
		}
		for _, s := range r.Data.Result {
			if s.Value[1] == "NaN" {
				t.Errorf("%s: the real server says NaN:\n%s", where, expr)
			}
		}
		answered++
	})
	t.Logf("the real server answered %d queries of panels", answered)
}

// shows checks that an expression has data.
func (p *promServer) shows(t *testing.T, expr string) {
	if p == nil {
		return
	}
	if r := p.ask(t, expr); len(r.Data.Result) == 0 {
		t.Errorf("the real server has no data for %s", expr)
	}
}

type answer struct {
	Status, Error string
	Data          struct {
		Result []struct{ Value [2]any }
	}
}

func (p *promServer) ask(t *testing.T, expr string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// canary makes one run as the command does, and checks that it leaves nothing.
func (u *usher) canary() {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(u.Context(), 30*time.Second)
	defer cancel()
	var steps []string
	_, err = canary.Journey{
		JetStream: c.JetStream, Publisher: c.Publisher, Inbox: filepath.Join(u.dir, event.SourceCanary), Email: "sink@example.org",
		Progress: func(step string, _ time.Duration) { steps = append(steps, step) },
	}.Run(ctx)
	if got := strings.Join(steps, " "); err != nil || got != strings.Join(metrics.CanarySteps, " ") {
		u.Errorf("the canary went through %q: %v", got, err)
	}
	_, err = canary.Journey{JetStream: c.JetStream, Publisher: c.Publisher, Inbox: filepath.Join(u.dir, "nowhere"), Email: "sink@example.org"}.Run(ctx)
	var stopped *canary.Error
	if !errors.As(err, &stopped) || stopped.Step != "drop" {
		u.Errorf("a canary without an inbox: %v", err)
	}
	u.until("what the canaries that arrived left goes by itself", func() bool {
		left, going := canariesLeft(u.TB, c.JetStream)
		return len(left) == 0 && going > 8 // one on its way has a record in PEOPLE
	})
}
