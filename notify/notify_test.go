package notify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/metrics"
)

// memory is a Ledger with compare-and-set, and with errors on demand.
type memory struct {
	mu      sync.Mutex
	entries map[string]event.Send
	fail    func(event.Send) error // sees what is about to be stored
}

func (m *memory) UpdateSend(_ context.Context, userID, key string, change func(*event.Send) error) (event.Send, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := userID + "/" + key
	s := m.entries[k]
	before := s
	if err := change(&s); err != nil {
		return s, err
	}
	if reflect.DeepEqual(s, before) {
		return s, nil
	}
	if m.fail != nil {
		if err := m.fail(s); err != nil {
			return s, err
		}
	}
	m.entries[k] = s
	return s, nil
}

// script says how a server behaves: a reply for a verb, "drop" to close the
// connection instead, "hang" to say nothing, "wait" to answer as usual once the test
// says so. DOT is the reply after the message.
type script map[string]string

// smtpServer speaks SMTP as scripted and keeps what was handed over whole.
type smtpServer struct {
	addr  string
	mu    sync.Mutex
	got   [][]byte
	conns int
	verbs []string // of all connections
	from  string   // of the last MAIL
	dots  chan struct{}
	then  script        // from the second message of a connection on; nil: as before
	goOn  chan struct{} // ends a "wait"
}

func newSMTPServer(t *testing.T, s script) *smtpServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &smtpServer{addr: l.Addr().String(), dots: make(chan struct{}, 16), goOn: make(chan struct{})}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			srv.mu.Lock()
			srv.conns++
			srv.mu.Unlock()
			go srv.talk(conn, s, done)
		}
	}()
	return srv
}

func (s *smtpServer) talk(conn net.Conn, script script, done <-chan struct{}) {
	defer conn.Close()
	reply := func(verb, otherwise string) bool {
		r := otherwise
		if x, ok := script[verb]; ok {
			r = x
		}
		switch r {
		case "drop":
			return false
		case "hang":
			<-done
			return false
		case "wait":
			r = otherwise
			select {
			case <-s.goOn:
			case <-done:
				return false
			}
		}
		_, err := fmt.Fprint(conn, r+"\r\n")
		return err == nil && !strings.HasPrefix(r, "421")
	}
	if !reply("GREET", "220 test") {
		return
	}
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		s.mu.Lock()
		s.verbs = append(s.verbs, verb)
		if _, from, ok := strings.Cut(line, "FROM:<"); ok {
			s.from, _, _ = strings.Cut(from, ">")
		}
		s.mu.Unlock()
		switch verb {
		case "EHLO":
			if !reply("EHLO", "250-test\r\n250 AUTH PLAIN") {
				return
			}
		case "DATA":
			if !reply("DATA", "354 go on") {
				return
			}
			if script["DATA"] != "" {
				continue
			}
			var b bytes.Buffer
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			s.mu.Lock()
			s.got = append(s.got, b.Bytes())
			s.mu.Unlock()
			select {
			case s.dots <- struct{}{}:
			default: // nobody waits
			}
			if !reply("DOT", "250 2.0.0 queued as Q1") {
				return
			}
			if s.then != nil {
				script = s.then
			}
		case "QUIT":
			reply("QUIT", "221 bye")
			return
		case "RCPT":
			otherwise := "250 fine"
			for of, said := range script { // "RCPT ann@": of such recipients
				if who, ok := strings.CutPrefix(of, "RCPT "); ok && strings.Contains(line, "<"+who) {
					otherwise = said
				}
			}
			if !reply("RCPT", otherwise) {
				return
			}
		default:
			if !reply(verb, "250 fine") {
				return
			}
		}
	}
}

func (s *smtpServer) sender() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from
}

func (s *smtpServer) messages() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// seen is how many connections came, and what was said on them.
func (s *smtpServer) seen() (conns int, verbs string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns, strings.Join(s.verbs, " ")
}

type rig struct {
	*Sender
	ledger *memory
	log    bytes.Buffer
}

