package streams

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Letters are the dead letters that are kept.
type Letters struct{ js jetstream.JetStream }

// NewLetters reads, replays and drops through js.
func NewLetters(js jetstream.JetStream) *Letters { return &Letters{js} }

// Letter is a dead letter as it is kept.
type Letter struct {
	Seq    uint64              `json:"seq"`
	Kept   time.Time           `json:"kept"`
	Stream string              `json:"stream"`
	Origin uint64              `json:"sequence"`
	Reason string              `json:"reason"`
	Cause  string              `json:"cause"`
	To     string              `json:"subject"`
	Event  string              `json:"event_id,omitempty"` // as facts name it
	Header map[string][]string `json:"headers,omitempty"`  // the original ones
	Data   []byte              `json:"data,omitempty"`
}

// LetterFilter selects dead letters; its zero value selects all.
type LetterFilter struct {
	Stream, Reason string
	Since          time.Duration // kept within this time
}

// ErrNoLetter is returned for a number under which no dead letter is kept.
var ErrNoLetter = errors.New("there is no such dead letter")

func readLetter(m Message) Letter {
	h := m.Header
	l := Letter{
		Seq: m.Seq, Kept: m.Stored, Stream: h.Get(event.HeaderStream), Reason: h.Get(event.HeaderReason),
		Cause: h.Get(event.HeaderCause), To: h.Get(event.HeaderSubject), Event: h.Get(event.HeaderEventID), Header: map[string][]string{}, Data: m.Data,
	}
	l.Origin, _ = strconv.ParseUint(h.Get(event.HeaderSequence), 10, 64) // 0 for what is not usher's
	for k, v := range h {
		switch original, kept := strings.CutPrefix(k, event.HeaderOriginal); {
		case kept:
			l.Header[original] = v
		case !strings.HasPrefix(k, "Usher-") && !strings.HasPrefix(k, "Nats-"):
			l.Header[k] = v
		}
	}
	return l
}

// Get reads one. Its error wraps ErrNoLetter when it is not kept any more.
func (d *Letters) Get(ctx context.Context, seq uint64) (Letter, error) {
	m, err := Get(ctx, d.js, event.StreamDeadLetters, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, fmt.Errorf("%w: %d", ErrNoLetter, seq)
	}
	if err != nil {
		return Letter{}, err
	}
	return readLetter(m), nil
}

// Each calls do with the dead letters that are there now, the oldest first, and
// with how many they are; it ends with do's first error.
func (d *Letters) Each(ctx context.Context, f LetterFilter, do func(l Letter, all uint64) error) error {
	token := func(v string) string {
		if v == "" {
			return "*"
		}
		return v
	}
	sel := Selection{Subjects: []string{event.DeadLetterSubject(token(f.Stream), token(f.Reason))}}
	if f.Since > 0 {
		sel.Since = time.Now().Add(-f.Since)
	}
	return Read(ctx, d.js, event.StreamDeadLetters, sel, func(m Message, all uint64) error { return do(readLetter(m), all) })
}

// Replay publishes the original again and takes the dead letter out. The event
// keeps its identity, so one that took effect after all has no second effect; a
// kill in between repeats the publish at the next call. JetStream's own duplicate window
// must not swallow it, so its message id is new; the event's identity moves into
// ce-id, where the bridge looks first. Headers that steer JetStream stay out.
func (d *Letters) Replay(ctx context.Context, l Letter) error {
	m := nats.NewMsg(l.To)
	m.Data = l.Data
	id := ""
	for k, v := range l.Header {
		switch lower := strings.ToLower(k); {
		case lower == "nats-msg-id":
			if len(v) > 0 && id == "" {
				id = v[0]
			}
		case lower == "ce-id":
			if len(v) > 0 {
				id = v[0]
			}
		case strings.HasPrefix(lower, "nats-"), lower == "status", lower == "description":
		default:
			m.Header[k] = v
		}
	}
	if id == "" {
		id = l.Event // its place in its stream was its identity, and stays it
	}
	if id == "" {
		id = fmt.Sprintf("replay-%s-%d", l.Stream, l.Origin)
	}
	m.Header.Set("ce-id", id)
	m.Header.Set(event.HeaderMsgID, fmt.Sprintf("%s%d-%s", event.ReplayPrefix, l.Seq, event.NewID()))
	if _, err := d.js.PublishMsg(ctx, m); err != nil {
		return err
	}
	return d.Drop(ctx, l.Seq)
}

// Drop takes a dead letter out; one that is gone already is a success.
func (d *Letters) Drop(ctx context.Context, seq uint64) error {
	s, err := d.js.Stream(ctx, event.StreamDeadLetters)
	if err != nil {
		return err
	}
	if err := s.DeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	return nil
}

// Chore does what a chore asks for to one dead letter. Its errors are those that
// Chores.Letter has.
func (d *Letters) Chore(ctx context.Context, do string, seq uint64) error {
	l, err := d.Get(ctx, seq)
	switch {
	case errors.Is(err, ErrNoLetter):
		return event.ErrGone
	case err != nil:
		return err
	case do == event.ChoreDrop:
		return d.Drop(ctx, seq)
	case !replayable(l.To):
		return event.Permanent(errors.New("it came under a subject that nothing is sent to again"))
	}
	err = d.Replay(ctx, l)
	if errors.Is(err, nats.ErrMaxPayload) { // of this message
		return event.Permanent(err)
	}
	return ofOne(err)
}

// replayable tells whether a dead letter was a record or a decision.
func replayable(subject string) bool {
	_, record := event.ParseImportedSubject(subject)
	_, _, decision := event.ParseVerificationSubject(subject)
	return record == nil || decision == nil
}
