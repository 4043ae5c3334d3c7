package workflows

import (
	"context"

	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// Standing is where a user stands, as PEOPLE says when a run begins.
type Standing struct {
	Generation int                   `json:"generation"`
	Opened     event.Opened          `json:"opened"`
	Status     event.Status          `json:"status"`
	N          int                   `json:"n,omitempty"` // of the last fact
	Decided    *event.Decided        `json:"decided,omitempty"`
	Account    *event.Account        `json:"account,omitempty"`
	Sent       map[string]event.Sent `json:"sent,omitempty"`  // by channel: the last welcome
	Done       []event.Identity      `json:"done,omitempty"`  // orders that were answered, and decisions of earlier generations
	Order      bool                  `json:"order,omitempty"` // the one that was asked about is to be carried out
}

// Look is the input of LookUp.
type Look struct {
	UserID string          `json:"user_id"`
	Order  *event.Identity `json:"order,omitempty"` // that the run was started for
}

// LookUp reads from PEOPLE where a user stands.
func (a *Activities) LookUp(ctx context.Context, in Look) (Standing, error) {
	p, err := a.change(ctx, in.UserID, func(*event.Person) error { return nil })
	if err != nil {
		return Standing{}, boundary(err, "")
	}
	s := Standing{Generation: p.Generation, Opened: p.Opened, Status: p.Status, N: p.N, Decided: p.Decided, Account: p.Account, Sent: p.Welcomes()}
	if o := p.Order; o != nil && in.Order != nil && o.Identity == *in.Order {
		s.Order = true
		if o.Verb != "" { // an earlier usher did not note it
			s.Sent = o.Sent
		}
	}
	for _, o := range p.Orders {
		if !s.Order || o.Identity != *in.Order {
			s.Done = append(s.Done, o.Identity)
		}
	}
	return s, nil
}

// look lets PEOPLE say where a run begins that was started from it. Temporal has no
// condition for a start, so a bridge that slept brings what was true before:
// meanwhile another run may have carried the order out, or have ended the
// generation, or the next one was opened. What PEOPLE says now stays true, because
// a user has one open run at a time and nothing else ends a generation.
//
// A run for which nothing is left to do takes what it is given, like any that has
// written its end, and ends.
//
// The lookup is recorded in history before it is used. A local step would be done again
// with the task that it is in, and then see what that task's other steps have changed
// before their worker died: an order that is done, though no fact tells of it yet.
func (o *onboarding) look(ctx workflow.Context) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // what a cancelled run takes back depends on it
	var now Standing
	if err := o.do(ctx, activityLookUp, Look{UserID: o.userID, Order: o.order}, &now); err != nil {
		return err
	}
	if !now.Order {
		o.order = nil
	}
	switch {
	case now.Status.Final():
		if now.Generation != o.generation { // whose data are others
			o.user, o.record, o.uploaders = event.User{}, event.Place{}, nil
		}
		o.generation, o.opened = now.Generation, now.Opened
		o.resume(now)
	case now.Generation != o.generation: // its user comes with a signal
		o.generation, o.opened, o.n = now.Generation, now.Opened, 0
		o.user, o.record, o.uploaders, o.arrived, o.status = event.User{}, event.Place{}, nil, false, event.StatusParked
		clear(o.seen)
		o.remember(now)
	default:
		o.remember(now)
	}
	if !o.arrived {
		delete(o.seen, o.opened.Identity) // in whose name the user comes
	}
	return nil
}

// remember makes duplicates of the events that PEOPLE knows.
func (o *onboarding) remember(s Standing) {
	for _, id := range s.Done {
		o.seen[id] = true
	}
}

// resume goes on where an earlier run has left off.
func (o *onboarding) resume(s Standing) {
	if o.revision >= 3 {
		o.remember(s)
		o.seen[s.Opened.Identity] = o.seen[s.Opened.Identity] || s.Generation > 1
		if d := s.Decided; d != nil {
			o.seen[d.Identity], o.seen[d.Before], o.seen[d.First] = true, true, true
		}
	}
	o.over, o.arrived, o.status, o.told, o.n, o.decided = true, true, s.Status, s.Status, s.N, s.Decided
	o.shown, o.shownN, o.turnedAway = s.Status, s.N, true
	if o.revision >= 2 && s.Order {
		o.recorded = -1 // PEOPLE names the order as being carried out until an end is written
	}
	o.settings.Target, o.made = "", true
	if s.Account != nil {
		o.settings.Target, o.made = s.Account.Target, s.Account.Active
	}
	o.madeAt = o.settings.Target
	if s.Account == nil && !s.Order && o.mustUndo() {
		o.made = false // there is none
	}
	o.channels = newChannels(s.Sent)
}
