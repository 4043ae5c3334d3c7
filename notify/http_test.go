package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// seen is a request as a service gets it.
type seen struct {
	Method, Path string
	Header       http.Header
	Query, Form  url.Values
	Body         string
}

func see(r *http.Request) seen {
	b, _ := io.ReadAll(r.Body)
	s := seen{Method: r.Method, Path: r.URL.EscapedPath(), Header: r.Header, Query: r.URL.Query(), Body: string(b)}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		s.Form, _ = url.ParseQuery(s.Body)
	}
	return s
}

// service answers with what is said and keeps the last request.
func service(t *testing.T, status int, body string) (url string, last *seen) {
	t.Helper()
	last = &seen{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = see(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, last
}

func smsRig(t *testing.T, c HTTPConfig) *rig {
	t.Helper()
	c.Name, c.From = "sms", "ACME & Söhne"
	return newRig(t, nowhere, "http://"+nowhere, func(config *Config) { config.Providers.SMS = []HTTPConfig{c} })
}

const hmacKey = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// What each preset sends, to the letter of its service's documentation, with
// values that need escaping.
func TestPresetsSpeakAsTheirServicesWant(t *testing.T) {
	const ref = "8d5ef3d5ff9ccd3d62c4a0f4c9fda4d1"
	text := "Hello Ann Secret, your account is ready. You can sign in from now on."
	for preset, tc := range map[string]struct {
		answer string
		id     string
		check  func(t *testing.T, got seen, ref string)
	}{
		"twilio": {`{"sid":"SM12"}`, "SM12", func(t *testing.T, got seen, _ string) {
			user, password, _ := (&http.Request{Header: got.Header}).BasicAuth()
			if got.Method != "POST" || got.Path != "/2010-04-01/Accounts/A%2F1/Messages.json" || user != "A/1" || password != "p:w" {
				t.Errorf("%+v", got)
			}
			want := url.Values{"To": {"+4930123456"}, "From": {"ACME & Söhne"}, "Body": {text}}
			if d := cmp.Diff(want, got.Form); d != "" {
				t.Error(d)
			}
		}},
		"vonage": {`{"messages":[{"status":"0","message-id":"0A00"}]}`, "0A00", func(t *testing.T, got seen, ref string) {
			want := url.Values{"api_key": {"A/1"}, "api_secret": {"p:w"}, "to": {"4930123456"}, "from": {"ACME & Söhne"}, "text": {text}, "type": {"text"}, "client-ref": {ref}}
			if d := cmp.Diff(want, got.Form); d != "" || got.Path != "/sms/json" {
				t.Error(got.Path, d)
			}
		}},
		"kannel": {`0: Accepted for delivery`, "", func(t *testing.T, got seen, _ string) {
			want := url.Values{"username": {"A/1"}, "password": {"p:w"}, "to": {"+4930123456"}, "from": {"ACME & Söhne"}, "text": {text}, "charset": {"UTF-8"}, "coding": {"0"}}
			if d := cmp.Diff(want, got.Query); d != "" || got.Method != "GET" || got.Path != "/cgi-bin/sendsms" || got.Body != "" {
				t.Error(got.Method, got.Path, d)
			}
		}},
		"webhook": {`{"id":"own-7"}`, "own-7", func(t *testing.T, got seen, ref string) {
			var body map[string]any
			if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"type": "sms", "id": ref, "to": "+4930123456", "from": "ACME & Söhne", "text": text, "locale": "en"}
			if d := cmp.Diff(want, body); d != "" {
				t.Error(d)
			}
			// As a receiver checks it (https://www.standardwebhooks.com).
			key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(hmacKey, "whsec_"))
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(got.Header.Get("webhook-id") + "." + got.Header.Get("webhook-timestamp") + "." + got.Body))
			if s := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.Header.Get("webhook-signature") != s || got.Header.Get("webhook-id") != ref {
				t.Errorf("%v, want %s", got.Header, s)
			}
		}},
	} {
		t.Run(preset, func(t *testing.T) {
			base, got := service(t, 200, tc.answer)
			c := HTTPConfig{Preset: preset, Base: base, Account: "A/1", Secret: "p:w"}
			if preset == "webhook" {
				c.Secret = hmacKey
			}
			sent, err := smsRig(t, c).Send(t.Context(), request(event.ChannelSMS))
			if err != nil || sent.ProviderID != tc.id {
				t.Fatalf("%+v, %v", sent, err)
			}
			tc.check(t, *got, strings.Split(sent.MessageID, "@")[0])
		})
	}
	_ = ref
}

