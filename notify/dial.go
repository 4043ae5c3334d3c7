package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/emersion/go-smtp"

	"usher/tracing"
)

// Dial connects to a provider, as (*net.Dialer).DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// or is d, or what the system has, with a limit.
func (d Dial) or(limit time.Duration) Dial {
	if d != nil {
		return d
	}
	return (&net.Dialer{Timeout: limit}).DialContext
}

// open connects, greets the server, encrypts and signs in.
func (t *smtpTransport) open(ctx context.Context) (*conn, error) {
	network, err := t.Dial.or(t.StepTimeout)(ctx, "tcp", t.Addr)
	if err != nil {
		t.Said.hear("%v", err)
		return nil, &failure{reason: ReasonTransient, blames: true, away: true, closed: true, err: errors.New("the SMTP server cannot be reached")}
	}
	tracing.Event(ctx, "connected")
	leave := context.AfterFunc(ctx, func() { _ = network.Close() })
	client, err := t.greet(ctx, network)
	if !leave() || err != nil {
		_ = network.Close()
		return nil, cmp.Or[error](err, t.failure(phaseConnect, ctx.Err()))
	}
	tracing.Event(ctx, "greeted")
	return &conn{Client: client, net: network}, nil
}

func (t *smtpTransport) greet(ctx context.Context, network net.Conn) (*smtp.Client, error) {
	_ = network.SetDeadline(time.Now().Add(t.StepTimeout))
	var c *smtp.Client
	switch t.TLS {
	case "tls":
		c = smtp.NewClient(t.overheard(tls.Client(network, t.TLSConf)))
	case "starttls":
		secure, err := t.encrypted(network)
		if err != nil {
			return nil, err
		}
		c = smtp.NewClient(secure)
	default:
		c = smtp.NewClient(t.overheard(network))
	}
	c.CommandTimeout, c.SubmissionTimeout = t.StepTimeout, t.AnswerTimeout
	// Also after STARTTLS: the handshake comes with the first command, and its
	// failure must not look like one of that command.
	if err := c.Hello(t.helo(network.LocalAddr())); err != nil {
		return nil, t.connectFailure(err)
	}
	if t.Username != "" {
		if err := t.signIn(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}
