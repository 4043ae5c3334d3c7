package notify

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"usher/event"

	"github.com/emersion/go-smtp"
)

// conn is a connection to an SMTP server that has been greeted.
type conn struct {
	*smtp.Client
	net   net.Conn
	used  int         // messages that it carried
	clean bool        // no transaction is open
	since time.Time   // when it became idle
	end   *time.Timer // while it is idle
}

// abort ends whatever is being said.
func (c *conn) abort() { _ = c.net.Close() }

// quitTimeout is for a goodbye that no message depends on.
const quitTimeout = time.Second

func (c *conn) quit() {
	end := time.AfterFunc(quitTimeout, c.abort)
	defer end.Stop()
	_ = c.Quit() // closed, whatever it answers
}

// pool keeps connections for the next message. A connection carries so many
// messages, and is closed when it was idle for a while: before the server closes
// it, because finding that out costs the next message a moment.
type pool struct {
	dial   func(context.Context) (*conn, error)
	slots  chan struct{} // one for each connection that is in use
	most   int           // messages a connection
	keep   time.Duration
	trust  time.Duration  // how long one that carried a message is good for the next without being asked
	ending sync.WaitGroup // goodbyes
	guard  event.Guard    // set before the first message

	mu     sync.Mutex
	idle   []*conn // the one used last comes last
	closed bool
}

func newPool(dial func(context.Context) (*conn, error), connections, most int, keep time.Duration) *pool {
	return &pool{dial: dial, slots: make(chan struct{}, connections), most: most, keep: keep, trust: trust}
}

// trust is short beside the times after which servers close what is idle, and long
// beside the time between two messages of many. Asking costs two round trips:
// after RSET the library says EHLO again.
const trust = time.Second

// slotTimeout is how long a message waits while all connections are busy.
const slotTimeout = 30 * time.Second

// get waits until fewer than the allowed connections are in use, and returns one
// that was kept and carried a message or answered RSET just now, or a new one.
// Errors are *failure.
func (p *pool) get(ctx context.Context) (c *conn, kept bool, err error) {
	wait := time.NewTimer(slotTimeout)
	defer wait.Stop()
	select {
	case p.slots <- struct{}{}:
	case <-wait.C:
		return nil, false, &failure{reason: ReasonRateLimited, pause: 5 * time.Second, ours: true, err: errors.New("all connections to the SMTP server are busy")}
	case <-ctx.Done():
		return nil, false, &failure{reason: ReasonTransient, ours: true, err: ctx.Err()}
	}
	asking := true
	defer func() {
		if asking { // a panic; open gives its place back itself
			<-p.slots
		}
	}()
	for c = p.popIdle(); c != nil; c = p.popIdle() {
		if c.clean && time.Since(c.since) < p.trust || p.answers(ctx, c) {
			asking = false
			return c, true, nil
		}
		p.end(c)
	}
	asking = false
	c, err = p.open(ctx)
	return c, false, err
}

// answers asks a connection that was idle whether it is still there.
func (p *pool) answers(ctx context.Context, c *conn) bool {
	leave := context.AfterFunc(ctx, c.abort)
	defer leave()
	ask := c.Reset
	if c.clean {
		ask = c.Noop
	}
	err := ask()
	return leave() && err == nil
}

// fresh opens a connection in the place of one that turned out to be stale. The
// others that were idle are likely to be stale too.
func (p *pool) fresh(ctx context.Context) (*conn, error) {
	for c := p.popIdle(); c != nil; c = p.popIdle() {
		p.end(c)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &failure{reason: ReasonTransient, ours: true, err: ctx.Err()}
	}
	return p.open(ctx)
}

// open dials in the place that the caller has, and gives it back unless a
// connection comes of it.
func (p *pool) open(ctx context.Context) (c *conn, err error) {
	defer func() {
		if c == nil {
			<-p.slots
		}
	}()
	return p.dial(ctx)
}

func (p *pool) popIdle() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	c.end.Stop() // when it is too late for that, expire does not find the connection
	return c
}

// put gives a connection back that carried a message, and keeps it when it can
// carry another.
func (p *pool) put(c *conn, usable bool) {
	defer func() { <-p.slots }()
	c.used++
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !usable:
		c.abort()
	case p.closed || c.used >= p.most:
		p.end(c)
	default:
		c.since = time.Now()
		c.end = time.AfterFunc(p.keep, p.guard.Func("closing an idle connection", func() { p.expire(c) }))
		p.idle = append(p.idle, c)
	}
}

// expire closes a connection that was idle for too long.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle, c); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		p.end(c)
	}
}

// end says goodbye without making anybody wait for it.
func (p *pool) end(c *conn) {
	p.ending.Go(p.guard.Func("leaving a mail server", func() {
		defer c.abort()
		c.quit()
	}))
}

// close ends all idle connections and waits for that. Those in use end when they
// are put back.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.idle {
		c.end.Stop()
		p.end(c)
	}
	p.idle = nil
	p.mu.Unlock()
	p.ending.Wait()
}
