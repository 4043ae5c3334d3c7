package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
)

// batch is what commits at once: events, and the progress that they are. Its
// span begins with its first event, which carries the span's context.
type batch struct {
	span       tracing.Span
	events     []*nats.Msg
	checkpoint event.Checkpoint
}

// lane publishes the batches of one file in their order. Each is atomic: all of
// its events and the checkpoint, or nothing, and only when the checkpoint still
// has the sequence that the batch before gave it. While the server commits one
// batch, the events of the next are on their way.
type lane struct {
	*publisher
	digest  string
	seq     uint64 // of the checkpoint, 0 when there is none
	done    func(batch)
	answers chan *nats.Msg
	inbox   *nats.Subscription
	lost    chan nats.Status
	asked   *batch // to commit, and not answered yet
	since   time.Time
}

// lane begins with the checkpoint's sequence seq. done is told of each batch that
// is stored, in order.
func (p *publisher) lane(digest string, seq uint64, done func(batch)) (*lane, error) {
	nc := p.js.Conn()
	l := &lane{publisher: p, digest: digest, seq: seq, done: done, answers: make(chan *nats.Msg, 1)}
	var err error
	if l.inbox, err = nc.ChanSubscribe(nc.NewInbox(), l.answers); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	l.lost = nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	return l, nil
}

func (l *lane) close() {
	l.js.Conn().RemoveStatusListener(l.lost)
	_ = l.inbox.Unsubscribe() // an error means that the connection is gone, and the subscription with it
}

// commit sends a batch and asks for its commit, once the one before is stored.
// Errors are of either batch.
func (l *lane) commit(ctx context.Context, b batch) error {
	began := time.Now()
	b.span.SetAttributes(tracing.Count(len(b.events)))
	last, err := l.send(b)
	if err == nil {
		err = l.awaitStored(ctx)
	}
	if err == nil {
		last.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(l.seq, 10))
		l.fault.At("ingest.sent")
		err = l.js.Conn().PublishMsg(last)
	}
	if err != nil {
		b.span.Done(err)
		return err
	}
	l.asked, l.since = &b, began
	return nil
}

// send publishes the events of a batch, and returns the message that will commit
// them.
func (l *lane) send(b batch) (last *nats.Msg, err error) {
	data, err := json.Marshal(b.checkpoint)
	if err != nil {
		return nil, err
	}
	l.fault.At("ingest.batch")
	nc, id := l.js.Conn(), []string{ksuid.New().String()}
	for i, m := range b.events {
		m.Header["Nats-Batch-Id"], m.Header["Nats-Batch-Sequence"] = id, []string{strconv.Itoa(i + 1)}
		if b.checkpoint.Source == event.SourceCanary {
			m.Header.Set("Nats-TTL", event.CanaryKept.String())
		}
		if err := nc.PublishMsg(m); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
	}
	last = nats.NewMsg(event.CheckpointSubject(b.checkpoint.Source, l.digest))
	last.Reply, last.Data = l.inbox.Subject, data
	last.Header.Set("Nats-Rollup", "sub")
	last.Header.Set("Nats-TTL", "never")
	if b.checkpoint.Source == event.SourceCanary {
		last.Header.Set("Nats-TTL", event.CanaryKept.String())
	}
	last.Header["Nats-Batch-Id"] = id
	last.Header.Set("Nats-Batch-Sequence", strconv.Itoa(len(b.events)+1))
	last.Header.Set("Nats-Batch-Commit", "1")
	return last, nil
}

// answerTimeout is how long the server may take to commit a batch.
const answerTimeout = 20 * time.Second

// awaitStored waits until the batch that was asked for, if any, is stored.
func (l *lane) awaitStored(ctx context.Context) (err error) {
	b := l.asked
	if b == nil {
		return nil
	}
	l.asked = nil
	defer func() { b.span.Done(err) }()
	limit := time.NewTimer(answerTimeout)
	defer limit.Stop()
	var answer *nats.Msg
	select {
	case answer = <-l.answers:
	case <-l.lost:
		return errors.New("commit the batch: the connection was lost before the answer")
	case <-limit.C:
		return fmt.Errorf("commit the batch: no answer within %s", answerTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
	if answer.Header.Get("Status") == noResponders {
		return errors.New("commit the batch: there is no stream that takes it")
	}
	if l.seq, err = readAck(answer.Data); err != nil {
		return err
	}
	l.fault.At("ingest.committed")
	l.metrics.EventsPublished.WithLabelValues(event.StreamUsers).Add(float64(len(b.events)))
	l.metrics.StageSeconds.WithLabelValues("publish").Observe(time.Since(l.since).Seconds())
	l.done(*b)
	return nil
}

// noResponders is the status with which NATS answers a request that no one listens for.
const noResponders = "503"
