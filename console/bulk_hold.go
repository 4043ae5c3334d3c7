package console

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"usher/console/bulk"
	"usher/event"
)

// hold is an operation that this console carries out; one goroutine owns it.
type hold struct {
	*bulks
	wake     chan struct{}
	o        bulk.Operation
	revision uint64
	written  time.Time // the record, last
	end      uint64    // of VERIFICATIONS, when all was answered; 0: not yet
	since    time.Time // then
}

var errNotMine = errors.New("another console carries the operation out")

// run goes from state to state. Another person may change the state between two steps.
func (h *hold) run(ctx context.Context) error {
	h.k.Fault.At("bulk.taken")
	for !h.o.Settled() {
		var err error
		switch {
		case h.o.State == bulk.Waiting && time.Now().Before(h.o.Starts):
			err = h.pause(ctx, time.Until(h.o.Starts))
		case h.o.State == bulk.Waiting:
			err = h.write(ctx, func(o *bulk.Operation) { o.State = bulk.Running })
			h.k.Fault.At("bulk.started")
		case h.o.State == bulk.Running && h.o.Next < h.o.Matched:
			err = h.send(ctx)
		default:
			err = h.settle(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write changes the record. When another person has changed it, that change is taken
// over and the own one is left out: the next step sees what there is to do.
func (h *hold) write(ctx context.Context, change func(*bulk.Operation)) error {
	o := h.o
	change(&o)
	o.Beat++
	began := time.Now()
	revision, err := h.store.Hold(ctx, o, h.revision)
	switch {
	case err == nil:
		h.o, h.revision, h.written = o, revision, began
		return nil
	case !bulk.Moved(err):
		return err
	}
	if o, revision, err = h.store.Get(ctx, h.o.ID); err != nil {
		return err
	}
	if o.Holder != h.me {
		return errNotMine
	}
	o.Next = max(o.Next, h.o.Next)
	h.o, h.revision = o, revision
	return nil
}

// beat writes the record again when it is time, so that no other console takes it.
func (h *hold) beat(ctx context.Context) error {
	if time.Since(h.written) < h.lease/3 {
		return nil
	}
	return h.write(ctx, func(*bulk.Operation) {})
}

// pause waits until something has happened, for d at most.
func (h *hold) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(min(d, h.lease/4))
	defer t.Stop()
	select {
	case <-h.wake:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	// A change by another console is seen when the record is written, so it is.
	if o, _, err := h.store.Get(ctx, h.o.ID); err != nil || o.State != h.o.State || o.Holder != h.o.Holder {
		return errors.Join(err, h.write(ctx, func(*bulk.Operation) {}))
	}
	return h.beat(ctx)
}

// send says the decisions, some at once, and never more than may wait for an answer.
// The progress is written after each batch; that tells, too, whether someone has
// cancelled the rest.
func (h *hold) send(ctx context.Context) error {
	stalled := time.Now()
	var last bulk.Counts
	for h.o.State == bulk.Running && h.o.Next < h.o.Matched {
		c, err := h.k.model.bulkCounts(ctx, h.o.ID)
		if err != nil {
			return err
		}
		if c != last {
			stalled, last = time.Now(), c
		}
		if h.o.Next-c.Answered()-c.Parked > mostUnanswered-perBatch && time.Since(stalled) < bulkStalled {
			if err := h.pause(ctx, 200*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		stalled = time.Now()
		people, err := h.k.model.bulkResults(ctx, h.o.ID, "", h.o.Next, perBatch)
		if err != nil {
			return err
		}
		if len(people) == 0 {
			return errors.New("the read model does not have the people of an operation")
		}
		// One that was cut off for long says nothing before it has looked.
		if time.Since(h.written) > h.lease/2 {
			if err := h.write(ctx, func(*bulk.Operation) {}); err != nil {
				return err
			}
			continue
		}
		if err := h.say(ctx, people); err != nil {
			h.complain(ctx, err)
			h.k.Metrics.BulkErrors.Inc()
			if err := h.write(ctx, func(o *bulk.Operation) { o.Trouble = "NATS does not take the decisions now; it is tried again" }); err != nil {
				return err
			}
			if err := h.pause(ctx, time.Second); err != nil {
				return err
			}
			continue
		}
		h.k.Fault.At("bulk.sent")
		if err := h.write(ctx, func(o *bulk.Operation) { o.Next, o.Trouble = people[len(people)-1].N+1, "" }); err != nil {
			return err
		}
		h.k.Fault.At("bulk.noted")
	}
	return nil
}

// say publishes decisions at once and returns when all are stored. Those that are there
// already are the same events.
func (h *hold) say(ctx context.Context, people []Result) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	all, ctx := errgroup.WithContext(ctx)
	for _, p := range people {
		if p.Sent || p.Result != "" || p.UserID == "" {
			continue
		}
		all.Go(func() error { return h.k.guard.Do("saying a decision", func() error { return h.publish(ctx, p) }) })
	}
	return all.Wait()
}

func (h *hold) publish(ctx context.Context, p Result) error {
	msg, err := bulkMessage(h.o, p)
	if err != nil {
		return err
	}
	ack, err := h.k.JetStream.PublishMsg(ctx, msg, jetstream.WithExpectStream(event.StreamVerifications))
	if err == nil && !ack.Duplicate {
		h.k.Metrics.BulkDecisions.Inc()
	}
	return err
}

// bulkMessage is the decision about one person of an operation.
func bulkMessage(o bulk.Operation, p Result) (*nats.Msg, error) {
	body := spoken{Note: o.Note, Via: o.Via, Bulk: o.ID, VerificationBody: event.VerificationBody{UserID: p.UserID, Reason: o.Reason, Actor: o.Actor, OfGeneration: p.generation}}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	env := event.Envelope{ID: p.EventID, Type: event.TypeVerification + "." + o.Decision, Source: "/usher/" + event.SourceConsole, Subject: p.UserID, Time: time.Now(), MsgID: p.EventID}
	return &nats.Msg{Subject: event.VerificationSubject(event.SourceConsole, o.Decision), Header: env.Header(), Data: data}, nil
}

// settle ends the operation when all that was sent is answered.
func (h *hold) settle(ctx context.Context) error {
	c, all, err := h.standing(ctx)
	if err != nil {
		return err
	}
	if !all {
		return h.pause(ctx, time.Second)
	}
	h.k.Fault.At("bulk.answered")
	err = h.write(ctx, func(o *bulk.Operation) {
		if o.State == bulk.Running {
			o.State, o.Ended = bulk.Done, time.Now().UTC()
		}
		o.Final, o.Note, o.Holder, o.Trouble = &c, "", "", ""
	})
	if err == nil && h.o.Settled() {
		h.k.Fault.At("bulk.settled")
		h.k.ended(ctx, h.o)
	}
	return err
}

// standing are the counts, and whether they are the last ones.
func (h *hold) standing(ctx context.Context) (c bulk.Counts, all bool, err error) {
	if c, err = h.k.model.bulkCounts(ctx, h.o.ID); err != nil {
		return c, false, err
	}
	if h.o.State == bulk.Cancelled {
		open, err := h.k.model.bulkUnanswered(ctx, h.o.ID)
		if err != nil || open {
			return c, false, err
		}
	} else if c.Answered() < h.o.Matched {
		return c, false, nil
	}
	read, err := h.read(ctx)
	return c, read, err
}

// read tells whether the read model has what was sent at last: answers are read from
// another stream. The end of a stream may have been deleted and is never read then, so
// the wait ends after the longest time by which a running read model is behind.
func (h *hold) read(ctx context.Context) (bool, error) {
	if h.end == 0 {
		s, err := h.k.JetStream.Stream(ctx, event.StreamVerifications)
		if err != nil {
			return false, err
		}
		h.end, h.since = s.CachedInfo().State.LastSeq, time.Now()
	}
	_, seq, err := h.k.model.position(ctx, event.StreamVerifications)
	return seq >= h.end || time.Since(h.since) > 10*time.Second, err
}

// release gives an operation back that is not over, so that another console goes on at
// once.
func (h *hold) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for range 2 { // a write that the stop cut off may be stored all the same, and is in the way once
		if h.o.Holder != h.me || h.o.Settled() || h.write(ctx, func(o *bulk.Operation) { o.Holder = "" }) != nil {
			return // the lease ends in any case
		}
	}
}
