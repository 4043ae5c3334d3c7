package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/bulk"
	"usher/event"
)

// feed fills the read model from one stream.
type feed struct {
	js       jetstream.JetStream
	model    *model
	stream   string
	subjects string // of the messages that it reads; "": all
	put      func(*writing, *nats.Msg, *nats.MsgMetadata) (after func(), err error)
	guard    event.Guard
	log      *slog.Logger
	caughtUp atomic.Bool
	resets   *sync.Mutex     // one feed at a time may decide to start the model over
	passed   map[uint64]bool // messages on which the console itself failed, by sequence; owned by run
	born     time.Time       // event.Birth of the stream; owned by run
}

func newFeeds(js jetstream.JetStream, m *model, w *waiters, l *live, b *bulks, guard event.Guard, log *slog.Logger) []*feed {
	var resets sync.Mutex
	feeds := []*feed{
		{stream: event.StreamUsers, put: l.putUserMessage},
		{stream: event.StreamVerifications},
		{stream: event.StreamOnboarding, put: w.putFactMessage},
		{stream: event.StreamDeadLetters, put: l.putDeadLetterMessage},
		{stream: bulk.Stream, subjects: bulk.Subjects, put: b.putMessage},
		{stream: event.StreamAudit, put: putTrailMessage},
	}
	for _, f := range feeds {
		f.js, f.model, f.guard, f.log, f.resets, f.passed = js, m, guard, log, &resets, map[uint64]bool{}
		if f.stream == event.StreamVerifications {
			f.put = func(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
				return f.putVerificationMessage(tx, w, m, meta)
			}
		}
	}
	return feeds
}

// run reads until ctx ends; what fails is begun again from the stored position.
func (f *feed) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := f.guard.Do("reading "+f.stream, func() error { return f.follow(ctx) }); err != nil && ctx.Err() == nil {
			f.log.Warn("the read model is behind, trying again", "stream", f.stream, "error", err)
			event.Sleep(ctx, time.Second)
		}
	}
	return nil
}

const (
	perTransaction = 500
	recheck        = 5 * time.Second // whether the stream is still the same one
)

func (f *feed) follow(ctx context.Context) error {
	created, seq, err := f.begin(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A stop in this moment would leave a consumer behind whose name is not known.
	making, made := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	p, err := newPull(making, f.js, f.stream, f.subjects, seq+1)
	made()
	if p != nil {
		defer func() { p.end(); f.leave(ctx, p.consumer) }()
	}
	if err != nil {
		return err
	}
	if p.pending == 0 { // what the stream counted last may be deleted
		f.caughtUp.Store(true)
	}
	check := time.NewTicker(recheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-check.C:
			now, last, err := f.state(ctx)
			_, at, err2 := f.model.position(ctx, f.stream)
			if err = errors.Join(err, err2, p.alive()); err != nil || now != created || last < seq || at != seq {
				return err // begin finds out what to do
			}
		case <-p.lost:
			return errors.New("the connection was lost")
		case m := <-p.arrived:
			batch, err := p.batch(m)
			if len(batch) > 0 {
				var failed error
				seq, failed = f.storeMany(ctx, created, seq, batch)
				err = errors.Join(failed, err)
			}
			if err != nil {
				return err
			}
		}
	}
}

// leave deletes a consumer that was stopped; otherwise the server keeps it for five
// minutes.
func (f *feed) leave(ctx context.Context, consumer string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = f.js.DeleteConsumer(ctx, f.stream, consumer)
}

// begin compares the stored position with the stream. A stream that was made
// anew, or that lost its end, makes the whole model start over.
func (f *feed) begin(ctx context.Context) (created int64, seq uint64, err error) {
	f.resets.Lock()
	defer f.resets.Unlock()
	created, last, err := f.state(ctx)
	if err != nil {
		return 0, 0, err
	}
	was, seq, err := f.model.position(ctx, f.stream)
	if err != nil {
		return 0, 0, err
	}
	if seq > 0 && (was != created || last < seq) {
		f.log.Warn("a stream was made anew, the read model starts over", "stream", f.stream)
		if err := f.model.reset(ctx); err != nil {
			return 0, 0, err
		}
		seq = 0
	}
	f.caughtUp.Store(last <= seq)
	return created, seq, nil
}

func (f *feed) state(ctx context.Context) (created int64, last uint64, err error) {
	s, err := f.js.Stream(ctx, f.stream)
	if err != nil {
		return 0, 0, err
	}
	i := s.CachedInfo()
	f.born = event.Birth(i.Config.Metadata, i.Created)
	return i.Created.UnixNano(), i.State.LastSeq, nil
}

