package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// breaker is open while a server that the bridge needs is away or full. Whoever finds
// out opens it, whoever gets through again closes it.
type breaker struct {
	mu      sync.Mutex
	cause   error         // nil while closed
	openc   chan struct{} // closed while the breaker is open
	closedc chan struct{} // closed while the breaker is closed
	gauge   prometheus.Gauge
}

func newBreaker(gauge prometheus.Gauge) *breaker {
	b := &breaker{openc: make(chan struct{}), closedc: make(chan struct{}), gauge: gauge}
	close(b.closedc)
	return b
}

func (b *breaker) open(cause error, log *slog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		log.Warn("a server is away or full: no more messages are taken until it is back", "error", cause)
		b.closedc = make(chan struct{})
		close(b.openc)
		b.gauge.Set(1)
	}
	b.cause = cause
}

func (b *breaker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause != nil {
		b.cause = nil
		b.openc = make(chan struct{})
		close(b.closedc)
		b.gauge.Set(0)
	}
}

// opened is closed when the breaker opens, or is open.
func (b *breaker) opened() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openc
}

// wait blocks while the breaker is open and reports false when ctx ended first.
func (b *breaker) wait(ctx context.Context) bool {
	b.mu.Lock()
	closed := b.closedc
	b.mu.Unlock()
	select {
	case <-closed:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *breaker) reason() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		return nil
	}
	return fmt.Errorf("waiting for a server that is away or full: %w", b.cause)
}
