package forget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
)

// Forgetting removes one person's data from everywhere usher put it, and leaves a
// record without any, so that a later list does not welcome the person anew.
// What it does may be done again after a failure: the rest is removed then.
type Forgetting struct {
	JetStream jetstream.JetStream
	People    *streams.People
	Publisher *streams.Publisher
	Runs      Runs

	Data    string // the data folder, for its files
	Catcher string // HTTP address of the catcher of a running `usher up`, "" where there is none
	Running bool   // an `usher up` runs on the data folder, so its databases are here
	DryRun  bool
	// Crashes removes what the Go runtime said when it ended a process on this data
	// folder, which may be about anyone. Nil: no process is known to keep it.
	Crashes func() error
}

// Forgotten is what was removed, and what is left to a person.
type Forgotten struct {
	Messages map[string]int `json:"messages"` // by stream
	Entries  int            `json:"entries"`  // of KV DELIVERY: what receipts refer to
	Runs     int            `json:"runs"`     // of workflows

	Files    []NamingFile   `json:"files"`              // archived and refused ones
	Mentions map[string]int `json:"mentions,omitempty"` // messages by stream that are about others and mention the person
	Others   []string       `json:"others,omitempty"`   // user ids with the same address and a record of their own
	Nameless bool           `json:"nameless,omitempty"` // the record is no longer kept, so what has only an address was not found
}

// ErrNotOver is wrapped for a person whose onboarding is not over.
var ErrNotOver = errors.New("the onboarding is not over")

// Run forgets a person.
func (f Forgetting) Run(ctx context.Context, userID string) (Forgotten, error) {
	out := Forgotten{Messages: map[string]int{}}
	p, known, err := f.People.Get(ctx, userID)
	if err != nil {
		return out, err
	}
	if known && !p.Status.Final() {
		return out, fmt.Errorf("%w, it is %s: withdraw the user first, which also undoes the account", ErrNotOver, p.Status)
	}
	if known && p.Order != nil {
		return out, fmt.Errorf("%w: an order is being carried out; try again when it has finished", ErrNotOver)
	}
	eraser := newEraser(f.JetStream)
	traces, err := eraser.find(ctx, userID, func(ctx context.Context, id string) (bool, error) {
		_, known, err := f.People.Get(ctx, id)
		return known, err
	})
	if err != nil {
		return out, err
	}
	for stream, seqs := range traces.Seqs {
		out.Messages[stream] = len(seqs)
	}
	out.Entries, out.Mentions, out.Others, out.Nameless = len(traces.Keys), traces.Mentions, traces.Others, len(traces.Seqs[event.StreamUsers]) == 0
	if !known && len(traces.Seqs) == 0 {
		return out, fmt.Errorf("usher knows no user %q", userID)
	}
	if out.Files, err = f.files(ctx, &traces.Marks); err != nil {
		return out, err
	}
	runs := map[string][]string{}
	for _, id := range traces.IDs {
		if runs[id], err = f.Runs.List(ctx, id); err != nil {
			return out, err
		}
		out.Runs += len(runs[id])
	}
	if f.DryRun {
		return out, nil
	}
	for _, id := range traces.IDs {
		if err := f.Runs.Remove(ctx, id, runs[id]); err != nil {
			return out, err
		}
	}
	if err := f.clearCatcher(ctx, slices.Concat(traces.Emails, traces.Phones)); err != nil {
		return out, err
	}
	if err := eraser.erase(ctx, traces); err != nil {
		return out, err
	}
	if known {
		_, err := f.People.Update(ctx, userID, (*event.Person).Forget)
		if err != nil {
			return out, err
		}
	}
	for _, id := range traces.IDs { // every console forgets when it reads this
		fact := event.Fact{Kind: event.FactForgotten, UserID: id, Generation: p.Generation, At: time.Now().UTC(), Inbox: p.Source, EventID: event.NewID(), EventSource: event.SourceCLI}
		if _, err := f.Publisher.Fact(ctx, fact); err != nil {
			return out, err
		}
	}
	if f.Crashes != nil {
		if err := f.Crashes(); err != nil {
			return out, fmt.Errorf("what the Go runtime said at a crash is still there: %w", err)
		}
	}
	return out, f.truncateLogs(ctx)
}
