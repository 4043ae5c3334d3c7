package console

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"usher/event"
)

// errMoved means that another feed started the model over.
var errMoved = errors.New("the read model was started over")

// waiters wake the requests that wait for what the streams say of an event.
type waiters struct {
	mu   sync.Mutex
	byID map[string][]waiter

	forgotten func()              // is called when a person was removed from the model
	changed   func(userID string) // is called when a person has another status, or a reason or a note
	answered  func()              // is called when a decision of the console is answered
}

// waiter is one request that waits. The event and the facts that answer it are read from
// two streams, so either may come first.
type waiter struct {
	facts chan event.Fact // that answer the event
	read  chan struct{}   // has one when the event itself is in the read model
}

func newWaiters(forgotten func(), changed func(userID string)) *waiters {
	return &waiters{byID: map[string][]waiter{}, forgotten: forgotten, changed: changed, answered: func() {}}
}

// expect returns a waiter for the event, and a function that ends the wait.
func (w *waiters) expect(eventID string) (waiter, func()) {
	c := waiter{make(chan event.Fact, 8), make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byID[eventID] = append(w.byID[eventID], c)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		left := slices.DeleteFunc(w.byID[eventID], func(other waiter) bool { return other == c })
		if len(left) == 0 {
			delete(w.byID, eventID)
		} else {
			w.byID[eventID] = left // the same form was sent again meanwhile
		}
	}
}

func (w *waiters) factArrived(f event.Fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.byID[f.EventID] {
		select {
		case c.facts <- f:
		default: // it has heard enough
		}
	}
}

// eventRead tells that an event is in the read model.
func (w *waiters) eventRead(eventID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.byID[eventID] {
		nudge(c.read)
	}
}

// putFactMessage stores a fact and wakes its waiters once it can be read.
func (w *waiters) putFactMessage(tx *writing, m *nats.Msg, _ *nats.MsgMetadata) (func(), error) {
	var f event.Fact
	if json.Unmarshal(m.Data, &f) != nil || f.ID == "" || f.UserID == "" {
		return nil, nil
	}
	return func() {
		w.factArrived(f)
		if f.EventSource == event.SourceConsole {
			w.answered()
		}
		if f.Status != "" || f.Kind == event.FactForgotten {
			w.changed(f.UserID)
		}
		if f.Kind == event.FactForgotten {
			w.forgotten()
		}
	}, putFact(tx, f)
}

// decided waits for the fact that tells what became of a decision, or that it takes
// effect later.
func decided(ctx context.Context, facts <-chan event.Fact) (event.Fact, bool) {
	for {
		select {
		case f := <-facts:
			if f.Effect != "" || f.Kind == event.FactPending {
				return f, true
			}
		case <-ctx.Done():
			return event.Fact{}, false
		}
	}
}
