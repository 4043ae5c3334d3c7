package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Reports are what regular reports leave behind, in KV REPORTS: the ledger of
// their messages and how far the reconciliation has come. Entries end after 90
// days.
type Reports struct{ kv jetstream.KeyValue }

// NewReports opens the bucket, which Ensure has made.
func NewReports(ctx context.Context, js jetstream.JetStream) (*Reports, error) {
	kv, err := js.KeyValue(ctx, event.BucketReports)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.BucketReports, err)
	}
	return &Reports{briefly{kv}}, nil
}

// UpdateSend changes the ledger's entry of one message by compare-and-set, as
// People.UpdateSend does for people.
func (r *Reports) UpdateSend(ctx context.Context, report, key string, change func(*event.Send) error) (event.Send, error) {
	name := "send." + report + "." + key
	for attempt := 0; ; attempt++ {
		var s event.Send
		rev, err := r.Load(ctx, name, &s)
		if err != nil {
			return s, err
		}
		before := s
		if err := change(&s); err != nil || reflect.DeepEqual(s, before) {
			return s, err
		}
		if err = r.Store(ctx, name, rev, s); err == nil {
			return s, nil
		}
		if err := again(ctx, err, attempt); err != nil {
			return s, err
		}
	}
}

// Load reads what was stored under name; rev is 0 and into as it was when there
// is nothing.
func (r *Reports) Load(ctx context.Context, name string, into any) (rev uint64, err error) {
	e, err := r.kv.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", event.BucketReports, err)
	}
	if err := json.Unmarshal(e.Value(), into); err != nil {
		return 0, event.Permanent(fmt.Errorf("an entry of %s cannot be read: revision %d", event.BucketReports, e.Revision()))
	}
	return e.Revision(), nil
}

// Store writes v under name if it still has the revision rev, 0 for nothing.
func (r *Reports) Store(ctx context.Context, name string, rev uint64, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return event.Permanent(fmt.Errorf("encode an entry of %s: %w", event.BucketReports, err))
	}
	if rev == 0 {
		_, err = r.kv.Create(ctx, name, data)
	} else {
		_, err = r.kv.Update(ctx, name, data, rev)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", event.BucketReports, err)
	}
	return nil
}
