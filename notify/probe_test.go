package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// What would become of a message is asked without one: each step is shown in the
// server's own words, and no password.
func TestAProbeSaysWhatWillBeRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		script script
		reason string
		says   string // in the dialog
		never  string
	}{
		"nothing":               {script{}, "", "RCPT TO:<ann@example.org>\n    250 fine", "DATA"},
		"the greeting":          {script{"GREET": "554 5.7.1 no"}, ReasonConfig, "    554 5.7.1 no", "EHLO"},
		"EHLO":                  {script{"EHLO": "550 5.7.1 who are you"}, ReasonConfig, "    550 5.7.1 who are you", "AUTH"},
		"the password":          {script{"AUTH": "535 5.7.8 bad"}, ReasonConfig, "AUTH PLAIN ********\n    535 5.7.8 bad", "MAIL"},
		"the sender":            {script{"MAIL": "550 5.1.8 not you"}, ReasonSender, "    550 5.1.8 not you", "RCPT"},
		"the name of this side": {script{"RCPT": "504 5.5.2 Helo command rejected: need fully-qualified hostname"}, ReasonConfig, "    504 5.5.2 Helo command rejected", "DATA"},
		"the recipient":         {script{"RCPT": "550 5.1.1 who"}, ReasonRecipient, "    550 5.1.1 who", "DATA"},
		"for now":               {script{"RCPT": "450 4.7.1 Greylisted"}, ReasonDeferred, "    450 4.7.1 Greylisted", "DATA"},
		"the line dies":         {script{"RCPT": "drop"}, ReasonTransient, "RCPT TO", "DATA"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.script["AUTH"] = cmp.Or(tc.script["AUTH"], "235 2.7.0 fine")
			srv := newSMTPServer(t, tc.script)
			r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
				c.Providers.Email[0].Username, c.Providers.Email[0].Password = "u", "hunter2"
			})
			got, err := r.Probe(t.Context(), event.ChannelEmail, "ann@example.org")
			if err != nil || len(got) != 1 || got[0].Reason != tc.reason || !strings.Contains(got[0].Dialog, tc.says) {
				t.Errorf("%v, %+v, %v", got, tc, err)
			}
			if _, verbs := srv.seen(); strings.Contains(verbs, tc.never) || len(srv.messages()) > 0 {
				t.Errorf("it was said: %s", verbs)
			}
			for _, secret := range []string{"hunter2", "AHUAaHVudGVyMg"} {
				if strings.Contains(got[0].Dialog, secret) {
					t.Error("the password is shown")
				}
			}
			if _, trouble := r.channels[event.ChannelEmail][0].gate.troubled(); trouble != "" || len(r.ledger.entries) > 0 {
				t.Errorf("a probe leaves traces: %q, %v", trouble, r.ledger.entries)
			}
		})
	}
	r := newRig(t, nowhere, "http://"+nowhere)
	got, err := r.Probe(t.Context(), event.ChannelEmail, "")
	if err != nil || got[0].Reason != ReasonTransient || !strings.Contains(strings.Join(got[0].Notes, " "), "connection refused") {
		t.Errorf("nobody listens: %+v, %v", got, err)
	}
}

// A service of text messages is asked whether it knows who asks, where that sends
// nothing.
func TestAProbeOfTextMessages(t *testing.T) {
	asked := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = r.Method + " " + r.URL.Path
		q := r.URL.Query()
		if password+q.Get("api_secret")+q.Get("password") != "s3cret" || user+q.Get("api_key")+q.Get("username") != "a" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("Authorization failed for sendsms, s3cret"))
			return
		}
		if strings.Contains(asked, "sendsms") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("Missing receiver number, rejected"))
		}
	}))
	defer srv.Close()
	for preset, want := range map[string]string{"twilio": "GET /2010-04-01/Accounts/a.json", "vonage": "GET /account/get-balance", "kannel": "GET /cgi-bin/sendsms", "webhook": ""} {
		for _, account := range []string{"a", "b"} {
			asked = ""
			r := newRig(t, nowhere, srv.URL, func(c *Config) {
				c.Providers.SMS = []HTTPConfig{{Name: "sms", Preset: preset, Base: srv.URL, Account: account, Secret: "s3cret", From: "ACME"}}
				if preset == "webhook" {
					c.Providers.SMS[0].Secret = "whsec_" + strings.Repeat("c2VjcmV0", 4)
				}
			})
			got, err := r.Probe(t.Context(), event.ChannelSMS, "")
			refused := account == "b" && preset != "webhook"
			if err != nil || asked != strings.Replace(want, "/a.", "/"+account+".", 1) || (got[0].Reason == ReasonConfig) != refused || !refused && got[0].Reason != "" {
				t.Errorf("%s, %s: %q, %+v, %v", preset, account, asked, got, err)
			}
			if strings.Contains(got[0].Dialog, "s3cret") || preset != "webhook" && !strings.Contains(got[0].Dialog, "HTTP ") {
				t.Errorf("%s: %s", preset, got[0].Dialog)
			}
		}
	}
}

// A regression of issue 19: a server that STARTTLS is asked of was greeted as
// localhost, whatever name was to be told.
func TestNoServerIsGreetedAsLocalhost(t *testing.T) {
	addr, roots, _ := tlsServer(t, "starttls")
	r := newRig(t, addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].TLS, c.Providers.Email[0].Helo = "starttls", "usher.example.org"
		c.Providers.Email[0].TLSConf = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	})
	got, err := r.Probe(t.Context(), event.ChannelEmail, "ann@example.org")
	if err != nil || got[0].Reason != "" || strings.Count(got[0].Dialog, "EHLO usher.example.org\n") != 2 || strings.Contains(got[0].Dialog, "EHLO localhost") {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a stranger adds to the reply to STARTTLS, before the encryption, is not taken
// for the server's.
func TestNothingIsTakenFromBeforeTheEncryption(t *testing.T) {
	ours, theirs := net.Pipe()
	asked := make(chan bool, 100)
	go func() {
		defer close(asked)
		for b := make([]byte, 1000); ; asked <- true {
			if n, err := theirs.Read(b); n == 0 || err != nil {
				return
			}
		}
	}()
	go func() {
		for _, reply := range []string{"220 test\r\n", "250-test\r\n250 STARTTLS\r\n250 injected\r\n", "220 go on\r\n250 injected too\r\n"} {
			if _, err := theirs.Write([]byte(reply)); err != nil || !<-asked {
				return
			}
		}
	}()
	defer ours.Close()
	tr := &smtpTransport{SMTPConfig: SMTPConfig{StepTimeout: time.Second, Helo: "a.example", TLSConf: &tls.Config{ServerName: "test"}}}
	secure, err := tr.encrypted(ours)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(secure)
	if err := c.Hello("a.example"); err == nil {
		t.Error("it goes on without encryption")
	}
}

// A reply that does not end, or is none, ends the try.
func TestARefusedSTARTTLS(t *testing.T) {
	for reply, reason := range map[string]string{"454 4.7.0 TLS not available": ReasonRateLimited, "502 5.5.1 no": ReasonConfig, "x": ReasonConfig} {
		srv := newSMTPServer(t, script{"EHLO": "250-test\r\n250 STARTTLS", "STARTTLS": reply})
		r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.Providers.Email[0].TLS = "starttls" })
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := r.Send(ctx, requestOf(1)); err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %s", reply, err, reason)
		}
		stop()
	}
}
