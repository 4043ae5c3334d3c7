package streams

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Read calls do with the messages of a stream that are there now and that cfg
// selects, the oldest first, until do says that it has seen enough or fails. all
// is how many there were to begin with.
func Read(ctx context.Context, js jetstream.JetStream, stream string, cfg jetstream.OrderedConsumerConfig, do func(m jetstream.Msg, at *jetstream.MsgMetadata, all uint64) (enough bool, err error)) error {
	cons, err := js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return err
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return err
	}
	all := info.NumPending
	if all == 0 {
		return nil
	}
	messages, err := cons.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for n := uint64(1); ; n++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		at, err := m.Metadata()
		if err != nil {
			return err
		}
		if enough, err := do(m, at, all); enough || err != nil {
			return err
		}
		// Some may have been deleted meanwhile, and others have come.
		if n >= all || at.NumPending == 0 {
			return nil
		}
	}
}
