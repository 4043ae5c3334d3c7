package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher/event"
	"usher/tracing"
)

const (
	tryFor = 20 * time.Second // one try of a handler

	// mostBroken is how many panics a message may cause.
	mostBroken = mostAlone
	// mostDoubted is how often a message may fail as if a server were away, while
	// others get through, before its hand is needed for them.
	mostDoubted = 5
	// doubtedWait is how long it is given back for then.
	doubtedWait = 5 * time.Minute

	// longestHeld is how long a message waits in the breaker, in AckWaits, before
	// others get their turn, to find out whether only the waiting messages are affected.
	longestHeld = 4
)

// work is one message in hand.
type work struct {
	c *consumer
	m message
	d *delivery
	p place

	verdict *verdict // how it ends, once that is known
	waits   bool     // it has told the breaker of trouble
	since   time.Time
}

// verdict is how a message ends that cannot take effect.
type verdict struct {
	outcome, reason string
	cause           error
}

// run handles the message until it has an outcome or must be given back.
func (w *work) run(ctx, hands context.Context) {
	defer func() {
		if w.waits {
			w.c.breaker.leave()
		}
	}()
	if t := w.c.hands.deaths(w.p); t.deadly() {
		w.verdict = &verdict{exhausted, event.ReasonExhausted, fmt.Errorf("usher ended by itself while it had this message in hand: %d times with no other, %d times with others", t.Alone, t.Together)}
	}
	for attempt := 0; ; attempt++ {
		if attempt > 0 && ctx.Err() != nil {
			w.c.giveBack(w.d, 0)
			return
		}
		var err error
		if !w.ask(ctx, func() { err = w.step(hands) }) {
			w.c.giveBack(w.d, w.rest(ctx))
			return
		}
		if err == nil {
			if w.waits { // what it waited for is there
				w.c.breaker.close()
			} else {
				w.c.breaker.pass()
			}
			w.c.troubles.forget(w.p)
			return
		}
		if ctx.Err() != nil { // usher stops: how a call ended then says nothing of a server
			w.c.giveBack(w.d, 0)
			return
		}
		after, hold := w.trouble(err, attempt)
		if !hold {
			w.c.giveBack(w.d, after)
			return
		}
		switch {
		case errors.Is(err, errWaits):
			if attempt == 0 {
				w.c.Log.Info("message waits for what is being done for its user", "consumer", w.c.name, "seq", w.m.Seq)
			}
			if !w.c.standAside(ctx, after) {
				w.c.giveBack(w.d, longestWait)
				return
			}
		case after > 0:
			event.Sleep(ctx, after)
		}
	}
}

// ask tries when the breaker lets it. It reports false when it is time to give the
// message back: the bridge stops, or others are to have their turn.
func (w *work) ask(ctx context.Context, try func()) bool {
	if w.waits {
		wait, cancel := context.WithDeadline(ctx, w.since.Add(longestHeld*w.c.AckWait))
		defer cancel()
		ctx = wait
	}
	return w.c.breaker.ask(ctx, try)
}

// rest is for how long a message is given back that has waited in vain. One that
// saw others get through between its failures stays away longer, for redeliveries
// come before what is new and would take every hand.
func (w *work) rest(ctx context.Context) time.Duration {
	switch {
	case ctx.Err() != nil:
		return 0
	case w.c.troubles.note(w.p, func(*trouble) {}).doubted > 0:
		return doubtedWait
	}
	return min(longestWait, longestHeld*w.c.AckWait)
}

// step brings the message nearer to its end: its handler says what becomes of it,
// or it becomes a dead letter.
func (w *work) step(ctx context.Context) error {
	if w.verdict == nil {
		outcome, err := w.try(ctx)
		if err == nil {
			if outcome == started || outcome == signalled || outcome == parked {
				w.c.row.through()
				w.c.breaker.close()
			}
			w.c.finish(outcome, w.d.ack)
			return nil
		}
		if w.verdict = w.judge(err); w.verdict == nil {
			return err
		}
	}
	return w.bury(ctx)
}

