package serve

import (
	"io"
	"log"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// SMTP is a server whose sessions come from begin, with their panics stopped: the
// client is told to try again later, so that no message is lost. Sizes and time
// limits are the caller's to set.
func SMTP(guard event.Guard, begin func(*smtp.Conn) (smtp.Session, error)) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (out smtp.Session, err error) {
		err = guarded(guard, func() (err error) { out, err = begin(c); return err })
		if err != nil {
			return nil, err
		}
		return session{out, guard}, nil
	}))
	s.ErrorLog = log.New(io.Discard, "", 0) // would print what clients send; panics are told to the guard
	return s
}

// errFailed is the reply after a panic: a code that makes a client try again.
var errFailed = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "usher failed to answer; try again"}

func guarded(g event.Guard, f func() error) error {
	err := g.Do("answering a mail server", f)
	if event.Panicked(err) != nil {
		return errFailed
	}
	return err
}

// session is a session whose panics are stopped.
type session struct {
	smtp.Session
	guard event.Guard
}

// Mail implements smtp.Session.
func (s session) Mail(from string, o *smtp.MailOptions) error {
	return guarded(s.guard, func() error { return s.Session.Mail(from, o) })
}

// Rcpt implements smtp.Session.
func (s session) Rcpt(to string, o *smtp.RcptOptions) error {
	return guarded(s.guard, func() error { return s.Session.Rcpt(to, o) })
}

// Data implements smtp.Session.
func (s session) Data(r io.Reader) error {
	return guarded(s.guard, func() error { return s.Session.Data(r) })
}

// Reset implements smtp.Session.
func (s session) Reset() {
	_ = guarded(s.guard, func() error { s.Session.Reset(); return nil }) // there is no reply to give
}

// Logout implements smtp.Session.
func (s session) Logout() error { return guarded(s.guard, s.Session.Logout) }
