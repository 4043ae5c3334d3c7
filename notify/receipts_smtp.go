package notify

import (
	"context"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"usher/event"
	"usher/serve"
)

// Seals proves that a text comes from a holder of the key.
type Seals interface{ Seal(text string) string }

// returnPath is the address to which a bounce of the message goes: it names the
// message, and a seal keeps others from making such addresses up. ref has at most
// 32 characters, so that the local part keeps within 64 (RFC 5321, 4.5.3.1.1).
func returnPath(base, ref string, s Seals) string {
	local, domain, _ := strings.Cut(base, "@")
	return local + "+" + ref + "-" + s.Seal(ref) + "@" + domain
}

// returned reads a return path of ours: which message it names.
func returned(addr, base string, s Seals) (ref string, ok bool) {
	local, domain, _ := strings.Cut(addr, "@")
	wantLocal, wantDomain, _ := strings.Cut(base, "@")
	rest, ok := strings.CutPrefix(local, wantLocal+"+")
	if !ok || !strings.EqualFold(domain, wantDomain) {
		return "", false
	}
	ref, seal, _ := strings.Cut(strings.ToLower(rest), "-")
	return ref, ref != "" && s.Seal(ref) == seal
}

// SMTPReceipts takes the bounces of e-mail.
type SMTPReceipts struct {
	*Receipts
	Address string // the return path without its tag
	Seals   Seals
}

// Bounds of what a stranger may cost. A bounce has the message's head or all of
// it at its end, which is not needed.
const (
	maxBounce     = 1 << 20 // bytes
	bounceTimeout = 30 * time.Second
)

// Serve takes delivery status notifications (RFC 3464) on l until ctx ends. A
// recipient that is no return path of usher's own is refused, so no one can make
// up a bounce without having got the message's envelope.
func (m SMTPReceipts) Serve(ctx context.Context, l net.Listener) error {
	guard := m.Metrics.Guard("notify", m.Log)
	srv := serve.SMTP(guard, func(*smtp.Conn) (smtp.Session, error) { return &bounceSession{SMTPReceipts: m, ctx: ctx}, nil })
	srv.Domain = "usher"
	srv.MaxMessageBytes, srv.MaxRecipients, srv.MaxLineLength = maxBounce, 1, 4096
	srv.ReadTimeout, srv.WriteTimeout = bounceTimeout, bounceTimeout
	srv.EnableSMTPUTF8 = true
	return serve.Until(ctx, guard, netutil.LimitListener(l, maxReceiptConns), srv)
}

// bounceSession is one SMTP connection. It has a context because go-smtp's
// interface hands none over.
type bounceSession struct {
	SMTPReceipts
	ctx context.Context
	ref string
}

// Mail implements smtp.Session.
func (s *bounceSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (s *bounceSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	ref, ok := returned(to, s.Address, s.Seals)
	if !ok {
		s.count(event.ChannelEmail, receiptForged)
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no message has this return path"}
	}
	s.ref = ref
	return nil
}

// Data implements smtp.Session.
func (s *bounceSession) Data(r io.Reader) error {
	b, err := parseBounce(r)
	if err != nil {
		s.count(event.ChannelEmail, receiptMalformed)
		return nil // kept from coming again: no other try will make it readable
	}
	if b.state == "" { // a delay, or the absence of a person
		s.count(event.ChannelEmail, receiptIgnored)
		return nil
	}
	receipt := event.Receipt{ID: s.ref, State: b.state, Code: b.status, At: now()}
	if b.state == event.SendBounced {
		receipt.Reason = receiptReason(b.status)
	}
	ctx, cancel := context.WithTimeout(s.ctx, receiptTimeout)
	defer cancel()
	if err := s.receive(ctx, event.ChannelEmail, receipt); err != nil {
		s.Log.Warn("a receipt could not be stored, the provider is asked to send it again", "channel", event.ChannelEmail, "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again"}
	}
	return nil
}

// Reset implements smtp.Session.
func (s *bounceSession) Reset() { s.ref = "" }

// Logout implements smtp.Session.
func (s *bounceSession) Logout() error { return nil }
