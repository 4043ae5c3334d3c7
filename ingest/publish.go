package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/metrics"
)

// perBatch is how many records commit together with their checkpoint: JetStream
// allows 1000 messages in an atomic batch.
const perBatch = 999

// Errors of the publisher. Anything else is transient: what became of the batch
// is found by reading the checkpoint again.
var (
	// errFence means that another watcher moved the checkpoint.
	errFence = errors.New("another watcher has moved the checkpoint of this file")
	errFull  = errors.New("the stream USERS is full; it has room again when its limit is raised or old events are purged")
)

// publisher writes batches. It is safe for concurrent use.
type publisher struct {
	js      jetstream.JetStream
	metrics *metrics.Ingest
	fault   event.Fault

	mu     sync.Mutex
	stream jetstream.Stream
}

// users looks the stream up once.
func (p *publisher) users(ctx context.Context) (jetstream.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		return p.stream, nil
	}
	s, err := p.js.Stream(ctx, event.StreamUsers)
	if err == nil {
		p.stream = s
	}
	return s, err
}

// last reads the last message of a subject; seq is 0 when there is none. The error says
// that what is meant could not be read.
func (p *publisher) last(ctx context.Context, subject, what string) (body []byte, seq uint64, err error) {
	s, err := p.users(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("stream %s: %w", event.StreamUsers, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("read %s: %w", what, err)
	}
	return m.Data, m.Sequence, nil
}

// load reads the checkpoint of a file's content; seq is 0 when there is none.
func (p *publisher) load(ctx context.Context, source, digest string) (c event.Checkpoint, seq uint64, err error) {
	body, seq, err := p.last(ctx, event.CheckpointSubject(source, digest), "the checkpoint")
	if err != nil || seq == 0 {
		return c, 0, err
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, 0, fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	return c, seq, nil
}

func readAck(data []byte) (uint64, error) {
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &ack); err != nil {
		return 0, fmt.Errorf("the answer to a batch cannot be read: %w", err)
	}
	switch e := ack.Error; {
	case e == nil && ack.Seq > 0:
		return ack.Seq, nil
	case e == nil:
		return 0, errors.New("the answer to a batch has no sequence")
	case event.Overtaken(e.ErrCode):
		return 0, errFence
	case e.ErrCode == 10077:
		return 0, errFull
	default:
		return 0, fmt.Errorf("the batch was refused: %s (%d)", e.Description, e.ErrCode)
	}
}

// userEvent is the event of one record. The same record has the same id each
// time. claimed is when its file was complete and taken, trace the step that
// publishes it.
func userEvent(u event.User, source, digest string, imported, claimed time.Time, trace string) (*nats.Msg, error) {
	body, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	env := event.Envelope{
		ID: event.RecordID(imported, digest, u.Import.Record), Type: event.TypeImported, Source: "/usher/" + source, Subject: u.UserID, Time: claimed, TraceParent: trace,
	}
	return &nats.Msg{Subject: event.ImportedSubject(source), Header: env.Header(), Data: body}, nil
}
