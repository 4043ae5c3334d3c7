package notify

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// twoMail gives the channel a second server.
func twoMail(addr string) func(*Config) {
	return func(c *Config) {
		second := c.Providers.Email[0]
		second.Name, second.Addr = "second", addr
		c.Providers.Email = append(c.Providers.Email, second)
	}
}

// The second provider is asked only when the first is known not to have taken the
// message, and another might.
func TestFailover(t *testing.T) {
	for name, tc := range map[string]struct {
		script          script
		first, second   int // messages handed over
		state           event.SendState
		provider, class string
	}{
		"accepted":              {script{}, 1, 0, event.SendAccepted, "smtp", "ok"},
		"greeting refused":      {script{"GREET": "554 no"}, 0, 1, event.SendAccepted, "second", "ok"},
		"the line dies at MAIL": {script{"MAIL": "drop"}, 0, 1, event.SendAccepted, "second", "ok"},
		"sender refused":        {script{"MAIL": "550 5.7.1 no"}, 0, 1, event.SendAccepted, "second", "ok"},
		"451 after the dot":     {script{"DOT": "451 4.3.0 later"}, 1, 1, event.SendAccepted, "second", "ok"},
		"no such user":          {script{"RCPT": "550 5.1.1 who"}, 0, 0, event.SendFailed, "smtp", "permanent"},
		"mailbox full":          {script{"RCPT": "452 4.2.2 full"}, 0, 0, "", "", "later"},
		"spam":                  {script{"DOT": "550 5.7.1 spam"}, 1, 1, event.SendAccepted, "second", "ok"},
		"no answer":             {script{"DOT": "drop"}, 1, 0, event.SendUnknown, "smtp", "transient"},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newSMTPServer(t, tc.script), newSMTPServer(t, script{})
			r := newRig(t, first.addr, "http://"+nowhere, twoMail(second.addr))
			sent, err := r.Send(t.Context(), request(event.ChannelEmail))
			checkClass(t, err, tc.class)
			if sent.State != tc.state || sent.Provider != tc.provider {
				t.Errorf("the ledger says %q by %q, want %q by %q", sent.State, sent.Provider, tc.state, tc.provider)
			}
			if a, b := len(first.messages()), len(second.messages()); a != tc.first || b != tc.second {
				t.Errorf("%d and %d messages were handed over, want %d and %d", a, b, tc.first, tc.second)
			}
		})
	}
}

// Each try that fails counts, also when more than one provider is asked at a time and
// more have failed than are remembered: pauses grow with the count.
func TestEachTryCounts(t *testing.T) {
	later := script{"DOT": "451 4.2.0 later"}
	first, second := newSMTPServer(t, later), newSMTPServer(t, later)
	r := newRig(t, first.addr, "http://"+nowhere, twoMail(second.addr))
	var sent event.Send
	const rounds = event.MaxTries
	for range rounds {
		sent, _ = r.Send(t.Context(), request(event.ChannelEmail))
	}
	tries := len(first.messages()) + len(second.messages())
	if sent.Failed != tries || tries != 2*rounds || len(sent.Tries) != event.MaxTries {
		t.Errorf("the ledger counts %d of %d tries, and remembers %d", sent.Failed, tries, len(sent.Tries))
	}
}

// Trouble with credentials is the provider's: it is not asked again by every
// user, and no user's ledger moves.
func TestAProviderThatRefusesUsIsPaused(t *testing.T) {
	srv := newSMTPServer(t, script{"AUTH": "535 5.7.8 no"})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].Username, c.Providers.Email[0].Password = "u", "p"
	})
	for i := range 20 {
		sent, err := r.Send(t.Context(), requestOf(i))
		pause, later := event.RetryDelay(err)
		if !event.IsPaused(err) || !later || pause < 30*time.Second || sent.State != "" {
			t.Fatalf("%d: %+v, %v after %v", i, sent, err, pause)
		}
	}
	if conns, _ := srv.seen(); conns != 1 {
		t.Errorf("the server was asked %d times", conns)
	}
	if n := testutil.ToFloat64(r.Metrics.Paused.WithLabelValues("email", "smtp", ReasonConfig)); n != 1 {
		t.Errorf("the pause is shown as %v", n)
	}
}

