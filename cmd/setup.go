package cmd

import (
	"cmp"
	"fmt"
	"os"

	"usher/app"
)

type setupCmd struct {
	app.NATSAccess `embed:""`
	MaxStore       app.Bytes `help:"Room for all streams together, on each server that keeps them." default:"20GB" placeholder:"SIZE"`
	Replicas       int       `help:"Copies of each stream: 3 in a cluster." default:"1"`
	AcceptLost     []string  `help:"Recreate these lost streams; usher does not start while one is missing." placeholder:"STREAM"`
	Key            idKey     `embed:""`
}

// Run executes `usher setup`: it makes the streams with an account that may, so
// that the roles need not.
func (c setupCmd) Run(s *session) error {
	if c.NATSURL = cmp.Or(c.NATSURL, os.Getenv("NATS_URL")); c.NATSURL == "" {
		return usageError("--nats-url or NATS_URL is needed: `usher up` makes its own streams")
	}
	made, err := app.Setup(s.ctx, c.NATSAccess, c.Key.intake(), c.MaxStore, c.Replicas, c.AcceptLost, s.logger(app.Base{LogLevel: "error"}))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%d streams are there and as they should be\n", made)
	return err
}
