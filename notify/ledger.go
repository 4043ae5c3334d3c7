package notify

import (
	"context"
	"fmt"
	"time"

	"usher/event"
)

// Ledger keeps one entry a message.
type Ledger interface {
	// UpdateSend changes an entry by compare-and-set: change sees what is stored
	// now (the zero Send when there is none) and may be asked several times. Its
	// error is returned as it is, and nothing is stored. A change that changes
	// nothing is a read.
	UpdateSend(ctx context.Context, userID, key string, change func(*event.Send) error) (event.Send, error)
}

// How long to keep trying to write the ledger.
const (
	writeFor  = 30 * time.Second // what costs one more try when it is lost; also an answer without a deadline
	freeFor   = time.Second      // that nothing was handed over, at a time
	writeStop = time.Second      // an answer, when the process is about to end
	spareMost = 3 * time.Second  // an answer: until so long before the attempt's end, or a tenth of what is left
)

// When an answer that is not written yet is given to Keep.
const (
	keepAfter  = 500 * time.Millisecond
	keepAtStop = 100 * time.Millisecond // after a stop
)

// untilTheEnd is how long an answer is tried to be written: until shortly before
// the attempt's own end, because one that is lost becomes a copy.
func untilTheEnd(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return writeFor
	}
	left := time.Until(end)
	return max(left-min(spareMost, left/10), writeStop)
}

// read reads the entry.
func (d *delivery) read(ctx context.Context) (err error) {
	d.entry, err = d.Ledger.UpdateSend(ctx, d.UserID, d.key(), func(*event.Send) error { return nil })
	return err
}

// bring writes an answer that an earlier attempt got and the ledger did not take, and
// reads the entry. It is one compare-and-set: between two, a late write of that attempt
// could still arrive, and what it says would look as if it had no answer.
func (d *delivery) bring(ctx context.Context, n event.Answer) (err error) {
	if d.entry, err = d.write(ctx, n, untilTheEnd(ctx)); err != nil {
		return fmt.Errorf("an answer that is known cannot be written into the ledger: %w", err)
	}
	if (n.State == event.SendAccepted || n.State == event.SendFailed) && d.entry.State == n.State && d.entry.At.Equal(n.At) {
		d.metrics().Messages.WithLabelValues(d.Channel, n.Provider, string(n.State)).Inc()
	}
	d.Log.Info("an answer was brought from an earlier try", "channel", d.Channel, "provider", n.Provider, "state", string(n.State))
	return nil
}

// write writes an answer into the ledger, and gives it to Keep when that takes longer
// than a moment.
func (d *delivery) write(ctx context.Context, n event.Answer, limit time.Duration) (event.Send, error) {
	if d.Keep != nil {
		keep := time.AfterFunc(keepAfter, d.guard.Func("keeping an answer", func() { d.Keep(n) }))
		defer keep.Stop()
		defer context.AfterFunc(ctx, func() { keep.Reset(keepAtStop) })()
	}
	entry, err := d.persist(ctx, limit, func(e *event.Send) { e.Settle(n) })
	if err != nil && d.Keep != nil {
		d.Keep(n)
	}
	return entry, err
}

// note writes a try that ended before the message was handed over. The entry is
// left alone when another try has it.
func (d *delivery) note(ctx context.Context, try event.Try, is conclusion) (event.Send, error) {
	found := d.entry
	return d.persist(ctx, writeFor, func(e *event.Send) {
		if e.State != found.State || e.Token != found.Token {
			return
		}
		if e.State == "" && e.MessageID == "" {
			d.pin(e)
		}
		e.Note(try)
		if is.state != "" {
			e.State, e.Provider, e.Reason, e.At = is.state, try.Provider, is.reason, try.At
			e.Owner, e.Limit = event.Process{}, 0
		}
	})
}

// persist changes the entry and goes on trying for limit, also when ctx has ended;
// after a stop only for a moment.
func (d *delivery) persist(ctx context.Context, limit time.Duration, change func(*event.Send)) (event.Send, error) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer within(ctx, min(limit, writeStop), limit, cancel)()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		entry, err := d.Ledger.UpdateSend(inner, d.UserID, d.key(), func(e *event.Send) error {
			change(e)
			return nil
		})
		if err == nil || event.IsPermanent(err) {
			return entry, err
		}
		if !event.Sleep(inner, min(pause, time.Second)) {
			return entry, err
		}
	}
}

// now has no monotonic part, so that entries compare equal after storage.
func now() time.Time { return time.Now().UTC().Round(0) }
