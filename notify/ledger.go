package notify

import (
	"context"
	"fmt"
	"slices"
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

// commit writes `submitting` unless somebody else moved the entry since it was
// read. From here on the message may have gone out.
func (s *Sender) commit(ctx context.Context, r Request, p *provider, a *attempt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	written, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		switch {
		case e.Taken():
			return errAccepted
		case e.Token == a.token: // an earlier write of ours arrived after all
			return nil
		case e.State != a.found.State || e.Token != a.found.Token:
			return errRaced
		}
		copies := e.Copies
		if e.State == event.SendSubmitting || e.State == event.SendUnknown {
			copies++
		}
		attempts, tries := e.Attempts, e.Tries
		*e = a.pinned
		e.State, e.Token, e.Attempts, e.Copies, e.Tries, e.Reason, e.At = event.SendSubmitting, a.token, attempts+1, copies, tries, "", now()
		e.Provider = p.name
		return nil
	})
	if err != nil {
		return err
	}
	a.committed = true
	if written.Copies > a.found.Copies {
		s.metrics(r).Copies.WithLabelValues(r.Channel, p.name).Inc()
	}
	s.Fault.At("notify.submitting")
	return nil
}

// accept writes that the provider took the message. It goes on trying when ctx
// has ended: an acceptance that is not written becomes a copy.
func (s *Sender) accept(ctx context.Context, r Request, p *provider, a attempt, providerID string) (event.Send, error) {
	sent, err := s.write(ctx, r, a, func(e *event.Send) {
		e.State, e.Provider, e.ProviderID, e.Reason, e.At = event.SendAccepted, p.name, providerID, "", now()
	})
	if err != nil {
		return sent, fmt.Errorf("the message was accepted, but the ledger cannot be written: %w", err)
	}
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, "accepted", "").Inc()
	s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, "accepted").Inc()
	return sent, nil
}

// record writes why a try failed and returns the error that says what to do.
func (s *Sender) record(ctx context.Context, r Request, p *provider, a attempt, f *failure) (event.Send, error) {
	result, outcome := "retry", "" // of this try, and of the message when it comes to an end
	state, reason := event.SendState(""), f.reason
	doubtful := a.found.Copies > 0 || a.found.State == event.SendSubmitting || a.found.State == event.SendUnknown
	switch {
	case f.class == unknown:
		result, state = "unknown", event.SendUnknown
		if s.onUnknown(r) == Hold {
			outcome = "unknown"
		}
	case f.class == permanent && doubtful:
		// This try failed for good, but an earlier one may have gone out.
		result, outcome, state, reason = "failed", "unknown", event.SendUnknown, ReasonUnknown
	case f.class == permanent:
		result, outcome, state = "failed", "failed", event.SendFailed
	}
	try := event.Try{At: now(), Provider: p.name, Result: result, Reason: f.reason, Code: f.err.Error()}
	wait := min(f.pause, s.MaxPause)
	entry, err := s.write(ctx, r, a, func(e *event.Send) {
		if outcome == "" && r.Backoff != nil {
			wait = max(wait, r.Backoff(e.Failed+1))
			next := try.At.Add(wait)
			try.Next = &next
		}
		e.Note(try)
		switch {
		case state != "":
			e.State, e.Provider, e.Reason, e.At = state, p.name, reason, try.At
		case a.committed: // surely not taken: free for another try
			e.State, e.Token, e.Reason, e.At = "", "", f.reason, try.At
		}
	})
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, result, f.reason).Inc()
	if err != nil {
		return entry, fmt.Errorf("the ledger cannot be written after %s: %w", f.reason, err)
	}
	if entry.Taken() {
		return entry, nil // its receipt was faster than its answer, or another try
	}
	if n := len(entry.Tries); n == 0 || !entry.Tries[n-1].At.Equal(try.At) {
		return entry, errRaced
	}
	if outcome != "" {
		s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, outcome).Inc()
	} else {
		s.metrics(r).Retries.WithLabelValues(r.Channel, f.reason).Inc()
	}
	s.Log.Info("message not accepted", "channel", r.Channel, "provider", p.name, "result", result, "reason", f.reason, "error", f.err)
	switch {
	case outcome == "unknown":
		return entry, event.Permanent(fmt.Errorf("%w: %w", ErrHeld, f))
	case f.class == permanent:
		return entry, event.Permanent(f)
	case wait > 0:
		return entry, event.RetryAfter(f, wait)
	}
	return entry, f
}

// hold leaves a message of unknown outcome to a person.
func (s *Sender) hold(ctx context.Context, r Request, p *provider) (event.Send, error) {
	entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		if e.State == event.SendSubmitting {
			e.State, e.Reason, e.At = event.SendUnknown, ReasonUnknown, now()
		}
		if n := len(e.Tries); n > 0 && e.State == event.SendUnknown { // nothing comes next
			e.Tries = slices.Clone(e.Tries)
			e.Tries[n-1].Next = nil
		}
		return nil
	})
	if err != nil {
		return entry, err
	}
	if entry.Taken() {
		return entry, nil
	}
	s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, "unknown").Inc()
	return entry, event.Permanent(ErrHeld)
}

// How long an answer is tried to be written into the ledger.
const writeFor = 30 * time.Second

// write changes the entry after an answer, even when ctx has ended. The entry is
// left alone when another try has taken it over.
func (s *Sender) write(ctx context.Context, r Request, a attempt, change func(*event.Send)) (event.Send, error) {
	limit := writeFor
	if ctx.Err() != nil {
		limit = 2 * time.Second // the process is about to end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
			switch {
			case a.committed && e.Token != a.token, !a.committed && (e.State != a.found.State || e.Token != a.found.Token):
				return nil
			case !a.committed && e.State == "" && e.MessageID == "":
				*e = a.pinned
			}
			before := *e
			change(e)
			if before.State == event.SendDelivered || before.State == event.SendBounced { // a receipt was faster, and knows more
				e.State, e.Reason, e.Code, e.At = before.State, before.Reason, before.Code, before.At
			}
			return nil
		})
		if err == nil || event.IsPermanent(err) {
			return entry, err
		}
		select {
		case <-time.After(min(pause, time.Second)):
		case <-ctx.Done():
			return entry, err
		}
	}
}

// now has no monotonic part, so that entries compare equal after storage.
func now() time.Time { return time.Now().UTC().Round(0) }
