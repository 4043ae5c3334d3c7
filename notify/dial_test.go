package notify

import (
	"context"
	"net"
	"testing"
	"time"
)

// A run that takes its step back while the server has not greeted yet says nothing
// about the server: one user who is withdrawn must not pause it for all others.
func TestAStepThatIsTakenBackBlamesNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept() // and never greets
		if err == nil {
			defer c.Close()
			cancel()
			_, _ = c.Read(make([]byte, 1)) // until the client has gone
		}
	}()
	s := SMTPConfig{Addr: l.Addr().String(), TLS: "none", StepTimeout: time.Minute}
	_, err = (&smtpTransport{SMTPConfig: s}).open(ctx)
	f, ok := err.(*failure)
	if !ok || f.blames {
		t.Errorf("%#v", err)
	}
}
