package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Kept is how long an operation is kept after its last change, a draft for DraftKept.
const (
	Kept      = 30 * 24 * time.Hour
	DraftKept = time.Hour
)

// Stream holds everything that the package keeps.
const Stream = "KV_" + event.BucketConsole

const (
	subject  = "$KV." + event.BucketConsole + "."
	prefix   = "bulk."
	perChunk = 500 // people; a user id has 128 bytes at most
	perHead  = 150 // bytes of a person in a chunk at most
	perStep  = 5 * time.Second
	mostTry  = 20 // of a change that others are faster with
)

// Subjects are those of what the package keeps there.
const Subjects = subject + prefix + ">"

// Errors that callers tell people about.
var (
	ErrNone   = errors.New("there is no such operation; one is kept for 30 days, and a choice of people for an hour")
	ErrNoRoom = errors.New("there is no room for a decision about so many now: cancel operations that are open, or give KV_CONSOLE more room")
	ErrTwice  = errors.New("the same request is being dealt with; ask again in a moment")
	errMoved  = errors.New("the record of the operation was changed meanwhile")
)

// Store keeps operations on JetStream.
type Store struct{ JetStream jetstream.JetStream }

// Create stores an operation with its people, the record last: one that is there is
// whole. When it is there already the one that is there is returned; an id stands for
// one choice of people for ever.
func (s Store) Create(ctx context.Context, o Operation, people []Person) (Operation, error) {
	if there, _, err := s.Get(ctx, o.ID); !errors.Is(err, ErrNone) {
		return there, err
	}
	if err := s.room(ctx, len(people)); err != nil {
		return o, err
	}
	o.Matched, o.Chunks = len(people), (len(people)+perChunk-1)/perChunk
	kept := Kept
	if o.State == Draft {
		kept = 2 * DraftKept // never shorter than its record
	}
	for n := range o.Chunks {
		data, err := json.Marshal(pairs(people[n*perChunk : min(len(people), (n+1)*perChunk)]))
		if err == nil {
			_, err = s.put(ctx, chunkKey(o.ID, n), data, kept, new(uint64))
		}
		if err != nil {
			return s.orThere(ctx, o, err)
		}
	}
	_, err := s.write(ctx, o, new(uint64))
	return s.orThere(ctx, o, err)
}

// orThere returns the operation that is there when the same request came twice at once.
func (s Store) orThere(ctx context.Context, o Operation, err error) (Operation, error) {
	if !errors.Is(err, errMoved) {
		return o, err
	}
	if o, _, err = s.Get(ctx, o.ID); errors.Is(err, ErrNone) {
		err = ErrTwice
	}
	return o, err
}

