package streams

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Delivery is KV DELIVERY: what is kept about addresses and messages beside the
// ledger. Keys hold hashes, values no personal data.
type Delivery struct {
	js jetstream.JetStream
	kv jetstream.KeyValue
}

// How long a receipt is expected for, and kept when it fits nothing: queues give
// up after five days at most (RFC 5321, 4.5.4.1), and a person may look later.
const referenceTTL = 30 * day

// Classes of keys: addresses that get no messages, what receipts refer to, and
// receipts that came before that, each behind its prefix.
const (
	keySuppressed = "suppressed."
	ReferenceKey  = "reference."
	EarlyKey      = "early."
)

// NewDelivery opens the bucket, which Ensure has made.
func NewDelivery(ctx context.Context, js jetstream.JetStream) (*Delivery, error) {
	kv, err := js.KeyValue(ctx, event.BucketDelivery)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.BucketDelivery, err)
	}
	return &Delivery{js, briefly{kv}}, nil
}

// Suppressed tells whether the address with this hash gets no messages, and why.
func (d *Delivery) Suppressed(ctx context.Context, address string) (s event.Suppression, yes bool, err error) {
	yes, err = d.get(ctx, keySuppressed+address, &s)
	return s, yes, err
}

// Suppress puts an address on the list. One that is there keeps its entry; added
// is false then.
func (d *Delivery) Suppress(ctx context.Context, address string, s event.Suppression) (added bool, err error) {
	return d.create(ctx, keySuppressed+address, s)
}

// Release takes an address off the list; was is false when it was not there.
func (d *Delivery) Release(ctx context.Context, address string) (was bool, err error) {
	if _, was, err = d.Suppressed(ctx, address); err != nil || !was {
		return was, err
	}
	if err := d.kv.Purge(ctx, keySuppressed+address); err != nil {
		return true, fmt.Errorf("release the address: %w", err)
	}
	return true, nil
}

// Chore does what a chore asks for to one entry of the list. Its errors are those that
// Chores.Entry has.
func (d *Delivery) Chore(ctx context.Context, _, entry string) error {
	was, err := d.Release(ctx, entry)
	if err == nil && !was {
		return event.ErrGone
	}
	return err
}

// SuppressedAll calls each for every entry of the list, in no order.
func (d *Delivery) SuppressedAll(ctx context.Context, each func(address string, s event.Suppression) error) error {
	return suppressedAll(ctx, d.js, each)
}

func suppressedAll(ctx context.Context, js jetstream.JetStream, each func(address string, s event.Suppression) error) error {
	prefix := "$KV." + event.BucketDelivery + "." + keySuppressed
	sel := Selection{Subjects: []string{prefix + "*"}, Latest: true}
	return Read(ctx, js, "KV_"+event.BucketDelivery, sel, func(m Message, _ uint64) error {
		if removed(m) {
			return nil
		}
		var s event.Suppression
		if err := json.Unmarshal(m.Data, &s); err != nil {
			return fmt.Errorf("the entry %s cannot be read", m.Subject)
		}
		return each(strings.TrimPrefix(m.Subject, prefix), s)
	})
}

// Refer notes that receipts with this id are about r. The same again is a success.
func (d *Delivery) Refer(ctx context.Context, id string, r event.Reference) error {
	_, err := d.create(ctx, ReferenceKey+hashed(id), r, jetstream.KeyTTL(referenceTTL))
	return err
}

// Referred finds what a receipt's id is about.
func (d *Delivery) Referred(ctx context.Context, id string) (r event.Reference, ok bool, err error) {
	ok, err = d.get(ctx, ReferenceKey+hashed(id), &r)
	return r, ok, err
}

// KeepEarly keeps a receipt whose message is not known, by id and state; kept is
// false when it is there already.
func (d *Delivery) KeepEarly(ctx context.Context, r event.Receipt) (kept bool, err error) {
	return d.create(ctx, EarlyKey+hashed(r.ID)+"."+string(r.State), r, jetstream.KeyTTL(referenceTTL))
}

// Early returns the receipts with this id that were kept.
func (d *Delivery) Early(ctx context.Context, id string) (rs []event.Receipt, err error) {
	for _, state := range []event.SendState{event.SendDelivered, event.SendBounced} {
		var r event.Receipt
		ok, err := d.get(ctx, EarlyKey+hashed(id)+"."+string(state), &r)
		if err != nil {
			return nil, err
		}
		if ok {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

func (d *Delivery) get(ctx context.Context, key string, into any) (ok bool, err error) {
	e, err := d.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", event.BucketDelivery, err)
	}
	if err := json.Unmarshal(e.Value(), into); err != nil {
		return false, event.Permanent(fmt.Errorf("the entry %s of %s cannot be read", key, event.BucketDelivery))
	}
	return true, nil
}

func (d *Delivery) create(ctx context.Context, key string, v any, o ...jetstream.KVCreateOpt) (created bool, err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return false, event.Permanent(fmt.Errorf("encode the entry %s: %w", key, err))
	}
	for attempt := 0; ; attempt++ {
		_, err := d.kv.Create(ctx, key, data, o...)
		if err == nil {
			return true, nil
		}
		if errors.Is(err, jetstream.ErrKeyExists) {
			return false, nil
		}
		if err := again(ctx, err, attempt); err != nil {
			return false, fmt.Errorf("write %s: %w", event.BucketDelivery, err)
		}
	}
}

// hashed is an id of a provider as a key; ids that were chosen by others may have
// any length and characters.
func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
