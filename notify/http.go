package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"usher/webhook"
)

// HTTPConfig is a service that takes text messages over HTTP. Values of URL,
// Query, Headers, Form and JSON are templates over httpData; each is escaped as
// its place needs.
type HTTPConfig struct {
	Name       string `yaml:"name"`
	Preset     string `yaml:"preset"` // settings that usher knows, see presets.yaml
	Base       string `yaml:"base"`   // what URL begins with, in presets
	Account    string `yaml:"account"`
	Secret     string `yaml:"secret"`
	SecretFile string `yaml:"secret_file"`
	From       string `yaml:"from"`
	Rate       Rate   `yaml:"rate"` // of this process; 0 is no limit

	// What signs this service's receipts. Twilio signs with Secret unless this is given.
	ReceiptToken     string `yaml:"receipt_token"`
	ReceiptTokenFile string `yaml:"receipt_token_file"`

	URL     string            `yaml:"url"`
	Method  string            `yaml:"method"` // default POST
	Query   map[string]string `yaml:"query"`
	Headers map[string]string `yaml:"headers"`
	Form    map[string]string `yaml:"form"` // the body, or
	JSON    any               `yaml:"json"` // the body
	Auth    string            `yaml:"auth"` // basic (account and secret), bearer (secret), or none
	Sign    string            `yaml:"sign"` // standard-webhooks, or none

	Success  map[string]string `yaml:"success"`  // JSON pointers and what stands there when a 2xx is an acceptance
	ID       string            `yaml:"id"`       // JSON pointer to the service's id of the message
	Code     string            `yaml:"code"`     // JSON pointer to its code of an error
	Probe    string            `yaml:"probe"`    // an address that shows whether it knows us, and sends nothing
	Reasons  ReasonMap         `yaml:"reasons"`  // of those codes
	Texts    ReasonMap         `yaml:"texts"`    // that the answer has, in whatever case, when no code says more
	Statuses ReasonMap         `yaml:"statuses"` // of HTTP statuses, when neither says more

	StepTimeout   time.Duration `yaml:"step_timeout"`   // of connecting, and of the TLS handshake, default 1 min
	AnswerTimeout time.Duration `yaml:"answer_timeout"` // until the answer, default 1 min

	Dial Dial `yaml:"-"` // instead of the system's
	Said Said `yaml:"-"` // hears the service's words about what it does not take
}

// httpData is what templates of a request may use.
type httpData struct {
	Base, Account, Secret, From string

	To      string // E.164, with its +
	Digits  string // without it
	Text    string
	Unicode bool   // the text does not fit into GSM 03.38
	Ref     string // the same one for each copy of a message
	Locale  string

	Receipts   string // where usher takes receipts, without a path; "" when it is not told
	ReceiptURL string // the same for this message alone, as an address without a query
}

// httpTransport sends each text message in a request of its own. Connections are
// not reused: one that the service has closed meanwhile would leave the outcome
// of a message unknown.
type httpTransport struct {
	HTTPConfig
	templates map[string]*texttemplate.Template // by their source
	key       webhook.Key                       // of Sign
	byRef     bool                              // it reports at an address of each message
	client    *http.Client
	grace     time.Duration
}

func newHTTP(c HTTPConfig, grace time.Duration) (*httpTransport, error) {
	c, err := c.withPreset()
	if err != nil {
		return nil, err
	}
	if c.Secret, err = secret("secret", c.Secret, c.SecretFile); err != nil {
		return nil, err
	}
	t := &httpTransport{HTTPConfig: c, grace: grace, templates: map[string]*texttemplate.Template{}}
	if err := errors.Join(t.check()...); err != nil {
		return nil, err
	}
	t.client = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			DialContext: dialGuarded(c.Dial.or(c.StepTimeout)), TLSHandshakeTimeout: c.StepTimeout, ResponseHeaderTimeout: c.AnswerTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return t, nil
}

