package streams

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// brief is a context that ends when the one in it does, and does not say when
// that will be. The client gives up on a request after its own few seconds only
// under such a one; otherwise it waits until the deadline. Activities have
// deadlines of minutes and hours, and an answer that was lost with a connection
// never comes, so each would stand still for as long.
type brief struct{ context.Context }

// Deadline implements context.Context.
func (brief) Deadline() (time.Time, bool) { return time.Time{}, false }

// briefly is a bucket whose requests are brief.
type briefly struct{ jetstream.KeyValue }

// Get implements jetstream.KeyValue.
func (b briefly) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	return b.KeyValue.Get(brief{ctx}, key)
}

// Create implements jetstream.KeyValue.
func (b briefly) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	return b.KeyValue.Create(brief{ctx}, key, value, o...)
}

// Update implements jetstream.KeyValue.
func (b briefly) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.KeyValue.Update(brief{ctx}, key, value, revision)
}

// Purge implements jetstream.KeyValue.
func (b briefly) Purge(ctx context.Context, key string, o ...jetstream.KVDeleteOpt) error {
	return b.KeyValue.Purge(brief{ctx}, key, o...)
}
