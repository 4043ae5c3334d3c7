package notify

import (
	"net/http/httptest"
	"strings"
	"testing"

	"usher/event"
)

// A regression of issue 19: what real servers say of usher itself, or of no one, is
// no user's welcome lost. Each answer comes over a socket.
func TestAProvidersTroubleIsNotTheRecipients(t *testing.T) {
	for name, tc := range map[string]struct {
		script script
		reason string
		pauses bool // the provider, at once
	}{
		"EHLO without a full name":   {script{"RCPT": "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"}, ReasonConfig, true},
		"Exim does not relay":        {script{"RCPT": "550 relay not permitted"}, ReasonConfig, false},
		"Zoho: our sender":           {script{"RCPT": "553 Relaying disallowed as welcome@usher.example"}, ReasonSender, true},
		"postfix does not relay":     {script{"RCPT": "554 5.7.1 <ann@example.org>: Relay access denied"}, ReasonConfig, false},
		"no authentication":          {script{"RCPT": "503 5.5.1 this server requires authentication"}, ReasonConfig, true},
		"sender's domain":            {script{"RCPT": "550 5.1.8 <welcome@usher.example>: Sender address rejected: Domain not found"}, ReasonSender, true},
		"sender not owned":           {script{"RCPT": "553 5.7.1 <welcome@usher.example>: Sender address rejected: not owned by user u"}, ReasonSender, true},
		"sender not owned, bare":     {script{"RCPT": "553 5.7.1 sender not owned by user"}, ReasonSender, true},
		"quota at RCPT":              {script{"RCPT": "550 5.4.5 daily sending limit exceeded"}, ReasonQuota, true},
		"quota at DATA":              {script{"DATA": "550 5.4.5 daily sending limit exceeded"}, ReasonQuota, true},
		"SES without verification":   {script{"DOT": "554 Message rejected: Email address is not verified."}, ReasonSender, true},
		"Exchange: SendAsDenied":     {script{"DOT": "554 5.2.252 SendAsDenied; welcome@usher.example not allowed to send as"}, ReasonSender, true},
		"Exchange: banned":           {script{"DOT": "550 5.7.606 Access denied, banned sending IP [192.0.2.7]"}, ReasonReputation, true},
		"a block list":               {script{"RCPT": "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org"}, ReasonReputation, true},
		"nothing that usher knows":   {script{"RCPT": "550 5.1.0 no"}, ReasonRefused, false},
		"a policy, and an address":   {script{"RCPT": "550 5.7.1 <sendasdenied@example.org>: Recipient address rejected: not from you"}, ReasonRefused, false},
		"the sender, of any policy":  {script{"RCPT": "554 5.7.1 <welcome@usher.example>: Sender address rejected: Access denied"}, ReasonSender, true},
		"the sender, not known":      {script{"RCPT": "550 5.1.0 <welcome@usher.example>: Sender address rejected: User unknown in virtual mailbox table"}, ReasonSender, true},
		"a quota in other words":     {script{"RCPT": "550 5.4.5 no more from you today"}, ReasonQuota, true},
		"rspamd":                     {script{"DOT": "554 5.7.1 Spam message rejected"}, ReasonContent, false},
		"amavis":                     {script{"DOT": "554 5.7.0 Reject, id=17352-01 - SPAM"}, ReasonContent, false},
		"spam, said of who knows":    {script{"DOT": "550 5.7.1 your address sends spam"}, ReasonRefused, false},
		"Exchange: banned, another":  {script{"DOT": "550 5.7.649 Access denied"}, ReasonReputation, true},
		"Exchange: no such range":    {script{"DOT": "550 5.7.650 Access denied"}, ReasonRefused, false},
		"Gmail's relay: too fast":    {script{"RCPT": "450 4.2.1 Peak SMTP relay limit exceeded for customer."}, ReasonRateLimited, true},
		"Gmail's relay: of a day":    {script{"RCPT": "550 5.7.1 Daily SMTP relay limit exceeded for customer."}, ReasonQuota, true},
		"Exim routes nothing":        {script{"RCPT": "550 Unrouteable address"}, ReasonRefused, false},
		"OpenSMTPD relays nothing":   {script{"RCPT": "550 Invalid recipient: <ann@example.org>"}, ReasonRefused, false},
		"greylisting at RCPT":        {script{"RCPT": "450 4.2.0 <ann@example.org>: Recipient address rejected: Greylisted"}, ReasonDeferred, false},
		"greylisting of the sender":  {script{"RCPT": "450 4.2.0 <welcome@usher.example>: Sender address rejected: Greylisted, see http://postgrey.example"}, ReasonDeferred, false},
		"greylisting after the dot":  {script{"DOT": "451 4.7.1 please come back in 00:02:00"}, ReasonDeferred, false},
		"EHLO refused by its syntax": {script{"EHLO": "501 5.5.4 Invalid HELO argument"}, ReasonConfig, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiving(t, newSMTPServer(t, tc.script).addr, "http://"+nowhere)
			q := requestOf(1)
			sent, err := r.Send(t.Context(), q)
			if sent.State != "" || event.IsPermanent(err) || err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("the ledger says %q: %v, want %s", sent.State, err, tc.reason)
			}
			if len(r.suppressed) != 0 {
				t.Error("the address is suppressed")
			}
			if _, trouble := r.channels[event.ChannelEmail][0].gate.troubled(); (trouble == tc.reason) != tc.pauses {
				t.Errorf("the provider's trouble is %q", trouble)
			}
			checkNoPersonalData(t, r.rig, err)
		})
	}
}