// check finds what is wrong with the settings, with a message that is not sent.
func (t *httpTransport) check() (errs []error) {
	if t.URL == "" {
		return []error{errors.New("it needs a url, or a preset")}
	}
	switch t.Auth {
	case "", "none", "basic", "bearer":
	default:
		errs = append(errs, fmt.Errorf("auth is %q, it must be basic, bearer or none", t.Auth))
	}
	switch t.Sign {
	case "", "none":
	case "standard-webhooks":
		var err error
		if t.key, err = webhook.NewKey(t.Secret); err != nil {
			errs = append(errs, err)
		}
	default:
		errs = append(errs, fmt.Errorf("sign is %q, it must be standard-webhooks or none", t.Sign))
	}
	if t.Form != nil && t.JSON != nil {
		errs = append(errs, errors.New("form and json are both the body: give one of them"))
	}
	if t.Method == http.MethodGet && (t.Form != nil || t.JSON != nil) {
		errs = append(errs, errors.New("a GET has no body: use query"))
	}
	for _, p := range append(slices.Sorted(maps.Keys(t.Success)), t.ID, t.Code) {
		if p != "" && p[0] != '/' {
			errs = append(errs, fmt.Errorf("%q is not a JSON pointer: it begins with / as in /message/id (RFC 6901)", p))
		}
	}
	errs = append(errs, t.Reasons.check(), t.Texts.check(), t.Statuses.check())
	if errors.Join(errs...) != nil {
		return errs
	}
	t.compile()
	r, err := t.request(message{to: "+15005550006", messageID: "m@usher.invalid", content: content{sms: "Hello"}})
	if err != nil {
		return append(errs, err)
	}
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, errors.New("the address of the SMS service must begin with http:// or https:// and name a host"))
	}
	return errs
}

// compile parses every template once. What cannot be parsed is left to request,
// which says so.
func (t *httpTransport) compile() {
	var each func(v any)
	each = func(v any) {
		switch v := v.(type) {
		case string:
			if parsed, err := texttemplate.New("it").Parse(v); err == nil {
				t.templates[v] = parsed
			}
			t.byRef = t.byRef || strings.Contains(v, ".ReceiptURL")
		case map[string]string:
			for _, e := range v {
				each(e)
			}
		case map[string]any:
			for _, e := range v {
				each(e)
			}
		case []any:
			for _, e := range v {
				each(e)
			}
		}
	}
	for _, v := range []any{t.URL, t.Probe, t.Query, t.Headers, t.Form, t.JSON} {
		each(v)
	}
}

func (t *httpTransport) provider() string { return t.Name }
func (t *httpTransport) close()           {}

// httpRequest is a request before it is sent.
type httpRequest struct {
	method, url string
	header      http.Header
	body        string
}

// request fills the templates in.
func (t *httpTransport) request(m message) (httpRequest, error) {
	d := httpData{
		Base: strings.TrimSuffix(t.Base, "/"), Account: t.Account, Secret: t.Secret, From: t.From,
		To: m.to, Digits: strings.TrimPrefix(m.to, "+"), Text: m.content.sms, Unicode: CountSegments(m.content.sms).Unicode, Ref: m.ref(), Locale: m.locale,
		Receipts: m.receipts, ReceiptURL: m.reportAt,
	}
	f := filler{templates: t.templates, data: d}
	r := httpRequest{method: t.Method, header: http.Header{}}

	inPath := d
	inPath.Account, inPath.Secret, inPath.From, inPath.To = url.PathEscape(d.Account), url.PathEscape(d.Secret), url.PathEscape(d.From), url.PathEscape(d.To)
	inPath.Text, inPath.Ref, inPath.Locale = url.PathEscape(d.Text), url.PathEscape(d.Ref), url.PathEscape(d.Locale)
	r.url = f.fillWith(t.URL, inPath)
	if q := f.values(t.Query).Encode(); q != "" {
		sep := "?"
		if strings.Contains(r.url, "?") {
			sep = "&"
		}
		r.url += sep + q
	}
	switch {
	case t.Form != nil:
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.body = f.values(t.Form).Encode()
	case t.JSON != nil:
		r.header.Set("Content-Type", "application/json")
		b, err := json.Marshal(f.tree(t.JSON))
		if err != nil {
			return r, errors.New("json: it cannot be written as JSON")
		}
		r.body = string(b)
	}
	switch t.Auth {
	case "basic":
		r.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(t.Account+":"+t.Secret)))
	case "bearer":
		r.header.Set("Authorization", "Bearer "+t.Secret)
	}
	for _, k := range slices.Sorted(maps.Keys(t.Headers)) {
		v := f.fill(t.Headers[k])
		if strings.ContainsAny(k+v, "\r\n") {
			return r, fmt.Errorf("headers: %s would have a line break", k)
		}
		r.header.Set(k, v)
	}
	if !t.key.IsZero() {
		if err := t.key.Sign(r.header, d.Ref, time.Now(), []byte(r.body)); err != nil {
			return r, fmt.Errorf("sign the request: %w", err)
		}
	}
	return r, f.err
}

