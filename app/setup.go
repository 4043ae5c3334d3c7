package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"usher/streams"
)

// Setup makes the streams that are missing and checks the others, and returns
// how many there are. Those in acceptLost may be gone although usher knows of them.
// It needs an account that may; roles then get along without.
func Setup(ctx context.Context, access NATSAccess, in Intake, size Bytes, replicas int, acceptLost []string, log *slog.Logger) (int, error) {
	key, err := Config{Intake: in}.idKey(false)
	if err != nil {
		return 0, err
	}
	if replicas < 1 || size <= 0 {
		return 0, errors.New("--replicas and --max-store: must be more than nothing")
	}
	if acceptLost, err = lostStreams(acceptLost); err != nil {
		return 0, err
	}
	nc, err := connectNATS(ctx, access.NATSURL, access, "admin", externalPings, log, nil)
	if err != nil {
		return 0, err
	}
	defer closeNATS(context.WithoutCancel(ctx), nc)
	js, err := newJetStream(nc)
	if err != nil {
		return 0, err
	}
	o := streams.Options{MaxBytes: int64(size) / 20 * 19, Replicas: replicas, KeyFingerprint: key.Fingerprint(), AcceptLost: acceptLost, Setup: true}
	err = streams.Ensure(ctx, js, o)
	if err == nil {
		err = streams.AllowCanaryExpiry(ctx, js)
	}
	if err != nil {
		if denied := nc.LastError(); errors.Is(err, context.DeadlineExceeded) && denied != nil { // what a server denies, it does not answer
			err = fmt.Errorf("%w: %w", err, denied)
		}
		return 0, err
	}
	return streams.Count, nil
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
