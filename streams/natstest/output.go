package natstest

import (
	"strings"
	"sync"
)

// Output keeps what a program or a logger says. It may be read while they still
// write, as the log of a rig is. Its zero value is ready.
type Output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps b.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String is everything that was said so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
