package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// needed are the streams without which a role cannot do its work: those that it
// writes, and those that the bridge takes from.
func (r Roles) needed() (out []string) {
	add := func(is bool, streams ...string) {
		for _, s := range streams {
			if is && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	people := "KV_" + event.BucketPeople
	add(r.Watch, event.StreamUsers)
	add(r.Bridge, event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, people)
	add(r.Worker, event.StreamOnboarding, people, "KV_"+event.BucketDelivery, "KV_"+event.BucketReports)
	add(r.Console, event.StreamVerifications, event.StreamAudit, "KV_"+event.BucketConsole)
	return out
}

// watched is JetStream whose answers to what stages write are noted, by stream.
type watched struct {
	jetstream.JetStream
	streams map[string]*pulse
}

// watch makes a pulse for each stream. A server answers the probe also while a stream
// has no leader, or too few copies to store anything, and says so in its answer.
func watch(js jetstream.JetStream, streams []string) (watched, pulses) {
	w := watched{js, map[string]*pulse{}}
	var all pulses
	for _, name := range streams {
		p := &pulse{name: name, probe: func(ctx context.Context) error {
			s, err := js.Stream(ctx, name)
			if err != nil {
				return trouble(err)
			}
			return quorum(s.CachedInfo().Cluster)
		}}
		w.streams[name] = p
		all = append(all, p)
	}
	return w, all
}

// copyIsThere is how long ago the leader may have heard of a copy that counts; copies
// are heard of every second.
const copyIsThere = 10 * time.Second

// quorum tells whether a stream in a cluster can store messages; nil too for one that
// is in none.
func quorum(c *jetstream.ClusterInfo) error {
	if c == nil {
		return nil
	}
	if c.Leader == "" {
		return errors.New("it has no leader")
	}
	there := 1
	for _, r := range c.Replicas {
		if !r.Offline && r.Active < copyIsThere {
			there++
		}
	}
	if all := len(c.Replicas) + 1; 2*there <= all {
		return fmt.Errorf("%d of its %d copies are there, which is too few to store anything", there, all)
	}
	return nil
}

// trouble is an error that says that JetStream cannot be used; nil for an answer of
// any other kind, such as that a key is there already.
func trouble(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		if api.Code >= 500 {
			return err
		}
		return nil
	case errors.Is(err, errUnreachable), errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting), errors.Is(err, jetstream.ErrNoStreamResponse):
		return err
	}
	return nil
}

// saw notes the answer to a call about a stream. One that was given up tells nothing.
func (w watched) saw(ctx context.Context, stream string, err error) {
	p := w.streams[stream]
	if p == nil || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if t := trouble(err); t != nil || answered(err) {
		p.saw(t)
	}
}

// answered tells whether an error came from a server.
func answered(err error) bool {
	var api *jetstream.APIError
	return err == nil || errors.As(err, &api) || errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyDeleted)
}

// streamOf is the stream that usher's subjects go to.
func streamOf(subject string) string {
	first, rest, _ := strings.Cut(subject, ".")
	switch first {
	case "users":
		return event.StreamUsers
	case "verifications":
		return event.StreamVerifications
	case "onboarding":
		return event.StreamOnboarding
	case "deadletters":
		return event.StreamDeadLetters
	case "audit":
		return event.StreamAudit
	case "$KV":
		bucket, _, _ := strings.Cut(rest, ".")
		return "KV_" + bucket
	}
	return ""
}

// PublishMsg implements jetstream.JetStream.
func (w watched) PublishMsg(ctx context.Context, m *nats.Msg, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ack, err := w.JetStream.PublishMsg(ctx, m, o...)
	w.saw(ctx, streamOf(m.Subject), err)
	return ack, err
}

// Publish implements jetstream.JetStream.
func (w watched) Publish(ctx context.Context, subject string, data []byte, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ack, err := w.JetStream.Publish(ctx, subject, data, o...)
	w.saw(ctx, streamOf(subject), err)
	return ack, err
}

// KeyValue implements jetstream.JetStream.
func (w watched) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	kv, err := w.JetStream.KeyValue(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return watchedKV{kv, func(ctx context.Context, err error) { w.saw(ctx, "KV_"+bucket, err) }}, nil
}

type watchedKV struct {
	jetstream.KeyValue
	saw func(context.Context, error)
}

// Get implements jetstream.KeyValue.
func (k watchedKV) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	e, err := k.KeyValue.Get(ctx, key)
	k.saw(ctx, err)
	return e, err
}

// Put implements jetstream.KeyValue.
func (k watchedKV) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	rev, err := k.KeyValue.Put(ctx, key, value)
	k.saw(ctx, err)
	return rev, err
}

// Create implements jetstream.KeyValue.
func (k watchedKV) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	rev, err := k.KeyValue.Create(ctx, key, value, o...)
	k.saw(ctx, err)
	return rev, err
}

// Update implements jetstream.KeyValue.
func (k watchedKV) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	rev, err := k.KeyValue.Update(ctx, key, value, revision)
	k.saw(ctx, err)
	return rev, err
}
