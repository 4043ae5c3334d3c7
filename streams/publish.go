package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/metrics"
	"usher/tracing"
)

// Publisher writes events of usher's own.
type Publisher struct {
	js      jetstream.JetStream
	facts   group
	metrics *metrics.Shared
}

// NewPublisher publishes through js.
func NewPublisher(js jetstream.JetStream, m *metrics.Shared) *Publisher {
	return &Publisher{js: js, facts: group{js: js, stream: event.StreamOnboarding}, metrics: m}
}

// Fact publishes a fact and returns once it is there; stored is false when it
// had been stored before. The same fact again is
// recognised by its id: by JetStream within minutes, by every reader for ever.
func (p *Publisher) Fact(ctx context.Context, f event.Fact) (stored bool, err error) {
	if f.ID == "" {
		f = f.WithID()
	}
	data, err := json.Marshal(f)
	if err != nil {
		return false, event.Permanent(fmt.Errorf("encode the fact: %w", err))
	}
	env := event.Envelope{
		ID: f.ID, Type: event.TypeFact + "." + f.Kind, Source: "/usher", Subject: f.UserID, Time: f.At, MsgID: f.ID, TraceParent: tracing.Context(ctx),
	}
	m := &nats.Msg{Subject: event.FactSubject(f.Kind, f.UserID), Header: env.Header(), Data: data}
	expires(m, f.Inbox == event.SourceCanary || event.IsCanary(f.UserID))
	together := true
	there, err := p.facts.store(ctx, f.ID, m, func(ctx context.Context) (err error) {
		together = false
		stored, err = p.publish(ctx, event.StreamOnboarding, m)
		return err
	})
	if err == nil && together && !there { // a batch takes no message that is there already
		p.count(event.StreamOnboarding)
		stored = true
	}
	return stored, err
}

// Verification publishes a verification event as source, with the id given: the
// same id again is the same event.
func (p *Publisher) Verification(ctx context.Context, source, verb, id string, body event.VerificationBody) error {
	data, err := json.Marshal(body)
	if err != nil {
		return event.Permanent(fmt.Errorf("encode the verification: %w", err))
	}
	env := event.Envelope{
		ID: id, Type: event.TypeVerification + "." + verb, Source: "/usher/" + source, Subject: body.UserID, Time: time.Now(), MsgID: id, TraceParent: tracing.Context(ctx),
	}
	m := &nats.Msg{Subject: event.VerificationSubject(source, verb), Header: env.Header(), Data: data}
	expires(m, source == event.SourceCanary || event.IsCanary(body.UserID))
	_, err = p.publish(ctx, event.StreamVerifications, m)
	return err
}

// DeadLetter keeps the original bytes and headers with the cause beside them.
// The same message given up by the same consumer again is kept once.
func (p *Publisher) DeadLetter(ctx context.Context, d event.DeadLetter) error {
	_, err := p.Bury(ctx, d)
	return err
}

// Bury is DeadLetter; stored is false when it had been kept before.
func (p *Publisher) Bury(ctx context.Context, d event.DeadLetter) (stored bool, err error) {
	h := nats.Header{}
	for k, v := range d.Header {
		if l := strings.ToLower(k); strings.HasPrefix(l, "nats-") || strings.HasPrefix(l, "usher-") || l == "status" || l == "description" {
			k = event.HeaderOriginal + k
		}
		k = writable(k)
		h[k] = append(h[k], v...)
	}
	h.Set(event.HeaderStream, d.Stream)
	h.Set(event.HeaderSequence, strconv.FormatUint(d.Sequence, 10))
	h.Set(event.HeaderSubject, oneLine(d.Subject))
	h.Set(event.HeaderReason, d.Reason)
	h.Set(event.HeaderCause, oneLine(d.Cause))
	if d.EventID != "" {
		h.Set(event.HeaderEventID, d.EventID)
	}
	h.Set(event.HeaderTime, d.Stored.UTC().Format(time.RFC3339Nano))
	h.Set(event.HeaderMsgID, fmt.Sprintf("%s:%d:%s", d.Stream, d.Sequence, d.Consumer))
	return p.publish(ctx, event.StreamDeadLetters, &nats.Msg{
		Subject: event.DeadLetterSubject(d.Stream, d.Reason), Header: h, Data: d.Data,
	})
}

func (p *Publisher) publish(ctx context.Context, stream string, msg *nats.Msg) (stored bool, err error) {
	ack, err := backoff.Retry(ctx, func() (*jetstream.PubAck, error) {
		ack, err := withoutExpiry(msg, func(m *nats.Msg) (*jetstream.PubAck, error) {
			return p.js.PublishMsg(brief{ctx}, m, jetstream.WithExpectStream(stream))
		})
		if err != nil && !isInProcess(err) {
			err = backoff.Permanent(err)
		}
		return ack, err
	}, backoff.WithBackOff(askAgain{}), backoff.WithMaxElapsedTime(mostInProcess))
	if err != nil {
		return false, fmt.Errorf("publish to %s: %w", stream, err)
	}
	if !ack.Duplicate {
		p.count(stream)
	}
	return !ack.Duplicate, nil
}

// A stream of several copies answers a publish with an error while it stores
// another message with the same id, which may not succeed. That takes as long as
// the copies need to agree, so it is asked again soon, until it knows.
const mostInProcess = 5 * time.Second

// askAgain is the pause before it is asked again, 15 to 45 ms.
type askAgain struct{}

func (askAgain) NextBackOff() time.Duration { return 15*time.Millisecond + rand.N(30*time.Millisecond) }
func (askAgain) Reset()                     {}

// isInProcess reports whether the server is storing a message with the same id.
func isInProcess(err error) bool {
	const duplicateInProcess = 10158
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == duplicateInProcess
}

func (p *Publisher) count(stream string) {
	if p.metrics != nil {
		p.metrics.EventsPublished.WithLabelValues(stream).Inc()
	}
}

// writable is the name of a header as a client writes it: clients read more names
// than they write. What may not stand in one is percent-encoded.
func writable(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("!#$&'*+-.^_`|~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
