package app

import (
	"context"
	"errors"
	"log/slog"

	"usher/streams"
)

// Setup makes the streams that are missing and checks the others, and returns
// how many there are. It needs an account that may; roles then get along without.
func Setup(ctx context.Context, access NATSAccess, in Intake, size int64, replicas int) (int, error) {
	key, err := Config{Intake: in}.idKey(false)
	if err != nil {
		return 0, err
	}
	if replicas < 1 || size <= 0 {
		return 0, errors.New("--replicas and --max-store: must be more than nothing")
	}
	nc, err := connectNATS(ctx, access.NATSURL, access, "admin", slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	defer closeNATS(nc)
	js, err := newJetStream(nc)
	if err != nil {
		return 0, err
	}
	o := streams.Options{MaxBytes: size / 20 * 19, Replicas: replicas, KeyFingerprint: key.Fingerprint()}
	if err := streams.Ensure(ctx, js, o); err != nil {
		return 0, err
	}
	return streams.Count, nil
}