// The recipient's is what an answer says to be so.
func TestTheRecipientsOwn(t *testing.T) {
	for reply, suppressed := range map[string]bool{
		"550 5.1.1 who": true, "550 5.1.2 where": true, "501 5.1.3 Recipient address syntax error": true, "550 5.1.6 moved": true, "556 5.1.10 null MX": true,
		"550 5.2.1 disabled": true, "550 No Such User Here": true, "550 sorry, no mailbox here by that name. (#5.1.1)": true,
	} {
		r := newReceiving(t, newSMTPServer(t, script{"RCPT": reply}).addr, "http://"+nowhere)
		sent, err := r.Send(t.Context(), requestOf(1))
		if sent.State != event.SendFailed || !event.IsPermanent(err) || (len(r.suppressed) == 1) != suppressed {
			t.Errorf("%s: %q, %d suppressed, %v", reply, sent.State, len(r.suppressed), err)
		}
	}
	// At MAIL the same code speaks of the sender.
	r := newReceiving(t, newSMTPServer(t, script{"MAIL": "550 5.1.1 who"}).addr, "http://"+nowhere)
	if sent, err := r.Send(t.Context(), requestOf(1)); sent.State != "" || !event.IsPaused(err) || len(r.suppressed) > 0 {
		t.Errorf("at MAIL: %q, %v", sent.State, err)
	}
}

