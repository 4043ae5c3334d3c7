package notify

import (
	"errors"
	"sync"
	"time"
)

// hands are the messages that this process has in hand. A worker that was taken
// for dead may still be waiting for a server's answer; the same message, given to
// the same process again, must wait for it and not take its outcome for unknown.
type hands struct {
	mu   sync.Mutex
	keys map[string]bool
}

var errInHand = errors.New("this process is handing the message over already")

// How long the same message waits for its other attempt in this process.
const inHandPause = 2 * time.Second

// acquire reports whether the message was free; then release must follow.
func (h *hands) acquire(message string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys[message] {
		return false
	}
	if h.keys == nil {
		h.keys = map[string]bool{}
	}
	h.keys[message] = true
	return true
}

func (h *hands) release(message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.keys, message)
}
