package notify

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
)

// tlsServer takes every message, over TLS from the first byte or by STARTTLS.
func tlsServer(t *testing.T, mode string) (addr string, roots *x509.CertPool, taken *atomic.Int64) {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(h.Close)
	roots = x509.NewCertPool()
	roots.AddCert(h.Certificate())
	conf := &tls.Config{Certificates: h.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken = &atomic.Int64{}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return counting{taken}, nil }))
	s.Domain = "localhost"
	addr = l.Addr().String()
	switch mode {
	case "tls":
		l = tls.NewListener(l, conf)
	case "starttls":
		s.TLSConfig = conf
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return addr, roots, taken
}

type counting struct{ taken *atomic.Int64 }

func (counting) Mail(string, *smtp.MailOptions) error { return nil }
func (counting) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (c counting) Data(r io.Reader) error {
	c.taken.Add(1)
	_, err := io.Copy(io.Discard, r)
	return err
}
func (counting) Reset()        {}
func (counting) Logout() error { return nil }

func TestMailGoesOverTLS(t *testing.T) {
	for _, mode := range []string{"tls", "starttls"} {
		addr, roots, taken := tlsServer(t, mode)
		var ends time.Time
		trusting := func(c *Config) {
			c.Providers.Email[0].TLS = mode
			c.Providers.Email[0].TLSConf = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
			c.Providers.Email[0].CertificateEnds = func(at time.Time) { ends = at }
		}
		if _, err := newRig(t, addr, "http://"+nowhere, trusting).Send(t.Context(), request(event.ChannelEmail)); err != nil || taken.Load() != 1 {
			t.Errorf("%s: %d messages taken: %v", mode, taken.Load(), err)
		}
		if time.Until(ends) <= 0 {
			t.Errorf("%s: the certificate is said to end at %v", mode, ends)
		}
		if mode == "starttls" { // one that offers none
			plain, _, _ := tlsServer(t, "none")
			_, err := newRig(t, plain, "http://"+nowhere, trusting).Send(t.Context(), request(event.ChannelEmail))
			if pause, ok := event.RetryDelay(err); !ok || pause <= 0 {
				t.Errorf("a server without STARTTLS: %v", err)
			}
		}
		// A certificate without a trusted issuer is for an operator to mend; the
		// message waits.
		sent, err := newRig(t, addr, "http://"+nowhere, func(c *Config) { c.Providers.Email[0].TLS = mode }).Send(t.Context(), request(event.ChannelEmail))
		if pause, ok := event.RetryDelay(err); !ok || pause <= 0 || event.IsPermanent(err) || sent.State != "" || taken.Load() != 1 {
			t.Errorf("%s: an untrusted server: %v, state %q, %d taken", mode, err, sent.State, taken.Load())
		}
	}
}
