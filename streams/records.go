package streams

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Records reads single messages of USERS.
type Records struct {
	stream jetstream.Stream
}

// NewRecords opens the stream, which Ensure has made.
func NewRecords(ctx context.Context, js jetstream.JetStream) (*Records, error) {
	s, err := js.Stream(ctx, event.StreamUsers)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", event.StreamUsers, err)
	}
	return &Records{s}, nil
}

// Record reads the user of the message seq. ok is false when the message is gone,
// or is about somebody else because the stream was made anew.
func (r *Records) Record(ctx context.Context, seq uint64, userID string) (u event.User, ok bool, err error) {
	if seq == 0 {
		return u, false, nil
	}
	m, err := r.stream.GetMsg(brief{ctx}, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return u, false, nil
	}
	if err != nil {
		return u, false, fmt.Errorf("read a record of %s: %w", event.StreamUsers, err)
	}
	env, err := event.ParseEnvelope(m.Header, m.Data)
	if err != nil {
		return u, false, nil // a checkpoint, or somebody else's
	}
	if u, err = event.ParseUser(env.Data); err != nil || u.UserID != userID {
		return event.User{}, false, nil
	}
	return u, true, nil
}
