package streams

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// keyChore begins the keys of chores; the role and the id follow.
const keyChore = "chore."

func choreSubject(role, id string) string {
	return "$KV." + event.BucketControl + "." + keyChore + role + "." + id
}

// AskChore keeps a chore for the role that carries it out. asked is false when there is one
// of that id, which stays. The error is event.ErrChoresFull when chores fill half of the
// bucket: the rest is left to what operators say of the stages.
func AskChore(ctx context.Context, js jetstream.JetStream, id string, c event.Chore) (asked bool, err error) {
	if err := c.Check(); err != nil {
		return false, event.Permanent(err)
	}
	s, err := js.Stream(brief{ctx}, "KV_"+event.BucketControl)
	if err != nil {
		return false, fmt.Errorf("bucket %s: %w", event.BucketControl, err)
	}
	if i := s.CachedInfo(); i.Config.MaxBytes > 0 && i.State.Bytes > uint64(i.Config.MaxBytes)/2 {
		return false, event.ErrChoresFull
	}
	_, err = writeChore(ctx, js, choreSubject(c.Role(), id), 0, c)
	if overtaken(err) {
		return false, nil
	}
	return err == nil, err
}

// ReadChore reads how a chore stands. ok is false when it is not there, or no more.
func ReadChore(ctx context.Context, js jetstream.JetStream, role, id string) (c event.Chore, ok bool, err error) {
	c, _, err = readChore(ctx, js, choreSubject(role, id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return c, false, nil
	}
	return c, err == nil, err
}

func readChore(ctx context.Context, js jetstream.JetStream, subject string) (c event.Chore, m Message, err error) {
	m, err = Last(brief{ctx}, js, "KV_"+event.BucketControl, subject)
	if err == nil && removed(m) {
		err = jetstream.ErrMsgNotFound
	}
	if err != nil {
		return c, m, fmt.Errorf("read a chore: %w", err)
	}
	if err = json.Unmarshal(m.Data, &c); err == nil {
		err = c.Check()
	}
	if err != nil {
		return c, m, event.Permanent(fmt.Errorf("the chore %s cannot be read", subject))
	}
	return c, m, nil
}

// writeChore stores a chore in place of the one with this sequence, 0 for none, and
// returns its own.
func writeChore(ctx context.Context, js jetstream.JetStream, subject string, seq uint64, c event.Chore) (uint64, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	m := nats.NewMsg(subject)
	m.Data = data
	m.Header.Set(jetstream.MsgTTLHeader, event.ChoreKept.String())
	if c.Over() {
		m.Header.Set(jetstream.MsgTTLHeader, event.ChoreRemembered.String())
	}
	ack, err := js.PublishMsg(brief{ctx}, m, jetstream.WithExpectStream("KV_"+event.BucketControl), jetstream.WithExpectLastSequencePerSubject(seq))
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, fmt.Errorf("there is no bucket %s, or it cannot be reached: run `usher setup` of this release (%w)", event.BucketControl, err)
	case err != nil:
		return 0, fmt.Errorf("write a chore: %w", err)
	}
	return ack.Sequence, nil
}

// Chores carries out the chores of one role. Several processes may: one holds a chore,
// and another one goes on with it when the first has said nothing of it for a while. What
// was done before a process died is done once more, so doing must be harmless the second
// time.
type Chores struct {
	JetStream jetstream.JetStream
	Role      string
	Me        string // this process

	// Letter, Entry and Message do what is asked for to one item, as far as the role has
	// such items. Their error is that of an item that cannot be done when it is marked
	// permanent, wraps event.ErrGone when there is nothing to do, and of an outage otherwise.
	Letter func(ctx context.Context, do string, seq uint64) error
	Entry  func(ctx context.Context, do, entry string) error

	// Message gets the chore, too, because who asked for it is told.
	Message func(ctx context.Context, c event.Chore, about event.About) error

	Count func(do, result string) // counts items, by what became of them; see ChoreResults
	Guard event.Guard
	Log   *slog.Logger

	lease time.Duration       // of tests; 0: choreLease
	said  string              // the last error
	over  map[string]struct{} // chores that are over, by subject; they stay so
}

// What becomes of the items of chores.
const (
	ChoreDone   = "done"
	ChoreGone   = "gone"
	ChoreFailed = "failed"
)

// ChoreResults are all of them.
func ChoreResults() []string { return []string{ChoreDone, ChoreGone, ChoreFailed} }

// Times of chores.
const (
	choresEvery = 30 * time.Second // chores are looked for though none was heard of
	choreLease  = 15 * time.Second // who has said nothing of a chore for so long is dead
	choreSaid   = 2 * time.Second  // how often one says how far it is, and when one that met trouble is tried again
	choreTries  = 15               // of an item that fails while the bucket can be written
)

