package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// What a canary user leaves goes by itself: each message about one has a time to
// live. So nothing must be deleted, which few accounts may, and what a canary leaves
// that fails goes too.

// headerTTL is how long JetStream keeps a message.
const headerTTL = "Nats-TTL"

// canaryExpiry are streams of which only what canaries leave has a time to live, or
// decisions about many. Streams that an older usher made take none until
// AllowCanaryExpiry; then such messages stay as long as all others.
var canaryExpiry = map[string]bool{event.StreamVerifications: true, event.StreamOnboarding: true, "KV_" + event.BucketPeople: true, "KV_" + event.BucketConsole: true}

// AllowCanaryExpiry lets those streams take times to live which were made without. It
// needs an account that may change streams.
func AllowCanaryExpiry(ctx context.Context, js jetstream.JetStream) error {
	for name := range canaryExpiry {
		s, err := js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
		c := s.CachedInfo().Config
		if c.AllowMsgTTL {
			continue
		}
		c.AllowMsgTTL = true
		if _, err := js.UpdateStream(ctx, c); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return nil
}

// expires gives a message of a canary its time to live.
func expires(m *nats.Msg, canary bool) {
	if canary {
		m.Header.Set(headerTTL, event.CanaryKept.String())
	}
}

// withoutExpiry calls publish, and again without the time to live when the stream
// takes none.
func withoutExpiry(m *nats.Msg, publish func(*nats.Msg) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
	ack, err := publish(m)
	const ttlDisabled = 10166
	var api *jetstream.APIError
	if m.Header.Get(headerTTL) == "" || !errors.As(err, &api) || api.ErrorCode != ttlDisabled {
		return ack, err
	}
	plain := nats.NewMsg(m.Subject)
	plain.Data = m.Data
	for k, v := range m.Header {
		plain.Header[k] = v
	}
	plain.Header.Del(headerTTL)
	return publish(plain)
}

// Canaries are the records that canary users leave in PEOPLE.
type Canaries struct{ JetStream jetstream.JetStream }

const canaryRecords = "$KV." + event.BucketPeople + "." + event.SourceCanary + "."

// Forget takes the record of a canary user out. A mark is left for a minute.
func (c Canaries) Forget(ctx context.Context, userID string) error {
	m := nats.NewMsg("$KV." + event.BucketPeople + "." + userID)
	if !strings.HasPrefix(m.Subject, canaryRecords) {
		return fmt.Errorf("%q is not a canary user", userID)
	}
	m.Header.Set("KV-Operation", "PURGE")
	m.Header.Set("Nats-Rollup", "sub")
	m.Header.Set(headerTTL, time.Minute.String())
	_, err := withoutExpiry(m, func(m *nats.Msg) (*jetstream.PubAck, error) { return c.JetStream.PublishMsg(brief{ctx}, m) })
	return err
}

// Old are the canary users whose record was written last before a moment: of those
// that did not arrive.
func (c Canaries) Old(ctx context.Context, before time.Time) (map[string]event.Person, error) {
	s, err := c.JetStream.Stream(ctx, "KV_"+event.BucketPeople)
	if err != nil {
		return nil, err
	}
	i, err := s.Info(ctx, jetstream.WithSubjectFilter(canaryRecords+"*"))
	if err != nil {
		return nil, err
	}
	old := map[string]event.Person{}
	for subject := range i.State.Subjects {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // gone meanwhile
		}
		if err != nil {
			return old, err
		}
		var p event.Person
		if len(m.Data) == 0 || !m.Time.Before(before) || json.Unmarshal(m.Data, &p) != nil { // taken out, on its way, or nothing of usher's
			continue
		}
		old[strings.TrimPrefix(subject, "$KV."+event.BucketPeople+".")] = p
	}
	return old, nil
}
