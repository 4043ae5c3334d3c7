package app

import (
	"log/slog"
	"strings"
	"testing"

	rights "usher/deploy/nats"
	"usher/streams"
	"usher/streams/natstest"
)

// A role whose account may not make streams says who makes them.
func TestARoleWithoutStreamsSaysRunSetup(t *testing.T) {
	server := natstest.Guarded(t, "../"+rights.File)
	nc, err := connectNATS(t.Context(), server, NATSAccess{NATSUser: "watch", NATSPassword: "password-of-watch"}, "watch", externalPings, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := newJetStream(nc)
	if err != nil {
		t.Fatal(err)
	}
	err = explain(nc, streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20}))
	if err == nil || !strings.HasPrefix(err.Error(), "the streams are not there, and this account may not make them: run usher setup with one that may") {
		t.Errorf("it says: %v", err)
	}
}
