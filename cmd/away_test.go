package cmd

import (
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
	"usher/streams/streamstest"
)

// During a failover commands say what is true: that NATS does not answer, what became
// of what they were to write, and whether they may be repeated. Only servers without a
// bucket hold no data yet.
func TestCommandsSayThatNATSDoesNotAnswer(t *testing.T) {
	js, url := natstest.Start(t)
	if code, _, errs := run(t, nil, "status", "--nats-url", url); code != 1 || !strings.Contains(errs, "these servers hold no usher data yet") {
		t.Errorf("new servers: %d %s", code, errs)
	}
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	proxy := natstest.Between(t, url)
	proxy.Freeze(true)
	for _, args := range [][]string{{"status"}, {"verify", "u-1", "--approve"}, {"deadletters", "ls"}} {
		code, out, errs := run(t, nil, append(args, "--nats-url", proxy.URL())...)
		if code != 1 || !strings.Contains(errs, "NATS does not answer now; nothing was written; repeat the command, it is safe") {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
}

// A server that freezes in the middle of a command may have stored what it was told.
func TestCommandsSayThatTheEventMayBeStored(t *testing.T) {
	_, url := streamstest.Start(t)
	for verb, want := range map[string]string{
		"withdraw": "the event may have been stored; repeat the command, it is safe",
		"resend":   "the order may have been stored; do not repeat it before `usher status ",
	} {
		t.Run(verb, func(t *testing.T) {
			proxy := natstest.Between(t, url)
			proxy.FreezeAt("verifications.v1.")
			began := time.Now()
			code, out, errs := run(t, nil, verb, "u-1", "--wait", "100ms", "--nats-url", proxy.URL())
			if code != 1 || !strings.Contains(errs, "NATS does not answer now; "+want) {
				t.Errorf("%d after %s\n%s%s", code, time.Since(began), out, errs)
			}
		})
	}
}

// What is published again in a failover is the same event.
func TestAFailoverIsBridgedWithOneEvent(t *testing.T) {
	js, url := streamstest.Start(t)
	proxy := natstest.Between(t, url)
	proxy.LoseAnswer("verifications.v1.")
	if code, out, errs := run(t, nil, "resend", "u-1", "--wait", "8s", "--nats-url", proxy.URL()); code != 0 || !strings.Contains(out, "stored, not answered yet") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	s, err := js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d orders are stored, want 1", n)
	}
}