// Run carries out what comes until ctx ends.
func (c *Chores) Run(ctx context.Context) error {
	look := make(chan struct{}, 1)
	nc := c.JetStream.Conn()
	sub, err := nc.Subscribe(choreSubject(c.Role, "*"), func(*nats.Msg) {
		select {
		case look <- struct{}{}:
		default: // a look is due already
		}
	})
	if err != nil {
		return fmt.Errorf("hear of chores: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed
	back := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(back)
	timer := time.NewTimer(0)
	defer timer.Stop()
	unsure := 2 // looks until what was on its way when it began to listen is seen
	for {
		select {
		case <-look:
			unsure = max(unsure, 1) // what is heard may not be stored yet
		case <-back:
			unsure = 2
		case <-timer.C:
			unsure = max(0, unsure-1)
		case <-ctx.Done():
			return nil
		}
		again := choresEvery
		if err := c.Guard.Do("carrying out chores", func() (err error) { again, err = c.look(ctx); return err }); err != nil && ctx.Err() == nil {
			again = choreSaid
			if err.Error() != c.said {
				c.said = err.Error()
				c.Log.Warn("what a person asked for at a console is not done yet, trying again", "what", c.Role, "error", err)
			}
		}
		if unsure > 0 {
			again = min(again, choreSaid)
		}
		timer.Reset(again)
	}
}

// look carries out the chores that are there, and says when to look again: soon when
// another process holds one. One that cannot be read stands in no other's way.
func (c *Chores) look(ctx context.Context) (again time.Duration, err error) {
	s, err := c.JetStream.Stream(brief{ctx}, "KV_"+event.BucketControl)
	if err != nil {
		return 0, err
	}
	i, err := s.Info(brief{ctx}, jetstream.WithSubjectFilter(choreSubject(c.Role, "*")))
	if err != nil {
		return 0, err
	}
	again = choresEvery
	lease := cmp.Or(c.lease, choreLease)
	was := c.over
	c.over = map[string]struct{}{}
	var errs []error
	for subject := range i.State.Subjects {
		if _, over := was[subject]; over {
			c.over[subject] = struct{}{}
			continue
		}
		chore, m, err := readChore(ctx, c.JetStream, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			continue
		case err == nil && chore.Over():
			c.over[subject] = struct{}{}
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		case chore.Holder != "" && chore.Holder != c.Me && time.Since(m.Stored) < lease:
			again = min(again, lease)
			continue
		case chore.Role() != c.Role:
			errs = append(errs, fmt.Errorf("the chore %s asks for what is not its role's", subject))
			continue
		}
		if err := c.carryOut(ctx, subject, m.Seq, chore); err != nil && !overtaken(err) {
			errs = append(errs, err)
		}
	}
	return again, errors.Join(errs...)
}

// carryOut goes on with a chore to its end. Each word of it takes the place of the last
// one, so that of two who hold it one stops.
func (c *Chores) carryOut(ctx context.Context, subject string, seq uint64, chore event.Chore) error {
	say := func() (err error) {
		seq, err = writeChore(ctx, c.JetStream, subject, seq, chore)
		return err
	}
	chore.Holder = c.Me
	if err := say(); err != nil {
		return err
	}
	said := time.Now()
	for !chore.Over() {
		if time.Since(said) >= choreSaid {
			if err := say(); err != nil {
				return err
			}
			said = time.Now()
		}
		item, err := c.one(ctx, chore)
		result := ChoreDone
		switch {
		case err == nil:
		case errors.Is(err, event.ErrGone):
			chore.Gone++
			result = ChoreGone
		case event.IsPermanent(err), chore.Tries >= choreTries:
			chore.Fail(item, err.Error())
			result = ChoreFailed
		default: // it goes on from here; what cannot be said now is no try
			chore.Tries++
			return errors.Join(err, say())
		}
		chore.Next++
		chore.Tries = 0
		c.Count(chore.Do, result)
	}
	c.said = ""
	c.Log.Info("what a person asked for at a console is done", "action", chore.Do, "chore", subject[strings.LastIndexByte(subject, '.')+1:], "items", chore.Items(), "gone", chore.Gone, "failed", chore.Unable)
	chore = chore.Ended()
	return say()
}

// one does the next item.
func (c *Chores) one(ctx context.Context, chore event.Chore) (item string, err error) {
	switch n := chore.Next; {
	case len(chore.Letters) > 0:
		seq := chore.Letters[n]
		return fmt.Sprint(seq), c.Letter(ctx, chore.Do, seq)
	case len(chore.Entries) > 0:
		return chore.Entries[n], c.Entry(ctx, chore.Do, chore.Entries[n])
	default:
		about := chore.About[n]
		return about.String(), c.Message(ctx, chore, about)
	}
}
