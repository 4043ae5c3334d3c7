package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
)

type resendCmd struct {
	order     `embed:""`
	Channel   []string      `help:"Only by these: email, sms. Otherwise by those that did not reach the user, or by all when all did." enum:"email,sms"`
	Status    []string      `help:"Instead of users: everybody with one of these statuses." placeholder:"STATUS"`
	FailedFor string        `help:"Instead of users: everybody whose message failed for this reason, by the channels on which it did." placeholder:"REASON"`
	Since     time.Duration `help:"With --failed-for: only what failed within this time." placeholder:"24h"`
	Inbox     string        `help:"With --status or --failed-for: only people of this inbox." placeholder:"NAME"`
	DryRun    bool          `help:"Say who would get a message, and send none."`
}

// sentTo are the statuses after which a message can be sent again.
var sentTo = []string{string(event.StatusWelcomed), string(event.StatusPartlyWelcomed), string(event.StatusUnreached)}

// Run executes `usher resend`.
func (r resendCmd) Run(s *session) error {
	if err := r.check(); err != nil {
		return err
	}
	groups := map[string][]string{strings.Join(r.Channel, ","): r.Users}
	if len(r.Users) == 0 {
		c, err := r.dial(s.ctx)
		if err != nil {
			return err
		}
		groups, err = r.find(s.ctx, c)
		c.Close()
		if err != nil {
			return err
		}
		n := 0
		for _, users := range groups {
			n += len(users)
		}
		fmt.Fprintf(s.stdout, "%d users\n", n)
	}
	for _, channels := range []string{"", event.ChannelEmail, event.ChannelSMS, event.ChannelEmail + "," + event.ChannelSMS, event.ChannelSMS + "," + event.ChannelEmail} {
		r.Users = groups[channels]
		if r.DryRun {
			for _, u := range r.Users {
				fmt.Fprintf(s.stdout, "%s: would get a message again%s\n", u, map[bool]string{true: ": " + channels}[r.FailedFor != ""])
			}
			continue
		}
		if len(r.Users) == 0 {
			continue
		}
		var by []string
		if channels != "" {
			by = strings.Split(channels, ",")
		}
		if err := r.give(s, event.VerbResend, event.VerificationBody{Channels: by}); err != nil {
			return err
		}
	}
	return nil
}

// check finds what does not go together.
func (r resendCmd) check() error {
	ways := 0
	for _, given := range []bool{len(r.Users) > 0, len(r.Status) > 0, r.FailedFor != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return usageError("name users, or select them with --status or --failed-for")
	}
	if r.Since != 0 && r.FailedFor == "" {
		return usageError("--since goes with --failed-for")
	}
	for _, status := range r.Status {
		if !slices.Contains(sentTo, status) {
			return usageError(fmt.Sprintf("--status %s: nothing was sent to these people; it must be welcomed, partly_welcomed or unreached", status))
		}
	}
	if r.FailedFor != "" && event.Explain(r.FailedFor) == r.FailedFor {
		return usageError(fmt.Sprintf("--failed-for %s: there is no such reason; docs/delivery.md lists them", r.FailedFor))
	}
	return nil
}

// find are the users whom the filter means, in order, by the channels that they get
// messages by.
func (r resendCmd) find(ctx context.Context, c *app.Client) (map[string][]string, error) {
	groups, asked := map[string][]string{}, strings.Join(r.Channel, ",")
	err := c.People.Each(ctx, func(userID string, p event.Person) error {
		if p.Source == event.SourceCanary || r.Inbox != "" && r.Inbox != p.Source || !slices.Contains(sentTo, string(p.Status)) {
			return nil
		}
		channels := asked
		if r.FailedFor != "" {
			failed := r.failed(p, time.Now())
			if len(failed) == 0 {
				return nil
			}
			channels = strings.Join(failed, ",")
		} else if !slices.Contains(r.Status, string(p.Status)) {
			return nil
		}
		groups[channels] = append(groups[channels], userID)
		return nil
	})
	for channels, users := range groups {
		slices.Sort(users)
		groups[channels] = slices.Compact(users) // one whose record was written meanwhile came twice
	}
	return groups, err
}

// failed are the channels on which the latest welcome of a person failed for the
// reason that is asked for.
func (r resendCmd) failed(p event.Person, now time.Time) []string {
	latest := map[string]event.Message{}
	for _, m := range p.Messages() {
		if m.Generation == p.Generation && m.Purpose == event.PurposeWelcome {
			latest[m.Channel] = m
		}
	}
	var out []string
	for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
		m, ok := latest[channel]
		at := m.At
		if m.State == "" && m.Over { // its time ran out between two tries
			m.Reason = event.ReasonExpired
			if n := len(m.Tries); n > 0 {
				at = m.Tries[n-1].At
			}
		}
		ended := m.State == event.SendFailed || m.State == event.SendBounced || m.Reason == event.ReasonExpired && m.State == ""
		wanted := len(r.Channel) == 0 || slices.Contains(r.Channel, channel)
		if ok && ended && wanted && m.Reason == r.FailedFor && (r.Since == 0 || now.Sub(at) <= r.Since) {
			out = append(out, channel)
		}
	}
	return out
}
