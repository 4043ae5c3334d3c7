package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Record is what becomes an entry.
type Record struct {
	ID     string // under which it is stored once, though the answer to a try be lost
	Action string
	What   map[string]string
}

// Writer appends to the trail. One goroutine uses it at a time.
type Writer struct {
	js     jetstream.JetStream
	head   Head
	known  bool
	missed int
	flight int // as many go at once as last got through
}

// NewWriter appends to the stream AUDIT.
func NewWriter(js jetstream.JetStream) *Writer { return &Writer{js: js, flight: mostInFlight} }

// Head is the last entry that this writer knows of; ok is false when it knows of none.
func (w *Writer) Head() (h Head, ok bool) { return w.head, w.known && w.head.Hash != "" }

// Missed counts entries that could not be stored. The next one that is says so.
func (w *Writer) Missed(n int) { w.missed += n }

// mostInFlight are under way at once, each behind the one before.
const mostInFlight = 256

// Append stores records in their order, and returns how many of them are stored. Its
// error is about the next one; what came behind that is not stored. Given again, a record
// that was stored after all is not stored twice.
func (w *Writer) Append(ctx context.Context, records []Record) (stored int, err error) {
	for stored < len(records) {
		if err := ctx.Err(); err != nil {
			return stored, err
		}
		if !w.known {
			if err := w.Look(ctx); err != nil {
				return stored, err
			}
		}
		batch := records[stored:min(len(records), stored+w.flight)]
		n, err := w.fly(ctx, batch)
		if stored += n; n == len(batch) {
			w.flight = min(2*w.flight, mostInFlight)
		} else { // others write, or the server compares with what it has not applied yet
			w.flight = max(1, n)
		}
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// fly publishes records one behind the other without waiting in between, and returns how
// many were stored. Without an error it is called again with the rest, behind the head
// that is there then.
func (w *Writer) fly(ctx context.Context, records []Record) (stored int, err error) {
	type flight struct {
		head Head
		ack  jetstream.PubAckFuture
	}
	var flights []flight
	next, missed := w.head, w.missed
	var failed error
	for i, r := range records {
		what := maps.Clone(r.What)
		what[FieldAction], what[FieldPrev], what[FieldPlace] = r.Action, next.Hash, strconv.FormatUint(next.Seq+1, 10)
		if missed > 0 {
			what[FieldMissed] = strconv.Itoa(missed)
			missed = 0
		}
		data, err := json.Marshal(what)
		if err != nil {
			failed = err
			break
		}
		m := &nats.Msg{Subject: subjectPrefix + r.Action, Data: data, Header: nats.Header{jetstream.MsgIDHeader: {r.ID}}}
		expect := []jetstream.PublishOpt{jetstream.WithExpectStream(event.StreamAudit), jetstream.WithExpectLastSequence(next.Seq)}
		if i > 0 { // not behind another one's that has taken the place of the one before
			expect = append(expect, jetstream.WithExpectLastMsgID(records[i-1].ID))
		}
		ack, err := w.js.PublishMsgAsync(m, expect...)
		if err != nil {
			failed = err
			break
		}
		next = Head{next.Seq + 1, Hash(m.Subject, data)}
		flights = append(flights, flight{next, ack})
	}
	for _, f := range flights {
		ack, err := arrival(ctx, f.ack)
		switch {
		case err != nil && failed == nil && !faster(err):
			failed = err
		case err != nil || failed != nil:
		case ack.Duplicate: // an earlier try has stored it; the others of this one are refused
			stored++
			w.known = false
			continue
		case w.known:
			stored++
			w.head, w.missed = f.head, 0
			continue
		}
		w.known = false
	}
	if failed != nil {
		w.known = false
	}
	return stored, failed
}

func arrival(ctx context.Context, f jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case a := <-f.Ok():
		return a, nil
	case err := <-f.Err():
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errWrongLastMsgID is JSStreamWrongLastMsgIDErrF of nats-server.
const errWrongLastMsgID jetstream.ErrorCode = 10070

// faster tells whether another writer has taken the place.
func faster(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (event.Overtaken(int(api.ErrorCode)) || api.ErrorCode == errWrongLastMsgID)
}

// Look reads the head as the leader has it. A client's own reads may be answered by a copy that
// is behind.
func (w *Writer) Look(ctx context.Context) error {
	s, err := w.js.Stream(ctx, event.StreamAudit)
	if err != nil {
		return err
	}
	at := s.CachedInfo().State.LastSeq
	reply, err := w.js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+event.StreamAudit, []byte(`{"last_by_subj":"`+Subjects+`"}`))
	if err != nil {
		return fmt.Errorf("read the head of the trail: %w", err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string `json:"subject"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("read the head of the trail: %w", err)
	}
	w.head = Head{Seq: at}
	switch {
	case answer.Message != nil:
		w.head.Hash = Hash(answer.Message.Subject, answer.Message.Data)
	case answer.Error == nil:
		return errors.New("read the head of the trail: the server says nothing")
	case answer.Error.ErrorCode != jetstream.JSErrCodeMessageNotFound:
		return fmt.Errorf("read the head of the trail: %w", answer.Error)
	}
	w.known = true
	return nil
}
