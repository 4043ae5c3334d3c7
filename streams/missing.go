package streams

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// steps are the parts into which the room that is asked for is divided to find what fits.
const steps = 20

// missing is how much room the servers lack for streams of want bytes with so many
// copies, rounded up to a twentieth of want; ok is false when they do not say. They do
// not tell how much room is left, only whether a stream of a size fits: one is made and
// deleted at once.
func missing(ctx context.Context, js jetstream.JetStream, want int64, replicas int) (lack int64, ok bool) {
	c := jetstream.StreamConfig{Name: "USHER_ROOM", Subjects: []string{"usher.room"}, Storage: jetstream.FileStorage, Replicas: replicas}
	if err := js.DeleteStream(ctx, c.Name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) { // of a setup that was killed
		return 0, false
	}
	for i := int64(steps); i > 0; i-- { // the largest first, so that one alone is ever made
		c.MaxBytes = want / steps * i
		_, err := js.CreateStream(ctx, c)
		if err == nil {
			return want - c.MaxBytes, js.DeleteStream(ctx, c.Name) == nil
		}
		var api *jetstream.APIError
		if !errors.As(err, &api) || !noRoom(api) {
			return 0, false
		}
	}
	return want, true
}