// Keep makes the people of a draft stay as long as an operation.
func (s Store) Keep(ctx context.Context, o Operation) error {
	st, err := s.JetStream.Stream(ctx, Stream)
	if err != nil {
		return err
	}
	for n := range o.Chunks {
		m, err := st.GetLastMsgForSubject(ctx, subject+prefix+chunkKey(o.ID, n))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return ErrNone
		}
		if err == nil {
			_, err = s.put(ctx, chunkKey(o.ID, n), m.Data, Kept, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func chunkKey(id string, n int) string { return id + "." + strconv.Itoa(n) }

// room refuses what would fill more than half of the bucket, in which sessions are too.
func (s Store) room(ctx context.Context, people int) error {
	st, err := s.JetStream.Stream(ctx, Stream)
	if err != nil {
		return err
	}
	i := st.CachedInfo()
	if most := i.Config.MaxBytes; most > 0 && int64(i.State.Bytes)+int64(people*perHead) > most/2 {
		return ErrNoRoom
	}
	return nil
}

// Get reads an operation and the revision of its record.
func (s Store) Get(ctx context.Context, id string) (o Operation, revision uint64, err error) {
	if !known(id) {
		return o, 0, ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, perStep)
	defer cancel()
	st, err := s.JetStream.Stream(ctx, Stream)
	if err != nil {
		return o, 0, err
	}
	m, err := st.GetLastMsgForSubject(ctx, subject+prefix+id)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return o, 0, ErrNone
	case err != nil:
		return o, 0, err
	case len(m.Data) == 0:
		return o, 0, ErrNone
	}
	return o, m.Sequence, json.Unmarshal(m.Data, &o)
}

// known tells whether an id can be one of an operation.
func known(id string) bool {
	return len(id) == 27 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}

// Change changes an operation by f, again when another change was faster. f must come
// to the same when it meets its own change.
func (s Store) Change(ctx context.Context, id string, f func(*Operation) error) (o Operation, revision uint64, err error) {
	for n := range mostTry {
		if o, revision, err = s.Get(ctx, id); err != nil {
			return o, revision, err
		}
		before := o
		if err := f(&o); err != nil {
			return before, revision, err
		}
		if revision, err = s.write(ctx, o, &revision); !errors.Is(err, errMoved) {
			return o, revision, err
		}
		event.GiveWay(ctx, n)
	}
	return o, revision, err
}

// Hold changes an operation of which the caller knows the newest record; it returns an
// error that Moved knows when there is a newer one.
func (s Store) Hold(ctx context.Context, o Operation, revision uint64) (uint64, error) {
	return s.write(ctx, o, &revision)
}

// Moved tells whether a change failed because another one was faster.
func Moved(err error) bool { return errors.Is(err, errMoved) }

func (s Store) write(ctx context.Context, o Operation, revision *uint64) (uint64, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	return s.put(ctx, o.ID, data, o.kept(), revision)
}

func (o Operation) kept() time.Duration {
	if o.State == Draft {
		return DraftKept
	}
	return Kept
}

// put stores a value for a time, or for ever where the stream takes no times to live.
func (s Store) put(ctx context.Context, key string, data []byte, kept time.Duration, revision *uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, perStep)
	defer cancel()
	opts := []jetstream.PublishOpt{jetstream.WithExpectStream(Stream)}
	if revision != nil {
		opts = append(opts, jetstream.WithExpectLastSequencePerSubject(*revision))
	}
	const ttlDisabled = 10166
	ack, err := s.JetStream.PublishMsg(ctx, &nats.Msg{Subject: subject + prefix + key, Data: data}, append(opts, jetstream.WithMsgTTL(kept))...)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == ttlDisabled {
		ack, err = s.JetStream.PublishMsg(ctx, &nats.Msg{Subject: subject + prefix + key, Data: data}, opts...)
	}
	switch {
	case errors.As(err, &api) && event.Overtaken(int(api.ErrorCode)):
		return 0, errMoved
	case err != nil:
		return 0, fmt.Errorf("store the operation: %w", err)
	}
	return ack.Sequence, nil
}

// Entry is one message of what the package keeps.
type Entry struct {
	ID        string
	Operation *Operation // of a record; nil: of a chunk, or gone
	First     int        // of a chunk: which of the people its first one is
	People    []Person
	Gone      bool // the record was taken out
}

// Read reads a message; ok is false when it is none of these.
func Read(m *nats.Msg) (e Entry, ok bool) {
	key, ours := strings.CutPrefix(m.Subject, subject+prefix)
	id, n, chunk := strings.Cut(key, ".")
	if !ours || !known(id) {
		return e, false
	}
	e.ID = id
	switch {
	case len(m.Data) == 0:
		e.Gone = !chunk
		return e, !chunk
	case !chunk:
		e.Operation = &Operation{}
		return e, json.Unmarshal(m.Data, e.Operation) == nil
	}
	nr, err := strconv.Atoi(n)
	var given pairs
	if err != nil || json.Unmarshal(m.Data, &given) != nil {
		return e, false
	}
	e.First, e.People = nr*perChunk, given
	return e, true
}

// pairs are people as a chunk has them: [["u-1",1],["u-2",1]].
type pairs []Person

// MarshalJSON implements json.Marshaler.
func (p pairs) MarshalJSON() ([]byte, error) {
	all := make([][2]any, len(p))
	for i, x := range p {
		all[i] = [2]any{x.UserID, x.Generation}
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *pairs) UnmarshalJSON(data []byte) error {
	var all [][2]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*p = make(pairs, len(all))
	for i, x := range all {
		if err := errors.Join(json.Unmarshal(x[0], &(*p)[i].UserID), json.Unmarshal(x[1], &(*p)[i].Generation)); err != nil {
			return err
		}
	}
	return nil
}
