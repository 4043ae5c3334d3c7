package catcher

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"usher/event"
)

// chaosListener hands out connections that can fail.
type chaosListener struct {
	net.Listener
	chaos *Chaos
	guard event.Guard
}

// Accept implements net.Listener.
func (l chaosListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.chaos == nil {
		return conn, err
	}
	return &chaosConn{Conn: conn, chaos: l.chaos, guard: l.guard, closed: make(chan struct{})}, nil
}

// chaosConn is a connection of the SMTP server on which replies are lost, late or
// others than the server's. The server sends each reply in a write of its own and
// owns the connection with one goroutine; Close may come from another.
type chaosConn struct {
	net.Conn
	chaos *Chaos
	guard event.Guard

	greeted bool
	data    *fault // instead of the next 354
	last    bool   // the next reply is the last one
	swallow bool   // the next reply is not sent
	inject  []byte // read before what the client sends

	once   sync.Once
	closed chan struct{}
}

var errChaos = errors.New("chaos")

// Write implements net.Conn for one reply of the server. The server calls it outside
// of what stops panics in sessions.
func (c *chaosConn) Write(p []byte) (n int, err error) {
	err = c.guard.Do("making a fault of SMTP", func() error { n, err = c.reply(p); return err })
	if event.Panicked(err) != nil {
		_ = c.Close() // or the client waits for the reply that is lost
	}
	return n, err
}

func (c *chaosConn) reply(p []byte) (int, error) {
	switch {
	case c.swallow:
		c.swallow = false
		return len(p), nil
	case !c.greeted:
		c.greeted = true
		if f := c.chaos.draw(phaseConnect, ""); f != nil {
			return c.instead(f, p, true)
		}
	case c.data != nil && bytes.HasPrefix(p, []byte("354")):
		f := c.data
		c.data = nil
		if f.kind == "code" && f.code != 421 {
			// The server waits for a body now; it gets an empty one, and its reply to
			// that is not sent.
			c.inject, c.swallow = []byte(".\r\n"), true
		}
		return c.instead(f, p, f.code == 421)
	}
	n, err := c.Conn.Write(p)
	if c.last {
		_ = c.Close()
	}
	return n, err
}

// instead does what f says where the reply p is due. end closes the connection
// after a code.
func (c *chaosConn) instead(f *fault, p []byte, end bool) (int, error) {
	if f.kind == "code" {
		r := f.reply()
		_, err := fmt.Fprintf(c.Conn, "%d %d.%d.%d %s\r\n", r.Code, r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2], r.Message)
		if end {
			_ = c.Close()
		}
		return len(p), err
	}
	if err := c.suffer(f); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// suffer makes the connection dead, silent or slow. After nil the server goes on.
func (c *chaosConn) suffer(f *fault) error {
	switch f.kind {
	case "slow":
		late := time.NewTimer(f.delay)
		defer late.Stop()
		select {
		case <-late.C:
			return nil
		case <-c.closed:
		}
	case "hang":
		_, _ = io.Copy(io.Discard, c.Conn) // until the client has had enough
	}
	_ = c.Close()
	return errChaos
}

// Read implements net.Conn.
func (c *chaosConn) Read(p []byte) (int, error) {
	if len(c.inject) > 0 {
		n := copy(p, c.inject)
		c.inject = c.inject[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close implements net.Conn.
func (c *chaosConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