// filler executes templates and keeps the first error.
type filler struct {
	templates map[string]*texttemplate.Template
	data      httpData
	err       error
}

func (f *filler) fill(source string) string { return f.fillWith(source, f.data) }

func (f *filler) fillWith(source string, d httpData) string {
	if !strings.Contains(source, "{{") {
		return source
	}
	t, err := f.templates[source], error(nil)
	if t == nil {
		t, err = texttemplate.New("it").Parse(source)
	}
	var b strings.Builder
	if err == nil {
		err = t.Execute(&b, d)
	}
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%q: %w", source, plainTemplate(err))
	}
	return b.String()
}

// values fills a form or a query. A value of which its template leaves nothing is
// left out.
func (f *filler) values(m map[string]string) url.Values {
	v := url.Values{}
	for k, s := range m {
		if filled := f.fill(s); filled != "" || s == "" {
			v.Set(k, filled)
		}
	}
	return v
}

// tree fills the strings of a JSON value.
func (f *filler) tree(v any) any {
	switch v := v.(type) {
	case string:
		return f.fill(v)
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = f.tree(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = f.tree(e)
		}
		return out
	}
	return v
}

func (t *httpTransport) deliver(ctx context.Context, m message, commit func() error) (string, error) {
	r, err := t.request(m)
	if err != nil { // for this person: the settings themselves were tried at the start
		return "", &failure{reason: ReasonRender, class: permanent, ours: true, err: errors.New("the request to the SMS service cannot be made")}
	}
	// The request lives on when ctx ends after the border; see patience.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	leave := context.AfterFunc(ctx, cancel)
	defer leave()
	done := func() {}
	defer func() { done() }()
	crossing := true
	cross := func() error {
		if err := commit(); err != nil || !crossing {
			return err
		}
		crossing = false
		leave()
		done = patience(ctx, t.grace, t.AnswerTimeout, cancel)
		return nil
	}

	body := &border{Reader: strings.NewReader(r.body), commit: cross}
	if r.body == "" { // the first line may be all that the service needs
		inner = context.WithValue(inner, borderKey{}, body)
	}
	req, err := http.NewRequestWithContext(inner, r.method, r.url, body)
	if err != nil {
		return "", &failure{reason: ReasonRender, class: permanent, ours: true, err: errors.New("the request to the SMS service cannot be made")}
	}
	req.Header, req.ContentLength = r.header, int64(len(r.body))
	if r.body == "" {
		req.Body = nil
	}
	resp, err := t.client.Do(req)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		t.Said.hear("%v", wrapped.Err) // without the address, which may hold a secret
	}
	crossed, refused := body.state()
	switch {
	case refused != nil:
		return "", refused
	case err != nil && crossed:
		return "", failureOf(ReasonUnknown, errors.New("no answer from the SMS service after the request"))
	case err != nil:
		f := failureOf(ReasonTransient, errors.New("the SMS service cannot be reached"))
		f.away = true
		return "", f
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return t.readAnswer(resp, bytes.TrimSpace(b), err == nil, crossed)
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10
