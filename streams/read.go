package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Selection says what of a stream is read. Its zero value is all of it.
type Selection struct {
	Subjects    []string
	From        uint64    // the first sequence
	Since       time.Time // stored then or later; not together with From
	HeadersOnly bool

	// Latest is for subjects of which only the last message is kept: one that is
	// replaced while it is read comes at the end, so the reading ends where the
	// stream then ends. Otherwise it ends where the stream ended when it began.
	Latest bool
}

// Message is a message as a stream keeps it.
type Message struct {
	Subject string
	Header  nats.Header
	Data    []byte
	Seq     uint64
	Stored  time.Time
}

// ErrEnough ends a reading early, and is no failure of it.
var ErrEnough = errors.New("enough was read")

// Read calls do with the messages of a stream that are there now and that are
// selected, the oldest first, until do returns ErrEnough or fails. all is how many
// there were to begin with; some may be deleted before they are read.
//
// It fails at once when the server is away at the beginning. When the connection or
// the leader of the stream is lost later, it goes on from where it was, and gives up
// after half a minute without progress. What it needs on the server is gone when it
// returns, or half a minute after its process died.
func Read(ctx context.Context, js jetstream.JetStream, stream string, sel Selection, do func(m Message, all uint64) error) error {
	r := &reader{js: js, stream: stream, sel: sel, do: do, next: sel.From}
	err := r.run(ctx)
	switch {
	case errors.Is(err, ErrEnough):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", stream, err)
	}
	return nil
}

const (
	readAtOnce   = 500              // messages, of 256 KiB at most
	readAnswer   = 10 * time.Second // between two messages that were asked for
	readPatience = 30 * time.Second // without progress
	readAgain    = 200 * time.Millisecond
)

// reader pulls from a consumer of its own. It reads what comes without the client's
// help: that takes a stored message without a body for an answer of the server when
// its headers look like one, and takes a lost answer for the end.
type reader struct {
	js     jetstream.JetStream
	stream string
	sel    Selection
	do     func(Message, uint64) error

	began  bool
	all    uint64
	last   uint64 // of the stream when it began
	next   uint64 // sequence to go on from; 0: where the selection begins
	passed bool   // a message came that was stored after it began, and is not read
	want   uint64 // the last one that was selected when a consumer had come to its end
}

// interruption is an error after which a new consumer may go on.
type interruption struct{ error }

func (i interruption) Unwrap() error { return i.error }

func (r *reader) run(ctx context.Context) error {
	for next, since := r.next, time.Now(); ; {
		err := r.session(ctx)
		if err == nil {
			err = r.whole(ctx)
		}
		if i := (interruption{}); !errors.As(err, &i) || !r.began {
			return err
		}
		if r.next > next {
			next, since = r.next, time.Now()
		}
		if time.Since(since) > readPatience {
			return err
		}
		if !event.Sleep(ctx, readAgain) {
			return ctx.Err()
		}
	}
}

// errBehind says that a reading ended before the end of what was selected.
var errBehind = errors.New("the copy that was read is behind its leader")

// whole returns an interruption when the leader of the stream has messages of the
// selection that were not read. A consumer lives on one of the copies, which may be
// behind, and is at its end then where that copy is: a list of all people would miss
// some, and what they need be purged. And while a message replaces another of its
// subject, the server may count neither.
func (r *reader) whole(ctx context.Context) error {
	if r.passed {
		return nil
	}
	subjects := r.sel.Subjects
	if len(subjects) == 0 {
		subjects = []string{">"}
	}
	end := uint64(0)
	for _, s := range subjects {
		m, err := Last(ctx, r.js, r.stream, s)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && m.Stored.Before(r.sel.Since):
		case err != nil:
			return r.interrupted(ctx, err)
		default:
			end = max(end, m.Seq)
		}
	}
	if r.want == 0 {
		r.want = end
	}
	if end == 0 || end < r.next || r.want < r.next { // one that came after the end was reached is not waited for
		return nil
	}
	return r.interrupted(ctx, errBehind)
}

// session makes a consumer and reads to the end, or until it is interrupted.
func (r *reader) session(ctx context.Context) error {
	s, err := r.js.Stream(brief{ctx}, r.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	if err != nil {
		return r.interrupted(ctx, err)
	}
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: readPatience,
		FilterSubjects: r.sel.Subjects, HeadersOnly: r.sel.HeadersOnly,
	}
	if len(r.sel.Subjects) == 1 { // its name is then a subject that a server can allow
		cfg.FilterSubject, cfg.FilterSubjects = r.sel.Subjects[0], nil
	}
	switch {
	case r.next > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, r.next
	case !r.sel.Since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &r.sel.Since
	}
	c, err := s.CreateConsumer(brief{ctx}, cfg)
	if err != nil {
		return r.interrupted(ctx, err)
	}
	defer discard(ctx, s, c.CachedInfo().Name)
	if !r.began {
		r.began, r.last, r.all = true, s.CachedInfo().State.LastSeq, c.CachedInfo().NumPending
	}
	if c.CachedInfo().NumPending == 0 {
		return nil
	}
	return r.pull(ctx, c.CachedInfo().Name)
}

// pull asks for messages until none is left.
func (r *reader) pull(ctx context.Context, consumer string) error {
	nc := r.js.Conn()
	inbox, got := nc.NewInbox(), make(chan *nats.Msg, readAtOnce+1)
	sub, err := nc.ChanSubscribe(inbox, got)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed
	subject := jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + r.stream + "." + consumer
	silence := time.NewTimer(readAnswer)
	defer silence.Stop()
	var delivered uint64
	for left := 0; ; left-- {
		if left == 0 {
			left = readAtOnce
			if err := nc.PublishRequest(subject, inbox, fmt.Appendf(nil, `{"batch":%d,"no_wait":true}`, left)); err != nil {
				return r.interrupted(ctx, err)
			}
		}
		silence.Reset(readAnswer)
		var m *nats.Msg
		select {
		case m = <-got:
		case <-silence.C:
			return r.interrupted(ctx, nats.ErrTimeout)
		case <-ctx.Done():
			return ctx.Err()
		}
		if m.Reply == "" { // the server speaks
			if status := m.Header.Get("Status"); status != "404" {
				return r.interrupted(ctx, fmt.Errorf("the server answers %s %s", status, m.Header.Get("Description")))
			}
			return nil // no message is left
		}
		at, err := m.Metadata()
		if err != nil {
			return err
		}
		if delivered++; at.Sequence.Consumer != delivered {
			return r.interrupted(ctx, errors.New("a message was lost on its way"))
		}
		if r.passed = !r.sel.Latest && at.Sequence.Stream > r.last; r.passed {
			return nil
		}
		r.next = at.Sequence.Stream + 1
		if err := r.do(Message{m.Subject, m.Header, m.Data, at.Sequence.Stream, at.Timestamp}, r.all); err != nil {
			return err
		}
		if at.NumPending == 0 {
			return nil
		}
	}
}

// interrupted is err as something that ends, unless ctx has ended.
func (r *reader) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return interruption{err}
}

// discard deletes a consumer that is not needed any more, also when ctx has ended.
// The server does so by itself after a while.
func discard(ctx context.Context, s jetstream.Stream, consumer string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = s.DeleteConsumer(ctx, consumer)
}

// Leave deletes what a consumer that is not durable has on the server, when it has
// been stopped.
func Leave(ctx context.Context, js jetstream.JetStream, stream string, c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = js.DeleteConsumer(ctx, stream, c.CachedInfo().Name)
}
