package catcher

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"usher/event"
	"usher/serve"

	"github.com/emersion/go-smtp"
	"github.com/jhillyerd/enmime/v2"
)

func newSMTP(s *store, chaos *Chaos, guard event.Guard, logger *slog.Logger) *smtp.Server {
	srv := serve.SMTP(guard, func(c *smtp.Conn) (smtp.Session, error) {
		conn, _ := c.Conn().(*chaosConn) // nil without chaos
		out := &session{store: s, chaos: chaos, conn: conn, log: logger}
		return out, out.fail(phaseEHLO, "")
	})
	srv.Domain = "usher-catcher"
	srv.MaxMessageBytes, srv.MaxRecipients, srv.MaxLineLength = maxMessage, 100, 1<<20
	srv.ReadTimeout, srv.WriteTimeout = timeout, timeout
	srv.EnableSMTPUTF8 = true
	return srv
}

// session is one SMTP connection.
type session struct {
	store *store
	chaos *Chaos
	conn  *chaosConn // nil without chaos
	log   *slog.Logger
	used  bool // a message was offered before
	from  string
	to    []string
}

// fail lets chaos have a passage of a phase. Its error is the reply, or that the
// connection is gone.
func (s *session) fail(phase, key string) error {
	f := s.chaos.draw(phase, key)
	switch {
	case f == nil:
		return nil
	case f.kind != "code":
		return s.conn.suffer(f)
	case f.code == 421: // a server that says so closes the connection (RFC 5321, 4.2.3)
		s.conn.last = true
	}
	return f.reply()
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	phase := phaseMail
	if s.used {
		phase = phaseReuse
	}
	s.from, s.used = from, true
	return s.fail(phase, "")
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.fail(phaseRcpt, to); err != nil {
		return err
	}
	if len(s.to) == 0 && s.conn != nil {
		s.conn.data = s.chaos.draw(phaseData, to)
	}
	s.to = append(s.to, to)
	return nil
}

// asDeclared reads a text in the character set that its part names. To guess the
// set from the text, as the library does otherwise, is two fifths of a message's work.
var asDeclared = enmime.NewParser(enmime.DisableCharacterDetection(true))

// Data implements smtp.Session: the message is on disk before it is accepted.
// One that cannot be parsed is kept with what could be read of it.
func (s *session) Data(r io.Reader) error {
	if s.conn != nil && s.conn.swallow {
		return nil // a reply in place of 354: no message came
	}
	f := s.chaos.draw(phaseDot, s.to[0])
	if f != nil && (f.kind == "drop" || f.kind == "hang") {
		_, _ = r.Read(make([]byte, 1)) // the body is on its way
		return s.conn.suffer(f)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // the final dot has not come
	}
	if f != nil && f.kind == "code" {
		s.conn.last = f.code == 421
		return f.reply()
	}
	m := message{Kind: "email", From: s.from, To: strings.Join(s.to, ", "), Raw: raw, At: time.Now()}
	if e, err := asDeclared.ReadEnvelope(bytes.NewReader(raw)); err == nil {
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
	if f != nil { // taken, and its answer is late or lost
		return s.conn.suffer(f)
	}
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() {
	s.from, s.to = "", nil
	if s.conn != nil {
		s.conn.data = nil
	}
}

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }
