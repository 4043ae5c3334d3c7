package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
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
	for _, u := range f.Users {
		ctx, cancel := context.WithTimeout(s.ctx, f.Timeout)
		done, err := app.Forgetting{
			Client: c, Data: f.Data, TemporalAddress: f.TemporalAddress, TemporalNamespace: f.TemporalNamespace, DryRun: f.DryRun,
		}.Run(ctx, u)
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
		fmt.Fprint(s.stdout, f.tell(u, done))
	}
	return nil
}

func (f forgetCmd) tell(user string, done app.Forgotten) string {
	var b strings.Builder
	verb := "forgotten"
	if f.DryRun {
		verb = "would be forgotten"
	}
	fmt.Fprintf(&b, "%s %s: %d runs of workflows", user, verb, done.Runs)
	for _, stream := range slices.Sorted(maps.Keys(done.Messages)) {
		fmt.Fprintf(&b, ", %d messages of %s", done.Messages[stream], stream)
	}
	b.WriteByte('\n')
	if len(done.Files) > 0 {
		b.WriteString("  These files still name the person. Usher does not change what operators dropped; delete them, or the lines in them:\n")
		for _, file := range done.Files {
			fmt.Fprintf(&b, "    %s\n", file)
		}
	}
	return b.String()
}
