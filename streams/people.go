package streams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// ErrNoPerson is returned by Update and UpdateSend for a user who has no record.
var ErrNoPerson = errors.New("no such person in PEOPLE")

// People are the records of KV PEOPLE.
type People struct {
	kv     jetstream.KeyValue
	claims group
	known  atomic.Bool                // the last claim found a record
	latest *lru.Cache[string, record] // by user id, as this process saw them last
	turns  turns
}

// NewPeople opens the bucket, which Ensure has made.
func NewPeople(ctx context.Context, js jetstream.JetStream) (*People, error) {
	kv, err := js.KeyValue(ctx, event.BucketPeople)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.BucketPeople, err)
	}
	return &People{kv: briefly{kv}, claims: group{js: js, stream: "KV_" + event.BucketPeople}, latest: newLatest()}, nil
}

// Get reads a record from the leader; ok is false when there is none.
func (p *People) Get(ctx context.Context, userID string) (person event.Person, ok bool, err error) {
	person, rev, err := p.read(ctx, userID)
	return person, rev > 0, err
}

// Claim stores person as the record of a user who has none, and otherwise
// returns the record that is there. Of several claims at once one wins, and all
// see the winner's record. Lists are of new users or of known ones, mostly: it
// looks before it writes only when the last claim found a record.
func (p *People) Claim(ctx context.Context, userID string, person event.Person) (event.Person, error) {
	for attempt := 0; ; attempt++ {
		if attempt > 0 || p.known.Load() {
			stored, rev, err := p.read(ctx, userID)
			p.known.Store(rev > 0)
			if err != nil || rev > 0 {
				return stored, err
			}
		}
		err := p.create(ctx, userID, person)
		if err == nil {
			return person, nil
		}
		if err := again(ctx, err, attempt); err != nil {
			return event.Person{}, fmt.Errorf("claim the person: %w", err)
		}
	}
}

// create stores the record of a user who has none, as the client's Create would,
// and with those of others.
func (p *People) create(ctx context.Context, userID string, person event.Person) error {
	m := nats.NewMsg("$KV." + event.BucketPeople + "." + userID)
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "0")
	m.Data = encode(person)
	there, err := p.claims.store(ctx, userID, m, func(ctx context.Context) error {
		_, err := p.kv.Create(ctx, userID, m.Data)
		return err
	})
	if there {
		return jetstream.ErrKeyExists
	}
	return err
}

// Update changes a record by compare-and-set: change sees what is stored now
// and alters it; when another writer was faster, or it is not known whether the
// write arrived, it is asked again with a fresh read, so it must have no effect
// beyond its argument. An error of change ends the update unchanged and is
// returned as it is. Update returns what is stored in the end.
//
// What this process saw of the record last saves a read when it is still the
// latest, which the compare tells. Where nothing is written, nothing compares:
// then the store itself is read. Within a process the updates of one record wait
// for each other: the messages of a welcome go out at the same time, and every
// conflict costs a write and a read.
func (p *People) Update(ctx context.Context, userID string, change func(*event.Person) error) (event.Person, error) {
	done, err := p.turns.wait(ctx, userID)
	if err != nil {
		return event.Person{}, err
	}
	defer done()
	at, seen := p.latest.Get(userID)
	for attempt := 0; ; {
		if !seen {
			var err error
			if at, err = p.load(ctx, userID); err != nil {
				return event.Person{}, err
			}
			if at.revision == 0 {
				return event.Person{}, ErrNoPerson
			}
		}
		person, err := at.person()
		if err != nil {
			return person, err
		}
		before := encode(person)
		refused := change(&person)
		after := encode(person)
		if refused != nil || bytes.Equal(before, after) {
			if seen {
				seen = false
				continue
			}
			p.latest.Add(userID, at)
			return person, refused
		}
		rev, err := p.kv.Update(ctx, userID, after, at.revision)
		if err == nil {
			p.latest.Add(userID, record{after, rev})
			return person, nil
		}
		p.latest.Remove(userID)
		if err := again(ctx, err, attempt); err != nil {
			return person, fmt.Errorf("update the person: %w", err)
		}
		seen = false
		attempt++
	}
}

// UpdateSend is Update for one entry of the send ledger: change gets the zero
// Send when there is none yet.
func (p *People) UpdateSend(ctx context.Context, userID, key string, change func(*event.Send) error) (event.Send, error) {
	var send event.Send
	person, err := p.Update(ctx, userID, func(person *event.Person) error {
		var err error
		send, err = person.ChangeSend(key, change)
		return err
	})
	if err != nil {
		return send, err
	}
	return person.Sends[key], nil
}

// Each calls f with every record as it stands, in no order, until f returns an
// error, which is returned. One that is written meanwhile may come twice. It reads
// the whole bucket, so it is for reports and operators' commands only.
func (p *People) Each(ctx context.Context, f func(userID string, person event.Person) error) error {
	return eachPerson(ctx, p.claims.js, f)
}

// eachPerson reads all of PEOPLE, to the end that it has then: a record that is
// written meanwhile comes later, or again.
func eachPerson(ctx context.Context, js jetstream.JetStream, f func(userID string, p event.Person) error) error {
	prefix := "$KV." + event.BucketPeople + "."
	return Read(ctx, js, "KV_"+event.BucketPeople, Selection{Latest: true}, func(m Message, _ uint64) error {
		if removed(m) {
			return nil
		}
		var p event.Person
		if err := json.Unmarshal(m.Data, &p); err != nil {
			return fmt.Errorf("the record of a person cannot be read: revision %d", m.Seq)
		}
		return f(strings.TrimPrefix(m.Subject, prefix), p)
	})
}

// removed tells whether a message of a bucket says that its key is gone.
func removed(m Message) bool {
	return m.Header.Get("KV-Operation") != "" || m.Header.Get("Nats-Marker-Reason") != ""
}

func (p *People) read(ctx context.Context, userID string) (event.Person, uint64, error) {
	at, err := p.load(ctx, userID)
	if err != nil || at.revision == 0 {
		return event.Person{}, 0, err
	}
	person, err := at.person()
	return person, at.revision, err
}

// load reads a record from the leader; its revision is 0 when there is none.
func (p *People) load(ctx context.Context, userID string) (record, error) {
	e, err := p.kv.Get(ctx, userID)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read the person: %w", err)
	}
	return record{e.Value(), e.Revision()}, nil
}

func encode(p event.Person) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("streams: a Person is plain data: " + err.Error())
	}
	return b
}

// Tries before an update is given back: others who write the same record, and
// errors of the store, which a fresh read may find to have been successes.
const maxTries = 20

// again waits a moment and returns nil when a failed write is worth another
// read and try, or the error to give back.
func again(ctx context.Context, err error, attempt int) error {
	conflict := errors.Is(err, jetstream.ErrKeyExists) || overtaken(err)
	if attempt+1 >= maxTries || !conflict && attempt >= 2 {
		return err
	}
	if !event.GiveWay(ctx, attempt) {
		return errors.Join(err, ctx.Err())
	}
	return nil
}

func overtaken(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && event.Overtaken(int(api.ErrorCode))
}
