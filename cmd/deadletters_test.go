package cmd

import (
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

func TestDeadLetters(t *testing.T) {
	js, url := streamstest.Start(t)
	letters := func(args ...string) (int, string, string) {
		t.Helper()
		return run(t, nil, append(append([]string{"deadletters"}, args...), "--nats-url", url)...)
	}
	if code, out, errs := letters("ls"); code != 0 || !strings.Contains(out, "No dead letters") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	pub := streams.NewPublisher(js, nil)
	for i, l := range []event.DeadLetter{
		{Reason: event.ReasonMalformed, Cause: "not a JSON object", Data: []byte("hello"), Header: map[string][]string{"Nats-Msg-Id": {"m1"}, "Nats-Rollup": {"all"}, "x-trace": {"t"}}},
		{Reason: event.ReasonUnknownUser, Cause: "nobody came", Data: []byte(`{"user_id":"u-1"}`), Header: map[string][]string{"ce-id": {"e1"}}},
		{Reason: event.ReasonUnknownUser, Cause: "nobody came", Data: []byte(`{"user_id":"u-2"}`)},
		{Reason: event.ReasonDenied, Cause: "not allowed", Data: []byte(`{"user_id":"u-3"}`)},
	} {
		l.Stream, l.Consumer, l.Sequence, l.Subject, l.Stored = event.StreamVerifications, event.ConsumerVerifications, uint64(i+7), "verifications.v1.crm.approved", time.Now()
		if err := pub.DeadLetter(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		args string
		code int
		want []string
		not  string
	}{
		{"ls", 0, []string{"VERIFICATIONS 7", "malformed", "nobody came"}, "hello"},
		{"ls --reason malformed", 0, []string{"not a JSON object"}, "nobody came"},
		{"ls --json", 0, []string{`"reason":"unknown_user"`}, "data"},
		{"show 1", 0, []string{"hello", "Nats-Msg-Id", "not a JSON object"}, ""},
		{"show 99", 1, []string{"there is no such dead letter: 99"}, ""},
		{"replay", 2, []string{"--all"}, ""},
		{"replay --reason unknown_user --dry-run", 0, []string{"would send 2", "would send 3", "2 dead letters would be sent again"}, "would send 1"},
		{"replay --reason unknown_user", 0, []string{"2 dead letters sent again"}, ""},
		{"replay 1 3", 0, []string{"sent again 1", "1 dead letters sent again"}, "sent again 3"}, // 3 is gone already
		{"drop", 2, []string{"--all"}, ""},
		{"drop --reason denied --dry-run", 0, []string{"would drop 4", "1 dead letters would be dropped"}, ""},
		{"ls", 0, []string{"not allowed"}, "nobody came"},
		{"drop 4", 0, []string{"dropped 4", "1 dead letters dropped"}, ""},
		{"ls", 0, []string{"No dead letters."}, ""},
	} {
		code, out, errs := letters(strings.Fields(tc.args)...)
		if code != tc.code || tc.not != "" && strings.Contains(out, tc.not) {
			t.Errorf("%s: %d\n%s%s", tc.args, code, out, errs)
		}
		for _, w := range tc.want {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%s: no %q in\n%s%s", tc.args, w, out, errs)
			}
		}
	}
	s, err := js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("ce-id"))
		if m.Header.Get("Nats-Rollup") != "" {
			t.Error("a header that steers JetStream was sent again")
		}
	}
	if got := strings.Join(ids, " "); got != "e1 replay-VERIFICATIONS-9 m1" {
		t.Errorf("the identities are %s", got)
	}
}
