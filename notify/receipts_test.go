package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// beside is what lies beside the ledger, in memory.
type beside struct {
	mu         sync.Mutex
	suppressed map[string]event.Suppression
	references map[string]event.Reference
	early      []event.Receipt
	facts      map[string]event.Fact
	fail       error
}

func (b *beside) Suppressed(_ context.Context, address string) (event.Suppression, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.suppressed[address]
	return s, ok, b.fail
}

func (b *beside) Suppress(_ context.Context, address string, s event.Suppression) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.suppressed[address]; ok || b.fail != nil {
		return false, b.fail
	}
	b.suppressed[address] = s
	return true, nil
}

func (b *beside) Refer(_ context.Context, id string, r event.Reference) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.references[id] = r
	return b.fail
}

func (b *beside) Referred(_ context.Context, id string) (event.Reference, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.references[id]
	return r, ok, b.fail
}

func (b *beside) KeepEarly(_ context.Context, r event.Receipt) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.early {
		if e.ID == r.ID && e.State == r.State {
			return false, b.fail
		}
	}
	b.early = append(b.early, r)
	return true, b.fail
}

func (b *beside) Early(_ context.Context, id string) (out []event.Receipt, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.early {
		if e.ID == id {
			out = append(out, e)
		}
	}
	return out, b.fail
}

func (b *beside) Fact(_ context.Context, f event.Fact) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, had := b.facts[f.ID]
	b.facts[f.ID] = f
	return !had, b.fail
}

func (b *beside) told() (kinds []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.facts {
		kinds = append(kinds, strings.TrimSpace(f.Kind+" "+f.Reason))
	}
	slices.Sort(kinds)
	return kinds
}

var testKey = event.Key("a key of this test only")

// receiving is a rig whose receipts are taken.
type receiving struct {
	*rig
	*beside
	receipts *Receipts
}

func newReceiving(t *testing.T, smtpAddr, smsURL string, change ...func(*Config)) *receiving {
	t.Helper()
	b := &beside{suppressed: map[string]event.Suppression{}, references: map[string]event.Reference{}, facts: map[string]event.Fact{}}
	r := &receiving{beside: b}
	r.rig = newRig(t, smtpAddr, smsURL, append(change, func(c *Config) {
		r.receipts = &Receipts{Ledger: c.Ledger, References: b, Suppressions: b, Facts: b, Metrics: c.Metrics, Log: c.Log}
		c.Suppressions, c.Keys, c.Receipts, c.ReturnPath = b, testKey, r.receipts, "bounces@usher.example"
	})...)
	return r
}

func (r *receiving) results(channel string) map[string]float64 {
	out := map[string]float64{}
	for _, x := range ReceiptResults {
		if n := testutil.ToFloat64(r.Metrics.Receipts.WithLabelValues(channel, x)); n > 0 {
			out[x] = n
		}
	}
	return out
}

func (r *receiving) entry(channel string) event.Send {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	return r.ledger.entries["u-1/"+request(channel).key()]
}

const publicURL = "https://receipts.usher.example"

// serveHTTP runs the listener and returns where it is.
func (r *receiving) serveHTTP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := HTTPReceipts{Receipts: r.receipts, URL: publicURL, TwilioTokens: []string{"", "token"}, Secrets: []string{"", "another", "a secret of this test"}, Seals: testKey}
	whileTesting(t, func(ctx context.Context) error { return h.Serve(ctx, l) })
	return "http://" + l.Addr().String()
}

