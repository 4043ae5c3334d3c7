package cmd

import (
	"time"

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
