package streams

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Trouble is what went wrong and people at a console can do something about: dead letters
// and addresses that get no messages.
type Trouble struct{ js jetstream.JetStream }

// NewTrouble reads and asks through js.
func NewTrouble(js jetstream.JetStream) *Trouble { return &Trouble{js} }

// Letter returns the message that became a dead letter, with its own headers. The error
// wraps event.ErrGone when the letter is not kept any more.
func (t *Trouble) Letter(ctx context.Context, seq uint64) (header map[string][]string, body []byte, err error) {
	l, err := NewLetters(t.js).Get(ctx, seq)
	if errors.Is(err, ErrNoLetter) {
		err = event.ErrGone
	}
	return l.Header, l.Data, err
}

// Suppressed calls each for every entry of the list of addresses that get no messages.
func (t *Trouble) Suppressed(ctx context.Context, each func(entry string, s event.Suppression) error) error {
	return suppressedAll(ctx, t.js, each)
}

// Ask keeps a chore for the role that carries it out; asked is false when there is one of
// that id.
func (t *Trouble) Ask(ctx context.Context, id string, c event.Chore) (asked bool, err error) {
	return AskChore(ctx, t.js, id, c)
}

// Asked tells how a chore stands; ok is false when there is none of that id.
func (t *Trouble) Asked(ctx context.Context, role, id string) (c event.Chore, ok bool, err error) {
	return ReadChore(ctx, t.js, role, id)
}