func newRig(t *testing.T, smtpAddr, smsURL string, change ...func(*Config)) *rig {
	t.Helper()
	reg := prometheus.NewRegistry()
	r := &rig{ledger: &memory{entries: map[string]event.Send{}}}
	c := Config{
		Ledger: r.ledger, Grace: 300 * time.Millisecond,
		Providers: Providers{
			Email: []SMTPConfig{{Name: "smtp", Addr: smtpAddr, TLS: "none", From: "Welcome <welcome@usher.example>"}},
			SMS:   []HTTPConfig{Twilio(smsURL, "AC1", "token", "+15005550006")},
		},
		Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Sender = s
	t.Cleanup(func() { _ = s.Close() })
	return r
}

func request(channel string) Request {
	return Request{
		UserID: "u-1", Generation: 1, Purpose: event.PurposeWelcome, Channel: channel, Ordinal: 1,
		Name: "Ann Secret", Email: "ann.secret@example.org", Phone: "+4930123456", Locale: "en",
		Decided: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
	}
}

const nowhere = "127.0.0.1:1" // nobody listens there

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
		"550 after the dot":            {script{"DOT": "550 5.7.1 spam"}, "", ReasonContent, "later"},
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

func checkClass(t *testing.T, err error, class string) {
	t.Helper()
	got := "ok"
	switch _, later := event.RetryDelay(err); {
	case err == nil:
	case event.IsPermanent(err):
		got = "permanent"
	case later:
		got = "later"
	default:
		got = "transient"
	}
	if got != class {
		t.Errorf("the error is %s, want %s: %v", got, class, err)
	}
}

func checkNoPersonalData(t *testing.T, r *rig, err error) {
	t.Helper()
	text := r.log.String() + fmt.Sprint(err)
	for _, s := range []string{"secret", "Secret", "4930123456"} {
		if strings.Contains(text, s) {
			t.Errorf("%q in %s", s, text)
		}
	}
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

func reply(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestAcceptedIsNeverSentAgain(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	for range 3 {
		sent, err := r.Send(t.Context(), request(event.ChannelEmail))
		if err != nil || sent.State != event.SendAccepted || sent.ProviderID != "Q1" {
			t.Fatal(sent, err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
	if n := testutil.ToFloat64(r.Metrics.Attempts.WithLabelValues("email", "smtp", "accepted", "")); n != 1 {
		t.Errorf("%v attempts are counted", n)
	}
}

func TestCanaryMessagesAreSentAndNotCounted(t *testing.T) {
	srv := newSMTPServer(t, nil)
	r := newRig(t, srv.addr, "http://"+nowhere)
	req := request(event.ChannelEmail)
	req.Canary = true
	if _, err := r.Send(t.Context(), req); err != nil || len(srv.messages()) != 1 {
		t.Fatalf("%d messages went out: %v", len(srv.messages()), err)
	}
	for _, c := range []prometheus.Collector{
		r.Metrics.Attempts.WithLabelValues("email", "smtp", "accepted", ""), r.Metrics.Messages.WithLabelValues("email", "smtp", "accepted"),
	} {
		if n := testutil.ToFloat64(c); n != 0 {
			t.Errorf("it is counted %v times", n)
		}
	}
}

// An unknown outcome is sent again as a recognisable copy, a bounded number of
// times, and then held.
func TestUnknownIsSentAgainAndCounted(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "drop"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	var err error
	tries := 0
	for ; !errors.Is(err, ErrHeld) && tries < 10; tries++ {
		_, err = r.Send(t.Context(), request(event.ChannelEmail))
	}
	if !event.IsPermanent(err) || len(srv.messages()) != 1+MaxCopies {
		t.Errorf("%d messages, then %v", len(srv.messages()), err)
	}
	if n := testutil.ToFloat64(r.Metrics.Copies.WithLabelValues("email", "smtp")); n != MaxCopies {
		t.Errorf("%v copies are counted, want %d", n, MaxCopies)
	}
	ids := map[string]bool{}
	for _, raw := range srv.messages() {
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-Id")+m.Header.Get("Date")] = true
	}
	if len(ids) != 1 {
		t.Errorf("copies differ in Message-ID or date: %v", ids)
	}
}

// What may have gone out is never said to have surely not, however a later try
// ends.
func TestARefusalAfterAnUnknownOutcomeStaysUnknown(t *testing.T) {
	for name, later := range map[string][]script{
		"refused at once":      {{"RCPT": "550 5.1.1 who"}},
		"refused in the end":   {{"DOT": "451 4.3.0 later"}, {"RCPT": "550 5.1.1 who"}},
		"refused after a body": {{"DOT": "550 5.1.1 who"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, newSMTPServer(t, script{"DOT": "drop"}).addr, "http://"+nowhere)
			ledger := r.ledger
			if sent, err := r.Send(t.Context(), request(event.ChannelEmail)); sent.State != event.SendUnknown {
				t.Fatalf("the first try is %q: %v", sent.State, err)
			}
			var sent event.Send
			var err error
			for _, s := range later {
				r = newRig(t, newSMTPServer(t, s).addr, "http://"+nowhere, func(c *Config) { c.Ledger = ledger })
				sent, err = r.Send(t.Context(), request(event.ChannelEmail))
			}
			if sent.State != event.SendUnknown || sent.Reason != ReasonUnknown || !errors.Is(err, ErrHeld) || !event.IsPermanent(err) {
				t.Errorf("the ledger says %q (%s): %v", sent.State, sent.Reason, err)
			}
			if n := testutil.ToFloat64(r.Metrics.Messages.WithLabelValues("email", "smtp", "failed")); n != 0 {
				t.Errorf("it is counted as failed %v times", n)
			}
			if n := testutil.ToFloat64(r.Metrics.Messages.WithLabelValues("email", "smtp", "unknown")); n != 1 {
				t.Errorf("it is counted as unknown %v times", n)
			}
		})
	}
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

func TestUnknownIsHeldWhenThePolicySaysSo(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "drop"})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.OnUnknown = Hold })
	for range 3 {
		if _, err := r.Send(t.Context(), request(event.ChannelEmail)); !errors.Is(err, ErrHeld) || !event.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}

// What a process left that died in the window is found and counted.
func TestSubmittingOfADeadProcess(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	key := "u-1/" + request(event.ChannelEmail).key()
	r.ledger.entries[key] = event.Send{State: event.SendSubmitting, Token: "dead", Attempts: 1, MessageID: "m@x", Locale: "de", Template: "welcome/de@0", Date: time.Now()}
	sent, err := r.Send(t.Context(), request(event.ChannelEmail))
	if err != nil || sent.Copies != 1 || sent.MessageID != "m@x" {
		t.Errorf("%+v, %v", sent, err)
	}
	if got := string(srv.messages()[0]); !strings.Contains(got, "<m@x>") || !strings.Contains(got, "Willkommen") {
		t.Errorf("the copy does not keep what was pinned:\n%s", got)
	}
}

// Two at once, and a ledger that fails at the worst moment: one message.
func TestTheLedgerDecides(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _ = r.Send(context.Background(), request(event.ChannelEmail)) })
	}
	wg.Wait()
	sent, err := r.Send(t.Context(), request(event.ChannelEmail))
	if err != nil || len(srv.messages()) != 1 || sent.Copies != 0 {
		t.Errorf("%d messages, the ledger says %+v, %v", len(srv.messages()), sent, err)
	}

	down := errors.New("the store is away")
	for _, state := range []event.SendState{event.SendSubmitting, event.SendAccepted} {
		srv := newSMTPServer(t, script{})
		r := newRig(t, srv.addr, "http://"+nowhere)
		failures := 3
		r.ledger.fail = func(s event.Send) error {
			if s.State == state && failures > 0 {
				failures--
				return down
			}
			return nil
		}
		for range 4 {
			_, _ = r.Send(t.Context(), request(event.ChannelEmail))
		}
		if n := len(srv.messages()); n != 1 {
			t.Errorf("the ledger fails at %s: %d messages", state, n)
		}
	}
}

