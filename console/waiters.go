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

// waiters wake the requests that wait for the fact that answers an event.
type waiters struct {
	mu   sync.Mutex
	byID map[string][]chan event.Fact

	forgotten func()              // is called when a person was removed from the model
	changed   func(userID string) // is called when a person has another status
	answered  func()              // is called when a decision of the console is answered
}

func newWaiters(forgotten func(), changed func(userID string)) *waiters {
	return &waiters{byID: map[string][]chan event.Fact{}, forgotten: forgotten, changed: changed, answered: func() {}}
}

// expect returns a channel that gets the facts that answer the event, and a
// function that ends the wait.
func (w *waiters) expect(eventID string) (<-chan event.Fact, func()) {
	c := make(chan event.Fact, 8)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byID[eventID] = append(w.byID[eventID], c)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		left := slices.DeleteFunc(w.byID[eventID], func(other chan event.Fact) bool { return other == c })
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
		case c <- f:
		default: // it has heard enough
		}
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
