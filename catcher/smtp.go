package catcher

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jhillyerd/enmime/v2"
)

func newSMTP(s *store, logger *slog.Logger) *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{store: s, log: logger}, nil }))
	srv.Domain = "usher-catcher"
	srv.MaxMessageBytes, srv.MaxRecipients, srv.MaxLineLength = maxMessage, 100, 1<<20
	srv.ReadTimeout, srv.WriteTimeout = timeout, timeout
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = log.New(io.Discard, "", 0) // would print what clients send
	return srv
}

// session is one SMTP connection.
type session struct {
	store *store
	log   *slog.Logger
	from  string
	to    []string
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session: the message is on disk before it is accepted.
// One that cannot be parsed is kept with what could be read of it.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // the final dot has not come
	}
	m := message{Kind: "email", From: s.from, To: strings.Join(s.to, ", "), Raw: raw, At: time.Now()}
	if e, err := enmime.ReadEnvelope(bytes.NewReader(raw)); err == nil {
		m.Ref = strings.Trim(e.GetHeader("Message-ID"), "<> ")
		m.Subject, m.Text, m.HTML = e.GetHeader("Subject"), e.Text, e.HTML
	} else {
		m.Text = string(raw)
	}
	m.Text, m.HTML, m.Subject = strings.ToValidUTF8(m.Text, "�"), strings.ToValidUTF8(m.HTML, "�"), strings.ToValidUTF8(m.Subject, "�")
	if _, err := s.store.add(context.Background(), m); err != nil {
		s.log.Error("a message was not stored", "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "the store cannot be written"}
	}
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }
