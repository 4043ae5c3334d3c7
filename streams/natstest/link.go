package natstest

import (
	"net"
	"sync"
	"testing"
)

// Link is a way to a server, over TCP, on which a test can stop the traffic, as a
// server or a network that freezes does: connections stay open and nothing passes.
type Link struct {
	listener    net.Listener
	to          string
	there, back gate
	ended       chan struct{}
	copies      sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// NewLink forwards to addr, HOST:PORT, until the test ends.
func NewLink(t testing.TB, addr string) *Link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Link{listener: l, to: addr, ended: make(chan struct{})}
	k.Thaw()
	k.copies.Go(k.accept)
	t.Cleanup(k.end)
	return k
}

// Addr is where the link is reached.
func (k *Link) Addr() string { return k.listener.Addr().String() }

// Freeze stops the traffic.
func (k *Link) Freeze() {
	k.there.shut()
	k.back.shut()
}

// FreezeAnswers stops only what the server says: it does what it is asked, and
// the client never hears of it.
func (k *Link) FreezeAnswers() { k.back.shut() }

// Cut stops the traffic and loses what is on its way: connections break, and new ones
// get no answer.
func (k *Link) Cut() {
	k.Freeze()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		_ = c.Close()
	}
	k.conns = nil
}

// Thaw lets the traffic pass again, with all that waited.
func (k *Link) Thaw() {
	k.there.open()
	k.back.open()
}

// gate is a way that can be shut.
type gate struct {
	mu     sync.Mutex
	passes chan struct{} // closed while it is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.passes:
		g.passes = make(chan struct{})
	default: // it is shut
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.passes == nil {
		g.passes = make(chan struct{})
	}
	select {
	case <-g.passes:
	default:
		close(g.passes)
	}
}

// wait returns false when the test has ended.
func (k *Link) wait(g *gate) bool {
	g.mu.Lock()
	passes := g.passes
	g.mu.Unlock()
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
			if !k.keep(in) || !k.wait(&k.there) {
				return
			}
			out, err := net.Dial("tcp", k.to)
			if err != nil || !k.keep(out) {
				_ = in.Close()
				return
			}
			k.copies.Go(func() { k.copy(out, in, &k.there) })
			k.copy(in, out, &k.back)
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

func (k *Link) copy(to, from net.Conn, g *gate) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if !k.wait(g) {
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
