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
	// Address is under what an address is looked up where it must not be read.
	Address(channel, address string) string
	Seals
}

// suppressed tells why the recipient gets nothing, nil when there is no reason.
func (s *Sender) suppressed(ctx context.Context, r Request, to string) (*failure, error) {
	if s.Suppressions == nil {
		return nil, nil
	}
	entry, yes, err := s.Suppressions.Suppressed(ctx, s.Keys.Address(r.Channel, to))
	if err != nil || !yes {
		return nil, err
	}
	return failureOf(ReasonSuppressed, fmt.Errorf("the address is suppressed since %s: %s, by %s", entry.At.Format("2006-01-02"), entry.Reason, entry.By)), nil
}

// suppress puts the recipient on the list when the provider itself said that the
// address is no good. The message has its outcome already, so a list that cannot
// be written is only logged: the next message finds out again.
func (s *Sender) suppress(ctx context.Context, r Request, m message, f *failure) {
	if s.Suppressions == nil || r.Canary || !effects[f.reason].suppress || f.class != permanent || f.ours {
		return
	}
	added, err := s.Suppressions.Suppress(context.WithoutCancel(ctx), s.Keys.Address(r.Channel, m.to), event.Suppression{Channel: r.Channel, Reason: f.reason, By: "provider", Message: m.messageID, At: now()})
	if err != nil {
		s.Log.Warn("an address was not suppressed", "channel", r.Channel, "reason", f.reason, "error", err)
	}
	if added {
		s.metrics(r).Suppressed.WithLabelValues(r.Channel, f.reason).Inc()
	}
}
