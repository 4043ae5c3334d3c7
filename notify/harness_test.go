package notify

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/streams/natstest"
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
			default: // no test waits
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
	log    natstest.Output
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

const nowhere = "127.0.0.1:1" // no server listens there

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
