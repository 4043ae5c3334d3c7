package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/event"
)

// SMSConfig is a service that speaks Twilio's Messages API.
type SMSConfig struct {
	URL        string // up to what stands before /2010-04-01
	AccountSID string
	AuthToken  string
	From       string
}

// smsTransport sends each text message in a request of its own. Connections are
// not reused: one that the service has closed meanwhile would leave the outcome
// of a message unknown.
type smsTransport struct {
	SMSConfig
	endpoint string
	client   *http.Client
	grace    time.Duration
}

func newSMS(c SMSConfig, grace time.Duration) (*smsTransport, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of the SMS service must begin with http:// or https:// and name a host")
	}
	return &smsTransport{
		SMSConfig: c, grace: grace,
		endpoint: u.JoinPath("2010-04-01", "Accounts", c.AccountSID, "Messages.json").String(),
		client: &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: stepTimeout},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (*smsTransport) provider() string { return "twilio" }

func (t *smsTransport) deliver(ctx context.Context, m message, commit func() error) (string, error) {
	form := url.Values{"To": {m.to}, "From": {t.From}, "Body": {m.content.sms}}.Encode()
	// The request lives on when ctx ends after the border; see patience.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	leave := context.AfterFunc(ctx, cancel)
	defer leave()
	done := func() {}
	defer func() { done() }()

	body := &border{Reader: strings.NewReader(form), commit: func() error {
		if err := commit(); err != nil {
			return err
		}
		leave()
		done = patience(ctx, t.grace, cancel)
		return nil
	}}
	req, err := http.NewRequestWithContext(inner, http.MethodPost, t.endpoint, body)
	if err != nil {
		return "", &failure{reason: ReasonConfig, pause: pauseConfig, err: errors.New("the request to the SMS service cannot be made")}
	}
	req.ContentLength = int64(len(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(t.AccountSID, t.AuthToken)
	resp, err := t.client.Do(req)
	crossed, refused := body.state()
	switch {
	case refused != nil:
		return "", refused
	case err != nil && crossed:
		return "", &failure{reason: ReasonUnknown, class: unknown, err: errors.New("no answer from the SMS service after the request")}
	case err != nil:
		return "", &failure{reason: ReasonTransient, err: errors.New("the SMS service cannot be reached")}
	}
	defer resp.Body.Close()
	return smsAnswer(resp, crossed)
}

// smsAnswer reads what the service says. An answer that came before the body was
// sent can only be a refusal.
func smsAnswer(resp *http.Response, crossed bool) (string, error) {
	var a struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = json.Unmarshal(b, &a) // a body that is no JSON leaves the status to decide
	status := resp.StatusCode
	f := &failure{err: fmt.Errorf("HTTP %d, code %d", status, a.Code)}
	switch {
	case status >= 200 && status < 300 && crossed:
		if err != nil || a.SID == "" || event.SafeID(a.SID) != a.SID {
			return "", nil // taken; how it is called there is not known
		}
		return a.SID, nil
	case a.Code == 21610:
		f.reason, f.class = ReasonBlocked, permanent
	case a.Code == 21211 || a.Code == 21614 || a.Code == 21217 || a.Code == 21408:
		f.reason, f.class = ReasonRecipient, permanent
	case status == http.StatusTooManyRequests || a.Code == 20429:
		f.reason, f.pause = ReasonRateLimited, retryAfter(resp, pauseLimited)
	case status == http.StatusServiceUnavailable:
		f.reason, f.pause = ReasonTransient, retryAfter(resp, 0)
	case status == http.StatusRequestTimeout:
		f.reason = ReasonTransient
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusPaymentRequired || status == http.StatusNotFound || status < 400 || a.Code == 20003:
		f.reason, f.pause = ReasonConfig, pauseConfig
	case status >= 500 && crossed:
		f.reason, f.class = ReasonUnknown, unknown
	case status >= 500:
		f.reason = ReasonTransient
	default:
		f.reason, f.class = ReasonContent, permanent
	}
	return "", f
}

// retryAfter reads the header in seconds or as a date (RFC 9110, 10.2.3), an
// hour at most.
func retryAfter(resp *http.Response, otherwise time.Duration) time.Duration {
	h := resp.Header.Get("Retry-After")
	d := otherwise
	if n, err := strconv.Atoi(h); err == nil && n >= 0 {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(h); err == nil {
		d = max(0, time.Until(at))
	}
	return min(d, time.Hour)
}
