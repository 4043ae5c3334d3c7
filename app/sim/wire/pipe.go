package wire

import (
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// pipe is one direction: a buffer without an end, which a held host does not
// empty.
type pipe struct {
	host     *Host
	addr     string
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []parcel
	closed   bool
	arrival  *time.Timer // of the first parcel
	deadline time.Time
	timer    *time.Timer
}

// parcel is what was written at once.
type parcel struct {
	b  []byte
	at time.Time // when it arrives
}

func newPipe(h *Host, addr string) *pipe {
	p := &pipe{host: h, addr: addr}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *pipe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *pipe) close(lose bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if lose {
		p.buf = nil
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.arrival != nil {
		p.arrival.Stop()
	}
	p.cond.Broadcast()
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(p.buf) > 0 && (p.closed || !p.host.holding() && !p.host.net.holding(p.addr)):
			if wait := time.Until(p.buf[0].at); wait > 0 && !p.closed {
				if p.arrival != nil {
					p.arrival.Stop()
				}
				p.arrival = time.AfterFunc(wait, p.wake)
				break
			}
			n := copy(b, p.buf[0].b)
			if p.buf[0].b = p.buf[0].b[n:]; len(p.buf[0].b) == 0 {
				p.buf = p.buf[1:]
			}
			return n, nil
		case p.closed:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	at := time.Now()
	if f := p.host.net.Latency; f != nil {
		at = at.Add(f())
	}
	if n := len(p.buf); n > 0 && p.buf[n-1].at.After(at) {
		at = p.buf[n-1].at
	}
	p.buf = append(p.buf, parcel{slices.Clone(b), at})
	p.cond.Broadcast()
	return len(b), nil
}

func (p *pipe) setDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.deadline = t; !t.IsZero() && !p.closed {
		p.timer = time.AfterFunc(time.Until(t), p.wake)
	}
	p.cond.Broadcast()
}
