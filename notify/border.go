package notify

import (
	"errors"
	"io"
	"sync"
)

// border is a request body that asks commit before it gives away its first byte,
// which the service cannot have taken until then.
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
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.asked && b.closed {
		return 0, errAnswered
	}
	if !b.asked {
		b.asked = true
		b.refused = b.ask()
	}
	if b.refused != nil {
		return 0, b.refused
	}
	return b.Reader.Read(p)
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
