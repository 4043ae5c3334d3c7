package catcher

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/twilio/twilio-go"
	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// here sends what Twilio's client says to the catcher instead.
type here struct {
	client.BaseClient
	host string
}

// SendRequest implements client.BaseClient.
func (h here) SendRequest(method, rawURL string, data url.Values, headers map[string]any, body ...byte) (*http.Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = "http", h.host
	return h.BaseClient.SendRequest(method, u.String(), data, headers, body...)
}

// Twilio's own client for Go speaks with the catcher: sends, is refused, and
// reads back page by page.
func TestTwiliosOwnClient(t *testing.T) {
	k, _ := run(t, t.TempDir())
	base := &client.Client{Credentials: client.NewCredentials("AC1", "token")}
	base.SetAccountSid("AC1")
	c := twilio.NewRestClientWithParams(twilio.ClientParams{Username: "AC1", Password: "token", AccountSid: "AC1", Client: here{base, k.HTTPAddr()}})
	send := func(to, text string) (*openapi.ApiV2010Message, error) {
		return c.Api.CreateMessage((&openapi.CreateMessageParams{}).SetTo(to).SetFrom("+15005550006").SetBody(text))
	}
	for _, text := range []string{"one & only", "zwei\nÜ 😀", "three"} {
		m, err := send("+4930123456", text)
		if err != nil || m.Sid == nil || len(*m.Sid) != 34 || *m.Status != "queued" || *m.Body != text || *m.To != "+4930123456" {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	_, err := send("12", "x")
	if e, ok := err.(*client.TwilioRestError); !ok || e.Code != 21211 || e.Status != 400 {
		t.Errorf("a bad number: %v", err)
	}
	got, err := c.Api.ListMessage((&openapi.ListMessageParams{}).SetPageSize(2))
	if err != nil || len(got) != 3 || *got[0].Body != "three" || *got[2].Body != "one & only" {
		t.Errorf("%d messages, %v", len(got), err)
	}
}
