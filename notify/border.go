package notify

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// border asks commit before a request gives away what the service cannot have taken
// until then: the first byte of its body or, without one, the first of the
// connection.
type border struct {
	io.Reader
	commit func() error

	mu       sync.Mutex
	asked    bool
	closed   bool // the answer is there, so the border is not crossed any more
	refused  error
	panicked any // what commit panicked with, in a goroutine of the HTTP client
}

var (
	errAnswered = errors.New("the service has answered before the request")
	errPanicked = errors.New("the ledger could not be asked: a panic")
)

// Read implements io.Reader.
func (b *border) Read(p []byte) (int, error) {
	if err := b.cross(false); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

// cross asks commit the first time, and each time when always is set.
func (b *border) cross(always bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed && !b.asked:
		return errAnswered
	case !b.asked || always && !b.closed && b.refused == nil:
		b.asked = true
		b.refused = b.ask()
	}
	return b.refused
}

// ask is commit, whose panic must not end the process: nothing above this
// goroutine recovers.
func (b *border) ask() (err error) {
	defer func() {
		if b.panicked = recover(); b.panicked != nil {
			err = errPanicked
		}
	}()
	return b.commit()
}

// state tells whether the border was crossed, or why it was not, and closes it. A
// panic of commit goes on here, where the message's own attempt is.
func (b *border) state() (crossed bool, refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.panicked != nil {
		panic(b.panicked)
	}
	return b.asked && b.refused == nil, b.refused
}

// guarded is a connection whose request has no body: what is written on it waits
// for the border.
type guarded struct {
	net.Conn
	border *border
}

// Write implements net.Conn.
func (g guarded) Write(p []byte) (int, error) {
	if err := g.border.cross(true); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// borderKey is where a request without a body has its border in its context.
type borderKey struct{}

// dialGuarded dials, for a request without a body, a connection that its border
// guards.
func dialGuarded(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if b, ok := ctx.Value(borderKey{}).(*border); ok && err == nil {
			return guarded{c, b}, nil
		}
		return c, err
	}
}
