package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/event"
	"usher/streams"
)

type pauseCmd struct {
	where  `embed:""`
	Stages []string      `arg:"" name:"stage" enum:"intake,bridge,delivery" help:"intake (files), bridge (records and decisions) or delivery (messages)."`
	Reason string        `help:"Why, for the others who see it. No personal data." placeholder:"TEXT"`
	For    time.Duration `help:"After how long it goes on by itself; without it, usher resume has to be run." placeholder:"2h"`
}

// someOperator is who pauses where the system does not say who runs the command.
const someOperator = "operator"

// mostReason is how long a reason may be, in characters.
const mostReason = 200

// Run executes `usher pause`.
func (c pauseCmd) Run(s *session) error {
	switch {
	case c.For < 0 || c.For > 0 && c.For < time.Second:
		return usageError("--for: must be a second or more")
	case c.For > event.LongestPause:
		return usageError(fmt.Sprintf("--for: must be %d days (%s) or less; without it the pause lasts until usher resume", event.LongestPause/(24*time.Hour), event.LongestPause))
	case utf8.RuneCountInString(c.Reason) > mostReason:
		return usageError(fmt.Sprintf("--reason: must have %d characters or less", mostReason))
	}
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	for _, stage := range c.Stages {
		if err := streams.SayPause(s.ctx, cl.JetStream, event.Stage(stage), event.Pause{Paused: true, Actor: cmp.Or(actor(), someOperator), Reason: oneLine(c.Reason), For: c.For}); err != nil {
			return err
		}
	}
	return c.tell(s, cl)
}

// tell says what is paused now.
func (c pauseCmd) tell(s *session, cl *app.Client) error {
	paused, err := pausedNow(s.ctx, cl)
	if err != nil {
		return err
	}
	fmt.Fprint(s.stdout, pausedLines(paused))
	return nil
}

type resumeCmd struct {
	where  `embed:""`
	Stages []string `arg:"" name:"stage" enum:"intake,bridge,delivery" help:"intake, bridge or delivery."`
}

// Run executes `usher resume`.
func (c resumeCmd) Run(s *session) error {
	cl, err := c.dial(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	said, err := streams.ReadPauses(s.ctx, cl.JetStream)
	if err != nil {
		return err
	}
	for _, stage := range c.Stages {
		stage := event.Stage(stage)
		if p := said[stage]; !p.Holds(time.Now()) {
			fmt.Fprintf(s.stdout, "%s was not paused\n", stage)
			continue
		}
		if err := streams.SayPause(s.ctx, cl.JetStream, stage, event.Pause{Actor: cmp.Or(actor(), someOperator)}); err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "%s goes on\n", stage)
	}
	return nil
}

func pausedNow(ctx context.Context, cl *app.Client) ([]event.PausedStage, error) {
	said, err := streams.ReadPauses(ctx, cl.JetStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // of a release before pauses, nothing is
		return nil, nil
	}
	return event.PausedStages(said, time.Now()), err
}

// pausedLines say what is paused, a line each.
func pausedLines(paused []event.PausedStage) string {
	var b strings.Builder
	for _, p := range paused {
		fmt.Fprintf(&b, "PAUSED %s, since %s, by %s", p.Stage, p.At.Local().Format(time.DateTime), p.Actor)
		if end := p.Until(); !end.IsZero() {
			fmt.Fprintf(&b, ", until %s", end.Local().Format(time.DateTime))
		}
		if p.Reason != "" {
			fmt.Fprintf(&b, ": %s", p.Reason)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// oneLine is a text without line breaks and what else terminals take for orders.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
}