// Every code that a preset knows, one by one, ends in its reason; and what it
// does not know is blamed on no one yet.
func TestPresetsKnowTheirCodes(t *testing.T) {
	known, err := presets()
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]func(code string) (int, string){
		"twilio": func(code string) (int, string) { return 400, `{"code":` + code + `,"message":"no","status":400}` },
		"vonage": func(code string) (int, string) {
			return 200, `{"messages":[{"status":"` + code + `","error-text":"no"}]}`
		},
		"webhook": func(code string) (int, string) { return 422, `{"code":"` + code + `"}` },
	}
	for preset, answer := range answers {
		codes := map[string]string{"99999": ReasonRefused}
		for code, reason := range known[preset].Reasons {
			codes[code] = reason
		}
		for code, reason := range codes {
			status, body := answer(code)
			base, _ := service(t, status, body)
			checkAnswer(t, preset+" "+code, HTTPConfig{Preset: preset, Base: base, Secret: hmacKey}, reason)
		}
	}
	for code, reason := range known["kannel"].Statuses {
		status := map[string]int{"400": 400, "404": 404, "503": 503}[code]
		base, _ := service(t, status, "no")
		checkAnswer(t, "kannel "+code, HTTPConfig{Preset: "kannel", Base: base}, reason)
	}
}

func checkAnswer(t *testing.T, name string, c HTTPConfig, reason string) {
	t.Helper()
	r := smsRig(t, c)
	sent, err := r.Send(t.Context(), request(event.ChannelSMS))
	want := map[class]event.SendState{permanent: event.SendFailed, unknown: event.SendUnknown}[effects[reason].class]
	if err == nil || !strings.Contains(err.Error(), reason) || sent.State != want {
		t.Errorf("%s: the ledger says %q, want %q: %v, want %s", name, sent.State, want, err, reason)
	}
}

// HTTP statuses without a code that says more.
func TestStatuses(t *testing.T) {
	for name, tc := range map[string]struct {
		status     int
		comeAgain  string
		overridden ReasonMap
		reason     string
	}{
		"redirect":                  {302, "", nil, ReasonConfig},
		"unauthorised":              {401, "", nil, ReasonConfig},
		"no credit":                 {402, "", nil, ReasonConfig},
		"forbidden":                 {403, "", nil, ReasonConfig},
		"not there":                 {404, "", nil, ReasonConfig},
		"not there, overridden":     {404, "", ReasonMap{"404": ReasonRecipient}, ReasonRecipient},
		"too slow":                  {408, "", nil, ReasonTransient},
		"not as it should be":       {422, "", nil, ReasonRefused},
		"too fast":                  {429, "3", nil, ReasonRateLimited},
		"broken":                    {500, "", nil, ReasonUnknown},
		"a proxy without an answer": {504, "", nil, ReasonUnknown},
		"busy":                      {503, "3", nil, ReasonTransient},
		"busy or broken":            {503, "", nil, ReasonUnknown},
		"busy, overridden":          {503, "", ReasonMap{"503": ReasonTransient}, ReasonTransient},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			see(r)
			if tc.comeAgain != "" {
				w.Header().Set("Retry-After", tc.comeAgain)
			}
			w.WriteHeader(tc.status)
		}))
		checkAnswer(t, name, HTTPConfig{URL: srv.URL, JSON: map[string]any{"to": "{{.To}}"}, Statuses: tc.overridden}, tc.reason)
		srv.Close()
	}
}

