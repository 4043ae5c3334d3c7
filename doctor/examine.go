package doctor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// System is what is examined. What is nil is not there.
type System struct {
	Version string
	Up      bool // it is a running `usher up`
	Pre     bool // it was never started
	Probe   bool // files may be written, and taken away again
	Roles   []string
	Limit   time.Duration // of one look; 0 is Limit

	Settings  Settings
	Keys      Keys
	Issuer    *IssuerTarget
	NATS      *NATSTarget
	Temporal  *TemporalTarget
	Providers []ProviderTarget
	Workers   int  // that send
	Catcher   bool // takes what no provider is named for
	Inboxes   []InboxTarget
	Machine   *MachineTarget

	// Hide are texts that the facts must not have: secrets, names of users, paths.
	Hide []string
}

// IssuerTarget is an issuer by which people sign in at the console.
type IssuerTarget struct {
	Host string
	Look func(context.Context) error // why it cannot be used
}

func (t IssuerTarget) look() look {
	return look{"issuer", func(ctx context.Context) (func(*Facts), error) {
		err := t.Look(ctx)
		return func(f *Facts) {
			if err != nil {
				f.Issuer.Problem = plain(err)
			}
		}, nil
	}}
}

// Examine takes all looks, side by side, and returns the facts. Its error is that of
// ctx, without which all looks would seem to hang, or of a text that cannot be cleaned.
func Examine(ctx context.Context, s System) (Facts, error) {
	f := Facts{
		Format: format, Taken: time.Now().UTC(), Version: s.Version, Up: s.Up, Pre: s.Pre, Probe: s.Probe, Roles: s.Roles,
		Settings: s.Settings, Keys: s.Keys, Workers: s.Workers, Catcher: s.Catcher,
	}
	f.NATS.Own, f.Temporal.Own = s.NATS == nil, s.Temporal == nil
	var looks []look
	if s.Issuer != nil {
		f.Issuer.Host = s.Issuer.Host
		looks = append(looks, s.Issuer.look())
	}
	if s.NATS != nil {
		looks = append(looks, s.NATS.looks()...)
	}
	if s.Temporal != nil {
		s.Temporal.Probe = s.Probe
		looks = append(looks, s.Temporal.looks()...)
	}
	for _, p := range s.Providers {
		looks = append(looks, p.look())
	}
	for _, in := range s.Inboxes {
		looks = append(looks, in.look(s.Probe))
	}
	if s.Machine != nil {
		looks = append(looks, s.Machine.looks()...)
	}
	takeLooks(ctx, &f, cmp.Or(s.Limit, Limit), looks)
	if err := ctx.Err(); err != nil { // what did not end was ended by the caller, and does not hang
		return f, err
	}
	slices.SortFunc(f.Providers, func(a, b Provider) int {
		return cmp.Or(strings.Compare(a.Channel, b.Channel), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(f.Inboxes, func(a, b Inbox) int { return strings.Compare(a.Source, b.Source) })
	return newCleaner(s.Hide).facts(f)
}
