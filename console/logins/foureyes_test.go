package logins

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams/natstest"
)

// The last second person stays where two have to decide, whatever would take them away,
// by a console or by a command that knows no settings. Where there were too few, nothing
// is refused.
func TestTheLastSecondPersonStays(t *testing.T) {
	js, _ := natstest.Start(t)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: event.BucketConsole})
	if err != nil {
		t.Fatal(err)
	}
	ctx, console, command := t.Context(), NewStore(kv), NewStore(kv)
	hash, err := Hash("a password for this test")
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, role Role, inboxes ...string) {
		t.Helper()
		if err := errors.Join(console.Add(ctx, name, role, inboxes, "test"), console.SetPassword(ctx, name, hash)); err != nil {
			t.Fatal(err)
		}
	}
	short := func() (out []string) {
		t.Helper()
		all, err := console.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all.Short() {
			out = append(out, s.Inbox)
		}
		return out
	}
	add("boss", Admin)
	if err := console.Need(ctx, map[string]int{"hr": 2, "inbox": 1}); err != nil {
		t.Fatal(err)
	}
	if got := short(); !slices.Equal(got, []string{"hr"}) {
		t.Errorf("with one account too few are for %v", got)
	}
	add("viewer", Viewer)
	add("elsewhere", Verifier, "crm")
	if err := console.Add(ctx, "invited", Verifier, nil, "test"); err != nil { // has not signed in yet
		t.Fatal(err)
	}
	if got := short(); !slices.Equal(got, []string{"hr"}) {
		t.Errorf("with three more who could not decide, too few are for %v", got)
	}
	add("ann", Verifier, "hr", "crm")
	if got := short(); got != nil {
		t.Errorf("with two who could, too few are for %v", got)
	}
	for what, change := range map[string]func() error{
		"disable":       func() error { return command.Disable(ctx, "ann", true) },
		"remove":        func() error { return command.Remove(ctx, "ann") },
		"another role":  func() error { return command.SetRole(ctx, "ann", Operator, []string{"hr"}) },
		"other inboxes": func() error { return command.SetRole(ctx, "ann", Verifier, []string{"crm"}) },
	} {
		var refused Refusal
		if err := change(); !errors.As(err, &refused) || !strings.Contains(err.Error(), "inbox hr") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := command.SetRole(ctx, "ann", Verifier, []string{"hr"}); err != nil {
		t.Errorf("what leaves two: %v", err)
	}
	add("ben", Verifier)
	if err := command.Remove(ctx, "ann"); err != nil {
		t.Errorf("with a third one: %v", err)
	}
	if err := console.Need(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := command.Remove(ctx, "ben"); err != nil {
		t.Errorf("where one decides: %v", err)
	}
	if err := console.Need(ctx, map[string]int{"hr": 2}); err != nil {
		t.Fatal(err)
	}
	if err := command.Remove(ctx, "elsewhere"); err != nil {
		t.Errorf("where there were too few: %v", err)
	}
}
