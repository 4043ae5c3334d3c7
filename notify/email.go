package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"usher/event"
	"usher/tracing"
)

// SMTPConfig is a server that takes e-mail.
type SMTPConfig struct {
	Name         string    `yaml:"name"`
	Addr         string    `yaml:"smtp"`     // HOST:PORT
	TLS          string    `yaml:"tls"`      // starttls (default), tls, or none; never less than it says
	CAFile       string    `yaml:"ca_file"`  // PEM, of a certification authority that systems do not know
	Helo         string    `yaml:"helo"`     // how usher calls itself; default this machine's full name, else its address
	Username     string    `yaml:"username"` // "" means no authentication
	Password     string    `yaml:"password"`
	PasswordFile string    `yaml:"password_file"`
	Auth         string    `yaml:"auth"`   // how to sign in; default what the server offers
	OAuth2       *OAuth2   `yaml:"oauth2"` // in place of a password
	From         string    `yaml:"from"`   // an address, with a name or without
	DKIM         *DKIM     `yaml:"dkim"`
	Reasons      ReasonMap `yaml:"reasons"` // of replies, as "550" or "550 5.7.1"; they go before what usher knows
	Texts        ReasonMap `yaml:"texts"`   // that a reply has, in whatever case, when its code is not listed
	Rate         Rate      `yaml:"rate"`    // of this process; 0 is no limit

	Connections   int           `yaml:"connections"`             // open at once, default 10
	PerConnection int           `yaml:"messages_per_connection"` // default 100
	Idle          time.Duration `yaml:"idle"`                    // until an unused connection is closed, default 10 s
	StepTimeout   time.Duration `yaml:"step_timeout"`            // of each reply before the final dot, default 1 min
	AnswerTimeout time.Duration `yaml:"answer_timeout"`          // of the reply after it, default 10 min (RFC 5321, 4.5.3.2.6)

	TLSConf *tls.Config `yaml:"-"` // instead of the system's

	// CertificateEnds is told when the server's certificate ends, at each
	// connection; nil: it is not wanted.
	CertificateEnds func(time.Time) `yaml:"-"`

	Dial Dial `yaml:"-"` // instead of the system's
	Said Said `yaml:"-"` // hears the server's words about what it does not take
}

// Limits of steps before the moment from which on a provider may have the
// message. RFC 5321 allows a server five minutes for each; one that takes longer
// than this will not take the message.
const stepTimeout = time.Minute

// answerTimeout of SMTP is the standard's: a shorter wait makes copies (RFC 1047).
const answerTimeout = 10 * time.Minute

func (c SMTPConfig) domain() string {
	if a, err := mail.ParseAddress(c.From); err == nil {
		if i := strings.LastIndexByte(a.Address, '@'); i >= 0 {
			return a.Address[i+1:]
		}
	}
	return "usher.invalid"
}

// smtpTransport hands messages over on connections that it keeps for the next.
type smtpTransport struct {
	SMTPConfig
	from   *mail.Address
	sign   signer
	tokens *tokens // nil without OAuth2
	ear    *ear    // of a probe
	grace  time.Duration
	pool   *pool
}

func newSMTP(c SMTPConfig, grace time.Duration) (*smtpTransport, error) {
	c.TLS = cmp.Or(c.TLS, "starttls")
	c.Connections, c.PerConnection, c.Idle = cmp.Or(c.Connections, 10), cmp.Or(c.PerConnection, 100), cmp.Or(c.Idle, 10*time.Second)
	c.StepTimeout, c.AnswerTimeout = cmp.Or(c.StepTimeout, stepTimeout), cmp.Or(c.AnswerTimeout, answerTimeout)
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("the sender of e-mail %q is not an address", c.From)
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("the SMTP server %q: give it as HOST:PORT", c.Addr)
	}
	switch c.TLS {
	case "starttls", "tls":
	case "none":
		if c.Username != "" && !event.Loopback(host) {
			return nil, errors.New("without TLS the password would cross the network in clear: set TLS to starttls or tls")
		}
	default:
		return nil, fmt.Errorf("TLS towards the SMTP server is %q, it must be none, starttls or tls", c.TLS)
	}
	if c.Connections < 1 || c.PerConnection < 1 {
		return nil, errors.New("connections and messages_per_connection must be at least 1")
	}
	if err := errors.Join(c.Reasons.check(), c.Texts.check()); err != nil {
		return nil, err
	}
	if c.Password, err = secret("password", c.Password, c.PasswordFile); err != nil {
		return nil, err
	}
	if err := c.checkAuth(); err != nil {
		return nil, err
	}
	tokens, err := newTokens(c.OAuth2)
	if err != nil {
		return nil, err
	}
	if c.TLSConf, err = c.tls(host); err != nil {
		return nil, err
	}
	sign, err := newSigner(c.DKIM)
	if err != nil {
		return nil, err
	}
	t := &smtpTransport{SMTPConfig: c, from: from, sign: sign, tokens: tokens, grace: grace}
	t.pool = newPool(t.open, c.Connections, c.PerConnection, c.Idle)
	return t, nil
}

