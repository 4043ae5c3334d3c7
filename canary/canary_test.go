package canary

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"usher/event"
	"usher/streams"
	"usher/streams/streamstest"
)

// The next canary takes out the records of earlier ones that are over, and withdraws
// once those that are open; those that may still be on their way stay, and so do
// people. A regression of issue 14.
func TestACanaryCleansUpBehindEarlierOnes(t *testing.T) {
	js, _ := streamstest.Start(t)
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	j := Journey{JetStream: js, Publisher: streams.NewPublisher(js, nil), Inbox: t.TempDir(), MayTake: time.Hour}
	over, open := event.NewCanaryID(), event.NewCanaryID()
	for id, status := range map[string]event.Status{over: event.StatusUnreached, open: event.StatusWaiting, "u-1": event.StatusWelcomed, "u-2": event.StatusWaiting} {
		if _, err := people.Claim(t.Context(), id, event.Person{Source: "inbox", Generation: 1, Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	dropped := filepath.Join(j.Inbox, event.NewCanaryID()+".csv")
	if err := os.WriteFile(dropped, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sweep := func() {
		t.Helper()
		if err := j.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string {
		t.Helper()
		ids := map[string]bool{}
		if err := people.Each(t.Context(), func(id string, _ event.Person) error { ids[id] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(ids))
	}
	sweep()
	if got := left(); len(got) != 4 {
		t.Errorf("while canaries may be on their way there is left %q", got)
	}
	j.MayTake = time.Nanosecond
	for range 3 {
		sweep()
	}
	if got, want := left(), slices.Sorted(slices.Values([]string{open, "u-1", "u-2"})); !slices.Equal(got, want) {
		t.Errorf("there is left %q, want %q", got, want)
	}
	var told []string
	if err := streams.Read(t.Context(), js, event.StreamVerifications, streams.Selection{}, func(m streams.Message, _ uint64) error {
		told = append(told, m.Subject)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{event.VerificationSubject(event.SourceCLI, event.VerbWithdrawn)}; !slices.Equal(told, want) {
		t.Errorf("decided: %q, want %q", told, want)
	}
	if _, err := os.Stat(dropped); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that no watcher took is still there: %v", err)
	}
	if _, err := people.Update(t.Context(), open, func(p *event.Person) error { p.Status = event.StatusWithdrawn; return nil }); err != nil {
		t.Fatal(err)
	}
	sweep()
	if got := left(); !slices.Equal(got, []string{"u-1", "u-2"}) {
		t.Errorf("there is left %q", got)
	}
}
