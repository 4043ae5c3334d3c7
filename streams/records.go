package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Records reads single messages of USERS, of the leader: a copy that is behind
// does not have the newest ones yet, and what is not there counts as gone.
type Records struct {
	js jetstream.JetStream
}

// NewRecords reads the stream that Ensure has made.
func NewRecords(js jetstream.JetStream) *Records { return &Records{js} }

// Record reads the user of the message seq. ok is false when the message is gone,
// or is about another user because the stream was made anew.
func (r *Records) Record(ctx context.Context, seq uint64, userID string) (u event.User, ok bool, err error) {
	if seq == 0 {
		return u, false, nil
	}
	m, err := Get(ctx, r.js, event.StreamUsers, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return u, false, nil
	}
	if err != nil {
		return u, false, fmt.Errorf("read a record of %s: %w", event.StreamUsers, err)
	}
	env, err := event.ParseEnvelope(m.Header, m.Data)
	if err != nil {
		return u, false, nil // a checkpoint, or another user's
	}
	if u, err = event.ParseUser(env.Data); err != nil || u.UserID != userID {
		return event.User{}, false, nil
	}
	return u, true, nil
}

// Get reads a message from the leader of its stream. The client's GetMsg asks any
// copy when the stream allows it. Its error is jetstream.ErrMsgNotFound when the
// message is not there.
func Get(ctx context.Context, js jetstream.JetStream, stream string, seq uint64) (Message, error) {
	return fromLeader(ctx, js, stream, wanted{Seq: seq})
}

// next is Get of the first message from seq on that has the subject, which may hold
// wildcards.
func next(ctx context.Context, js jetstream.JetStream, stream string, seq uint64, subject string) (Message, error) {
	return fromLeader(ctx, js, stream, wanted{Seq: seq, Next: subject})
}

// Last is Get of the last message that has the subject, which may hold wildcards.
func Last(ctx context.Context, js jetstream.JetStream, stream, subject string) (Message, error) {
	return fromLeader(ctx, js, stream, wanted{Last: subject})
}

// wanted says which message the server is asked for.
type wanted struct {
	Seq  uint64 `json:"seq"`
	Next string `json:"next_by_subj,omitempty"`
	Last string `json:"last_by_subj,omitempty"`
}

func fromLeader(ctx context.Context, js jetstream.JetStream, stream string, which wanted) (m Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := json.Marshal(which)
	if err != nil {
		return m, err
	}
	answer, err := js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
	if err != nil {
		return m, err
	}
	var a struct {
		Error   *jetstream.APIError
		Message struct {
			Subject    string
			Seq        uint64
			Hdrs, Data []byte
			Time       time.Time
		}
	}
	if err := json.Unmarshal(answer.Data, &a); err != nil {
		return m, err
	}
	switch {
	case a.Error != nil && a.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return m, jetstream.ErrMsgNotFound
	case a.Error != nil:
		return m, a.Error
	}
	m = Message{Subject: a.Message.Subject, Data: a.Message.Data, Seq: a.Message.Seq, Stored: a.Message.Time}
	if len(a.Message.Hdrs) > 0 {
		m.Header, err = nats.DecodeHeadersMsg(a.Message.Hdrs)
	}
	return m, err
}
