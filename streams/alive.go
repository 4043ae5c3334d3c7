package streams

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
)

// keyAlive begins the keys of signs of life; the process's id follows.
const keyAlive = "alive."

// signTTL is how long a sign is kept after the last one of its process. A sign that is
// missing means the same as one that does not change.
const signTTL = time.Hour

// Alive shows that this process lives while it has messages in hand, and judges
// whether other processes do, by signs in KV DELIVERY: one small write a quarter of
// Silence for a process, however many messages it has. It is safe for concurrent
// use.
//
// A process is gone when a later start on its data folder has given a sign, or when
// its sign stays the same for Silence on this process's own clock while this
// process's own signs are stored without a gap. So an outage of NATS, and a pause
// of this process, are no silence of another process; and no two clocks are compared.
type Alive struct {
	js      jetstream.JetStream
	kv      jetstream.KeyValue
	me      event.Process
	silence time.Duration

	wake chan struct{} // told when the first message is in hand

	writing sync.Mutex // one sign at a time

	mu     sync.Mutex
	inHand int
	signed time.Time // when the write of the last sign that was stored began
	steady time.Time // since when signs are stored without a gap
	others map[string]sight
}

// sight is the last sign that was seen of a process, and since when it is the last.
type sight struct {
	revision uint64
	since    time.Time
}

// sign is what stands under a key.
type sign struct {
	Start uint64 `json:"start"`
}

// NewAlive opens the bucket, which Ensure has made. A process that gives no sign
// for silence is gone.
func NewAlive(ctx context.Context, js jetstream.JetStream, me event.Process, silence time.Duration) (*Alive, error) {
	kv, err := js.KeyValue(ctx, event.BucketDelivery)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.BucketDelivery, err)
	}
	return &Alive{js: js, kv: briefly{kv}, me: me, silence: silence, wake: make(chan struct{}, 1), others: map[string]sight{}}, nil
}

func (a *Alive) interval() time.Duration { return a.silence / 4 }

// Run gives a sign at once, which ends what an earlier start on the same data
// folder held, and then one every quarter of Silence while messages are in hand,
// until ctx ends. A sign that cannot be stored is tried again; who needs it says so.
func (a *Alive) Run(ctx context.Context) error {
	t := time.NewTicker(a.interval())
	defer t.Stop()
	for first := true; ; first = false {
		if first || a.busy() {
			try, cancel := context.WithTimeout(ctx, 4*a.interval())
			_ = a.sign(try, a.interval()/2)
			cancel()
		}
		select {
		case <-t.C:
		case <-a.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Alive) busy() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inHand > 0
}

// Hold says that a message is in hand, for which signs are given until release.
func (a *Alive) Hold() (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inHand++; a.inHand == 1 {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.inHand--
	}
}

// Show returns once others have a sign of this process that is younger than half of
// Silence, so that none can take it for gone now. renewed tells that there was none:
// then some may have done so before.
func (a *Alive) Show(ctx context.Context) (renewed bool, err error) {
	if a.age() < a.silence/2 {
		return false, nil
	}
	return true, a.sign(ctx, a.silence/2)
}

// age is how old the last sign is, by the larger of two measures: the monotonic
// clock may stand still while a machine is suspended, and the other may be set.
func (a *Alive) age() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.signed.IsZero() {
		return time.Hour
	}
	now := time.Now()
	return max(now.Sub(a.signed), now.Round(0).Sub(a.signed.Round(0)))
}

// sign stores a sign unless another did meanwhile and it is younger than enough.
func (a *Alive) sign(ctx context.Context, enough time.Duration) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.age() < enough {
		return nil
	}
	data, err := json.Marshal(sign{a.me.Start})
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: "$KV." + event.BucketDelivery + "." + keyAlive + a.me.ID, Header: nats.Header{jetstream.MsgTTLHeader: {signTTL.String()}}, Data: data}
	began := time.Now()
	if _, err = a.js.PublishMsg(brief{ctx}, m); err != nil {
		return fmt.Errorf("give a sign of life: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.signed.IsZero() || began.Sub(a.signed) > 5*a.interval()/2 {
		a.steady = began // from the first sign after a gap on
	}
	a.signed = began
	return nil
}

// Gone tells whether p is gone. It returns at once when that is known already;
// otherwise it waits for a sign of p, for a bit more than Silence at most while NATS
// works. Its caller must Hold, because the silence of others is measured between
// signs of this process.
func (a *Alive) Gone(ctx context.Context, p event.Process) (bool, error) {
	if p.ID == a.me.ID {
		return p.Start < a.me.Start, nil
	}
	t := time.NewTicker(max(a.interval()/2, time.Millisecond))
	defer t.Stop()
	var first uint64 // revision
	for looked := false; ; looked = true {
		until := a.lastSign()
		s, revision, err := a.read(ctx, p.ID)
		switch {
		case err != nil:
			return false, err
		case s.Start > p.Start || a.silent(p.ID, revision, until):
			return true, nil
		case !looked:
			first = revision
		case revision != first:
			return false, nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// lastSign is when our own last sign was given.
func (a *Alive) lastSign() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.signed
}

// silent takes in that the last sign of a process had this revision when it was
// read after until, the time of our own last sign.
func (a *Alive) silent(id string, revision uint64, until time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen, ok := a.others[id]
	if !ok || seen.revision != revision {
		a.others[id] = sight{revision, time.Now()}
		return false
	}
	from := seen.since
	if a.steady.After(from) {
		from = a.steady
	}
	return until.Sub(from) >= a.silence
}

func (a *Alive) read(ctx context.Context, id string) (s sign, revision uint64, err error) {
	e, err := a.kv.Get(ctx, keyAlive+id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, fmt.Errorf("read a sign of life: %w", err)
	}
	if err := json.Unmarshal(e.Value(), &s); err != nil {
		return s, 0, fmt.Errorf("a sign of life cannot be read: revision %d", e.Revision())
	}
	return s, e.Revision(), nil
}
