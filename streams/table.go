package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// Options size the streams.
type Options struct {
	// MaxBytes is the room for all streams together. JetStream reserves it, so
	// it must be below the store's limit.
	MaxBytes int64
	// Replicas is 1 on one machine and 3 in a cluster.
	Replicas int
	// KeyFingerprint of the key that derives user ids. The first one stays with
	// USERS; another one is refused, because the same person would get two ids.
	KeyFingerprint string
	// AcceptLost are streams that may be missing, or made anew, although usher knows
	// of older ones: their messages are lost for good.
	AcceptLost []string
	// Setup says that the account may change streams. Roles may not, and then leave
	// undone what an older release has not written into them.
	Setup bool
	// Tell is called for each stream as it is on the servers, and whether Ensure made
	// it; nil: of none.
	Tell func(c jetstream.StreamConfig, made bool)
}

const (
	day = 24 * time.Hour

	maxEvent = 256 << 10 // bytes of one event with its headers

	metaKey = "usher-id-key"
)

// row is one line of the table: what a stream is for is in docs/design.
type row struct {
	share int64 // of Options.MaxBytes, in four-hundredths
	cfg   jetstream.StreamConfig
}

// Count is how many streams there are.
const Count = 10

// table lists the streams. The shares add up to all of MaxBytes, but for REPORTS,
// DELIVERY and CONTROL, which came later and take of the twentieth that is left
// beside it.
func table(o Options) []row {
	rows := []row{
		{200, jetstream.StreamConfig{
			Name: event.StreamUsers, Subjects: []string{"users.v1.>"},
			Discard: jetstream.DiscardNew, MaxMsgSize: maxEvent,
			AllowAtomicPublish: true, AllowRollup: true, AllowMsgTTL: true, AllowDirect: true,
			Metadata: map[string]string{metaKey: o.KeyFingerprint},
		}},
		{40, jetstream.StreamConfig{
			Name: event.StreamVerifications, Subjects: []string{"verifications.v1.>"},
			Discard: jetstream.DiscardNew, MaxMsgSize: maxEvent, MaxAge: 90 * day,
			AllowDirect: true, AllowMsgTTL: true, Duplicates: 10 * time.Minute,
		}},
		{80, jetstream.StreamConfig{
			Name: event.StreamOnboarding, Subjects: []string{"onboarding.v1.>"},
			Discard: jetstream.DiscardOld, MaxAge: 400 * day, AllowDirect: true, AllowMsgTTL: true, AllowAtomicPublish: true,
		}},
		{20, jetstream.StreamConfig{
			Name: event.StreamDeadLetters, Subjects: []string{"deadletters.v1.>"},
			Discard: jetstream.DiscardNew, MaxAge: 400 * day, AllowDirect: true,
		}},
		{20, jetstream.StreamConfig{
			Name: event.StreamAudit, Subjects: []string{"audit.v1.>"},
			Discard: jetstream.DiscardNew, MaxAge: 400 * day, AllowDirect: true,
		}},
		{20, people()},
		{20, console()},
		{10, reports()},
		{10, delivery()},
		{1, control()},
	}
	for i := range rows {
		c := &rows[i].cfg
		c.Storage = jetstream.FileStorage
		c.Retention = jetstream.LimitsPolicy
		c.Replicas = max(o.Replicas, 1)
		c.MaxBytes = o.MaxBytes / 400 * rows[i].share
	}
	return rows
}

// Names are the names of all streams, those of the buckets among them.
func Names() (out []string) {
	for _, r := range table(Options{}) {
		out = append(out, r.cfg.Name)
	}
	return out
}

func people() jetstream.StreamConfig {
	c := bucket(event.BucketPeople)
	c.AllowMsgTTL = true // for canaries
	return c
}

func console() jetstream.StreamConfig {
	c := bucket(event.BucketConsole)
	c.AllowMsgTTL = true // decisions about many are kept for a while
	return c
}

func delivery() jetstream.StreamConfig {
	c := bucket(event.BucketDelivery)
	c.AllowMsgTTL = true // what receipts refer to is forgotten in time
	return c
}

func reports() jetstream.StreamConfig {
	c := bucket(event.BucketReports)
	c.MaxAge = 90 * day
	return c
}

// control keeps what operators say about the stages, a few hundred bytes, and chores, which
// leave half of it free.
func control() jetstream.StreamConfig {
	c := bucket(event.BucketControl)
	c.AllowMsgTTL = true  // chores go by themselves
	c.AllowRollup = false // who may write one key could otherwise take all of them away
	return c
}

// bucket is the stream of a KV bucket, with one difference to what the client
// would create: no direct gets, so that every read is answered by the leader and
// none is stale.
func bucket(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew,
		AllowRollup: true, DenyDelete: true, AllowAtomicPublish: true,
	}
}

