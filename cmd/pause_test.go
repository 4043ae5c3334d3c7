package cmd

import (
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

// Issue 20: a pause is stored with who, why and for how long, the last word counts, and
// the status shows it first.
func TestPauseAndResume(t *testing.T) {
	js, url := streamstest.Start(t)
	for _, tc := range []struct {
		args string
		code int
		says string
		not  string
	}{
		{"status", 0, "USERS", "PAUSED"},
		{"resume bridge", 0, "bridge was not paused", ""},
		{"pause", 2, "stage", ""},
		{"pause console", 2, `must be one of "intake","bridge","delivery"`, ""},
		{"pause bridge --for 1000h", 2, "--for: must be 30 days (720h0m0s) or less", ""},
		{"pause bridge --for 1ms", 2, "--for: must be a second or more", ""},
		{"pause bridge --reason " + strings.Repeat("x", mostReason+1), 2, "200 characters or less", ""},
		{"pause delivery --for 2h --reason a\x1b[31m\nprovider\tmoves", 0, ": a [31m provider moves\n", "\x1b"},
		{"pause intake bridge", 0, "PAUSED bridge, since ", ""},
		{"status", 0, "PAUSED delivery, since ", ""},
		{"status --json", 0, `"paused": "intake is`, ""},
		{"resume intake delivery", 0, "intake goes on\ndelivery goes on\n", ""},
		{"status", 0, "PAUSED bridge, since ", "PAUSED delivery"},
	} {
		args := strings.Split(tc.args, " ")
		if before, reason, ok := strings.Cut(tc.args, " --reason "); ok {
			args = append(strings.Fields(before), "--reason", reason)
		}
		code, out, errs := run(t, nil, append(args, "--nats-url", url)...)
		if code != tc.code || !strings.Contains(out+errs, tc.says) || tc.not != "" && strings.Contains(out+errs, tc.not) {
			t.Errorf("%q: %d\n%s%s", tc.args, code, out, errs)
		}
	}
	said, err := streams.ReadPauses(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	if p := said[event.StageDelivery]; p.Paused || p.Actor == "" {
		t.Errorf("what was resumed: %+v", p)
	}
	if p := said[event.StageBridge]; !p.Paused || p.Actor == "" || p.For != 0 || time.Since(p.At).Abs() > time.Minute {
		t.Errorf("what is paused: %+v", p)
	}
}

// A server of a release before pauses has no bucket for them: nothing is paused there,
// and nothing can be.
func TestPauseWithoutItsBucket(t *testing.T) {
	js, url := streamstest.Start(t)
	if err := js.DeleteStream(t.Context(), "KV_"+event.BucketControl); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, nil, "status", "--nats-url", url); code != 0 || strings.Contains(out, "PAUSED") {
		t.Errorf("status: %d\n%s%s", code, out, errs)
	}
	if code, out, errs := run(t, nil, "pause", "bridge", "--nats-url", url); code != 1 || !strings.Contains(errs, "run `usher setup`") {
		t.Errorf("pause: %d\n%s%s", code, out, errs)
	}
}
