package notify

import (
	"context"
	"net"
	"testing"
	"time"
)

// A run that takes its step back while the server has not answered yet says nothing
// about the server: one user who is withdrawn must not pause it for all others.
func TestAStepThatIsTakenBackBlamesNobody(t *testing.T) {
	sms := func(ctx context.Context, addr string) error {
		tr, err := newHTTP(HTTPConfig{Name: "get", URL: "https://" + addr + "/send", Method: "GET", Query: map[string]string{"to": "{{.To}}"}}, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tr.deliver(ctx, message{}, func() error { return nil })
		return err
	}
	mail := func(ctx context.Context, addr string) error {
		_, err := (&smtpTransport{SMTPConfig: SMTPConfig{Addr: addr, TLS: "none", StepTimeout: time.Minute}}).open(ctx)
		return err
	}
	for name, send := range map[string]func(context.Context, string) error{"email": mail, "sms": sms} {
		t.Run(name, func(t *testing.T) { takenBackBeforeAnAnswer(t, send) })
	}
}

// takenBackBeforeAnAnswer sends to a server that takes the connection and says
// nothing, and cancels the step then.
func takenBackBeforeAnAnswer(t *testing.T, send func(context.Context, string) error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			cancel()
			_, _ = c.Read(make([]byte, 1)) // until the client has gone
		}
	}()
	err = send(ctx, l.Addr().String())
	f, ok := err.(*failure)
	if !ok || f.blames {
		t.Errorf("%#v", err)
	}
}