// try runs the handler, alone when it is suspected of having ended usher.
func (w *work) try(ctx context.Context) (outcome string, err error) {
	done := w.c.hands.acquire(w.p)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	ctx, span := w.c.Tracer.Start(tracing.With(ctx, w.m.trace()), "process "+w.c.stream, tracing.Consumer, tracing.Stream(w.c.stream)...)
	err = w.c.guard.Do("bridge.handler", func() (err error) {
		outcome, err = w.c.handle(ctx, w.m)
		return err
	})
	if event.Panicked(err) == nil {
		w.c.hands.acquit(w.p)
	} else {
		w.c.hands.accuse(w.p)
	}
	span.SetAttributes(tracing.Outcome(outcome))
	span.Done(err)
	return outcome, err
}

// judge is how the message ends that err keeps from taking effect; nil when
// another try may help, or when what looks like its own fault is everybody's.
func (w *work) judge(err error) *verdict {
	var r *refusal
	if errors.As(err, &r) { // by what the message says, so no server is asked
		return &verdict{r.outcome, r.reason, err}
	}
	k := classify(err)
	if k == busy || k == away || w.c.row.failed(w.p, class(err), err) != nil {
		return nil
	}
	t := w.c.troubles.note(w.p, func(t *trouble) {
		switch k {
		case broken:
			t.broken++
		case transient:
			t.failed++
		}
	})
	switch {
	case k == permanent:
		return &verdict{malformed, event.ReasonRefused, err}
	case k == broken && t.broken >= mostBroken, k == transient && t.failed >= w.c.MaxDeliver:
		return &verdict{exhausted, event.ReasonExhausted, err}
	}
	return nil
}

// trouble says what to do after a failure that is no verdict: to hold the message
// and try again, at once or after a while, or to give it back for a while.
func (w *work) trouble(err error, attempt int) (after time.Duration, hold bool) {
	k := classify(err)
	if k == busy {
		return backoff(attempt), true
	}
	if k != away {
		// What the bridge itself says about one user needs no server to be well: a message
		// that waits for its user's workflow to end keeps no other from its turn.
		if alike := w.c.row.failed(w.p, class(err), err); alike != nil && (k != transient || fromServer(err)) {
			w.wait(alike)
			return 0, true
		}
		w.c.Metrics.Retries.WithLabelValues(w.c.stage, "transient").Inc()
		t := w.c.troubles.note(w.p, func(t *trouble) { t.tried++ })
		w.c.Log.Warn("message is tried again later", "consumer", w.c.name, "seq", w.m.Seq, "attempt", t.tried, "error", err)
		return backoff(t.tried), false
	}
	proofs := w.c.row.proofs.Load()
	others := false // got through since it failed last
	t := w.c.troubles.note(w.p, func(t *trouble) {
		if others = t.away && t.proofs != proofs; others {
			t.doubted++
		}
		t.away, t.proofs = true, proofs
	})
	switch {
	case !others:
		w.wait(err)
		return 0, true
	case t.doubted < mostDoubted:
		return backoff(t.doubted), true
	}
	w.c.Log.Warn("a server fails for this message, not for others: it is tried again later", "consumer", w.c.name, "seq", w.m.Seq, "error", err)
	return doubtedWait, false
}

// wait opens the breaker, in which the message then waits for its turn.
func (w *work) wait(cause error) {
	if w.waits {
		w.c.breaker.still(cause)
		return
	}
	w.waits, w.since = true, time.Now()
	w.c.breaker.open(cause)
}

// bury keeps a dead letter, and only then terminates the message. While the dead
// letter cannot be stored the message stays in hand, so none is given up unkept.
func (w *work) bury(ctx context.Context) error {
	v := w.verdict
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	_, err := w.c.Publisher.Bury(ctx, event.DeadLetter{
		Stream: w.c.stream, Consumer: w.c.name, Sequence: w.m.Seq, EventID: w.m.eventID(), Subject: w.m.subject, Header: w.m.header, Data: w.m.data,
		Stored: w.m.Stored, Reason: v.reason, Cause: v.cause.Error(),
	})
	if err != nil {
		return fmt.Errorf("keep the dead letter: %w", err)
	}
	w.c.Fault.At("bridge.buried")
	w.c.Log.Warn("message became a dead letter", "consumer", w.c.name, "seq", w.m.Seq, "reason", v.reason, "cause", v.cause)
	w.c.finish(v.outcome, func() error { return w.d.term(v.reason) })
	w.c.hands.acquit(w.p)
	return nil
}