func (c SMTPConfig) tls(host string) (*tls.Config, error) {
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.TLSConf != nil {
		conf = c.TLSConf.Clone()
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if conf.RootCAs = x509.NewCertPool(); !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if tell := c.CertificateEnds; tell != nil {
		conf.VerifyConnection = func(s tls.ConnectionState) error {
			tell(s.PeerCertificates[0].NotAfter)
			return nil
		}
	}
	return conf, nil
}

func (t *smtpTransport) provider() string { return t.Name }
func (t *smtpTransport) close()           { t.pool.close() }

func (t *smtpTransport) deliver(ctx context.Context, m message, commit func() error) (string, error) {
	rcpt, utf8, err := envelopeAddress(m.to)
	if err != nil {
		return "", &failure{reason: ReasonRecipient, class: permanent, ours: true, err: err}
	}
	body, err := t.build(m)
	if err != nil {
		return "", &failure{reason: ReasonRender, class: permanent, ours: true, err: err}
	}
	e := envelope{cmp.Or(m.from, t.from.Address), rcpt, utf8, body}
	c, kept, err := t.pool.get(ctx)
	if err != nil {
		return "", err
	}
	id, err := t.hand(ctx, c, e, commit)
	if kept && surelyStale(err) {
		// The server closed the connection since its last message. It has not
		// taken this one, so a connection of its own is worth a try at once.
		if c, err = t.pool.fresh(ctx); err != nil {
			return "", err
		}
		id, err = t.hand(ctx, c, e, commit)
	}
	return id, err
}

// surelyStale tells that a kept connection was of no use: the server said 421, or
// nothing at all before the final dot.
func surelyStale(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.closed && f.class == transient
}

// envelope is a message as it is handed over.
type envelope struct {
	from string
	rcpt string
	utf8 bool // the part before the @ needs SMTPUTF8
	body []byte
}

// hand hands one message over and gives the connection back. The moment before
// the final dot is the last one at which the server cannot have taken it.
func (t *smtpTransport) hand(ctx context.Context, c *conn, e envelope, commit func() error) (id string, err error) {
	usable := false
	leave := context.AfterFunc(ctx, c.abort)
	defer func() { t.pool.put(c, usable && leave()) }()
	refused := func(p phase, err error) error {
		f := t.failure(p, err)
		usable = !f.closed
		return f
	}
	if takes, _ := c.Extension("SMTPUTF8"); e.utf8 && !takes {
		usable = true
		return "", &failure{reason: ReasonSMTPUTF8, class: spent, ours: true, err: errors.New("the SMTP server does not offer SMTPUTF8")}
	}
	c.clean = false
	if err := c.Mail(e.from, &smtp.MailOptions{UTF8: e.utf8, Size: int64(len(e.body))}); err != nil {
		return "", refused(phaseMail, err)
	}
	if err := c.Rcpt(e.rcpt, nil); err != nil {
		return "", refused(phaseRcpt, err)
	}
	tracing.Event(ctx, "recipient taken")
	w, err := c.Data()
	if err != nil {
		return "", refused(phaseData, err)
	}
	_ = c.net.SetDeadline(time.Now().Add(t.StepTimeout)) // a connection that is dead says so at the write
	if _, err := w.Write(e.body); err != nil {
		return "", refused(phaseData, err)
	}
	if err := commit(); err != nil {
		return "", err // without the dot, the server has taken nothing
	}
	if !leave() {
		return "", t.failure(phaseData, ctx.Err())
	}
	leave = func() bool { return true }
	defer patience(ctx, t.grace, t.AnswerTimeout, c.abort)()
	r, err := w.CloseWithResponse()
	if err != nil {
		return "", refused(phaseDot, err)
	}
	tracing.Event(ctx, "accepted")
	usable, c.clean = true, true // the dot ended the transaction (RFC 5321, 4.1.1.4)
	return queueID(r.StatusText), nil
}

// patience lets a message that is being handed over take its time: until limit or
// shortly before ctx's deadline, or for grace after ctx was cancelled. Then it
// calls giveUp. The returned function ends the wait.
func patience(ctx context.Context, grace, limit time.Duration, giveUp func()) (done func()) {
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d)*9/10)
	}
	return within(ctx, grace, limit, giveUp)
}

// within calls giveUp after limit, or grace after ctx has ended, unless the returned
// function was called before.
func within(ctx context.Context, grace, limit time.Duration, giveUp func()) (done func()) {
	var over atomic.Bool // the timer may be set once more right after it was stopped
	end := time.AfterFunc(limit, func() {
		if !over.Load() {
			giveUp()
		}
	})
	stop := context.AfterFunc(ctx, func() { end.Reset(grace) })
	return func() { over.Store(true); stop(); end.Stop() }
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
	msg.SetGenHeader("Content-Language", m.locale)
	msg.SetGenHeader("X-Usher-Message", m.ref()) // some relays replace Message-ID
	msg.SetBoundary("usher-" + m.ref())
	msg.SetBodyString(gomail.TypeTextPlain, m.content.text)
	if m.content.html != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.content.html)
	}
	for _, a := range m.content.attachments {
		if err := msg.AttachReader(a.Name, bytes.NewReader(a.Data), gomail.WithFileContentType(gomail.ContentType(a.MediaType))); err != nil {
			return nil, errors.New("an attachment cannot be read")
		}
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, errors.New("the message cannot be written")
	}
	return t.sign(b.Bytes())
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