// Ensure creates the streams that are missing and checks those that are there.
// It changes no existing stream, but for the key's fingerprint where there is
// none yet and for when the streams were made: one that lacks a setting on which a
// guarantee rests is an error that says which, and sizes are the administrator's.
// A stream that was there before and is gone, or was made anew, is an error that
// wraps ErrLost; then nothing is made.
func Ensure(ctx context.Context, js jetstream.JetStream, o Options) error {
	rows, infos := table(o), map[string]*jetstream.StreamInfo{}
	for _, r := range rows {
		s, err := js.Stream(ctx, r.cfg.Name)
		switch {
		case err == nil:
			infos[r.cfg.Name] = s.CachedInfo()
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("stream %s: %w", r.cfg.Name, err)
		}
	}
	if err := lost(infos, o.AcceptLost); err != nil {
		return err
	}
	var problems []error
	for i, r := range rows {
		name, made := r.cfg.Name, infos[r.cfg.Name] == nil
		if made {
			s, err := js.CreateStream(ctx, r.cfg)
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another usher was faster
				s, err = js.Stream(ctx, name)
			}
			if err != nil {
				return o.refused(ctx, js, r.cfg, bytesWithout(rows[i:], infos), err)
			}
			infos[name] = s.CachedInfo()
		}
		got := infos[name].Config
		if r.cfg.Metadata[metaKey] != "" && got.Metadata[metaKey] == "" { // made by a role that has no key
			got.Metadata = maps.Clone(got.Metadata)
			if got.Metadata == nil {
				got.Metadata = map[string]string{}
			}
			got.Metadata[metaKey] = r.cfg.Metadata[metaKey]
			s, err := js.UpdateStream(ctx, got)
			if err != nil {
				return fmt.Errorf("stream %s: %w", name, err)
			}
			infos[name] = s.CachedInfo()
		}
		problems = append(problems, check(r.cfg, got))
		if o.Tell != nil {
			o.Tell(got, made)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	if err := noteBirths(ctx, js, infos); err != nil && (o.Setup || !denied(err)) {
		return err
	}
	return nil
}

// bytesWithout is the room of the rows that have no stream yet.
func bytesWithout(rows []row, infos map[string]*jetstream.StreamInfo) (n int64) {
	for _, r := range rows {
		if infos[r.cfg.Name] == nil {
			n += r.cfg.MaxBytes
		}
	}
	return n
}

// CheckKey reports whether a key with this fingerprint is the one that these
// servers were filled with.
func CheckKey(ctx context.Context, js jetstream.JetStream, fingerprint string) error {
	s, err := js.Stream(ctx, event.StreamUsers)
	if err != nil {
		return fmt.Errorf("stream %s: %w", event.StreamUsers, err)
	}
	want := s.CachedInfo().Config
	want.Metadata = map[string]string{metaKey: fingerprint}
	return check(want, s.CachedInfo().Config)
}

func check(want, got jetstream.StreamConfig) error {
	wrong := func(setting string, w, g any) error {
		return fmt.Errorf("stream %s has %s %v, usher needs %v: change it with the nats tool, or let usher create the stream", want.Name, setting, g, w)
	}
	switch {
	case !slices.Equal(want.Subjects, got.Subjects):
		return wrong("subjects", want.Subjects, got.Subjects)
	case want.Storage != got.Storage:
		return wrong("storage", want.Storage, got.Storage)
	case want.Retention != got.Retention:
		return wrong("retention", want.Retention, got.Retention)
	case want.Discard != got.Discard:
		return wrong("discard", want.Discard, got.Discard)
	case want.MaxMsgsPerSubject > 0 && want.MaxMsgsPerSubject != got.MaxMsgsPerSubject:
		return wrong("max_msgs_per_subject", want.MaxMsgsPerSubject, got.MaxMsgsPerSubject)
	case want.Name == event.StreamUsers && !got.AllowAtomicPublish: // elsewhere it is only faster
		return wrong("allow_atomic", true, false)
	case want.AllowRollup && !got.AllowRollup:
		return wrong("allow_rollup_hdrs", true, false)
	case want.AllowMsgTTL && !got.AllowMsgTTL && !canaryExpiry[want.Name]:
		return wrong("allow_msg_ttl", true, false)
	case !want.AllowDirect && got.AllowDirect:
		return wrong("allow_direct", false, true)
	case want.Metadata[metaKey] != "" && got.Metadata[metaKey] != "" && want.Metadata[metaKey] != got.Metadata[metaKey]:
		// Nothing but another start with the right key mends it, so no start waits.
		return event.Permanent(fmt.Errorf("the key that derives user ids (USHER_ID_KEY) is not the one that %s was filled with: the same person would get two ids; give usher the old key back", want.Name))
	}
	return nil
}
