package streams

import (
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

// refusedStream says why a stream cannot be had, with the figures that the servers
// leave out.
func refusedStream(c jetstream.StreamConfig, o Options, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && noRoom(api) {
		return fmt.Errorf("stream %s wants %d MB of the %d MB that all streams get, on each of %d servers, and %w: give the streams less with --max-store, or the servers more (%w)",
			c.Name, c.MaxBytes/1e6, o.MaxBytes/1e6, max(o.Replicas, 1), ErrNoRoom, err)
	}
	return fmt.Errorf("stream %s: %w", c.Name, err)
}
