package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoRoom is wrapped by the error of Ensure when the servers have too little room
// for a stream.
var ErrNoRoom = errors.New("the NATS servers have too little room")

// noRoom tells whether a server refuses a stream for want of room: by itself, by its
// account's limit, or in a cluster, which has the same code for servers that are away.
func noRoom(e *jetstream.APIError) bool {
	const accountLimit, noPeers, insufficient, storage = 10002, 10005, 10023, 10047
	switch e.ErrorCode {
	case accountLimit, insufficient, storage:
		return true
	}
	return e.ErrorCode == noPeers && strings.Contains(e.Description, "storage")
}

// refused says why a stream cannot be had, with the figures that the servers leave out.
// rest is the room of this stream and of those that come after it.
func (o Options) refused(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig, rest int64, err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) || !noRoom(api) {
		return fmt.Errorf("stream %s: %w", c.Name, err)
	}
	lacks := ""
	if o.Setup { // with an account that may make one more
		if n, ok := missing(ctx, js, rest, max(o.Replicas, 1)); ok && n > 0 {
			lacks = fmt.Sprintf(": for this stream and those after it about %d MB are missing on each", (n+1e6-1)/1e6)
		}
	}
	return fmt.Errorf("stream %s wants %d MB of the %d MB that all streams get, on each of %d servers, and %w%s; give the streams less with --max-store, or the servers more (%w)",
		c.Name, c.MaxBytes/1e6, o.MaxBytes/1e6, max(o.Replicas, 1), ErrNoRoom, lacks, err)
}
