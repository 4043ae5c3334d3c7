package model

import (
	"context"
	"time"
)

// queue matches what waits with who polls, the oldest first.
type queue struct {
	items   []func() (any, bool) // makes the task when it is handed over; false when it is gone
	pollers []*poller
}

type poller struct {
	got  chan any // holds one
	gone bool
}

// longPoll is how long a poll waits for a task.
const longPoll = 60 * time.Second

func (s *Server) queue(kind, name string) *queue {
	q := s.queues[kind+"/"+name]
	if q == nil {
		q = &queue{}
		s.queues[kind+"/"+name] = q
	}
	return q
}

// offer hands an item to who polls, or keeps it.
func (q *queue) offer(item func() (any, bool)) {
	q.items = append(q.items, item)
	q.match()
}

func (q *queue) match() {
	for len(q.items) > 0 {
		for len(q.pollers) > 0 && q.pollers[0].gone {
			q.pollers = q.pollers[1:]
		}
		if len(q.pollers) == 0 {
			return
		}
		item := q.items[0]
		q.items = q.items[1:]
		if task, ok := item(); ok {
			p := q.pollers[0]
			q.pollers = q.pollers[1:]
			p.got <- task
		}
	}
}

// poll waits for a task; nil means that none came. A task that was handed to a
// poller who is gone is lost, as it is on a network, and its timeout brings it
// back.
func (s *Server) poll(ctx context.Context, kind, name string) any {
	s.mu.Lock()
	p := &poller{got: make(chan any, 1)}
	q := s.queue(kind, name)
	q.pollers = append(q.pollers, p)
	q.match()
	s.mu.Unlock()
	limit := time.NewTimer(longPoll)
	defer limit.Stop()
	select {
	case t := <-p.got:
		return t
	case <-limit.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.gone = true
	select {
	case t := <-p.got:
		return t
	default:
		return nil
	}
}
