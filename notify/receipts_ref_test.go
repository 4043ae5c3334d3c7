package notify

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"usher/event"
)

// A regression of issue 19: Kannel gives no id and reports by GET, unsigned. The
// address that usher gives it names the message, and no other sender can make one up.
func TestReceiptsByRef(t *testing.T) {
	for name, tc := range map[string]struct {
		query  string
		status int
		state  event.SendState
		result string
	}{
		"delivered":        {"", 204, event.SendDelivered, receiptApplied},
		"not delivered":    {"d=2", 204, event.SendBounced, receiptApplied},
		"refused":          {"d=16", 204, event.SendBounced, receiptApplied},
		"queued":           {"d=4", 204, event.SendAccepted, receiptIgnored},
		"with its network": {"d=8", 204, event.SendAccepted, receiptIgnored},
		"in words":         {"status=bounced&code=77", 204, event.SendBounced, receiptApplied},
		"nothing":          {"x=1", 400, event.SendAccepted, receiptMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var asked url.Values
			kannel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Query()
				w.WriteHeader(202)
				_, _ = w.Write([]byte("0: Accepted for delivery"))
			}))
			t.Cleanup(kannel.Close)
			r := newReceiving(t, nowhere, kannel.URL, func(c *Config) {
				c.ReceiptsURL = publicURL
				c.Providers.SMS = []HTTPConfig{{Name: "kannel", Preset: "kannel", Base: kannel.URL, Account: "u", Secret: "p", From: "ACME"}}
			})
			base := r.serveHTTP(t)
			if _, err := r.Send(t.Context(), request(event.ChannelSMS)); err != nil {
				t.Fatal(err)
			}
			where := strings.Replace(strings.ReplaceAll(asked.Get("dlr-url"), "%d", "1"), publicURL, base, 1)
			if asked.Get("dlr-mask") != "19" || !strings.HasPrefix(where, base+"/receipts/ref/") {
				t.Fatalf("Kannel is asked %v", asked)
			}
			if tc.query != "" {
				where, _, _ = strings.Cut(where, "?")
				where += "?" + tc.query
			}
			forged := strings.Replace(where, "/receipts/ref/", "/receipts/ref/0", 1)
			for at, want := range map[string]int{forged: 403, where: tc.status} {
				resp, err := http.Get(at)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("%s: %d, want %d", at, resp.StatusCode, want)
				}
			}
			if e := r.entry(event.ChannelSMS); e.State != tc.state || r.results("sms")[tc.result] != 1 || r.results("sms")[receiptForged] != 1 {
				t.Errorf("%+v, %v", e, r.results("sms"))
			}
		})
	}
}

// A regression of issue 19: Kannel reports a message that it refuses at once, too, and
// sometimes before it answers. The answer says whose fault it is.
func TestAReceiptOfARefusalDoesNotOvertakeTheAnswer(t *testing.T) {
	base := ""
	kannel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		where := strings.Replace(strings.ReplaceAll(r.URL.Query().Get("dlr-url"), "%d", "16"), publicURL, base, 1)
		resp, err := http.Get(where)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Error(resp, err)
			return
		}
		resp.Body.Close()
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("Not routable. Do not try again."))
	}))
	defer kannel.Close()
	r := newReceiving(t, nowhere, kannel.URL, func(c *Config) {
		c.ReceiptsURL = publicURL
		c.Providers.SMS = []HTTPConfig{{Name: "kannel", Preset: "kannel", Base: kannel.URL, Account: "u", Secret: "p", From: "ACME"}}
	})
	base = r.serveHTTP(t)
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); sent.State != "" || err == nil || !strings.Contains(err.Error(), ReasonNoRoute) {
		t.Errorf("%+v, %v", sent, err)
	}
}

// Twilio is told with each message where to report, once it may.
func TestTwilioIsToldWhereToReport(t *testing.T) {
	for _, where := range []string{"", publicURL} {
		base, got := service(t, 201, `{"sid":"SM1"}`)
		r := newReceiving(t, nowhere, base, func(c *Config) { c.ReceiptsURL = where })
		if _, err := r.Send(t.Context(), request(event.ChannelSMS)); err != nil {
			t.Fatal(err)
		}
		want := ""
		if where != "" {
			want = where + "/receipts/twilio"
		}
		if is := got.Form.Get("StatusCallback"); is != want {
			t.Errorf("it is told %q, want %q", is, want)
		}
	}
}
