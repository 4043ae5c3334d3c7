package bridge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// The safety net takes what a handler never sees: a message that the server gives
// up, because it reached its delivery limit while bridges kept dying on it, or because
// another client terminated it. It is read from the stream by its sequence and
// becomes a dead letter.

// lookFor is how long one try to keep such a message may take.
const lookFor = 10 * time.Second

// listen keeps what the server gives up: a message that was delivered as often as
// is allowed, and one that another client than a bridge terminated. The server says
// so once, and only while a client listens. The returned function ends that.
func (c *consumer) listen(ctx context.Context) (stop func()) {
	var subs []*nats.Subscription
	for kind, cause := range map[string]string{
		"MAX_DELIVERIES": "it was delivered as often as is allowed, and no bridge came to an end with it",
		"MSG_TERMINATED": "another client than usher terminated it",
	} {
		sub, err := c.JetStream.Conn().Subscribe("$JS.EVENT.ADVISORY.CONSUMER."+kind+"."+c.stream+"."+c.name, c.guarded(func(m *nats.Msg) {
			var a advisory
			if json.Unmarshal(m.Data, &a) != nil || slices.Contains(event.Reasons(), a.Reason) { // a bridge has kept it
				return
			}
			// The server says it once, so this goes on until it is kept.
			for attempt := 0; ; attempt++ {
				err := c.guard.Do("bridge.net", func() error { return c.keepGivenUp(ctx, a, cause) })
				if err == nil || ctx.Err() != nil {
					return
				}
				c.Log.Error("a message that was given up is not kept as a dead letter yet", "consumer", c.name, "seq", a.StreamSeq, "error", err)
				event.Sleep(ctx, backoff(attempt))
			}
		}))
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

// guarded is a callback that stops its panics.
func (c *consumer) guarded(f nats.MsgHandler) nats.MsgHandler {
	return func(m *nats.Msg) { c.guard.Func("bridge.net", func() { f(m) })() }
}

// advisory is what the server says of a message that it will not deliver again.
type advisory struct {
	StreamSeq uint64 `json:"stream_seq"`
	Reason    string `json:"reason"` // who terminated it may have given one
}

func (c *consumer) keepGivenUp(ctx context.Context, a advisory, cause string) error {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	m, err := c.stored(ctx, a.StreamSeq)
	if m == nil {
		return err
	}
	if a.Reason != "" {
		cause += ", saying: " + a.Reason
	}
	m.Reason, m.Cause = event.ReasonExhausted, cause
	stored, err := c.Publisher.Bury(ctx, *m)
	if err != nil || !stored { // every bridge hears of it, and one keeps it
		return err
	}
	c.Log.Warn("message became a dead letter", "consumer", c.name, "seq", m.Sequence, "reason", m.Reason, "cause", cause)
	c.Metrics.Messages.WithLabelValues(c.stream, exhausted).Inc()
	return nil
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
		if err != nil { // no client can read them
			h = nats.Header{"Unreadable-Headers": {base64.StdEncoding.EncodeToString(answer.Message.Header)}}
		}
		m.Header = h
	}
	if env, _ := event.ParseEnvelope(m.Header, m.Data); env.ID != "" || env.MsgID != "" {
		m.EventID = event.Identify("", env.ID, env.MsgID, event.Position{}).ID
	}
	return m, nil
}
