// Package wire is a network in memory between processes and servers, on which a
// test can lose, hold and cut what it likes. Nothing of it waits for the system,
// so it lives inside a testing/synctest bubble.
//
// A Net has servers that listen at addresses, and Hosts that dial them. What is
// done to a host is done to all of its connections: Cut ends them at once and
// refuses new ones, which is how a process that was killed looks from outside;
// Hold keeps back what it sends and what is sent to it.
package wire

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// Net is a network. The zero Net is ready.
type Net struct {
	// Latency is how long what is written is on its way; nil: no time. It may be
	// called by many goroutines at once. What is written first arrives first.
	Latency func() time.Duration

	mu        sync.Mutex
	listeners map[string]*listener
	held      map[string]chan struct{} // servers that are held
	hosts     []*Host
	ports     int
}

// Listen is net.Listen; port 0 takes a free one.
func (n *Net) Listen(_, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
		n.ports++
		addr = net.JoinHostPort(host, itoa(20000+n.ports))
	}
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: errors.New("address already in use")}
	}
	l := &listener{net: n, addr: addr, accept: make(chan net.Conn, 1024), closed: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	n.listeners[addr] = l
	return l, nil
}

func itoa(n int) string {
	var b []byte
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// Host is a machine, or one life of a process.
type Host struct {
	net *Net
	// Step is called before each write of the host and returns what becomes of it.
	// It may be called by many goroutines at once. nil lets all pass.
	Step func(to string, b []byte) Fate

	mu    sync.Mutex
	links map[*link]bool
	cut   bool
	held  bool
}

// Fate is what becomes of a write.
type Fate int

// The fates.
const (
	Pass Fate = iota
	Lose      // the connection ends, and what was to be written never went out
	Mute      // it goes out, then the connection ends, so that no answer comes back
)

// Host returns a new one.
func (n *Net) Host() *Host {
	h := &Host{net: n, links: map[*link]bool{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts = append(n.hosts, h)
	return h
}

// Hold keeps back everything to and from the server at addr until the returned
// function is called, as when it is frozen.
func (n *Net) Hold(addr string) (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[addr] != nil {
		return func() {}
	}
	if n.held == nil {
		n.held = map[string]chan struct{}{}
	}
	c := make(chan struct{})
	n.held[addr] = c
	return func() {
		n.mu.Lock()
		if n.held[addr] == c {
			delete(n.held, addr)
		}
		hosts := append([]*Host(nil), n.hosts...)
		n.mu.Unlock()
		for _, h := range hosts {
			h.wake()
		}
	}
}

func (n *Net) holding(addr string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held[addr] != nil
}

// DialContext is (*net.Dialer).DialContext.
func (h *Host) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	h.net.mu.Lock()
	l := h.net.listeners[strings.TrimPrefix(addr, "passthrough:///")]
	h.net.mu.Unlock()
	if l == nil {
		return nil, refused
	}
	k := &link{host: h, addr: addr}
	k.up, k.down = newPipe(h, addr), newPipe(h, addr)
	h.mu.Lock()
	if h.cut {
		h.mu.Unlock()
		return nil, refused
	}
	h.links[k] = true
	h.mu.Unlock()
	near := &conn{link: k, in: k.down, out: k.up, step: true, local: "host", remote: addr}
	far := &conn{link: k, in: k.up, out: k.down, local: addr, remote: "host"}
	select {
	case l.accept <- far:
		return near, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	k.end()
	return nil, refused
}

// Dial is net.Dial.
func (h *Host) Dial(network, addr string) (net.Conn, error) {
	return h.DialContext(context.Background(), network, addr)
}

// Cut ends all connections at once, for good: what was written and not yet read
// is lost on both sides, and nothing is dialled any more.
func (h *Host) Cut() {
	h.mu.Lock()
	h.cut = true
	links := h.links
	h.links = map[*link]bool{}
	h.held = false
	h.mu.Unlock()
	for k := range links {
		k.lose()
	}
}

// Hold keeps everything back, in both directions, until the returned function is
// called.
func (h *Host) Hold() (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held || h.cut {
		return func() {}
	}
	h.held = true
	return func() {
		h.mu.Lock()
		h.held = false
		h.mu.Unlock()
		h.wake()
	}
}

func (h *Host) wake() {
	h.mu.Lock()
	links := make([]*link, 0, len(h.links))
	for k := range h.links {
		links = append(links, k)
	}
	h.mu.Unlock()
	for _, k := range links {
		k.up.wake()
		k.down.wake()
	}
}

func (h *Host) holding() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held
}

type listener struct {
	net    *Net
	addr   string
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		if l.net.listeners[l.addr] == l {
			delete(l.net.listeners, l.addr)
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.addr) }

// address is a TCP address for those who ask for one.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// link is a connection with its two directions.
type link struct {
	host     *Host
	addr     string
	up, down *pipe
}

// end closes both directions; what was written can still be read.
func (k *link) end() {
	k.up.close(false)
	k.down.close(false)
	k.host.mu.Lock()
	delete(k.host.links, k)
	k.host.mu.Unlock()
}

func (k *link) lose() {
	k.up.close(true)
	k.down.close(true)
}

// conn is one end of a link.
type conn struct {
	*link
	in, out       *pipe
	step          bool // its writes are steps of the host
	local, remote string
}

func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

func (c *conn) Write(b []byte) (int, error) {
	if !c.step || c.host.Step == nil {
		return c.out.write(b)
	}
	switch c.host.Step(c.addr, b) {
	case Lose:
		c.lose()
		return 0, net.ErrClosed
	case Mute:
		n, err := c.out.write(b)
		c.down.close(true)
		c.up.close(false)
		return n, err
	}
	return c.out.write(b)
}

func (c *conn) Close() error {
	c.end()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return address(c.local) }
func (c *conn) RemoteAddr() net.Addr { return address(c.remote) }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return nil
}
func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline does nothing: a write never waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
