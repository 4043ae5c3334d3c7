package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"usher/event"
	"usher/tracing"
)

// SMTPConfig is the server that takes the e-mail.
type SMTPConfig struct {
	Addr     string // host:port
	TLS      string // "none", "starttls" or "tls"
	Username string // "" means no authentication
	Password string
	From     string // an address, with a name or without
	TLSConf  *tls.Config

	// CertificateEnds is told when the server's certificate ends, at each
	// connection; nil: nobody asks.
	CertificateEnds func(time.Time)
}

func (c SMTPConfig) domain() string {
	if a, err := mail.ParseAddress(c.From); err == nil {
		if i := strings.LastIndexByte(a.Address, '@'); i >= 0 {
			return a.Address[i+1:]
		}
	}
	return "usher.invalid"
}

// smtpTransport sends each message over a connection of its own.
type smtpTransport struct {
	SMTPConfig
	from  *mail.Address
	grace time.Duration
}

func newSMTP(c SMTPConfig, grace time.Duration) (*smtpTransport, error) {
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("the sender of e-mail %q is not an address", c.From)
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("the SMTP server %q: give it as HOST:PORT", c.Addr)
	}
	if c.TLSConf == nil {
		c.TLSConf = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	}
	if tell := c.CertificateEnds; tell != nil {
		c.TLSConf = c.TLSConf.Clone()
		c.TLSConf.VerifyConnection = func(s tls.ConnectionState) error {
			tell(s.PeerCertificates[0].NotAfter)
			return nil
		}
	}
	switch c.TLS {
	case "none", "starttls", "tls":
	default:
		return nil, fmt.Errorf("TLS towards the SMTP server is %q, it must be none, starttls or tls", c.TLS)
	}
	return &smtpTransport{c, from, grace}, nil
}

func (*smtpTransport) provider() string { return "smtp" }

// Limits of the steps before the final dot (RFC 5321 asks for five minutes, a
// server that takes one will not take the message), and of the answer after it.
const (
	stepTimeout   = time.Minute
	answerTimeout = 10 * time.Minute // RFC 5321, 4.5.3.2.6
)

func (t *smtpTransport) deliver(ctx context.Context, m message, commit func() error) (string, error) {
	rcpt, utf8, err := envelopeAddress(m.to)
	if err != nil {
		return "", &failure{reason: ReasonRecipient, class: permanent, err: err}
	}
	body, err := t.build(m)
	if err != nil {
		return "", &failure{reason: ReasonRender, class: permanent, err: err}
	}
	dialer := net.Dialer{Timeout: stepTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return "", &failure{reason: ReasonTransient, err: errors.New("the SMTP server cannot be reached")}
	}
	defer conn.Close()
	leave := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer leave()

	tracing.Event(ctx, "connected")
	c, f := t.open(conn)
	if f != nil {
		return "", f
	}
	tracing.Event(ctx, "greeted")
	if takes, _ := c.Extension("SMTPUTF8"); utf8 && !takes {
		return "", &failure{reason: ReasonRecipient, class: permanent, err: errors.New("the SMTP server does not take addresses with letters beyond ASCII (SMTPUTF8)")}
	}
	if err := c.Mail(t.from.Address, &smtp.MailOptions{UTF8: utf8, Size: int64(len(body))}); err != nil {
		return "", smtpFailure(phaseMail, err)
	}
	if err := c.Rcpt(rcpt, nil); err != nil {
		return "", smtpFailure(phaseRcpt, err)
	}
	tracing.Event(ctx, "recipient taken")
	w, err := c.Data()
	if err != nil {
		return "", smtpFailure(phaseData, err)
	}
	if _, err := w.Write(body); err != nil {
		return "", smtpFailure(phaseData, err)
	}
	if err := commit(); err != nil {
		return "", err // without the dot, nobody has taken anything
	}
	leave()
	defer patience(ctx, t.grace, func() { _ = conn.Close() })()
	r, err := w.CloseWithResponse()
	if err != nil {
		return "", smtpFailure(phaseDot, err)
	}
	tracing.Event(ctx, "accepted")
	_ = c.Quit() // accepted, whatever comes now
	return queueID(r.StatusText), nil
}

