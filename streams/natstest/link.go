package natstest

import (
	"net"
	"sync"
	"testing"
)

// Link is a way to a server, over TCP, on which a test can stop the traffic, as a
// server or a network that freezes does: connections stay open and nothing passes.
type Link struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	passes chan struct{} // closed while traffic passes
	conns  []net.Conn
	ended  chan struct{}
	copies sync.WaitGroup
}

// NewLink forwards to addr, HOST:PORT, until the test ends.
func NewLink(t testing.TB, addr string) *Link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Link{listener: l, to: addr, passes: make(chan struct{}), ended: make(chan struct{})}
	close(k.passes)
	k.copies.Go(k.accept)
	t.Cleanup(k.end)
	return k
}

// Addr is where the link is reached.
func (k *Link) Addr() string { return k.listener.Addr().String() }

// Freeze stops the traffic.
func (k *Link) Freeze() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.passes:
		k.passes = make(chan struct{})
	default: // frozen already
	}
}

// Thaw lets it pass again, with all that waited.
func (k *Link) Thaw() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.passes:
	default:
		close(k.passes)
	}
}

// wait returns false when the test has ended.
func (k *Link) wait() bool {
	k.mu.Lock()
	passes := k.passes
	k.mu.Unlock()
	select {
	case <-passes:
		return true
	case <-k.ended:
		return false
	}
}

func (k *Link) accept() {
	for {
		in, err := k.listener.Accept()
		if err != nil {
			return
		}
		k.copies.Go(func() {
			if !k.keep(in) || !k.wait() {
				return
			}
			out, err := net.Dial("tcp", k.to)
			if err != nil || !k.keep(out) {
				_ = in.Close()
				return
			}
			k.copies.Go(func() { k.copy(out, in) })
			k.copy(in, out)
		})
	}
}

// keep has the connection closed when the test ends; false when it has.
func (k *Link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.ended:
		_ = c.Close()
		return false
	default:
		k.conns = append(k.conns, c)
		return true
	}
}

func (k *Link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if !k.wait() {
			return
		}
		if _, failed := to.Write(b[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (k *Link) end() {
	_ = k.listener.Close()
	k.mu.Lock()
	close(k.ended)
	for _, c := range k.conns {
		_ = c.Close()
	}
	k.mu.Unlock()
	k.copies.Wait()
}
