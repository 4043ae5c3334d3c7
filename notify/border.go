package notify

import (
	"io"
	"sync"
)

// border is a request body that asks commit before it gives away its first byte,
// which the service cannot have taken until then.
type border struct {
	io.Reader
	commit func() error

	mu      sync.Mutex
	asked   bool
	refused error
}

// Read implements io.Reader.
func (b *border) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.asked {
		b.asked = true
		b.refused = b.commit()
	}
	if b.refused != nil {
		return 0, b.refused
	}
	return b.Reader.Read(p)
}

// state tells whether the border was crossed, or why it was not.
func (b *border) state() (crossed bool, refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked && b.refused == nil, b.refused
}