// The pauses of a message double with each of its own failures. What it waits for
// a provider that is paused lengthens none of them.
func TestAPauseIsNoFailureOfTheMessage(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT": "450 4.2.0 busy"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	q := requestOf(1)
	q.Backoff = func(failed int) time.Duration { return time.Hour << failed }
	g := r.channels[event.ChannelEmail][0].gate
	for failed := 1; failed <= 2*event.MaxTries; failed++ {
		for range 5 {
			g.pause(&failure{reason: ReasonConfig, pause: time.Minute})
			if _, err := r.Send(t.Context(), q); !event.IsPaused(err) {
				t.Fatal(err)
			}
		}
		g.leave(nil)
		sent, err := r.Send(t.Context(), q)
		if pause, _ := event.RetryDelay(err); pause != time.Hour<<failed || event.IsPaused(err) {
			t.Fatalf("after failure %d: %v, %v", failed, pause, err)
		}
		last := sent.Tries[len(sent.Tries)-1]
		if sent.Failed != failed || last.Next == nil || last.Next.Sub(last.At) != time.Hour<<failed {
			t.Fatalf("failure %d: %+v", failed, sent)
		}
	}
}

// A recipient's trouble pauses nothing.
func TestRecipientsPauseNobody(t *testing.T) {
	for _, reply := range []string{"550 5.1.1 who", "452 4.2.2 full", "451 4.7.1 greylisted", "450 4.2.0 busy"} {
		srv := newSMTPServer(t, script{"RCPT": reply})
		r := newRig(t, srv.addr, "http://"+nowhere)
		for i := range 2 * mostFailed {
			if _, err := r.Send(t.Context(), requestOf(i)); event.IsPaused(err) {
				t.Fatal(reply, err)
			}
		}
		if _, verbs := srv.seen(); strings.Count(verbs, "RCPT") != 2*mostFailed {
			t.Errorf("%s: %s", reply, verbs)
		}
	}
}

