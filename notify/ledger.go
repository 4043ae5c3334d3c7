package notify

import (
	"context"
	"errors"
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

// commit writes `submitting` unless another writer moved the entry since it was
// read. From here on the message may have gone out. Asked again, it only makes sure
// that the message is still this process's.
func (s *Sender) commit(ctx context.Context, r Request, p *provider, a *attempt) error {
	if a.committed {
		return s.still(ctx, r, a)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !a.enough(ctx) {
		return event.Paused(errLate, leasePauseLeast)
	}
	if s.Lives != nil { // others must see this process live before they see its lease
		if _, err := s.Lives.Show(ctx); err != nil {
			return err
		}
	}
	var limit time.Duration
	if d, ok := ctx.Deadline(); ok {
		limit = time.Until(d)
	}
	a.written = true
	written, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		switch {
		case e.Taken():
			return errAccepted
		case e.Token == a.token: // an earlier write of ours arrived after all
			return nil
		case e.State != a.found.State || e.Token != a.found.Token || e.Token != "" && !e.At.Equal(a.found.At):
			return errRaced
		}
		copies := e.Copies
		if e.State == event.SendSubmitting || e.State == event.SendUnknown {
			copies++
		}
		attempts, tries := e.Attempts, e.Tries
		*e = a.pinned
		e.State, e.Token, e.Attempts, e.Copies, e.Tries, e.Reason, e.At = event.SendSubmitting, a.token, attempts+1, copies, tries, "", now()
		e.Provider, e.Waits = p.name, event.Wait{}
		if s.Lives != nil {
			e.Owner, e.Limit = s.Process, limit
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.committed, a.copies = true, written.Copies > a.found.Copies
	s.Fault.At("notify.submitting")
	if err := s.still(ctx, r, a); err != nil {
		return err
	}
	if !a.enough(ctx) {
		return event.Paused(errLate, leasePauseLeast)
	}
	return nil
}

// free gives a message back that is not handed over because commit failed, after it
// may have been written that it is. The ledger has just failed, so the next attempt may
// bring it instead; while neither takes it, it is tried until the attempt's end.
func (s *Sender) free(ctx context.Context, r Request, a *attempt, failed error) {
	if !a.written || errors.Is(failed, errRaced) {
		return
	}
	n := event.Answer{Token: a.token, At: now()}
	if r.Keep != nil {
		r.Keep(n)
	}
	for end := time.Now().Add(untilTheEnd(ctx)); ; {
		_, err := s.recordAnswer(ctx, r, n, freeFor)
		switch {
		case err == nil || r.Kept != nil && r.Kept():
			return
		case event.IsPermanent(err) || ctx.Err() != nil || time.Now().After(end):
			s.Log.Warn("a message that was not handed over looks as if it was", "channel", r.Channel, "error", err)
			return
		}
	}
}

// copied counts a try that went out, or may have, after an earlier one that may have
// too. One that was put off was no copy.
func (s *Sender) copied(r Request, p *provider, a attempt) {
	if a.copies {
		s.metrics(r).Copies.WithLabelValues(r.Channel, p.name).Inc()
	}
}

// accept writes that the provider took the message.
func (s *Sender) accept(ctx context.Context, r Request, p *provider, a attempt, providerID string) (event.Send, error) {
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, "accepted", "").Inc()
	s.copied(r, p, a)
	sent, err := s.recordAnswer(ctx, r, event.Answer{Token: a.token, State: event.SendAccepted, Provider: p.name, ProviderID: providerID, At: now()}, untilTheEnd(ctx))
	if err != nil {
		return sent, fmt.Errorf("the message was accepted, but the ledger cannot be written: %w", err)
	}
	s.metrics(r).Messages.WithLabelValues(r.Channel, p.name, "accepted").Inc()
	return sent, nil
}

// find reads the entry. An answer that an earlier attempt kept is written with the same
// compare-and-set: between two, a late write of that attempt could still arrive, and what
// it says would look as if it had no answer.
func (s *Sender) find(ctx context.Context, r Request) (event.Send, error) {
	if r.Answer != nil {
		return s.bring(ctx, r, *r.Answer)
	}
	return s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(*event.Send) error { return nil })
}

// bring writes an answer that an earlier attempt got and the ledger did not take.
func (s *Sender) bring(ctx context.Context, r Request, n event.Answer) (event.Send, error) {
	entry, err := s.recordAnswer(ctx, r, n, untilTheEnd(ctx))
	if err != nil {
		return entry, fmt.Errorf("an answer that is known cannot be written into the ledger: %w", err)
	}
	if (n.State == event.SendAccepted || n.State == event.SendFailed) && entry.State == n.State && entry.At.Equal(n.At) {
		s.metrics(r).Messages.WithLabelValues(r.Channel, n.Provider, string(n.State)).Inc()
	}
	s.Log.Info("an answer was brought from an earlier try", "channel", r.Channel, "provider", n.Provider, "state", string(n.State))
	return entry, nil
}

// record writes why a try failed and returns the error that says what to do.
func (s *Sender) record(ctx context.Context, r Request, p *provider, a attempt, f *failure) (event.Send, error) {
	result, outcome := "retry", "" // of this try, and of the message when it comes to an end
	state, reason := event.SendState(""), f.reason
	final := f.class == permanent || f.class == spent && a.spent+1 >= len(s.channels[r.Channel])
	doubtful := a.found.Copies > 0 || a.found.State == event.SendSubmitting || a.found.State == event.SendUnknown
	switch {
	case f.class == unknown:
		result, state = "unknown", event.SendUnknown
		s.copied(r, p, a)
		if s.onUnknown(r) == Hold {
			outcome = "unknown"
		}
	case final && doubtful:
		// This try failed for good, but an earlier one may have gone out.
		result, outcome, state, reason = "failed", "unknown", event.SendUnknown, ReasonUnknown
	case final:
		result, outcome, state = "failed", "failed", event.SendFailed
	}
	try := event.Try{At: now(), Provider: p.name, Result: result, Reason: f.reason, Code: f.err.Error()}
	wait := min(f.pause, s.MaxPause)
	if outcome == "" && r.Backoff != nil {
		wait = max(wait, r.Backoff(max(a.found.Failed, len(a.found.Tries))+1))
		if f.class == unknown {
			copies := a.found.Copies
			if a.copies {
				copies++
			}
			wait = max(wait, r.Backoff(copies+1+beforeCopy))
		}
		next := try.At.Add(wait)
		try.Next = &next
	}
	s.metrics(r).Attempts.WithLabelValues(r.Channel, p.name, result, f.reason).Inc()
	var entry event.Send
	var err error
	if a.committed {
		n := event.Answer{Token: a.token, State: state, Provider: p.name, Reason: reason, At: try.At, Try: &try}
		entry, err = s.recordAnswer(ctx, r, n, untilTheEnd(ctx))
	} else {
		entry, err = s.note(ctx, r, a, try, func(e *event.Send) {
			if state != "" {
				e.State, e.Provider, e.Reason, e.At = state, p.name, reason, try.At
				e.Owner, e.Limit = event.Process{}, 0
			}
		})
	}
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
	case final:
		return entry, event.Permanent(f)
	case f.waits:
		return entry, event.Paused(f, max(wait, time.Second))
	case wait > 0:
		return entry, event.RetryAfter(f, wait)
	}
	return entry, f
}