// storeMany stores messages in one transaction with the position.
func (f *feed) storeMany(ctx context.Context, created int64, seq uint64, batch []*nats.Msg) (uint64, error) {
	var after []func()
	var pending uint64
	err := f.model.transaction(ctx, func(tx *writing) error {
		// Another feed may have started the model over: then this one does too.
		var at uint64
		_ = tx.QueryRow(`SELECT seq FROM positions WHERE stream = ?`, f.stream).Scan(&at) // no row is 0
		if at != seq {
			return errMoved
		}
		for _, m := range batch {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			done, err := f.read(tx, m, meta)
			if err != nil {
				return err
			}
			if done != nil {
				after = append(after, done)
			}
			seq, pending = meta.Sequence.Stream, meta.NumPending
		}
		return setPosition(tx, f.stream, created, seq)
	})
	if err != nil {
		return seq, err
	}
	for _, a := range after {
		a()
	}
	if pending == 0 {
		f.caughtUp.Store(true)
	}
	return seq, nil
}

// read puts a message into the model. One on which that panics is passed over at
// the next try: what it changed before is rolled back with the transaction.
func (f *feed) read(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (after func(), err error) {
	seq := meta.Sequence.Stream
	if f.passed[seq] {
		return nil, nil
	}
	err = f.guard.Do("reading a message of "+f.stream, func() error {
		after, err = f.put(tx, m, meta)
		return err
	})
	if event.Panicked(err) != nil {
		f.passed[seq] = true
		f.log.Error("a message is left out of the read model", "stream", f.stream, "seq", seq)
	}
	return after, err
}

// The put functions leave out what cannot be read: the bridge makes a dead
// letter of it.

func (l *live) putUserMessage(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
	if strings.HasPrefix(m.Subject, "users.v1.checkpoint.") {
		var p event.Checkpoint
		if json.Unmarshal(m.Data, &p) != nil || p.Import == "" {
			return nil, nil
		}
		return l.imports, putImport(tx, p)
	}
	if strings.HasPrefix(m.Subject, "users.v1.progress.") {
		var p event.Progress
		if json.Unmarshal(m.Data, &p) != nil || p.Import == "" {
			return nil, nil
		}
		return l.imports, putProgress(tx, p)
	}
	source, err := event.ParseImportedSubject(m.Subject)
	if err != nil {
		return nil, nil
	}
	env, err := event.ParseEnvelope(m.Header, m.Data)
	if err != nil {
		return nil, nil
	}
	u, err := event.ParseUser(env.Data)
	if err != nil {
		return nil, nil
	}
	return func() { l.user(u.UserID) }, putUser(tx, source, u, meta.Timestamp)
}

func (f *feed) putVerificationMessage(tx *writing, w *waiters, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
	source, verb, err := event.ParseVerificationSubject(m.Subject)
	if err != nil {
		return nil, nil
	}
	env, err := event.ParseEnvelope(m.Header, m.Data)
	if err != nil {
		return nil, nil
	}
	b, err := parseSpoken(env.Data)
	if err != nil {
		return nil, nil
	}
	id := event.Identify(source, env.ID, env.MsgID, event.Position{Stream: event.StreamVerifications, Created: f.born, Seq: meta.Sequence.Stream, Stored: meta.Timestamp})
	if source == event.SourceConsole && (verb == event.VerbApproved || verb == event.VerbRejected) {
		if err := putRecent(tx, id.ID, verb, b, meta.Timestamp); err != nil {
			return nil, err
		}
		if err := bulkSent(tx, id.ID); err != nil {
			return nil, err
		}
	}
	if source != event.SourceConsole {
		b.Via = "" // only the console signs people in
	}
	read := func() {
		w.eventRead(id.ID)
		if b.Reason != "" || b.Note != "" {
			w.changed(b.UserID)
		}
	}
	if b.Reason == "" && b.Actor == "" && b.Note == "" {
		return read, nil
	}
	return read, putDecision(tx, id, b)
}

func (l *live) putDeadLetterMessage(tx *writing, m *nats.Msg, meta *nats.MsgMetadata) (func(), error) {
	h := m.Header
	d := DeadLetter{
		Seq: meta.Sequence.Stream, Stream: h.Get(event.HeaderStream), Reason: h.Get(event.HeaderReason), Cause: h.Get(event.HeaderCause),
		Subject: h.Get(event.HeaderSubject), Sequence: h.Get(event.HeaderSequence), At: meta.Timestamp,
	}
	if strings.HasPrefix(d.Subject, event.VerificationSubject(event.SourceConsole, "")) {
		d.eventID = h.Get(event.HeaderEventID)
	}
	if _, err := strconv.ParseUint(d.Sequence, 10, 64); err != nil {
		return nil, nil // not one of usher's
	}
	return l.letters, putDeadLetter(tx, d)
}
