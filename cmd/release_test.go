package cmd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"usher/event"
	"usher/streams/streamstest"
)

// A held file is found by its name or its import, and what is not held is said.
func TestRelease(t *testing.T) {
	js, url := streamstest.Start(t)
	tell := func(p event.Progress) {
		t.Helper()
		b, err := json.Marshal(p)
		if err == nil {
			_, err = js.Publish(t.Context(), event.ProgressSubject(p.Source, p.Import), b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC()
	for _, p := range []event.Progress{
		{Import: "i1", File: "a.csv", Source: "crm", State: event.ImportHeld, Digest: "d1", Rows: 3, Reason: "it may have been cut off"},
		{Import: "i2", File: "twice.csv", Source: "crm", State: event.ImportHeld, Digest: "d2"},
		{Import: "i3", File: "twice.csv", Source: "hr", State: event.ImportHeld, Digest: "d3"},
		{Import: "i4", File: "done.csv", Source: "hr", State: event.ImportArchived},
	} {
		p.StartedAt, p.At = now, now
		tell(p)
	}
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"release a.csv --wait 0s", 0, "stored, and not taken yet"},
		{"release i3 --refuse --wait 0s", 0, "stored"},
		{"release twice.csv", 1, "name the import: i2 (inbox crm"},
		{"release done.csv", 1, "is not held"},
		{"release nowhere.csv", 1, "no file and no import"},
		{"status a.csv --wait", 1, "`usher release i1` lets it go"},
		{"status a.csv", 0, "held, 0 of 3 rows: it may have been cut off"},
	} {
		code, out, errs := run(t, nil, append(strings.Fields(tc.args), "--nats-url", url)...)
		if code != tc.code || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: %d\n%s%s", tc.args, code, out, errs)
		}
	}
	s, err := js.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]event.Release{"i1": {Source: "crm", Digest: "d1"}, "i3": {Source: "hr", Digest: "d3", Refuse: true}} {
		m, err := s.GetLastMsgForSubject(t.Context(), event.ReleaseSubject(want.Source, id))
		if err != nil {
			t.Fatal(err)
		}
		var got event.Release
		if err := json.Unmarshal(m.Data, &got); err != nil || got.Digest != want.Digest || got.Refuse != want.Refuse || got.Actor == "" || m.Header.Get("Nats-TTL") == "" {
			t.Errorf("%s: %+v %v", id, got, err)
		}
	}
}
