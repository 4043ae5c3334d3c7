package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
)

// A canary that arrives deletes what it left. One that failed, or whose process
// ended, leaves that to the next one: it ends what is still open by a rejection,
// and deletes what is over. So what is there is bounded by how often a canary
// fails within the time that one may take.

// canaryPrefix begins the user id of every canary.
const canaryPrefix = "canary-"

// leavings are what one canary has in the streams. Its record in PEOPLE and its
// facts are found by its id.
type leavings struct {
	users, decisions []uint64
	imports          []string
	since            time.Time // its first record
	rejected         bool      // it was asked to end
}

// sweep cleans up behind canaries that came before this one and are not in work
// any more. It does as much as it can: the next one goes on.
func (c Canary) sweep(ctx context.Context) error {
	age := c.MayTake
	if age <= 0 {
		age = time.Hour
	}
	old := time.Now().Add(-age)
	c.sweepInbox(old)
	all, err := c.leavings(ctx)
	if err != nil {
		return err
	}
	over := map[string]*leavings{}
	var errs []error
	for id, l := range all {
		if l.since.After(old) {
			continue
		}
		p, known, err := c.Client.People.Get(ctx, id)
		switch {
		case err != nil:
			errs = append(errs, err)
		case known && p.Status.Final() && p.Order == nil, !known && c.handled(ctx, l):
			over[id] = l
		case known && !l.rejected: // one that has been approved ends by itself
			errs = append(errs, c.Client.Publisher.Verification(ctx, event.SourceCanary, event.VerbRejected, "sweep-"+id, event.VerificationBody{UserID: id, Reason: "the canary did not arrive"}))
		}
	}
	if len(over) == 0 {
		return errors.Join(errs...)
	}
	facts, err := c.facts(ctx, over)
	return errors.Join(append(errs, err, c.remove(ctx, over, facts))...)
}

// sweepInbox removes files that no watcher took.
func (c Canary) sweepInbox(old time.Time) {
	for _, pattern := range []string{canaryPrefix + "*.csv", "." + canaryPrefix + "*"} {
		paths, _ := filepath.Glob(filepath.Join(c.Inbox, pattern)) // the pattern is good
		for _, path := range paths {
			if i, err := os.Lstat(path); err == nil && i.ModTime().Before(old) {
				_ = os.Remove(path) // otherwise it was taken right now
			}
		}
	}
}

// leavings finds what canaries have in USERS and VERIFICATIONS, by user id.
func (c Canary) leavings(ctx context.Context) (map[string]*leavings, error) {
	all := map[string]*leavings{}
	err := streams.Read(ctx, c.Client.JetStream, event.StreamUsers, streams.Selection{Subjects: []string{event.ImportedSubject(event.SourceCanary)}},
		func(m streams.Message, _ uint64) error {
			u, err := event.ParseUser(m.Data)
			if err != nil || !strings.HasPrefix(u.UserID, canaryPrefix) {
				return nil
			}
			l := all[u.UserID]
			if l == nil {
				l = &leavings{since: m.Stored}
				all[u.UserID] = l
			}
			l.users, l.imports = append(l.users, m.Seq), append(l.imports, u.Import.ID)
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = streams.Read(ctx, c.Client.JetStream, event.StreamVerifications, streams.Selection{Subjects: []string{event.VerificationSubject(event.SourceCanary, "*")}},
		func(m streams.Message, _ uint64) error {
			b, err := event.ParseVerificationBody(m.Data)
			if l := all[b.UserID]; err == nil && l != nil {
				l.decisions = append(l.decisions, m.Seq)
				l.rejected = l.rejected || m.Subject == event.VerificationSubject(event.SourceCanary, event.VerbRejected)
			}
			return nil
		})
	return all, err
}

// handled tells that the bridge is done with all records of a canary. One that it
// still has before it would make a person anew.
func (c Canary) handled(ctx context.Context, l *leavings) bool {
	cons, err := c.Client.JetStream.Consumer(ctx, event.StreamUsers, event.ConsumerUsers)
	return err == nil && slices.Max(l.users) <= cons.CachedInfo().AckFloor.Stream
}

// facts finds the facts about canaries, which are not older than their first
// records.
func (c Canary) facts(ctx context.Context, of map[string]*leavings) (seqs []uint64, err error) {
	since := time.Now()
	for _, l := range of {
		if l.since.Before(since) {
			since = l.since
		}
	}
	err = streams.Read(ctx, c.Client.JetStream, event.StreamOnboarding, streams.Selection{Since: since}, func(m streams.Message, _ uint64) error {
		var f event.Fact
		if json.Unmarshal(m.Data, &f) == nil && of[f.UserID] != nil {
			seqs = append(seqs, m.Seq)
		}
		return nil
	})
	return seqs, err
}

// remove deletes what canaries left: facts and the rest first, their records in
// USERS last, because by those the next canary finds what is still there.
func (c Canary) remove(ctx context.Context, of map[string]*leavings, facts []uint64) error {
	js := c.Client.JetStream
	var users, decisions []uint64
	imports := map[string]bool{}
	var errs []error
	for id, l := range of {
		users, decisions = append(users, l.users...), append(decisions, l.decisions...)
		for _, i := range l.imports {
			imports[i] = true
		}
		errs = append(errs, purge(ctx, js, "KV_"+event.BucketPeople, "$KV."+event.BucketPeople+"."+id))
	}
	errs = append(errs, remove(ctx, js, event.StreamOnboarding, facts), remove(ctx, js, event.StreamVerifications, decisions), c.removeCheckpoints(ctx, imports))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return remove(ctx, js, event.StreamUsers, users)
}

// removeCheckpoints deletes those of the given imports. Their subjects are found
// by listing: digests of files cannot be had from records.
func (c Canary) removeCheckpoints(ctx context.Context, imports map[string]bool) error {
	s, err := c.Client.JetStream.Stream(ctx, event.StreamUsers)
	if err != nil {
		return err
	}
	i, err := s.Info(ctx, jetstream.WithSubjectFilter(event.CheckpointSubject(event.SourceCanary, "*")))
	if err != nil {
		return err
	}
	var errs []error
	for subject := range maps.Keys(i.State.Subjects) {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		var at struct {
			Import string `json:"import"`
		}
		if err == nil && json.Unmarshal(m.Data, &at) == nil && imports[at.Import] {
			err = s.Purge(ctx, jetstream.WithPurgeSubject(subject))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func purge(ctx context.Context, js jetstream.JetStream, stream, subject string) error {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
}

func remove(ctx context.Context, js jetstream.JetStream, stream string, seqs []uint64) error {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	var errs []error
	for _, seq := range seqs {
		err := s.DeleteMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			if _, gone := s.GetMsg(ctx, seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
				continue // somebody was faster
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
