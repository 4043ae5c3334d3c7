package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"usher/canary"
	"usher/event"
)

type canaryCmd struct {
	where   `embed:""`
	Inbox   string        `help:"Folder of the inbox canary, when it is not the one in the data folder." type:"path" placeholder:"DIR"`
	Email   string        `help:"Address of a sink that takes the message." default:"canary@usher.invalid" placeholder:"ADDRESS"`
	Phone   string        `help:"Number of a sink that takes a text message; without it none is sent." placeholder:"NUMBER"`
	Timeout time.Duration `help:"How long the whole way may take." default:"1m"`
}

// Run executes `usher canary`. It fails when the user does not arrive, and says
// at which step it stopped.
func (c canaryCmd) Run(s *session) error {
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	if c.Inbox == "" {
		c.Inbox = filepath.Join(c.Data, event.SourceCanary)
	}
	ctx, cancel := context.WithTimeout(s.ctx, c.Timeout)
	defer cancel()
	took, err := canary.Journey{
		JetStream: cl.JetStream, Publisher: cl.Publisher, Inbox: c.Inbox, Email: c.Email, Phone: c.Phone, MayTake: max(time.Hour, 2*c.Timeout),
		Progress: func(step string, at time.Duration) {
			fmt.Fprintf(s.stdout, "  %-8s %s\n", step, at.Round(time.Millisecond))
		},
	}.Run(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "the canary was welcomed after %s\n", took.Round(time.Millisecond))
	return err
}
