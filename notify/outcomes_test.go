package notify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/event"
)

func TestEmailErrorClasses(t *testing.T) {
	for name, tc := range map[string]struct {
		script script
		state  event.SendState
		reason string
		class  string // ok, transient, later, permanent
	}{
		"accepted":                     {script{}, event.SendAccepted, "", "ok"},
		"accepted, then the line dies": {script{"QUIT": "drop"}, event.SendAccepted, "", "ok"},
		"greeting refused":             {script{"GREET": "554 no"}, "", ReasonConfig, "later"},
		"line dies at once":            {script{"GREET": "drop"}, "", ReasonTransient, "transient"},
		"sender refused":               {script{"MAIL": "550 5.7.1 no"}, "", ReasonSender, "later"},
		"421 at MAIL":                  {script{"MAIL": "421 4.7.0 later"}, "", ReasonRateLimited, "later"},
		"line dies at MAIL":            {script{"MAIL": "drop"}, "", ReasonTransient, "transient"},
		"450 at RCPT":                  {script{"RCPT": "450 4.2.0 busy"}, "", ReasonDeferred, "transient"},
		"mailbox full":                 {script{"RCPT": "452 4.2.2 full"}, "", ReasonMailboxFull, "later"},
		"the server is full":           {script{"RCPT": "452 4.3.1 no room"}, "", ReasonDeferred, "transient"},
		"no such user":                 {script{"RCPT": "550 5.1.1 who"}, event.SendFailed, ReasonRecipient, "permanent"},
		"DATA refused":                 {script{"DATA": "451 4.3.0 later"}, "", ReasonDeferred, "transient"},
		"451 after the dot":            {script{"DOT": "451 4.3.0 later"}, "", ReasonDeferred, "transient"},
		"550 after the dot":            {script{"DOT": "554 5.7.1 Spam message rejected"}, "", ReasonContent, "later"},
		"line dies after the dot":      {script{"DOT": "drop"}, event.SendUnknown, ReasonUnknown, "transient"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newSMTPServer(t, tc.script)
			r := newRig(t, srv.addr, "http://"+nowhere)
			sent, err := r.Send(t.Context(), request(event.ChannelEmail))
			if sent.State != tc.state || sent.Reason != tc.reason && tc.state != "" {
				t.Errorf("the ledger says %q (%s), want %q (%s)", sent.State, sent.Reason, tc.state, tc.reason)
			}
			checkClass(t, err, tc.class)
			if err != nil && !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("the error %q does not name %s", err, tc.reason)
			}
			checkNoPersonalData(t, r, err)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		r := newRig(t, nowhere, "http://"+nowhere)
		_, err := r.Send(t.Context(), request(event.ChannelEmail))
		checkClass(t, err, "transient")
	})
}

func TestTextMessageErrorClasses(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		state  event.SendState
		reason string
		class  string
	}{
		"accepted":        {reply(201, `{"sid":"SM1"}`), event.SendAccepted, "", "ok"},
		"opted out":       {reply(400, `{"code":21610}`), event.SendFailed, ReasonBlocked, "permanent"},
		"no such number":  {reply(400, `{"code":21211}`), event.SendFailed, ReasonRecipient, "permanent"},
		"bad text":        {reply(400, `{"code":21617}`), "", ReasonContent, "later"},
		"bad credentials": {reply(401, `{"code":20003}`), "", ReasonConfig, "later"},
		"too fast":        {reply(429, `{"code":20429}`), "", ReasonRateLimited, "later"},
		"server error":    {reply(500, ``), event.SendUnknown, ReasonUnknown, "transient"},
		"busy":            {reply(503, ``, "Retry-After", "7"), "", ReasonTransient, "later"},
		"broken":          {reply(503, ``), event.SendUnknown, ReasonUnknown, "transient"},
		"answer lost": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		}, event.SendUnknown, ReasonUnknown, "transient"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.answer)
			t.Cleanup(srv.Close)
			r := newRig(t, nowhere, srv.URL)
			sent, err := r.Send(t.Context(), request(event.ChannelSMS))
			if sent.State != tc.state || sent.Reason != tc.reason && tc.state != "" {
				t.Errorf("the ledger says %q (%s), want %q (%s)", sent.State, sent.Reason, tc.state, tc.reason)
			}
			checkClass(t, err, tc.class)
			checkNoPersonalData(t, r, err)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		r := newRig(t, nowhere, "http://"+nowhere)
		_, err := r.Send(t.Context(), request(event.ChannelSMS))
		checkClass(t, err, "transient")
	})
}

// Letters beyond ASCII need a server that takes them. One that does, and whose
// line dies, is no reason to give the address up.
func TestAddressesBeyondASCII(t *testing.T) {
	for name, tc := range map[string]struct {
		script script
		class  string
	}{
		"taken":             {script{"EHLO": "250-test\r\n250 SMTPUTF8"}, "ok"},
		"the line dies":     {script{"EHLO": "250-test\r\n250 SMTPUTF8", "MAIL": "drop"}, "transient"},
		"the server cannot": {script{"EHLO": "250 test"}, "permanent"},
	} {
		r := newRig(t, newSMTPServer(t, tc.script).addr, "http://"+nowhere)
		req := request(event.ChannelEmail)
		req.Email = "jürgen@example.org"
		_, err := r.Send(t.Context(), req)
		t.Run(name, func(t *testing.T) { checkClass(t, err, tc.class) })
	}
}
