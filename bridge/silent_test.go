package bridge

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// silence passes connections on to a server, and what the server says only while
// mu is free.
type silence struct{ mu sync.Mutex }

func (s *silence) start(t *testing.T, server string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }()
			go func() {
				defer in.Close()
				for b := make([]byte, 32<<10); ; {
					n, err := out.Read(b)
					if err != nil {
						return
					}
					s.mu.Lock()
					_, err = in.Write(b[:n])
					s.mu.Unlock()
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// A session that ends while its server says nothing gives up the wait for what is
// on its way, and when the server speaks again, the client tells of the end of a
// subscription that no session waits for. That ended the process once: two bridges
// of two died while a node of the cluster was frozen.
func TestAServerThatIsSilentAtTheEndOfASession(t *testing.T) {
	r := newRig(t)
	var s silence
	nc, err := nats.Connect("nats://" + s.start(t, strings.TrimPrefix(r.url, "nats://")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if r.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	stop := r.run()
	r.user("r1", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	s.mu.Lock()
	subscriptions := nc.NumSubscriptions()
	stop()
	s.mu.Unlock()
	r.eventually(func() error { // the client tells of both ends in a goroutine of its own
		if n := nc.NumSubscriptions(); n > subscriptions-2 {
			return fmt.Errorf("%d subscriptions of %d are left", n, subscriptions)
		}
		return nil
	})
}
