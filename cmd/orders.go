package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"usher/app"
	"usher/event"
)

// order is what the commands have in common that only operators may give.
type order struct {
	where  `embed:""`
	Users  []string      `arg:"" optional:"" help:"User ids, or e-mail addresses of users whose record had no id." name:"user"`
	Reason string        `help:"The reason, kept with the event." placeholder:"TEXT"`
	Wait   time.Duration `help:"How long to wait for the answer." default:"5s"`
}

func (o order) give(s *session, verb string, body event.VerificationBody) error {
	if len(o.Users) == 0 {
		return usageError("name at least one user")
	}
	body.Reason = o.Reason
	return o.decide(s, o.Users, verb, body, o.Wait)
}

type withdrawCmd struct {
	order `embed:""`
}

// Run executes `usher withdraw`.
func (w withdrawCmd) Run(s *session) error {
	return w.give(s, event.VerbWithdrawn, event.VerificationBody{})
}

type reopenCmd struct {
	order `embed:""`
}

// Run executes `usher reopen`.
func (r reopenCmd) Run(s *session) error {
	return r.give(s, event.VerbReopened, event.VerificationBody{})
}

type resendCmd struct {
	order   `embed:""`
	Channel []string `help:"Only by these: email, sms. Otherwise by those that did not reach the user, or by all when all did." enum:"email,sms"`
	Status  []string `help:"Instead of users: all users with one of these statuses." placeholder:"STATUS"`
	Inbox   string   `help:"With --status: only people of this inbox." placeholder:"NAME"`
	DryRun  bool     `help:"Say who would get a message, and send none."`
}

// sentTo are the statuses after which a message can be sent again.
var sentTo = []string{string(event.StatusWelcomed), string(event.StatusPartlyWelcomed), string(event.StatusUnreached)}

// Run executes `usher resend`.
func (r resendCmd) Run(s *session) error {
	if len(r.Users) > 0 == (len(r.Status) > 0) {
		return usageError("name users, or give --status to mean all users who have it")
	}
	for _, status := range r.Status {
		if !slices.Contains(sentTo, status) {
			return usageError(fmt.Sprintf("--status %s: nothing was sent to these people; it must be welcomed, partly_welcomed or unreached", status))
		}
	}
	if len(r.Status) > 0 {
		c, err := r.dial(s.ctx)
		if err != nil {
			return err
		}
		r.Users, err = r.find(s.ctx, c)
		c.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "%d users\n", len(r.Users))
	}
	if r.DryRun || len(r.Users) == 0 {
		for _, u := range r.Users {
			fmt.Fprintf(s.stdout, "%s: would get a message again\n", u)
		}
		return nil
	}
	return r.give(s, event.VerbResend, event.VerificationBody{Channels: r.Channel})
}

// find are the users whom the filter means, in order.
func (r resendCmd) find(ctx context.Context, c *app.Client) ([]string, error) {
	var users []string
	err := c.People.Each(ctx, func(userID string, p event.Person) error {
		if p.Source != event.SourceCanary && slices.Contains(r.Status, string(p.Status)) && (r.Inbox == "" || r.Inbox == p.Source) {
			users = append(users, userID)
		}
		return nil
	})
	slices.Sort(users)
	return slices.Compact(users), err // one whose record was written meanwhile came twice
}
