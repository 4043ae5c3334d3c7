package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"time"
)

// ProviderTarget takes messages or accounts.
type ProviderTarget struct {
	Provider // its name, channel, address and rate
	// Probe connects and signs in, sends nothing, and fills in what it saw.
	Probe func(ctx context.Context, p *Provider)
	Hide  []string // what its own words must not have: names of users, secrets
}

func (t ProviderTarget) look() look {
	return look{"provider " + t.Channel + " " + t.Name, func(ctx context.Context) (func(*Facts), error) {
		p := t.Provider
		if p.Failed == "" {
			t.Probe(ctx, &p)
		}
		for _, h := range t.Hide {
			if len(h) > 1 {
				p.Problem = strings.ReplaceAll(p.Problem, h, "[hidden]")
			}
		}
		return func(f *Facts) { f.Providers = append(f.Providers, p) }, nil
	}}
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// firstEnd is when the first of the certificates ends that a server showed.
func firstEnd(certs []*x509.Certificate) (end time.Time) {
	for _, c := range certs {
		if end.IsZero() || c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// handshake connects to see a server's certificates.
func handshake(ctx context.Context, addr string, conf *tls.Config) (tls.ConnectionState, error) {
	conf = conf.Clone()
	if conf.ServerName == "" {
		conf.ServerName = hostOf(addr)
	}
	conf.NextProtos = []string{"h2"}
	c, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState(), nil
}
