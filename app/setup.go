package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/streams"
)

// Setup makes what usher needs on the servers of others, with accounts that may: the
// streams, and in Temporal the namespace and its search attributes. What is there is
// checked and not changed, so it may run again and again.
type Setup struct {
	NATSAccess
	TemporalAccess
	Intake     Intake
	MaxStore   Bytes // for all streams together, on each server that keeps them
	Replicas   int
	AcceptLost []string      // streams that may be gone although usher knows of them
	Retention  time.Duration // of a namespace that is made
	Tell       func(line string)
	Log        *slog.Logger
}

// options are the streams' sizes and key.
func (s Setup) options() (o streams.Options, err error) {
	if s.Replicas < 1 || s.MaxStore <= 0 {
		return o, errors.New("--replicas and --max-store: must be more than nothing")
	}
	if o.AcceptLost, err = lostStreams(s.AcceptLost); err != nil {
		return o, err
	}
	o.MaxBytes, o.Replicas, o.Setup = int64(s.MaxStore)/20*19, s.Replicas, true
	return o, nil
}

// Run makes the streams, and then what Temporal needs where one is named.
func (s Setup) Run(ctx context.Context) error {
	if err := s.makeStreams(ctx); err != nil {
		return err
	}
	return s.makeNamespace(ctx)
}

func (s Setup) makeStreams(ctx context.Context) error {
	key, err := Config{Intake: s.Intake}.idKey(false)
	if err != nil {
		return err
	}
	o, err := s.options()
	if err != nil {
		return err
	}
	o.KeyFingerprint = key.Fingerprint()
	o.Tell = func(c jetstream.StreamConfig, made bool) {
		s.tell("stream %s %s: room for %s, %d %s", c.Name, isThere(made), Bytes(c.MaxBytes), c.Replicas, plural(c.Replicas, "copy", "copies"))
	}
	nc, err := connectNATS(ctx, s.NATSURL, s.NATSAccess, "admin", externalPings, s.Log, nil)
	if err != nil {
		return err
	}
	defer closeNATS(context.WithoutCancel(ctx), nc)
	js, err := newJetStream(nc)
	if err != nil {
		return err
	}
	err = streams.Ensure(ctx, js, o)
	if err == nil {
		err = streams.AllowCanaryExpiry(ctx, js)
	}
	if err != nil {
		if denied := nc.LastError(); errors.Is(err, context.DeadlineExceeded) && denied != nil { // what a server denies, it does not answer
			err = fmt.Errorf("%w: %w", err, denied)
		}
		return err
	}
	s.tell("%d streams are there and as they should be", streams.Count)
	return nil
}

// Manifest is the table of streams for a tool that makes them: the `nats` tool or NACK.
// It needs no server; without a key the first role or setup that has one notes it.
func (s Setup) Manifest(tool string) ([]byte, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	if s.Intake.IDKey+s.Intake.IDKeyFile != "" {
		key, err := Config{Intake: s.Intake}.idKey(false)
		if err != nil {
			return nil, err
		}
		o.KeyFingerprint = key.Fingerprint()
	}
	if tool == "nack" {
		return streams.ForNACK(o), nil
	}
	return streams.ForNATS(o)
}

func (s Setup) tell(format string, args ...any) { s.Tell(fmt.Sprintf(format, args...)) }

func isThere(made bool) string {
	if made {
		return "made"
	}
	return "is there"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// lostStreams are the streams that --accept-lost names; of buckets the name will do.
func lostStreams(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		stream, ok := streams.StreamName(name)
		if !ok {
			return nil, fmt.Errorf("--accept-lost %s: usher has no such stream", name)
		}
		out = append(out, stream)
	}
	return out, nil
}
