package natstest

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Behind answers direct gets as a copy of a stream does that has not got the newest
// messages yet: they are not there. In a cluster any copy may be asked.
type Behind struct{ jetstream.JetStream }

// Stream is a stream of which only its leader has the messages.
func (b Behind) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.JetStream.Stream(ctx, name)
	return copyBehind{s}, err
}

type copyBehind struct{ jetstream.Stream }

func (copyBehind) GetMsg(context.Context, uint64, ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	return nil, jetstream.ErrMsgNotFound
}