// A server that takes a greeting once, as OpenSMTPD does, and that counts the
// messages of a session.
func TestAWordAboutTheSessionCostsNothing(t *testing.T) {
	for name, then := range map[string]script{
		"a second EHLO":    {"RCPT": "450 4.2.0 later", "EHLO": "503 5.5.1 Invalid command: Already identified"},
		"MAIL in a row":    {"MAIL": "503 5.5.1 Invalid command"},
		"too many of them": {"MAIL": "452 4.5.3 Too many recipients: Too many messages sent"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newSMTPServer(t, script{})
			srv.then = then
			r := newRig(t, srv.addr, "http://"+nowhere)
			for i := range 5 {
				_, err := r.Send(t.Context(), requestOf(i))
				if put := strings.Contains(name, "EHLO") && i%2 == 1; (err != nil) != put || event.IsPaused(err) {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
}

// An idle connection is asked with NOOP, after which no server wants a greeting.
func TestAnIdleConnectionIsNotGreetedAgain(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	r.channels[event.ChannelEmail][0].transport.(*smtpTransport).pool.trust = 0
	for i := range 3 {
		if _, err := r.Send(t.Context(), requestOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	if conns, verbs := srv.seen(); conns != 1 || strings.Count(verbs, "EHLO") != 1 || strings.Count(verbs, "NOOP") != 2 {
		t.Errorf("%d connections: %s", conns, verbs)
	}
}

// Services of text messages: whose fault, by code and by text.
func TestWhoseFaultATextMessageIs(t *testing.T) {
	for name, tc := range map[string]struct {
		preset, body string
		status       int
		reason       string
		failed       bool
		pauses       bool
	}{
		"21211: no such number":       {"twilio", `{"code":21211}`, 400, ReasonRecipient, true, false},
		"21212: our sender":           {"twilio", `{"code":21212}`, 400, ReasonSender, false, true},
		"21217: a number of a kind":   {"twilio", `{"code":21217}`, 400, ReasonRecipientNo, true, false},
		"21608: a trial account":      {"twilio", `{"code":21608}`, 400, ReasonConfig, false, false},
		"21635: a landline":           {"twilio", `{"code":21635}`, 400, ReasonRecipientNo, true, false},
		"Vonage 3: some parameter":    {"vonage", `{"messages":[{"status":"3"}]}`, 200, ReasonRefused, false, false},
		"Vonage 6: some prefix":       {"vonage", `{"messages":[{"status":"6"}]}`, 200, ReasonRefused, false, false},
		"Vonage 11: not for HTTP":     {"vonage", `{"messages":[{"status":"11"}]}`, 200, ReasonConfig, false, true},
		"Vonage 15: sender there":     {"vonage", `{"messages":[{"status":"15"}]}`, 200, ReasonNoRoute, false, false},
		"Vonage 22: network code":     {"vonage", `{"messages":[{"status":"22"}]}`, 200, ReasonRefused, false, false},
		"Vonage 29: a trial account":  {"vonage", `{"messages":[{"status":"29"}]}`, 200, ReasonConfig, false, false},
		"Vonage 33: no more in use":   {"vonage", `{"messages":[{"status":"33"}]}`, 200, ReasonRecipient, true, false},
		"21408: a country":            {"twilio", `{"code":21408}`, 400, ReasonNoRoute, false, false},
		"21612: a route":              {"twilio", `{"code":21612}`, 400, ReasonNoRoute, false, false},
		"Kannel: not routable":        {"kannel", "Not routable. Do not try again.", 403, ReasonNoRoute, false, false},
		"Kannel: a wrong password":    {"kannel", "Authorization failed for sendsms", 403, ReasonConfig, false, true},
		"Kannel: lists":               {"kannel", "Number(s) has/have been denied by white- and/or black-lists.", 400, ReasonNoRoute, false, false},
		"Kannel: a 403 of some proxy": {"kannel", "Forbidden", 403, ReasonConfig, false, false},
		"unauthorized":                {"kannel", "Who are you?", 401, ReasonConfig, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(reply(tc.status, tc.body))
			t.Cleanup(srv.Close)
			r := newReceiving(t, nowhere, srv.URL, func(c *Config) {
				c.Providers.SMS = []HTTPConfig{{Name: "sms", Preset: tc.preset, Base: srv.URL, Account: "a", Secret: "s", From: "ACME"}}
			})
			sent, err := r.Send(t.Context(), request(event.ChannelSMS))
			if (sent.State == event.SendFailed) != tc.failed || err == nil || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("%q: %v", sent.State, err)
			}
			if suppressed := len(r.suppressed) > 0; suppressed != (tc.reason == ReasonRecipient) {
				t.Errorf("suppressed: %v", suppressed)
			}
			if _, trouble := r.channels[event.ChannelSMS][0].gate.troubled(); (trouble != "") != tc.pauses {
				t.Errorf("the provider's trouble is %q", trouble)
			}
		})
	}
}

// An address that needs SMTPUTF8 goes to the next provider, and fails with a reason
// of its own when none can.
func TestSMTPUTF8GoesToAProviderThatHasIt(t *testing.T) {
	q := requestOf(1)
	q.Email = "jürgen@example.com"
	without, with := newSMTPServer(t, script{"EHLO": "250 test"}), newSMTPServer(t, script{"EHLO": "250-test\r\n250 SMTPUTF8"})
	r := newRig(t, without.addr, "http://"+nowhere, twoMail(with.addr))
	if sent, err := r.Send(t.Context(), q); err != nil || sent.Provider != "second" {
		t.Errorf("%+v, %v", sent, err)
	}
	again := newSMTPServer(t, script{"EHLO": "250 test"})
	r = newRig(t, without.addr, "http://"+nowhere, twoMail(again.addr))
	if sent, err := r.Send(t.Context(), q); sent.State != event.SendFailed || sent.Reason != ReasonSMTPUTF8 || !event.IsPermanent(err) {
		t.Errorf("%+v, %v", sent, err)
	}
	away := newSMTPServer(t, script{"GREET": "drop"})
	r = newRig(t, without.addr, "http://"+nowhere, twoMail(away.addr))
	if sent, err := r.Send(t.Context(), q); sent.State != "" || event.IsPermanent(err) {
		t.Errorf("the second is away: %+v, %v", sent, err)
	}
}

// Texts of a provider's own may be given a reason.
func TestReasonsByText(t *testing.T) {
	r := newRig(t, newSMTPServer(t, script{"RCPT": "550 5.7.0 no more for you today"}).addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].Texts = ReasonMap{"No more for you": ReasonQuota}
	})
	if _, err := r.Send(t.Context(), requestOf(1)); err == nil || !strings.Contains(err.Error(), ReasonQuota) {
		t.Error(err)
	}
}
