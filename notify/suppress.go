package notify

import (
	"context"
	"fmt"

	"usher/event"
)

// Suppressions is the list of addresses that get no messages, by hash.
type Suppressions interface {
	// Suppressed tells whether an address is on the list, and why.
	Suppressed(ctx context.Context, address string) (s event.Suppression, yes bool, err error)
	// Suppress puts an address on the list; one that is there keeps its entry.
	Suppress(ctx context.Context, address string, s event.Suppression) (added bool, err error)
}

// Keys hashes and seals with the key of this usher.
type Keys interface {
	// Address is the hash that stands for an address where it must not be read.
	Address(channel, address string) string
	Seals
}

// suppressed tells why the recipient gets nothing, nil when there is no reason.
func (d *delivery) suppressed(ctx context.Context) (*failure, error) {
	if d.Suppressions == nil {
		return nil, nil
	}
	entry, yes, err := d.Suppressions.Suppressed(ctx, d.Keys.Address(d.Channel, d.message.to))
	if err != nil || !yes {
		return nil, err
	}
	return failureOf(ReasonSuppressed, fmt.Errorf("the address is suppressed since %s: %s, by %s", entry.At.Format("2006-01-02"), entry.Reason, entry.By)), nil
}

// suppress puts the recipient on the list when the provider itself said that the
// address is no good. The message has its outcome already, so a list that cannot
// be written is only logged: the next message finds out again.
func (d *delivery) suppress(ctx context.Context, f *failure) {
	if d.Suppressions == nil || d.Canary || !effects[f.reason].suppress || f.class != permanent || f.ours {
		return
	}
	added, err := d.Suppressions.Suppress(context.WithoutCancel(ctx), d.Keys.Address(d.Channel, d.message.to), event.Suppression{Channel: d.Channel, Reason: f.reason, By: "provider", Message: d.message.messageID, At: now()})
	if err != nil {
		d.Log.Warn("an address was not suppressed", "channel", d.Channel, "reason", f.reason, "error", err)
	}
	if added {
		d.metrics().Suppressed.WithLabelValues(d.Channel, f.reason).Inc()
	}
}
