package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
)

// Steps of a connection that carries no message, in their order.
const (
	StepSettings = "settings"
	StepName     = "name"
	StepConnect  = "connect"
	StepGreeting = "greeting" // with TLS
	StepSignIn   = "sign-in"
	StepEnvelope = "envelope" // the sender and a recipient
)

// Connected is how far a connection came that carried no message.
type Connected struct {
	Failed          string // the step that did not work, "" when all did
	TLS             bool
	CertificateEnds time.Time
	SignedIn        bool
}

// Connect connects to the server, greets it, signs in, and names the sender, also as the
// recipient, as before a message; then it says goodbye. That the server does not know this
// recipient is no failure. Its error holds the server's own words, which may quote a user's name.
func (c SMTPConfig) Connect(ctx context.Context) (p Connected, err error) {
	var words []string
	c.Said = func(w string) { words = append(words, w) }
	c.CertificateEnds = func(at time.Time) { p.CertificateEnds = at }
	fail := func(step string, err error) (Connected, error) {
		p.Failed = step
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		if len(words) > 0 {
			err = errors.New(err.Error() + ": " + strings.Join(words, "; "))
		}
		return p, err
	}
	t, err := newSMTP(c, time.Second)
	if err != nil {
		return fail(StepSettings, err)
	}
	p.TLS = t.TLS != "none"
	network, step, err := dialed(ctx, t.Dial.or(t.StepTimeout), t.Addr)
	if err != nil {
		return fail(step, err)
	}
	defer network.Close()
	defer context.AfterFunc(ctx, func() { _ = network.Close() })()
	unnamed := *t
	unnamed.Username = ""
	client, err := unnamed.greet(ctx, network)
	if err != nil {
		return fail(StepGreeting, err)
	}
	if t.Username != "" {
		if err := t.signIn(ctx, client); err != nil {
			return fail(StepSignIn, err)
		}
		p.SignedIn = true
	}
	refused := client.Mail(t.from.Address, nil)
	at := phaseMail
	if refused == nil {
		at, refused = phaseRcpt, client.Rcpt(t.from.Address, nil)
	}
	if refused != nil {
		if f := t.failure(at, refused); f.blames && f.reason != ReasonRateLimited {
			return fail(StepEnvelope, f)
		}
	}
	(&conn{Client: client, net: network}).quit()
	return p, nil
}

// Check says what is wrong with the settings of the providers and the templates, and
// connects to nothing.
func (t Trial) Check() error {
	s, err := t.sender()
	if err != nil {
		return err
	}
	return s.Close()
}

// dialed looks up the name and connects.
func dialed(ctx context.Context, dial Dial, addr string) (c net.Conn, step string, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, StepSettings, err
	}
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return nil, StepName, err
	}
	c, err = dial(ctx, "tcp", addr)
	return c, StepConnect, err
}

// Connect connects to the service, and asks it who it takes usher for, when it is known
// how to ask without sending.
func (c HTTPConfig) Connect(ctx context.Context) (p Connected, err error) {
	addr, encrypted, err := c.Endpoint()
	if err != nil {
		p.Failed = StepSettings
		return p, err
	}
	if p, err = ConnectHTTP(ctx, c.Dial, addr, encrypted); err != nil {
		return p, err
	}
	t, err := newHTTP(c, time.Second)
	if err != nil {
		p.Failed = StepSettings
		return p, err
	}
	defer t.close()
	if _, known := t.probeURL(); !known {
		return p, nil
	}
	p.SignedIn = true
	if said := t.probe(ctx, ""); said.Reason == ReasonConfig {
		p.Failed = StepSignIn
		return p, errors.New(said.Says())
	}
	return p, nil
}

// Endpoint is where the service is asked, as HOST:PORT, and whether with TLS.
func (c HTTPConfig) Endpoint() (addr string, encrypted bool, err error) {
	c, err = c.withPreset()
	if err != nil {
		return "", false, err
	}
	at := c.Base
	if at == "" || strings.Contains(c.URL, "://") {
		at = c.URL
	}
	return EndpointOf(at)
}

// EndpointOf is the host and the port of an address of HTTP.
func EndpointOf(address string) (addr string, encrypted bool, err error) {
	before, _, _ := strings.Cut(address, "{{") // a template fills in the path
	u, err := url.Parse(before)
	if err != nil || u.Host == "" {
		return "", false, errors.New("its address names no host")
	}
	encrypted = u.Scheme == "https"
	port := cmp.Or(u.Port(), map[bool]string{true: "443", false: "80"}[encrypted])
	return net.JoinHostPort(u.Hostname(), port), encrypted, nil
}

// ConnectHTTP connects to a service, with TLS where it is asked so, and asks for nothing.
func ConnectHTTP(ctx context.Context, dial Dial, addr string, encrypted bool) (p Connected, err error) {
	p.TLS = encrypted
	c, step, err := dialed(ctx, dial.or(stepTimeout), addr)
	if err != nil {
		p.Failed = step
		return p, err
	}
	defer c.Close()
	if !encrypted {
		return p, nil
	}
	host, _, _ := net.SplitHostPort(addr)
	secure := tls.Client(c, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		p.Failed = StepGreeting
		return p, err
	}
	p.CertificateEnds = secure.ConnectionState().PeerCertificates[0].NotAfter
	return p, nil
}