// beforeCopy is how many failed tries a message without an answer counts as, in its
// pause: meanwhile a trouble of the provider's may pass, and a receipt may say that it
// arrived. Copies are few, and were used up within seconds.
const beforeCopy = 4

// hold leaves a message of unknown outcome to a person.
func (s *Sender) hold(ctx context.Context, r Request, p *provider) (event.Send, error) {
	entry, err := s.Ledger.UpdateSend(ctx, r.UserID, r.key(), func(e *event.Send) error {
		if e.State == event.SendSubmitting {
			e.State, e.Reason, e.At = event.SendUnknown, ReasonUnknown, now()
			e.Owner, e.Limit = event.Process{}, 0
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

// How long the ledger is tried to be written.
const (
	writeFor   = 30 * time.Second // what asks the provider once more when it is lost, and without a deadline
	freeFor    = time.Second      // that nothing was handed over, at a time
	writeStop  = time.Second      // an answer, when the process is about to end
	spareMost  = 3 * time.Second  // an answer until so long before the end of the attempt, or a tenth of what is left
	keepAfter  = 500 * time.Millisecond
	keepAtStop = 100 * time.Millisecond
)

// untilTheEnd is how long an answer is tried to be written: until shortly before
// the attempt's own end, because one that is lost becomes a copy.
func untilTheEnd(ctx context.Context) time.Duration {
	d, ok := ctx.Deadline()
	if !ok {
		return writeFor
	}
	left := time.Until(d)
	return max(left-min(spareMost, left/10), writeStop)
}

// recordAnswer writes an answer into the ledger, and gives it to r.Keep when that takes
// longer than a moment.
func (s *Sender) recordAnswer(ctx context.Context, r Request, n event.Answer, limit time.Duration) (event.Send, error) {
	if r.Keep != nil {
		keep := time.AfterFunc(keepAfter, s.guard.Func("keeping an answer", func() { r.Keep(n) }))
		defer keep.Stop()
		defer context.AfterFunc(ctx, func() { keep.Reset(keepAtStop) })()
	}
	entry, err := s.persist(ctx, r, limit, func(e *event.Send) { e.Settle(n) })
	if err != nil && r.Keep != nil {
		r.Keep(n)
	}
	return entry, err
}

// note writes a try that ended before the message was handed over. The entry is
// left alone when another try has it.
func (s *Sender) note(ctx context.Context, r Request, a attempt, try event.Try, change func(*event.Send)) (event.Send, error) {
	return s.persist(ctx, r, writeFor, func(e *event.Send) {
		if e.State != a.found.State || e.Token != a.found.Token {
			return
		}
		if e.State == "" && e.MessageID == "" {
			*e = a.pinned
		}
		e.Note(try)
		change(e)
	})
}

// persist changes the entry and goes on trying for limit, also when ctx has ended;
// after a stop only for a moment.
func (s *Sender) persist(ctx context.Context, r Request, limit time.Duration, change func(*event.Send)) (event.Send, error) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer within(ctx, min(limit, writeStop), limit, cancel)()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		entry, err := s.Ledger.UpdateSend(inner, r.UserID, r.key(), func(e *event.Send) error {
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

// onUnknown is the policy for r: the stricter one of the settings and its
// template. A report is never sent again in doubt: the next one says it all.
func (s *Sender) onUnknown(r Request) string {
	if r.Content != nil || s.templates.holds(r.Purpose) {
		return Hold
	}
	return s.OnUnknown
}
