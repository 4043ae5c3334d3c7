package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/event"
	"usher/forget"
)

type forgetCmd struct {
	where             `embed:""`
	Users             []string      `arg:"" help:"User ids." name:"user"`
	TemporalAddress   string        `help:"Temporal frontend, when it is not that of a running usher up." placeholder:"HOST:PORT"`
	TemporalNamespace string        `help:"Temporal namespace." default:"default" placeholder:"NAME"`
	DryRun            bool          `help:"Say what would be removed, and remove nothing."`
	JSON              bool          `name:"json" help:"Print one JSON object a user."`
	Timeout           time.Duration `help:"How long one user may take." default:"2m"`
}

// Run executes `usher forget`.
func (f forgetCmd) Run(s *session) error {
	for _, u := range f.Users {
		if err := event.CheckUserID(u); err != nil {
			return usageError(fmt.Sprintf("%s: %v", u, err))
		}
	}
	c, err := f.dial(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	forgetting, close, err := c.Forgetting(f.Data, f.TemporalAddress, f.TemporalNamespace)
	if err != nil {
		return err
	}
	defer close()
	forgetting.DryRun = f.DryRun
	for _, u := range f.Users {
		ctx, cancel := context.WithTimeout(s.ctx, f.Timeout)
		done, err := forgetting.Run(ctx, u)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", u, err)
		}
		if f.JSON {
			if err := json.NewEncoder(s.stdout).Encode(done); err != nil {
				return err
			}
			continue
		}
		fmt.Fprint(s.stdout, f.sentence(u, done))
	}
	return nil
}

func (f forgetCmd) sentence(user string, done forget.Forgotten) string {
	var b strings.Builder
	verb := "forgotten"
	if f.DryRun {
		verb = "would be forgotten"
	}
	fmt.Fprintf(&b, "%s %s: %d runs of workflows", user, verb, done.Runs)
	for _, stream := range slices.Sorted(maps.Keys(done.Messages)) {
		fmt.Fprintf(&b, ", %d messages of %s", done.Messages[stream], stream)
	}
	fmt.Fprintf(&b, ", %d entries of DELIVERY\n", done.Entries)
	if done.Nameless {
		b.WriteString("  The record is no longer kept, so usher does not know the person's addresses: what has nothing but an address was not looked for.\n")
	}
	for _, stream := range slices.Sorted(maps.Keys(done.Mentions)) {
		fmt.Fprintf(&b, "  %d messages of %s are about others and mention the person; they stay.\n", done.Mentions[stream], stream)
	}
	for _, other := range done.Others {
		fmt.Fprintf(&b, "  %s has the same address and a record of its own: forget it too when it is the same person.\n", other)
	}
	if len(done.Files) > 0 {
		b.WriteString("  Usher does not change what operators dropped; look at these files, and delete them, or the lines in them:\n")
		for _, file := range done.Files {
			fmt.Fprintf(&b, "    %s: %s\n", file.Path, file.Why)
		}
	}
	b.WriteString("  If an address of the person is suppressed, it stays so: only a keyed hash is kept, and without it a later list could write to it again.\n")
	return b.String()
}