// A stop before the border sends nothing; a stop after it waits for the answer,
// and records unknown when none comes.
func TestStop(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "hang"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Send(ctx, request(event.ChannelEmail)); err == nil || len(srv.messages()) != 0 {
		t.Errorf("after a stop: %v, %d messages", err, len(srv.messages()))
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() { <-srv.dots; cancel() }()
	sent, err := r.Send(ctx, request(event.ChannelEmail))
	if err == nil || sent.State != event.SendUnknown {
		t.Errorf("stopped while handing over: %+v, %v", sent, err)
	}
}

func TestHostileRecipients(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	q := request(event.ChannelEmail)
	q.Name = "Bobby\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\u202e" + strings.Repeat("x", 500)
	if _, err := r.Send(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(srv.messages()[0]))
	if err != nil {
		t.Fatal(err)
	}
	if e.GetHeader("Bcc") != "" || strings.Contains(e.HTML, "<script>") || strings.ContainsRune(e.GetHeader("Subject"), '\u202e') {
		t.Errorf("a hostile name got through: %q", e.GetHeader("Subject"))
	}
	if len(e.HTML) == 0 || len(e.Text) == 0 {
		t.Error("one of the two bodies is missing")
	}
	for i, address := range []string{"a@b\r\nRCPT TO:<x@y>", "a b@example.org", "@example.org", "a@exa mple.org"} {
		q := request(event.ChannelEmail)
		q.UserID, q.Email = fmt.Sprint("u-x", i), address
		if _, err := r.Send(t.Context(), q); !event.IsPermanent(err) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}

func TestLanguages(t *testing.T) {
	tpl, err := loadTemplates(nil)
	if err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string]string{"de": "de", "de-AT": "de", "de_DE": "de", "en-GB": "en", "ja": "en", "": "en", "???": "en", "gsw": "de"} {
		if got := tpl.match("welcome", locale); got != want {
			t.Errorf("%q gets %s, want %s", locale, got, want)
		}
	}
}

func TestBrokenTemplatesAreRefusedWithTheirPlace(t *testing.T) {
	good := func() fstest.MapFS {
		return fstest.MapFS{
			"welcome/en/subject.txt": {Data: []byte("Hi")}, "welcome/en/mail.txt": {Data: []byte("Hi")},
			"welcome/en/mail.html": {Data: []byte("<p>Hi</p>")}, "welcome/en/sms.txt": {Data: []byte("Hi")},
		}
	}
	if _, err := loadTemplates(good()); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"welcome/en/mail.txt": "{{.Nmae}}", "welcome/en/sms.txt": "{{if}}", "welcome/en/mail.html": "<a href='{{.Name}}", "welcome/en/subject.txt": "a\nb",
	} {
		f := good()
		f[file] = &fstest.MapFile{Data: []byte(text)}
		name := file[strings.LastIndexByte(file, '/')+1:]
		if _, err := loadTemplates(f); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
