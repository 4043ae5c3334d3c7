package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/event"
)

// signins follows KV CONSOLE: it knows all open sessions, and tells when one of them
// or a login has changed, so that streams of pages end at once.
type signins struct {
	kv  jetstream.KeyValue
	mu  sync.Mutex
	of  map[string]Session // by key
	end map[string]time.Time
	c   chan struct{} // is closed at the next change
}

// Session is one sign-in on pages that has not ended.
type Session struct {
	ID     string // its key, without the prefix
	Login  string
	Client string
	Stamp  string // of the login, when it was opened
	Issued string // the issuer's own session; "": none is known

	Vouched time.Time // by the issuer, by its clock
	Since   time.Time
	Expiry  time.Time
}

func newSignins(kv jetstream.KeyValue) *signins {
	return &signins{kv: kv, of: map[string]Session{}, end: map[string]time.Time{}, c: make(chan struct{})}
}

// changed is closed when a sign-in may have ended.
func (s *signins) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

// all are the open sessions of a login, or of every one for "".
func (s *signins) all(login string) (out []Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.of {
		if (login == "" || x.Login == login) && time.Now().Before(x.Expiry) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID)) })
	return out
}

// run follows the bucket until ctx ends.
func (k *Console) followSignins(ctx context.Context) error {
	for ctx.Err() == nil {
		err := k.guard.Do("following sign-ins", func() error { return k.signins.follow(ctx, k.JetStream) })
		if err != nil && ctx.Err() == nil {
			if k.repeats.first("sign-ins cannot be followed", err) {
				k.Log.Warn("sign-ins cannot be followed, trying again; streams of pages end later meanwhile", "error", err)
			}
			event.Sleep(ctx, time.Second)
		}
	}
	return nil
}

const sweepEvery = time.Minute

func (s *signins) follow(ctx context.Context, js jetstream.JetStream) error {
	stream := "KV_" + event.BucketConsole
	making, made := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	p, err := newPull(making, js, stream, "", 1)
	made()
	if p != nil {
		defer func() {
			p.end()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = js.DeleteConsumer(ctx, stream, p.consumer) // else the server does in five minutes
		}()
	}
	if err != nil {
		return err
	}
	check, sweep := time.NewTicker(recheck), time.NewTicker(sweepEvery)
	defer check.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.lost:
			return errors.New("the connection was lost")
		case <-check.C:
			if err := p.alive(); err != nil {
				return err
			}
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil {
				return err
			}
		case m := <-p.arrived:
			batch, err := p.batch(m)
			s.take(batch)
			if err != nil {
				return err
			}
		}
	}
}

func (s *signins) take(batch []*nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tell := false
	for _, m := range batch {
		key := strings.TrimPrefix(m.Subject, "$KV."+event.BucketConsole+".")
		if key == logins.Key || key == logins.EarlierKey {
			tell = true
			continue
		}
		id, ok := strings.CutPrefix(key, sessionPrefix)
		if !ok {
			continue
		}
		var st storedSession
		delete(s.end, key)
		if json.Unmarshal(m.Data, &st) == nil && !st.Expiry.IsZero() {
			s.end[key] = st.Expiry
		}
		x, open := sessionOf(st)
		if open {
			x.ID = id
			s.of[key] = x
		} else {
			delete(s.of, key)
			tell = true
		}
	}
	if tell {
		close(s.c)
		s.c = make(chan struct{})
	}
}

// sessionOf reads what a session says of itself; open is false for one that has ended or
// belongs to no one.
func sessionOf(st storedSession) (s Session, open bool) {
	_, values, err := scs.GobCodec{}.Decode(st.Data)
	if err != nil || st.Ended {
		return s, false
	}
	text := func(key string) string { v, _ := values[key].(string); return v }
	since, _ := values[sessionSince].(int64)
	s = Session{Login: text(sessionUser), Client: text(sessionClient), Stamp: text(sessionStamp), Issued: text(sessionIssued), Expiry: st.Expiry}
	if vouched, ok := values[sessionVouched].(int64); ok {
		s.Vouched = time.Unix(vouched, 0)
	}
	if since > 0 {
		s.Since = time.Unix(since, 0).UTC()
	}
	return s, true
}

// sweep deletes what is over.
func (s *signins) sweep(ctx context.Context) error {
	s.mu.Lock()
	var over []string
	for key, at := range s.end {
		if time.Since(at) > time.Minute { // clocks differ
			over = append(over, key)
		}
	}
	s.mu.Unlock()
	for _, key := range over {
		if err := s.kv.Purge(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
