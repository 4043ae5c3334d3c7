package streams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Traces are what the streams hold about one person.
type Traces struct {
	UserID string
	Names  []string            // addresses, numbers and names in its records
	Files  []event.Import      // where the records came from, one for each import
	Seqs   map[string][]uint64 // messages by stream
}

// Eraser finds and removes what the streams hold about one person. It reads whole
// streams, so it is for an operator's command.
type Eraser struct{ js jetstream.JetStream }

// NewEraser reads and deletes through js.
func NewEraser(js jetstream.JetStream) *Eraser { return &Eraser{js} }

// Find looks a person up by user id.
func (e *Eraser) Find(ctx context.Context, userID string) (Traces, error) {
	t := Traces{UserID: userID, Seqs: map[string][]uint64{}}
	err := e.each(ctx, event.StreamUsers, "users.v1.imported.>", func(m jetstream.Msg, seq uint64) {
		var u event.User
		if env, err := event.ParseEnvelope(m.Headers(), m.Data()); err != nil || json.Unmarshal(env.Data, &u) != nil || u.UserID != userID {
			return
		}
		t.add(event.StreamUsers, seq)
		for _, name := range []string{u.Email, u.Phone, u.Name} {
			if name != "" && !slices.Contains(t.Names, name) {
				t.Names = append(t.Names, name)
			}
		}
		if !slices.ContainsFunc(t.Files, func(f event.Import) bool { return f.ID == u.Import.ID }) {
			t.Files = append(t.Files, u.Import)
		}
	})
	// Elsewhere a body names the person, by id or by address. What cannot be read
	// as JSON (a dead letter) is searched as it is.
	for _, stream := range []string{event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters} {
		err = errors.Join(err, e.each(ctx, stream, "", func(m jetstream.Msg, seq uint64) {
			if t.Named(m.Data()) {
				t.add(stream, seq)
			}
		}))
	}
	return t, err
}

func (t *Traces) add(stream string, seq uint64) { t.Seqs[stream] = append(t.Seqs[stream], seq) }

// Named tells whether data name the person.
func (t *Traces) Named(data []byte) bool {
	id, err := json.Marshal(t.UserID)
	if err != nil || bytes.Contains(data, id) {
		return true
	}
	folded := bytes.ToLower(data)
	for _, name := range t.Names {
		if bytes.Contains(folded, bytes.ToLower([]byte(name))) {
			return true
		}
	}
	return false
}

// Erase overwrites and deletes the messages. One that is gone already is a success.
func (e *Eraser) Erase(ctx context.Context, t Traces) error {
	for stream, seqs := range t.Seqs {
		s, err := e.js.Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		for _, seq := range seqs {
			if err := s.SecureDeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !isGone(err) {
				return fmt.Errorf("delete message %d of %s: %w", seq, stream, err)
			}
		}
	}
	return nil
}

// isGone reports whether a message to delete was not there.
func isGone(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeMessageNotFound
}

// each calls do with the messages that are there now.
func (e *Eraser) each(ctx context.Context, stream, subject string, do func(m jetstream.Msg, seq uint64)) error {
	s, err := e.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	var o jetstream.OrderedConsumerConfig
	if subject != "" {
		o.FilterSubjects = []string{subject}
	}
	c, err := s.OrderedConsumer(ctx, o)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	if c.CachedInfo().NumPending == 0 {
		return nil
	}
	msgs, err := c.Messages()
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	defer msgs.Stop()
	for {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		do(m, meta.Sequence.Stream)
		if meta.NumPending == 0 {
			return nil
		}
	}
}
