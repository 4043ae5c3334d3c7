// Package streamstest runs a nats-server with usher's streams for one test.
package streamstest

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"usher/streams"
	"usher/streams/natstest"
)

// Start runs a server with all streams until the test ends, and returns a client of it
// and its address.
func Start(t testing.TB) (js jetstream.JetStream, url string) {
	t.Helper()
	js, url = natstest.Start(t)
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	return js, url
}
