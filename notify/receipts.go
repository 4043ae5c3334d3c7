package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"usher/event"
	"usher/metrics"
)

// References says which message a receipt is about. It keeps receipts that come
// before their message is known, or that never fit one.
type References interface {
	Refer(ctx context.Context, id string, r event.Reference) error
	Referred(ctx context.Context, id string) (r event.Reference, ok bool, err error)
	KeepEarly(ctx context.Context, r event.Receipt) (kept bool, err error)
	Early(ctx context.Context, id string) ([]event.Receipt, error)
}

// Facts publishes facts; the same one again is a success.
type Facts interface {
	Fact(ctx context.Context, f event.Fact) (stored bool, err error)
}

// Receipts takes what providers say later of messages that they took, and writes
// it into the ledger. A receipt may come twice, late, in any order and before the
// ledger says that the message was accepted; an entry only moves forward:
// accepted (or unknown), delivered, bounced.
type Receipts struct {
	Ledger       Ledger
	References   References
	Suppressions Suppressions
	Facts        Facts
	Metrics      *metrics.Worker
	Log          *slog.Logger
}

// What became of a receipt: the label of its metric.
const (
	receiptApplied   = "applied"
	receiptKnown     = "known"     // the ledger says so already, or more
	receiptUnmatched = "unmatched" // no message is known by this id; it is kept
	receiptIgnored   = "ignored"   // says nothing final
	receiptMalformed = "malformed"
	receiptForged    = "forged" // not signed as it must be
)

// ReceiptResults lists what may become of a receipt.
var ReceiptResults = []string{receiptApplied, receiptKnown, receiptUnmatched, receiptIgnored, receiptMalformed, receiptForged}

// count tells what became of a receipt of a channel.
func (r *Receipts) count(channel, result string) {
	r.Metrics.Receipts.WithLabelValues(channel, result).Inc()
}

// receive applies a receipt of a channel. An error is the store's, and worth another
// delivery of the same receipt.
func (r *Receipts) receive(ctx context.Context, channel string, receipt event.Receipt) error {
	ref, ok, err := r.References.Referred(ctx, receipt.ID)
	if err != nil {
		return err
	}
	if ok && ref.Channel == channel {
		return r.apply(ctx, ref, receipt)
	}
	kept, err := r.References.KeepEarly(ctx, receipt)
	if err != nil {
		return err
	}
	if kept {
		r.count(channel, receiptUnmatched)
	}
	// The message may have become known between the two.
	if ref, ok, err = r.References.Referred(ctx, receipt.ID); err != nil || !ok || ref.Channel != channel {
		return err
	}
	return r.apply(ctx, ref, receipt)
}

// apply moves the ledger's entry, tells it, and suppresses the address of a hard
// bounce.
func (r *Receipts) apply(ctx context.Context, ref event.Reference, receipt event.Receipt) error {
	result := receiptKnown
	entry, err := r.Ledger.UpdateSend(ctx, ref.UserID, ref.Key, func(e *event.Send) error {
		result = receiptKnown
		if !e.Receive(receipt) {
			return nil
		}
		result = receiptApplied
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the receipt into the ledger: %w", err)
	}
	if entry.State != receipt.State {
		r.count(ref.Channel, receiptKnown)
		return nil
	}
	// Told also when the ledger had it: the process may have died in between, and
	// the same fact again is one fact.
	if effects[receipt.Reason].suppress && receipt.State == event.SendBounced {
		s := event.Suppression{Channel: ref.Channel, Reason: receipt.Reason, By: "receipt", Message: entry.MessageID, At: now()}
		added, err := r.Suppressions.Suppress(ctx, ref.Address, s)
		if err != nil {
			return err
		}
		if added {
			r.Metrics.Suppressed.WithLabelValues(ref.Channel, receipt.Reason).Inc()
		}
	}
	if event.CheckUserID(ref.UserID) == nil { // a report goes to no user
		if _, err := r.Facts.Fact(ctx, event.ReceiptFact(ref.UserID, ref.Key, entry)); err != nil {
			return err
		}
	}
	r.count(ref.Channel, result)
	if result == receiptApplied {
		r.Log.Info("receipt", "channel", ref.Channel, "state", string(entry.State), "reason", entry.Reason)
	}
	return nil
}

// refer makes a message findable by an id, and applies what came before.
func (r *Receipts) refer(ctx context.Context, id string, ref event.Reference) error {
	if err := r.References.Refer(ctx, id, ref); err != nil {
		return err
	}
	early, err := r.References.Early(ctx, id)
	if err != nil {
		return err
	}
	for _, receipt := range early {
		if err := r.apply(ctx, ref, receipt); err != nil {
			return err
		}
	}
	return nil
}

// received returns now, or the time that a provider gives when it makes sense.
func received(at time.Time) time.Time {
	n := now()
	if at.IsZero() || at.After(n) || at.Before(n.Add(-30*24*time.Hour)) {
		return n
	}
	return at.UTC().Round(0)
}
