//go:build !noembed

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
	"usher/event/promises"
)

// sink is a mail server and a text message service that take everything, and
// remember what and when.
type sink struct {
	mailAddr, textURL string

	mu      sync.Mutex
	arrived []promises.Arrival
	times   []time.Time
}

// answerTime is what a provider near by takes for its answer.
const answerTime = 15 * time.Millisecond

func startSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mails := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	mails.Domain = "localhost"
	served := make(chan error, 1)
	go func() { served <- mails.Serve(l) }()
	texts := httptest.NewServer(s)
	t.Cleanup(func() { texts.Close(); _ = mails.Close(); <-served })
	s.mailAddr, s.textURL = l.Addr().String(), texts.URL
	return s
}

// take remembers a message before its sender is answered: from then on it is out.
func (s *sink) take(a promises.Arrival) (n int) {
	s.mu.Lock()
	s.arrived, s.times = append(s.arrived, a), append(s.times, time.Now())
	n = len(s.arrived)
	s.mu.Unlock()
	time.Sleep(answerTime)
	return n
}

func (s *sink) all() []promises.Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[:len(s.arrived):len(s.arrived)]
}

// since is how many messages came after a moment.
func (s *sink) since(at time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.times) - 1; i >= 0 && s.times[i].After(at); i-- {
		n++
	}
	return n
}

// stall is the longest time without a message between two moments.
func (s *sink) stall(from, to time.Time) (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := from
	for _, at := range s.times {
		if at.After(from) && at.Before(to) {
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return max(longest, to.Sub(last))
}

// ServeHTTP is Twilio's POST of a message.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("To") == "" || r.PostForm.Get("Body") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n := s.take(promises.Arrival{Channel: event.ChannelSMS, To: r.PostForm.Get("To")})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"sid": fmt.Sprintf("SM%032d", n), "status": "queued"}) // the sender is gone
}

type sinkSession struct {
	*sink
	to string
}

func (s *sinkSession) Mail(string, *smtp.MailOptions) error      { s.to = ""; return nil }
func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *sinkSession) Reset()                                    {}
func (s *sinkSession) Logout() error                             { return nil }
func (s *sinkSession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil { // it is a message when its last dot has come
		return err
	}
	id := m.Header.Get("Message-ID")
	if len(id) < 2 {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "no Message-ID"}
	}
	s.take(promises.Arrival{Channel: event.ChannelEmail, To: s.to, ID: id[1 : len(id)-1]})
	return nil
}
