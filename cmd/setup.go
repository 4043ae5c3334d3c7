package cmd

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"usher/app"
)

type setupCmd struct {
	app.NATSAccess     `embed:""`
	app.TemporalAccess `embed:""`
	MaxStore           app.Bytes     `help:"Room for all streams together, on each server that keeps them." default:"20GB" placeholder:"SIZE"`
	Replicas           int           `help:"Copies of each stream: 3 in a cluster." default:"1"`
	Retention          time.Duration `help:"How long Temporal keeps a finished workflow, in a namespace that is made." default:"720h"`
	AcceptLost         []string      `help:"Recreate these lost streams; usher does not start while one is missing." placeholder:"STREAM"`
	Print              string        `help:"Make nothing; print the table of streams for another tool that makes them: nack (Kubernetes) or nats." enum:",nack,nats" default:"" placeholder:"TOOL"`
	Key                idKey         `embed:""`
}

// Run executes `usher setup`: it makes what is missing on the servers with accounts
// that may, so that the roles need not.
func (c setupCmd) Run(s *session) error {
	setup := app.Setup{
		NATSAccess: c.NATSAccess, TemporalAccess: c.TemporalAccess, Intake: c.Key.intake(), MaxStore: c.MaxStore, Replicas: c.Replicas,
		AcceptLost: c.AcceptLost, Retention: c.Retention, Log: s.logger(app.Base{LogLevel: "error"}),
		Tell: func(line string) { fmt.Fprintln(s.stdout, line) },
	}
	if c.Print != "" {
		out, err := setup.Manifest(c.Print)
		if err == nil {
			_, err = s.stdout.Write(out)
		}
		return err
	}
	if setup.NATSURL = cmp.Or(c.NATSURL, os.Getenv("NATS_URL")); setup.NATSURL == "" {
		return usageError("--nats-url or NATS_URL is needed: `usher up` makes its own streams")
	}
	return setup.Run(s.ctx)
}
