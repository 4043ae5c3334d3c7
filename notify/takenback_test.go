package notify

import (
	"context"
	"net"
	"strings"
	"testing"

	"usher/event"
)

// A step that is taken back before its provider has answered says nothing about the
// provider, neither good nor bad: a user who is withdrawn must not pause it for all
// others, nor end what others have found out.
func TestAStepThatIsTakenBackIsNoWordAboutItsProvider(t *testing.T) {
	for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
		t.Run(channel, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			conns := make(chan net.Conn)
			go func() {
				for {
					c, err := l.Accept() // and never says a word
					if err != nil {
						return
					}
					conns <- c
				}
			}()
			r := newRig(t, l.Addr().String(), "https://"+l.Addr().String())
			g := r.channels[channel][0].gate
			n := 0
			send := func(then func(net.Conn, context.CancelFunc)) string {
				t.Helper()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				n++
				q := request(channel)
				q.UserID += strings.Repeat("0", n)
				go func() { _, err := r.Send(ctx, q); done <- err }()
				c := <-conns
				defer c.Close()
				then(c, cancel)
				if err := <-done; err == nil {
					t.Error("it was sent")
				}
				_, trouble := g.troubled()
				return trouble
			}
			dies := func(c net.Conn, _ context.CancelFunc) { c.Close() }
			for range mostFailed - 1 {
				send(dies)
			}
			if trouble := send(func(_ net.Conn, cancel context.CancelFunc) { cancel() }); trouble != "" {
				t.Fatalf("the provider is paused: %s", trouble)
			}
			if trouble := send(dies); trouble != ReasonTransient {
				t.Errorf("what failed before is forgotten: %q", trouble)
			}
		})
	}
}