// A service that answers 200 whatever happens: nothing but its word is success,
// and no word is no answer.
func TestAnAnswerWithoutItsWordIsUnknown(t *testing.T) {
	for body, state := range map[string]event.SendState{
		`{"messages":[{"status":"0","message-id":"x"}]}`: event.SendAccepted,
		`<html>welcome to the hotel's network</html>`:    event.SendUnknown,
		`{"messages":[]}`: event.SendUnknown,
		``:                event.SendUnknown,
	} {
		base, _ := service(t, 200, body)
		sent, err := smsRig(t, HTTPConfig{Preset: "vonage", Base: base}).Send(t.Context(), request(event.ChannelSMS))
		if sent.State != state {
			t.Errorf("%s: %q, %v", body, sent.State, err)
		}
	}
}

// A GET has no body whose first byte is the border: the request as a whole is.
func TestGETKnowsWhatSurelyDidNotGoOut(t *testing.T) {
	r := smsRig(t, HTTPConfig{Preset: "kannel", Base: "http://" + nowhere})
	sent, err := r.Send(t.Context(), request(event.ChannelSMS))
	if sent.State != "" || err == nil || !strings.Contains(err.Error(), ReasonTransient) {
		t.Errorf("nobody listens: %q, %v", sent.State, err)
	}
	lost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}))
	t.Cleanup(lost.Close)
	r = smsRig(t, HTTPConfig{Preset: "kannel", Base: lost.URL})
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); sent.State != event.SendUnknown {
		t.Errorf("the answer is lost: %q, %v", sent.State, err)
	}
}

// A service that hangs is waited for within the limits and then unknown.
func TestAServiceThatHangs(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { see(r); <-release }))
	t.Cleanup(func() { close(release); srv.Close() })
	r := smsRig(t, HTTPConfig{Preset: "twilio", Base: srv.URL, AnswerTimeout: 100 * time.Millisecond})
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); sent.State != event.SendUnknown {
		t.Errorf("%q, %v", sent.State, err)
	}
}

// Ten lines of configuration describe a service that usher has never heard of.
func TestTenLinesAreEnough(t *testing.T) {
	base, got := service(t, 202, `{"message":{"id":"m-77"}}`)
	p, err := LoadProviders(writeFile(t, "providers.yaml", `
email: [{name: mail, smtp: "127.0.0.1:1", tls: none, from: w@example.org}]
sms:
  - name: gateway
    url: `+base+`/v1/messages
    auth: bearer
    secret: s3cret
    from: ACME
    json: {recipients: ["{{.To}}"], originator: "{{.From}}", body: "{{.Text}}", priority: 1}
    headers: {Idempotency-Key: "{{.Ref}}"}
    id: /message/id
    code: /errors/0/code
    reasons: {"25": recipient_invalid}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, nowhere, "http://"+nowhere, func(c *Config) { c.Providers = p })
	q := request(event.ChannelSMS)
	q.Name = `Quo"te {{.Secret}} \n`
	sent, err := r.Send(t.Context(), q)
	if err != nil || sent.ProviderID != "m-77" || sent.Provider != "gateway" {
		t.Fatalf("%+v, %v", sent, err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatal(err)
	}
	text := `Hello Quo"te {{.Secret}} \n, your account is ready. You can sign in from now on.`
	want := map[string]any{"recipients": []any{"+4930123456"}, "originator": "ACME", "body": text, "priority": 1.0}
	if d := cmp.Diff(want, body); d != "" {
		t.Error(d)
	}
	if got.Header.Get("Authorization") != "Bearer s3cret" || got.Header.Get("Idempotency-Key") != strings.Split(sent.MessageID, "@")[0] {
		t.Error(got.Header)
	}
}

// A regression of issue 14: a pause whose seconds overflow was one in the past.
func TestAHugePauseIsTheLongestPause(t *testing.T) {
	for _, asked := range []string{"9223372037", "18446744073", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		srv := httptest.NewServer(reply(429, `{"code":20429}`, "Retry-After", asked))
		r := newRig(t, nowhere, srv.URL)
		_, err := r.Send(t.Context(), request(event.ChannelSMS))
		if d, ok := event.RetryDelay(err); !ok || d < mostAsked-time.Minute {
			t.Errorf("%s: the next try comes after %v (%v)", asked, d, err)
		}
		srv.Close()
	}
}