func TestGate(t *testing.T) {
	config, away := signInFailure("no"), failureOf(ReasonTransient, os.ErrInvalid)
	enter := func(g *gate) (time.Duration, string) { return g.enter(context.Background(), "m") }
	t.Run("a pause doubles, one message probes, and a success ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(Rate{}, time.Hour)
			shown := map[string]bool{}
			g.changed = func(reason string, paused bool) { shown[reason] = paused }
			for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, pauseMost, pauseMost} {
				if d, _ := enter(g); d != 0 {
					t.Fatalf("before the pause of %v it is closed for %v", want, d)
				}
				if d, trouble := enter(g); want > time.Minute && (d == 0 || trouble != ReasonConfig) {
					t.Error("two messages probe at once")
				}
				g.leave(config)
				g.leave(config) // one that was on its way
				d, trouble := enter(g)
				if d < want || d > want*3/2+time.Second || trouble != ReasonConfig || !shown[ReasonConfig] {
					t.Fatalf("paused for %v because of %q, want %v", d, trouble, want)
				}
				time.Sleep(want)
			}
			if d, _ := enter(g); d != 0 {
				t.Fatal("no probe")
			}
			g.leave(nil)
			if d, _ := enter(g); d != 0 || shown[ReasonConfig] {
				t.Error("a success does not end the pause")
			}
		})
	})
	t.Run("a pause grows with a trouble that lasts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, reason := range []string{ReasonQuota, ReasonReputation, ReasonConfig} {
				g, began, probes := newGate(Rate{}, time.Hour), time.Now(), 0
				for g.leave(failureOf(reason, os.ErrInvalid)); time.Since(began) < 24*time.Hour; probes++ {
					lasted := time.Since(began)
					d, trouble := enter(g)
					most := max(30*time.Second, min(lasted/pausePart, pauseMost)+time.Second)
					if d < pauseFirst || d > most || trouble != reason {
						t.Fatalf("%s: after %v it is paused for %v because of %q, at most %v", reason, lasted, d, trouble, most)
					}
					time.Sleep(d)
					if d, _ := enter(g); d != 0 {
						t.Fatal("no probe")
					}
					g.leave(failureOf(reason, os.ErrInvalid))
				}
				if probes > 250 {
					t.Errorf("%s: %d probes in a day", reason, probes)
				}
			}
		})
	})
	t.Run("some failures in a row make a pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(Rate{}, time.Hour)
			for i := range mostFailed {
				if d, _ := enter(g); d != 0 {
					t.Fatalf("paused after %d", i)
				}
				g.leave(away)
			}
			if d, trouble := enter(g); d < pauseFirst || trouble != ReasonTransient {
				t.Errorf("paused for %v because of %q", d, trouble)
			}
		})
	})
	t.Run("a provider that names a time is taken at its word", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(Rate{}, time.Hour)
			limited := failureOf(ReasonRateLimited, os.ErrInvalid)
			limited.pause = 20 * time.Minute
			g.leave(limited)
			if d, _ := enter(g); d < 20*time.Minute {
				t.Errorf("paused for %v", d)
			}
		})
	})
	t.Run("a rate gives each message its turn", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(Rate{Limit: 2}, time.Hour)
			began := time.Now()
			var mu sync.Mutex
			comeBack := 0
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					m := fmt.Sprint(i)
					d, _ := g.enter(t.Context(), m)
					if d == 0 {
						return
					}
					mu.Lock()
					comeBack++
					mu.Unlock()
					time.Sleep(d)
					if d, _ := g.enter(t.Context(), m); d > 0 {
						t.Errorf("%s came at its time and has to wait for %v", m, d)
					}
				})
			}
			all.Wait()
			if comeBack != 14 { // two at once, four within two seconds
				t.Errorf("%d messages came back", comeBack)
			}
			if took := time.Since(began); took < 8500*time.Millisecond || took > 10*time.Second {
				t.Errorf("20 messages at 2/s took %v", took)
			}
		})
	})
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestProvidersFile(t *testing.T) {
	secret := writeFile(t, "secret", "s3cret\n")
	good := `
email:
  - {name: main, smtp: "mail.example.org:587", username: usher, password_file: ` + secret + `, from: Welcome <w@example.org>, rate: 600/m, idle: 20s}
  - {name: backup, smtp: "127.0.0.1:25", tls: none, from: w@example.org}
sms:
  - {name: twilio, preset: twilio, account: AC1, secret_file: ` + secret + `, from: "+15005550006", reasons: {"21408": config}}
  - {name: own, preset: webhook, base: "https://sms.example.org/in", secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=, from: ACME}
`
	p, err := LoadProviders(writeFile(t, "providers.yaml", good))
	if err != nil {
		t.Fatal(err)
	}
	mail, text, err := p.open(time.Second, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if m := mail[0].transport.(*smtpTransport); m.Password != "s3cret" || m.TLS != "starttls" || m.Rate.Limit != 10 || m.Idle != 20*time.Second || mail[1].name != "backup" {
		t.Errorf("%+v", m.SMTPConfig)
	}
	if s := text[0].transport.(*httpTransport); s.Reasons["21408"] != ReasonConfig || s.Reasons["21610"] != ReasonBlocked || s.Base != "https://api.twilio.com" {
		t.Errorf("%+v", s.HTTPConfig)
	}
	again, _ := presets()
	if again["twilio"].Reasons["21408"] != ReasonNoRoute {
		t.Error("a provider changed the preset")
	}

	mailOK, smsOK := "\nemail: [{name: m, smtp: 'h:25', from: a@b.org}]", "\nsms: [{name: s, url: 'http://h/', json: {}}]"
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":       {"email:\n  - name: m\n    stmp: h:25" + smsOK, "line 3: field stmp not found"},
		"bad rate":          {"email:\n  - name: m\n    rate: 10" + smsOK, `line 3: the rate "10"`},
		"no name":           {"email: [{smtp: 'h:25', from: a@b.org}]" + smsOK, "needs a name"},
		"same name":         {"email: [{name: m, smtp: 'h:25', from: a@b.org}, {name: m, smtp: 'h:25', from: a@b.org}]" + smsOK, "two providers are called m"},
		"no provider":       {"email: []", "no provider is given"},
		"no port":           {"email: [{name: m, smtp: h, from: a@b.org}]" + smsOK, "HOST:PORT"},
		"clear password":    {"email: [{name: m, smtp: 'h:25', from: a@b.org, tls: none, username: u, password: p}]" + smsOK, "in clear"},
		"two passwords":     {"email: [{name: m, smtp: 'h:25', from: a@b.org, password: p, password_file: f}]" + smsOK, "give one of them"},
		"no key":            {"email: [{name: m, smtp: 'h:25', from: a@b.org, dkim: {domain: b.org, selector: s, key_file: /none}}]" + smsOK, "dkim: open /none"},
		"unknown preset":    {"sms: [{name: s, preset: twillio}]" + mailOK, `no preset "twillio"`},
		"bad template":      {"sms: [{name: s, url: 'http://h/', form: {to: '{{.Too}}'}}]" + mailOK, ".Too"},
		"no address":        {"sms: [{name: s, url: 'sms.example.org', json: {}}]" + mailOK, "http://"},
		"unknown reason":    {"sms: [{name: s, url: 'http://h/', json: {}, reasons: {'1': bad_number}}]" + mailOK, "bad_number"},
		"form and json":     {"sms: [{name: s, preset: twilio, json: {a: b}}]" + mailOK, "give one of them"},
		"no pointer":        {"sms: [{name: s, url: 'http://h/', json: {}, id: message.id}]" + mailOK, "JSON pointer"},
		"bad signing key":   {"sms: [{name: s, preset: webhook, base: 'http://h/', secret: hunter2}]" + mailOK, "whsec_"},
		"unknown auth":      {"sms: [{name: s, url: 'http://h/', json: {}, auth: digest}]" + mailOK, "digest"},
		"header with break": {"sms: [{name: s, url: 'http://h/', json: {}, headers: {X: \"a\\nb\"}}]" + mailOK, "line break"},
	} {
		p, err := LoadProviders(writeFile(t, "providers.yaml", tc.text))
		if err == nil {
			_, _, err = p.open(time.Second, time.Hour)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "notify.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A second SMS provider takes over while the first is paused by its quota.
func TestAQuotaPausesOneProviderAndTheOtherTakesOver(t *testing.T) {
	asked := 0
	limited := httptest.NewServer(counted(&asked, reply(429, `{"code":20429}`, "Retry-After", "120")))
	t.Cleanup(limited.Close)
	second := httptest.NewServer(reply(201, `{"sid":"SM2"}`))
	t.Cleanup(second.Close)
	r := newRig(t, nowhere, limited.URL, func(c *Config) {
		b := Twilio(second.URL, "AC2", "token", "+15005550006")
		b.Name = "second"
		c.Providers.SMS = append(c.Providers.SMS, b)
	})
	for i := range 5 {
		q := request(event.ChannelSMS)
		q.UserID = string(rune('a' + i))
		if sent, err := r.Send(t.Context(), q); err != nil || sent.Provider != "second" || sent.ProviderID != "SM2" {
			t.Fatalf("%+v, %v", sent, err)
		}
	}
	if asked != 1 {
		t.Errorf("the limited provider was asked %d times", asked)
	}
}

func counted(n *int, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { *n++; h(w, r) }
}

// A server that relays no mail is paused, and one that refuses to relay to one
// recipient is not.
func TestARelayThatDoesNotRelay(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT": "554 5.7.1 Relay access denied"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	for i := range 2 * mostFailed {
		sent, err := r.Send(t.Context(), requestOf(i))
		if paused := event.IsPaused(err); sent.State != "" || paused != (i >= mostFailed-1) {
			t.Errorf("%d: %q, %v", i, sent.State, err)
		}
	}
	if _, verbs := srv.seen(); strings.Count(verbs, "RCPT") != mostFailed {
		t.Errorf("%s", verbs)
	}
}
