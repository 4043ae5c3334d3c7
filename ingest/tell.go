package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// teller tells on NATS how one import stands, each word in place of the one
// before. Its end is the last word: nothing takes its place, neither a word that was
// on its way when the end was told, nor one after a restart, nor one of a watcher
// that was frozen while another finished the import. For that each word names the
// one that it takes the place of, and the server refuses it when another is there.
type teller struct {
	*publisher

	mu    sync.Mutex // held while a word is told
	seq   uint64     // of the last word
	sure  bool       // seq is known: nothing is on its way
	ended bool       // that word is an end
}

// A new import has nothing told yet, which the server confirms with the first
// word.
func newTeller(p *publisher) *teller { return &teller{publisher: p, sure: true} }

// How long words can be seen in consoles: ends as long as the facts about the
// people of the import; others until the import must be given up, because it
// says every second that it goes on, and at least every ten that it waits.
const (
	keepEnds  = 400 * 24 * time.Hour
	keepWords = 7 * 24 * time.Hour
)

// errEarlier means that a word takes the place of another one than it says.
var errEarlier = errors.New("another watcher has told of the import since")

// publish writes an update. An end or a hold overwrites other updates and is retried
// until it is the last one or ctx ends; other updates yield to another watcher. Behind an
// end only an end is written.
func (t *teller) publish(ctx context.Context, p event.Progress) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tries := 0; ; tries++ {
		err := t.find(ctx, p.Source, p.Import)
		if err == nil && t.ended && !p.Over() {
			return nil
		}
		if err == nil {
			err = t.replace(ctx, p)
		}
		if err == nil || !p.Over() && p.State != event.ImportHeld || !errors.Is(err, errEarlier) || tries == 10 {
			return err
		}
		if !event.Sleep(ctx, event.Doubling(10*time.Millisecond, 640*time.Millisecond, tries)) { // what was on its way, arrives
			return ctx.Err()
		}
	}
}

// find reads what was told last, unless that is known.
func (t *teller) find(ctx context.Context, source, imported string) error {
	if t.sure {
		return nil
	}
	body, seq, err := t.last(ctx, event.ProgressSubject(source, imported), "how the import stands")
	if err != nil {
		return err
	}
	var last event.Progress
	_ = json.Unmarshal(body, &last) // one that cannot be read is no end
	t.seq, t.sure, t.ended = seq, true, last.Over()
	return nil
}

// replace stores a word in place of the last one. After an error what the last
// one is must be found again.
func (t *teller) replace(ctx context.Context, p event.Progress) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	keep := keepWords
	if p.Over() || p.State == event.ImportHeld { // it may be held for long
		keep = keepEnds
	}
	m := nats.NewMsg(event.ProgressSubject(p.Source, p.Import))
	m.Data = b
	m.Header.Set("Nats-Rollup", "sub")
	m.Header.Set("Nats-TTL", keep.String())
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(t.seq, 10))
	t.sure = false
	ack, err := t.js.PublishMsg(ctx, m)
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused) && event.Overtaken(int(refused.ErrorCode)):
		return errEarlier
	case err != nil:
		return fmt.Errorf("tell how the import stands: %w", err)
	}
	t.seq, t.sure, t.ended = ack.Sequence, true, p.Over()
	return nil
}

// moved ends the words about a claim that goes on as another import; there may be
// none.
func (t *teller) moved(ctx context.Context, p event.Progress, to string) error {
	t.mu.Lock()
	t.sure = false
	err := t.find(ctx, p.Source, p.Import)
	nothing := t.seq == 0
	t.mu.Unlock()
	if err != nil || nothing {
		return err
	}
	p.State, p.DuplicateOf, p.Reason, p.Next = event.ImportDuplicate, to, "", "Nothing to do: it goes on as import "+to+"."
	p.Percent, p.Rate, p.Left = 100, 0, 0
	return t.publish(ctx, p)
}
