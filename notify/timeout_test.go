package notify

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"usher/event"
)

// quick is a patience with which tests need not wait for the defaults.
const quick = 150 * time.Millisecond

// A server that falls silent before the final dot is left after step_timeout, and
// the message is tried again, because it has not gone out. After the dot the
// answer is waited for, and when none comes the outcome is not known.
func TestAServerThatFallsSilent(t *testing.T) {
	for _, step := range []string{"GREET", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "DOT"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			srv := newSMTPServer(t, script{step: "hang", "AUTH": map[bool]string{true: "hang", false: "235 2.7.0 welcome"}[step == "AUTH"]})
			p, err := LoadProviders(writeFile(t, "providers.yaml", `
email: [{name: mail, smtp: "`+srv.addr+`", tls: none, from: w@example.org, username: u, password: p, step_timeout: 150ms, answer_timeout: 150ms}]
`))
			if err != nil {
				t.Fatal(err)
			}
			p.SMS = []HTTPConfig{Twilio("http://"+nowhere, "AC1", "token", "+15005550006")}
			r := newRig(t, nowhere, "http://"+nowhere, func(c *Config) { c.Providers = p })
			began := time.Now()
			sent, err := r.Send(t.Context(), requestOf(1))
			took := time.Since(began)
			if took < quick*9/10 || took > 20*time.Second { // the machine may be slow; the default is a minute
				t.Errorf("it was waited for %s", took)
			}
			want := event.SendState("")
			if step == "DOT" {
				want = event.SendUnknown
			}
			if sent.State != want || err == nil || event.IsPermanent(err) || len(sent.Tries) != 1 {
				t.Errorf("%q (%+v), %v", sent.State, sent.Tries, err)
			}
			if n := len(srv.messages()); n != map[bool]int{true: 1, false: 0}[step == "DOT"] {
				t.Errorf("the server has %d messages", n)
			}
		})
	}
}

// Of an HTTP service the time to connect and to agree on TLS is bounded by
// step_timeout, and the message is tried again.
func TestAServiceThatFallsSilentBeforeTheRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := smsRig(t, HTTPConfig{Preset: "twilio", Base: "https://" + l.Addr().String(), StepTimeout: quick})
	began := time.Now()
	sent, err := r.Send(t.Context(), request(event.ChannelSMS))
	if took := time.Since(began); took < quick*9/10 || took > 20*time.Second {
		t.Errorf("it was waited for %s", took)
	}
	if sent.State != "" || err == nil || event.IsPermanent(err) || len(sent.Tries) != 1 || sent.Tries[0].Result != "retry" {
		t.Errorf("%q (%+v), %v", sent.State, sent.Tries, err)
	}
	// What has begun is bounded by answer_timeout alone.
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		select {
		case <-time.After(3 * quick):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"sid":"SM1"}`))
	}))
	defer slow.Close()
	r = smsRig(t, HTTPConfig{Preset: "twilio", Base: slow.URL, StepTimeout: quick})
	if sent, err := r.Send(t.Context(), request(event.ChannelSMS)); err != nil || sent.State != event.SendAccepted {
		t.Errorf("a service that takes its time: %q, %v", sent.State, err)
	}
}
