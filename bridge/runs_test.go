package bridge

import (
	"context"
	"errors"
	"sync"

	"go.temporal.io/api/serviceerror"

	"usher/event"
)

// runs stands for Temporal: what the bridge relies on, request ids included. An
// end-to-end test does the same with the real server.
type runs struct {
	mu      sync.Mutex
	away    error
	byUser  map[string]*run
	effects int
	events  map[event.Identity]int // how often each reached a run
	looks   int                    // whether a run is open
	again   []event.Onboarding
	hold    string // the event whose own start finds the server away
}

// reach notes an event that a run is given, and that Temporal did not know.
func (r *runs) reach(id event.Identity) {
	if r.events == nil {
		r.events = map[event.Identity]int{}
	}
	r.events[id]++
	r.effects++
}

type run struct {
	in       event.Onboarding
	requests map[string]bool
	started  string // request id
	parked   bool
	over     bool
	killed   bool // from outside, when it is over
	signals  []string
	brought  event.UserEvent    // by the last signal `user`
	said     event.Verification // by the last signal `verification`
}

func (r *runs) Start(_ context.Context, id event.Identity, in event.Onboarding) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return r.away
	}
	if r.hold != "" && in.Event.ID == r.hold {
		return serviceerror.NewResourceExhausted(0, "later")
	}
	if x := r.byUser[in.UserID]; x != nil {
		switch {
		case x.started == id.RequestID():
			return nil
		case x.over && !x.killed:
			return ErrOver
		case !x.over:
			return ErrRunning
		}
	}
	if in.Event == (event.Identity{}) { // it is started from PEOPLE, with the record that opened the generation
		in.Event = in.Opened.Identity
	}
	r.reach(in.Event)
	r.byUser[in.UserID] = &run{in: in, started: id.RequestID(), requests: map[string]bool{}}
	return nil
}

func (r *runs) Again(_ context.Context, id event.Identity, in event.Onboarding) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return r.away
	}
	if x := r.byUser[in.UserID]; x != nil {
		if x.started == id.RequestID() { // also when it is over
			return nil
		}
		if !x.over {
			return ErrRunning
		}
	}
	r.effects++
	r.again = append(r.again, in)
	r.byUser[in.UserID] = &run{in: in, started: id.RequestID(), requests: map[string]bool{}}
	return nil
}

func (r *runs) Open(_ context.Context, userID string) (string, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	x := r.byUser[userID]
	if x == nil {
		return "", false, r.away
	}
	return "run " + x.started, !x.over, r.away
}

func (r *runs) Signal(_ context.Context, id event.Identity, userID, signal string, arg any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return r.away
	}
	x := r.byUser[userID]
	switch {
	case x == nil:
		return ErrNoRun
	case x.requests[id.RequestID()]:
		return nil
	case x.over:
		return ErrNoRun
	}
	x.requests[id.RequestID()] = true
	if signal == event.SignalUser {
		x.parked, x.brought = false, arg.(event.UserEvent)
	}
	if signal == event.SignalVerification {
		x.said = arg.(event.Verification)
	}
	x.signals = append(x.signals, signal+" "+id.ID)
	r.reach(id)
	return nil
}

func (r *runs) Park(ctx context.Context, in event.Onboarding, v event.Verification) error {
	r.mu.Lock()
	x := r.byUser[in.UserID]
	if r.away == nil && (x == nil || x.killed && !x.requests[v.RequestID()]) {
		r.byUser[in.UserID] = &run{in: in, started: v.RequestID(), parked: true, requests: map[string]bool{}}
	}
	r.mu.Unlock()
	if err := r.Signal(ctx, v.Identity, in.UserID, event.SignalVerification, v); errors.Is(err, ErrNoRun) {
		return ErrOver
	} else if err != nil {
		return err
	}
	return nil
}

func (r *runs) setAway(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = err
}
