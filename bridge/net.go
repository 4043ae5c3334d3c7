package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// The safety net takes what a handler never sees: a message that the client
// takes for an answer of the server, because it has no body and a header
// `Status`; and one that the server gives up, because it was delivered as often
// as is allowed while bridges died over it, or because somebody terminated it.
// They are read from the stream by their sequence and become dead letters.

// netEvery is how often the net looks for messages that no handler was given.
const netEvery = 10 * time.Second

// mostScanned bounds one look.
const mostScanned = 10000

// catchPoison looks through the messages that were delivered and not acked.
// Poison is deleted from the stream once its dead letter is stored: it cannot be
// acknowledged, because no client ever holds it.
func (c *consumer) catchPoison(ctx context.Context) error {
	s, err := c.JetStream.Stream(ctx, c.stream)
	if err != nil {
		return err
	}
	cons, err := s.Consumer(ctx, c.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	i := cons.CachedInfo()
	if i.NumAckPending == 0 {
		return nil
	}
	first, last := i.AckFloor.Stream+1, i.Delivered.Stream
	for seq := first; seq <= last && seq < first+mostScanned; seq++ {
		m, err := c.stored(ctx, seq)
		if err != nil {
			return err
		}
		if m == nil || len(m.Data) > 0 || nats.Header(m.Header).Get("Status") == "" {
			continue
		}
		if err := c.buryStored(ctx, m, event.ReasonMalformed, "the message has no body, and a header that makes clients take it for an answer of the server"); err != nil {
			return err
		}
		if err := s.DeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
		c.Metrics.Messages.WithLabelValues(c.stream, malformed).Inc()
	}
	return nil
}

// listen keeps what the server gives up: a message that was delivered as often as
// is allowed, and one that somebody else than a bridge terminated. The server says
// so once, and only while somebody listens. The returned function ends that.
func (c *consumer) listen(ctx context.Context) (stop func()) {
	var subs []*nats.Subscription
	for kind, cause := range map[string]string{
		"MAX_DELIVERIES": "it was delivered as often as is allowed, and no bridge came to an end with it",
		"MSG_TERMINATED": "somebody else than usher terminated it",
	} {
		sub, err := c.JetStream.Conn().Subscribe("$JS.EVENT.ADVISORY.CONSUMER."+kind+"."+c.stream+"."+c.name, func(m *nats.Msg) {
			var a advisory
			if json.Unmarshal(m.Data, &a) != nil || slices.Contains(event.Reasons(), a.Reason) { // a bridge has kept it
				return
			}
			// The server says it once, so this goes on until it is kept.
			for attempt := 0; ; attempt++ {
				err := c.keepGivenUp(ctx, a, cause)
				if err == nil || ctx.Err() != nil {
					return
				}
				c.Log.Error("a message that was given up is not kept as a dead letter yet", "consumer", c.name, "seq", a.StreamSeq, "error", err)
				sleep(ctx, backoff(attempt))
			}
		})
		if err != nil { // only a closed connection refuses
			c.Log.Error("messages that the server gives up are not kept", "consumer", c.name, "error", err)
			continue
		}
		subs = append(subs, sub)
	}
	return func() {
		for _, s := range subs {
			_ = s.Unsubscribe() // the connection may be gone
		}
	}
}

// advisory is what the server says of a message that it will not deliver again.
type advisory struct {
	StreamSeq uint64 `json:"stream_seq"`
	Reason    string `json:"reason"` // who terminated it may have given one
}

func (c *consumer) keepGivenUp(ctx context.Context, a advisory, cause string) error {
	ctx, cancel := context.WithTimeout(ctx, netEvery)
	defer cancel()
	m, err := c.stored(ctx, a.StreamSeq)
	if m == nil {
		return err
	}
	if a.Reason != "" {
		cause += ", saying: " + a.Reason
	}
	if err := c.buryStored(ctx, m, event.ReasonExhausted, cause); err != nil {
		return err
	}
	c.Metrics.Messages.WithLabelValues(c.stream, exhausted).Inc()
	return nil
}

func (c *consumer) buryStored(ctx context.Context, m *event.DeadLetter, reason, cause string) error {
	m.Reason, m.Cause = reason, cause
	err := c.Publisher.DeadLetter(ctx, *m)
	if err == nil {
		c.Log.Warn("message became a dead letter", "consumer", c.name, "seq", m.Sequence, "reason", reason, "cause", cause)
	}
	return err
}

// stored reads a message by its sequence; nil means that it is gone. It asks for
// the message as JSON: in any other answer, the headers of poison would be taken
// for the server's own.
func (c *consumer) stored(ctx context.Context, seq uint64) (*event.DeadLetter, error) {
	request, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return nil, err
	}
	reply, err := c.JetStream.Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+c.stream, request)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Message struct {
			Subject string    `json:"subject"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil
	case answer.Error != nil:
		return nil, answer.Error
	}
	m := &event.DeadLetter{
		Stream: c.stream, Consumer: c.name, Sequence: seq, Subject: answer.Message.Subject, Data: answer.Message.Data, Stored: answer.Message.Time,
	}
	if len(answer.Message.Header) > 0 {
		h, err := nats.DecodeHeadersMsg(answer.Message.Header)
		if err != nil {
			return nil, err
		}
		m.Header = h
	}
	if env, _ := event.ParseEnvelope(m.Header, m.Data); env.ID != "" || env.MsgID != "" {
		m.EventID = event.Identify("", env.ID, env.MsgID, event.Position{}).ID
	}
	return m, nil
}

// mind looks for poison until ctx ends.
func (c *consumer) mind(ctx context.Context) {
	t := time.NewTicker(netEvery)
	defer t.Stop()
	for {
		look, cancel := context.WithTimeout(ctx, netEvery)
		err := c.catchPoison(look)
		cancel()
		if err != nil && ctx.Err() == nil {
			c.Log.Debug("the safety net could not look", "consumer", c.name, "error", err)
		}
		select {
		case <-t.C:
		case <-c.ended: // a session ended: poison may be the cause
		case <-ctx.Done():
			return
		}
	}
}
