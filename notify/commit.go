package notify

import (
	"context"
	"errors"
	"time"

	"usher/event"
)

// errLate is for an attempt of which too little is left for the provider's answer:
// what is not waited for becomes a copy.
var errLate = errors.New("too little time is left of this attempt to wait for an answer")

// commit writes `submitting` unless another writer moved the entry since it was
// read. From here on the message may have gone out. Asked again, it only makes sure
// that the message is still this process's. The HTTP client may ask it in a goroutine of
// its own, which has ended when deliver returns.
func (d *delivery) commit(ctx context.Context) error {
	if d.committed {
		return d.still(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.enough(ctx) {
		return event.Paused(errLate, leasePauseLeast)
	}
	if d.Lives != nil { // others must see this process live before they see its lease
		if _, err := d.Lives.Show(ctx); err != nil {
			return err
		}
	}
	var limit time.Duration
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	d.written = true
	written, err := d.Ledger.UpdateSend(ctx, d.UserID, d.key(), func(e *event.Send) error {
		switch {
		case e.Taken():
			return errAccepted
		case e.Token == d.token: // an earlier write of ours arrived after all
			return nil
		case e.State != d.entry.State || e.Token != d.entry.Token || e.Token != "" && !e.At.Equal(d.entry.At):
			return errRaced
		}
		if e.State == event.SendSubmitting || e.State == event.SendUnknown {
			e.Copies++
		}
		d.pin(e)
		e.Attempts++
		e.State, e.Token, e.Provider, e.Reason, e.At, e.Waits = event.SendSubmitting, d.token, d.p.name, "", now(), event.Wait{}
		if d.Lives != nil {
			e.Owner, e.Limit = d.Process, limit
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.committed, d.isCopy = true, written.Copies > d.entry.Copies
	d.Fault.At("notify.submitting")
	if err := d.still(ctx); err != nil {
		return err
	}
	if !d.enough(ctx) {
		return event.Paused(errLate, leasePauseLeast)
	}
	return nil
}

// enough tells whether half of the attempt's time is left for the answer. What comes
// before the border is quick, unless the ledger was away.
func (d *delivery) enough(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return !ok || time.Until(end) >= end.Sub(d.began)/2
}

// still tells, right before the message is handed over, that the lease is this
// process's own. When it was frozen, others may have taken it for gone, so that it
// moves the entry: one that was about to take the message over finds that it has
// changed.
func (d *delivery) still(ctx context.Context) error {
	for d.Lives != nil {
		renewed, err := d.Lives.Show(ctx)
		if err != nil || !renewed {
			return err
		}
		_, err = d.Ledger.UpdateSend(ctx, d.UserID, d.key(), func(e *event.Send) error {
			switch {
			case e.Taken():
				return errAccepted
			case e.State != event.SendSubmitting || e.Token != d.token:
				return errRaced
			}
			e.At = now()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// free gives a message back that is not handed over because commit failed, after it
// may have been written that it is. The ledger has just failed, so the next attempt may
// bring it instead; while neither takes it, it is tried until the attempt's end.
func (d *delivery) free(ctx context.Context, failed error) {
	if !d.written || errors.Is(failed, errRaced) {
		return
	}
	n := event.Answer{Token: d.token, At: now()}
	if d.Keep != nil {
		d.Keep(n)
	}
	for end := time.Now().Add(untilTheEnd(ctx)); ; {
		_, err := d.write(ctx, n, freeFor)
		switch {
		case err == nil || d.Kept != nil && d.Kept():
			return
		case event.IsPermanent(err) || ctx.Err() != nil || time.Now().After(end):
			d.Log.Warn("a message that was not handed over looks as if it was", "channel", d.Channel, "error", err)
			return
		}
	}
}