// patience lets a message that is being handed over take its time: until shortly
// before ctx's deadline, or for grace after ctx was cancelled. Then it calls
// giveUp. The returned function ends the wait.
func patience(ctx context.Context, grace time.Duration, giveUp func()) (done func()) {
	limit := answerTimeout
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d)*9/10)
	}
	end := time.AfterFunc(limit, giveUp)
	stop := context.AfterFunc(ctx, func() { end.Reset(grace) })
	return func() { stop(); end.Stop() }
}

// open greets the server, encrypts and signs in.
func (t *smtpTransport) open(conn net.Conn) (*smtp.Client, *failure) {
	var c *smtp.Client
	var err error
	_ = conn.SetDeadline(time.Now().Add(stepTimeout))
	switch t.TLS {
	case "tls":
		c = smtp.NewClient(tls.Client(conn, t.TLSConf))
	case "starttls":
		if c, err = smtp.NewClientStartTLS(conn, t.TLSConf); err != nil {
			return nil, connectFailure(err)
		}
	default:
		c = smtp.NewClient(conn)
	}
	c.CommandTimeout, c.SubmissionTimeout = stepTimeout, answerTimeout
	// Also after STARTTLS: the handshake comes with the first command, and its
	// failure must not look like one of that command.
	if err := c.Hello("localhost"); err != nil {
		return nil, connectFailure(err)
	}
	if t.Username != "" {
		if err := c.Auth(sasl.NewPlainClient("", t.Username, t.Password)); err != nil {
			return nil, smtpFailure(phaseAuth, err)
		}
	}
	return c, nil
}

// connectFailure tells a TLS trouble, which somebody must mend, from a network
// that is away.
func connectFailure(err error) *failure {
	var cert *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.As(err, &cert), errors.As(err, &header):
		return &failure{reason: ReasonConfig, pause: pauseConfig, err: errors.New("TLS with the SMTP server fails")}
	case !isReply(err) && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{reason: ReasonConfig, pause: pauseConfig, err: errors.New("the SMTP server does not speak as configured, such as without STARTTLS")}
	}
	return smtpFailure(phaseConnect, err)
}

func isReply(err error) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply)
}

// build writes the message: one recipient, text and HTML, nothing random that a
// copy would not have.
func (t *smtpTransport) build(m message) ([]byte, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(t.from)
	msg.ToMailAddress(&mail.Address{Name: m.name, Address: m.to})
	msg.SetMessageIDWithValue(m.messageID)
	msg.SetDateWithValue(m.date)
	msg.Subject(m.content.subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	msg.SetBoundary("usher-" + strings.SplitN(m.messageID, "@", 2)[0])
	msg.SetBodyString(gomail.TypeTextPlain, m.content.text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.content.html)
	var b strings.Builder
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, errors.New("the message cannot be written")
	}
	return []byte(b.String()), nil
}

// envelopeAddress is an address as SMTP wants it: the domain in ASCII. utf8 says
// that the part before the @ needs SMTPUTF8.
func envelopeAddress(s string) (addr string, utf8 bool, err error) {
	i := strings.LastIndexByte(s, '@')
	if i < 1 || strings.ContainsAny(s, "\r\n\x00<> ") {
		return "", false, errors.New("the address cannot be used in SMTP")
	}
	domain, err := idna.Lookup.ToASCII(s[i+1:])
	if err != nil {
		return "", false, errors.New("the domain of the address cannot be used")
	}
	for _, c := range []byte(s[:i]) {
		utf8 = utf8 || c >= 0x80
	}
	return s[:i] + "@" + domain, utf8, nil
}

// queueID is the server's own id of a message, when its reply has one that may
// stand in the ledger.
func queueID(reply string) string {
	fields := strings.Fields(reply)
	if len(fields) == 0 {
		return ""
	}
	if id := fields[len(fields)-1]; event.SafeID(id) == id {
		return id
	}
	return ""
}

func itoa(n int) string { return strconv.Itoa(n) }