func whileTesting(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func callback(t *testing.T, base, token string, form url.Values) int {
	t.Helper()
	var keys []string
	for k := range form {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	text := publicURL + "/receipts/twilio"
	for _, k := range keys {
		text += k + form.Get(k)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	req, _ := http.NewRequest(http.MethodPost, base+"/receipts/twilio", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// The example of Twilio's own documentation of its signature.
func TestTwilioSignatureOfItsDocumentation(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	req := httptest.NewRequest(http.MethodPost, "/myapp.php?foo=1&bar=2", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
	if err := req.ParseForm(); err != nil {
		t.Fatal(err)
	}
	req.URL, _ = url.Parse("/myapp.php?foo=1&bar=2")
	h := HTTPReceipts{URL: "https://mycompany.com", TwilioTokens: []string{"12345"}}
	if !h.signedByTwilio(req) {
		t.Error("the documented example is refused")
	}
	h.TwilioTokens = []string{"", "12346"}
	if h.signedByTwilio(req) {
		t.Error("another token is as good")
	}
}

func TestReceiptsOfTextMessages(t *testing.T) {
	status := func(s, code string) url.Values {
		return url.Values{"MessageSid": {"SM1"}, "MessageStatus": {s}, "ErrorCode": {code}, "To": {"+4930123456"}}
	}
	for name, tc := range map[string]struct {
		before, after []url.Values // callbacks before and after the message is sent
		state         event.SendState
		reason        string
		facts         []string
		results       map[string]float64
		suppressed    bool
	}{
		"delivered":                   {nil, []url.Values{status("sent", ""), status("delivered", "")}, event.SendDelivered, "", []string{"delivered"}, map[string]float64{"ignored": 1, "applied": 1}, false},
		"twice":                       {nil, []url.Values{status("delivered", ""), status("delivered", "")}, event.SendDelivered, "", []string{"delivered"}, map[string]float64{"known": 1, "applied": 1}, false},
		"opted out":                   {nil, []url.Values{status("undelivered", "21610")}, event.SendBounced, ReasonBlocked, []string{"bounced " + ReasonBlocked}, map[string]float64{"applied": 1}, true},
		"perhaps no such number":      {nil, []url.Values{status("undelivered", "30005")}, event.SendBounced, ReasonRecipientNo, []string{"bounced " + ReasonRecipientNo}, map[string]float64{"applied": 1}, false},
		"a landline, or our sender":   {nil, []url.Values{status("undelivered", "30006")}, event.SendBounced, ReasonRecipientNo, []string{"bounced " + ReasonRecipientNo}, map[string]float64{"applied": 1}, false},
		"blocked, for who knows what": {nil, []url.Values{status("undelivered", "30004")}, event.SendBounced, ReasonUndelivered, []string{"bounced " + ReasonUndelivered}, map[string]float64{"applied": 1}, false},
		"phone is off":                {nil, []url.Values{status("undelivered", "30003")}, event.SendBounced, ReasonUndelivered, []string{"bounced " + ReasonUndelivered}, map[string]float64{"applied": 1}, false},
		"delivered, out of turn":      {nil, []url.Values{status("delivered", ""), status("sent", "")}, event.SendDelivered, "", []string{"delivered"}, map[string]float64{"ignored": 1, "applied": 1}, false},
		"bounced, then an old delivered": {nil, []url.Values{status("failed", "30007"), status("delivered", "")}, event.SendBounced, ReasonContent, []string{"bounced " + ReasonContent},
			map[string]float64{"known": 1, "applied": 1}, false},
		"before the message is known": {[]url.Values{status("delivered", ""), status("delivered", "")}, nil, event.SendDelivered, "", []string{"delivered"}, map[string]float64{"unmatched": 1, "applied": 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(reply(201, `{"sid":"SM1"}`))
			t.Cleanup(srv.Close)
			r := newReceiving(t, nowhere, srv.URL)
			base := r.serveHTTP(t)
			for i, form := range append(tc.before, tc.after...) {
				if i == len(tc.before) {
					r.mustSend(t)
				}
				if code := callback(t, base, "token", form); code != http.StatusNoContent {
					t.Errorf("the callback gets %d", code)
				}
			}
			if len(tc.after) == 0 {
				r.mustSend(t)
			}
			if e := r.entry(event.ChannelSMS); e.State != tc.state || e.Reason != tc.reason {
				t.Errorf("the ledger says %s (%s), want %s (%s)", e.State, e.Reason, tc.state, tc.reason)
			}
			if got := r.told(); !slices.Equal(got, tc.facts) {
				t.Errorf("facts %v, want %v", got, tc.facts)
			}
			if got := r.results(event.ChannelSMS); fmt.Sprint(got) != fmt.Sprint(tc.results) {
				t.Errorf("results %v, want %v", got, tc.results)
			}
			if got := len(r.suppressed) > 0; got != tc.suppressed {
				t.Errorf("suppressed is %v", got)
			}
			// Whatever came, the message is not sent again.
			if _, err := r.Send(t.Context(), request(event.ChannelSMS)); err != nil {
				t.Errorf("another try: %v", err)
			}
			if e := r.entry(event.ChannelSMS); e.State != tc.state || e.Attempts != 1 {
				t.Errorf("after another try the ledger says %s with %d attempts", e.State, e.Attempts)
			}
			checkNoPersonalData(t, r.rig, nil)
		})
	}
}

func (r *receiving) mustSend(t *testing.T) {
	t.Helper()
	if _, err := r.Send(t.Context(), request(event.ChannelSMS)); err != nil {
		t.Fatal(err)
	}
}

func TestReceiptsThatAreNotBelieved(t *testing.T) {
	r := newReceiving(t, nowhere, "http://"+nowhere)
	base := r.serveHTTP(t)
	good := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	for _, token := range []string{"", "other"} {
		if code := callback(t, base, token, good); code != http.StatusForbidden {
			t.Errorf("signed with %q it gets %d", token, code)
		}
	}
	if code := callback(t, base, "token", url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"odd"}}); code != http.StatusBadRequest {
		t.Errorf("an unknown status gets %d", code)
	}
	if code := callback(t, base, "token", url.Values{"MessageSid": {strings.Repeat("x", 300)}, "MessageStatus": {"delivered"}}); code != http.StatusBadRequest {
		t.Errorf("an id without end gets %d", code)
	}
	post := func(path, header, value, body string) int {
		req, _ := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
		req.Header.Set(header, value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	sum := func(body string) string {
		mac := hmac.New(sha256.New, []byte("a secret of this test"))
		mac.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	for body, want := range map[string]int{`{"id":"x","status":"delivered"}`: 204, `{"id":"x","status":"odd"}`: 400, `{"status":"delivered"}`: 400, `{`: 400} {
		if code := post("/receipts/webhook", "X-Signature", sum(body), body); code != want {
			t.Errorf("%s gets %d, want %d", body, code, want)
		}
		if code := post("/receipts/webhook", "X-Signature", sum(body+" "), body); code != http.StatusForbidden {
			t.Errorf("%s with the signature of another gets %d", body, code)
		}
	}
	if code := post("/receipts/webhook", "X-Signature", "", strings.Repeat("x", maxReceipt+1)); code != http.StatusBadRequest {
		t.Errorf("a body beyond the limit gets %d", code)
	}
	r.fail = context.DeadlineExceeded
	if code := callback(t, base, "token", good); code != http.StatusServiceUnavailable {
		t.Errorf("with the store away it gets %d, so the provider does not send it again", code)
	}
	if len(r.facts) > 0 {
		t.Errorf("facts were told: %v", r.told())
	}
}

// The token of a service's receipts stands beside the service, or in a file.
func TestReceiptTokensOfProviders(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p, err := LoadProviders(file("providers.yaml", `sms:
  - {name: main, preset: twilio, account: AC1, secret_file: `+file("auth", "auth token\n")+`}
  - {name: second, preset: twilio, account: AC2, secret: api secret, receipt_token: its auth token}
  - {name: gateway, url: "https://sms.example.net", receipt_token_file: `+file("gateway", "gateway token\n")+`}
  - {name: silent, url: "https://sms.example.org", secret: bearer}
`))
	if err != nil {
		t.Fatal(err)
	}
	twilio, others, err := p.ReceiptTokens()
	if err != nil || !slices.Equal(twilio, []string{"auth token", "its auth token", "gateway token"}) || !slices.Equal(others, []string{"gateway token"}) {
		t.Errorf("%q, %q, %v", twilio, others, err)
	}
	p.SMS[2].ReceiptToken = "twice"
	if _, _, err := p.ReceiptTokens(); err == nil || !strings.Contains(err.Error(), "gateway") || strings.Contains(err.Error(), "twice") {
		t.Errorf("a token and a file: %v", err)
	}
	p.SMS[2] = HTTPConfig{Name: "gateway", ReceiptTokenFile: filepath.Join(dir, "none")}
	if _, _, err := p.ReceiptTokens(); err == nil || !strings.Contains(err.Error(), "receipt_token_file") {
		t.Errorf("no such file: %v", err)
	}
}

// report is a notification as Postfix writes it.
func report(action, status string) string {
	return strings.ReplaceAll(`From: MAILER-DAEMON@mx.example.org
To: bounces@usher.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

This is a MIME-encapsulated message.

--b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Tue, 24 Nov 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; ann.secret@example.org
Original-Recipient: rfc822;ann.secret@example.org
Action: `+action+`
Status: `+status+`
Diagnostic-Code: smtp; 550 5.1.1 <ann.secret@example.org>: user unknown

--b
Content-Type: text/rfc822-headers

Subject: Welcome

--b--
`, "\n", "\r\n")
}

func TestBouncesOfMail(t *testing.T) {
	for name, tc := range map[string]struct {
		body       string
		state      event.SendState
		reason     string
		result     string
		suppressed bool
	}{
		"no such user":     {report("failed", "5.1.1"), event.SendBounced, ReasonRecipient, receiptApplied, true},
		"mailbox full":     {report("failed", "5.2.2"), event.SendBounced, ReasonMailboxFull, receiptApplied, false},
		"reputation":       {report("failed", "5.7.1"), event.SendBounced, ReasonContent, receiptApplied, false},
		"queue gave up":    {report("failed", "4.4.1"), event.SendBounced, ReasonExpired, receiptApplied, false},
		"no status at all": {report("failed", "x"), event.SendBounced, ReasonUndelivered, receiptApplied, false},
		"delivered":        {report("delivered", "2.0.0"), event.SendDelivered, "", receiptApplied, false},
		"delayed":          {report("delayed", "4.4.1"), event.SendAccepted, "", receiptIgnored, false},
		"out of office":    {"Subject: I am away\r\n\r\nuntil Monday\r\n", event.SendAccepted, "", receiptIgnored, false},
		"torn":             {report("failed", "5.1.1")[:500], event.SendAccepted, "", receiptMalformed, false},
	} {
		t.Run(name, func(t *testing.T) {
			taking := newSMTPServer(t, script{})
			r := newReceiving(t, taking.addr, "http://"+nowhere)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			whileTesting(t, func(ctx context.Context) error {
				return SMTPReceipts{Receipts: r.receipts, Address: "bounces@usher.example", Seals: testKey}.Serve(ctx, l)
			})
			sent, err := r.Send(t.Context(), request(event.ChannelEmail))
			if err != nil {
				t.Fatal(err)
			}
			ref, _, _ := strings.Cut(sent.MessageID, "@")
			to := returnPath("bounces@usher.example", ref, testKey)
			if got := taking.sender(); got != to {
				t.Errorf("the return path of the message is %q, want %q", got, to)
			}
			if err := smtp.SendMail(l.Addr().String(), nil, "", []string{to}, []byte(tc.body)); err != nil {
				t.Fatal(err)
			}
			if e := r.entry(event.ChannelEmail); e.State != tc.state || e.Reason != tc.reason {
				t.Errorf("the ledger says %s (%s), want %s (%s)", e.State, e.Reason, tc.state, tc.reason)
			}
			if got := r.results(event.ChannelEmail); got[tc.result] != 1 || len(got) != 1 {
				t.Errorf("results %v, want one %s", got, tc.result)
			}
			if got := len(r.suppressed) > 0; got != tc.suppressed {
				t.Fatalf("suppressed is %v", got)
			}
			for _, forged := range []string{"bounces@usher.example", "bounces+" + ref + "@usher.example", "bounces+" + ref + "-0123456789abcdef@usher.example", strings.Replace(to, "usher.", "other.", 1)} {
				if err := smtp.SendMail(l.Addr().String(), nil, "", []string{forged}, []byte(report("failed", "5.1.1"))); err == nil || !strings.Contains(err.Error(), "550") {
					t.Errorf("%s is taken: %v", forged, err)
				}
			}
			checkNoPersonalData(t, r.rig, nil)
			// The next message to a suppressed address ends without a provider.
			next := request(event.ChannelEmail)
			next.Ordinal = 2
			sent, err = r.Send(t.Context(), next)
			if tc.suppressed {
				checkClass(t, err, "permanent")
				if sent.State != event.SendFailed || sent.Reason != ReasonSuppressed || len(taking.messages()) != 1 {
					t.Errorf("the next message is %s (%s), %d went out", sent.State, sent.Reason, len(taking.messages()))
				}
			} else if err != nil || len(taking.messages()) != 2 {
				t.Errorf("the next message: %v", err)
			}
		})
	}
}

// What a provider says at once of an address suppresses it too; what usher
// itself has against it, or a refusal for another reason, does not.
func TestRefusalsSuppress(t *testing.T) {
	for name, tc := range map[string]struct {
		script script
		email  string
		want   bool
	}{
		"no such user":      {script{"RCPT": "550 5.1.1 who"}, "", true},
		"spam":              {script{"DOT": "550 5.7.1 spam"}, "", false},
		"try later":         {script{"RCPT": "450 4.2.0 later"}, "", false},
		"without SMTPUTF8":  {script{"EHLO": "250 test"}, "jürgen@example.org", false},
		"not usable at all": {script{}, "a b@example.org", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiving(t, newSMTPServer(t, tc.script).addr, "http://"+nowhere)
			req := request(event.ChannelEmail)
			if tc.email != "" {
				req.Email = tc.email
			}
			_, _ = r.Send(t.Context(), req)
			_, got := r.suppressed[testKey.Address(event.ChannelEmail, req.Email)]
			if got != tc.want {
				t.Errorf("suppressed is %v, want %v", got, tc.want)
			}
		})
	}
}

// A list that cannot be read stops the message for now: it may be on it.
func TestNothingGoesOutWhileTheListCannotBeRead(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newReceiving(t, srv.addr, "http://"+nowhere)
	r.fail = context.DeadlineExceeded
	_, err := r.Send(t.Context(), request(event.ChannelEmail))
	checkClass(t, err, "transient")
	if n := len(srv.messages()); n != 0 {
		t.Errorf("%d messages went out", n)
	}
}

func TestReturnPathsFitSMTP(t *testing.T) {
	local, _, _ := strings.Cut(returnPath("bounces@usher.example", strings.Repeat("f", 32), testKey), "@")
	if len(local) > 64 {
		t.Errorf("the local part has %d characters, RFC 5321 allows 64", len(local))
	}
}

func FuzzParseBounce(f *testing.F) {
	f.Add(report("failed", "5.1.1"))
	f.Add(report("delivered", "2.0.0"))
	f.Add("Subject: x\r\n\r\nbody")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := parseBounce(strings.NewReader(s))
		if err != nil && b != (bounce{}) {
			t.Errorf("%v beside an error", b)
		}
		if b.status != "" && !enhancedStatus.MatchString(b.status) {
			t.Errorf("the status is %q", b.status)
		}
	})
}
