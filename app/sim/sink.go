package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// sink takes every message, over SMTP and over a service of text messages, and
// counts what it took. What it took is taken, whether or not its answer arrives.
type sink struct {
	w    *world
	smtp *smtp.Server
	http *http.Server

	mu    sync.Mutex
	mails []taken
	texts []taken
	asked int // handed over, also what was not taken
}

// taken is one message that a provider took.
type taken struct {
	ref, to string // Message-ID, and the address or number
	at      time.Time
}

func openSink(w *world) (*sink, error) {
	s := &sink{w: w}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: s}, nil }))
	s.smtp.Domain = "sink.example"
	s.http = &http.Server{Handler: http.HandlerFunc(s.text)}
	l, err := w.net.Listen("tcp", addrSMTP)
	if err != nil {
		return nil, err
	}
	w.serving.Go(func() { _ = s.smtp.Serve(l) })
	texts, err := w.net.Listen("tcp", addrSMS)
	if err != nil {
		return nil, err
	}
	w.serving.Go(func() { _ = s.http.Serve(texts) })
	return s, nil
}

func (s *sink) close() { _, _ = s.smtp.Close(), s.http.Close() }

type session struct {
	sink *sink
	to   string
}

func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}
func (s *session) Reset()      { s.to = "" }
func (*session) Logout() error { return nil }

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if later := s.sink.refuse(); later {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come again later"}
	}
	s.sink.take(&s.sink.mails, taken{strings.Trim(m.Header.Get("Message-Id"), "<>"), s.to, time.Now()})
	s.sink.think()
	return nil
}

// refuse tells whether the provider has its trouble now.
func (s *sink) refuse() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.w.plan.busy(time.Since(s.w.trace.began))
}

// think is the time that the provider takes for its answer.
func (s *sink) think() { time.Sleep(s.w.plan.answer) }

func (s *sink) take(list *[]taken, t taken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, t)
	s.w.trace.say("sink", fmt.Sprintf("took %s for %s", t.ref, t.to))
}

func (s *sink) text(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	if s.refuse() {
		w.Header().Set("Retry-After", "2")
		http.Error(w, `{"code":20429}`, http.StatusTooManyRequests)
		return
	}
	to := r.PostForm.Get("To")
	s.take(&s.texts, taken{"sms", to, time.Now()})
	s.think()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"sid": "SM1", "status": "queued"}) // who asked may be gone
}

func (s *sink) all() (mails, texts []taken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]taken(nil), s.mails...), append([]taken(nil), s.texts...)
}
