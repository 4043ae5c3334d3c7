package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// longestProbe is how long a server that is back may go unnoticed.
const longestProbe = 5 * time.Second

// breaker is open while a server that a consumer needs is away or full, or while
// whatever it takes fails alike. The message that finds out opens it and waits;
// one that gets through closes it, and all go on at once.
//
// While it is open one of those that wait asks after another, so that neither a
// server that comes back is run over, nor a message with trouble of its own
// speaks for all.
type breaker struct {
	name string
	log  *slog.Logger
	all  *gauge

	mu      sync.Mutex
	cause   error         // nil while closed
	holders int           // messages in hand that found trouble, and did not get through since
	since   time.Time     // when it opened
	tries   int           // since it opened
	closedc chan struct{} // closed while the breaker is closed
	turn    chan struct{} // holds one token: whose turn it is to ask
}

func newBreaker(name string, log *slog.Logger, all *gauge) *breaker {
	b := &breaker{name: name, log: log, all: all, closedc: make(chan struct{}), turn: make(chan struct{}, 1)}
	close(b.closedc)
	b.turn <- struct{}{}
	return b
}

// open is told by each message that finds trouble, once: it then waits until leave.
func (b *breaker) open(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holders++
	b.opens(cause)
}

// still is open for a message that found trouble before.
func (b *breaker) still(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens(cause)
}

func (b *breaker) opens(cause error) {
	if b.cause == nil {
		b.log.Warn("a server is away or full: no more messages are taken until it is back", "consumer", b.name, "error", cause)
		b.since, b.tries = time.Now(), 0
		b.closedc = make(chan struct{})
		b.all.opened()
	}
	b.cause = cause
}

// leave is told by a message that found trouble and waits no more.
func (b *breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holders--
}

// pass is told by a message that came to an end without showing that the servers
// are well. When none is left that knows of trouble, others are to find out.
func (b *breaker) pass() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holders == 0 {
		b.closes()
	}
}

// close is told by a message that got through, or that has what it waited for.
func (b *breaker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closes()
}

func (b *breaker) closes() {
	if b.cause != nil {
		b.log.Info("messages get through again and are taken as before", "consumer", b.name, "open_for", time.Since(b.since).Round(time.Millisecond))
		b.cause = nil
		close(b.closedc)
		b.all.closed()
	}
}

// closed is closed when the breaker closes, or is closed.
func (b *breaker) closed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closedc
}

func (b *breaker) isOpen() bool { return b.reason() != nil }

// ask waits until the breaker is closed, or until it is the caller's turn to try
// whether it may be, and runs try. It reports false when ctx ended before.
func (b *breaker) ask(ctx context.Context, try func()) bool {
	closed := b.closed()
	select {
	case <-closed:
		try()
		return true
	default:
	}
	select {
	case <-closed:
		try()
		return true
	case <-ctx.Done():
		return false
	case <-b.turn:
	}
	defer func() { b.turn <- struct{}{} }() // whatever try does
	t := time.NewTimer(b.pause())
	defer t.Stop()
	select {
	case <-closed:
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	try()
	return true
}

// pause is the time between two who ask.
func (b *breaker) pause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	return min(backoff(b.tries-1), longestProbe)
}

func (b *breaker) reason() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		return nil
	}
	return fmt.Errorf("waiting for a server that is away or full: %w", b.cause)
}

// gauge shows whether any breaker is open, and counts when one closes.
type gauge struct {
	is    prometheus.Gauge
	times prometheus.Counter

	mu   sync.Mutex
	open int
}

func (g *gauge) opened() { g.change(1) }

func (g *gauge) closed() {
	g.change(-1)
	g.times.Inc()
}

func (g *gauge) change(by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open += by
	g.is.Set(float64(min(g.open, 1)))
}
