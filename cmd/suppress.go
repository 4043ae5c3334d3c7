package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
	"usher/streams"
)

type suppressCmd struct {
	Add suppressAdd `cmd:"" help:"Send nothing more to addresses or numbers."`
	Rm  suppressRm  `cmd:"" help:"Take addresses, numbers or entries off the list."`
	Ls  suppressLs  `cmd:"" help:"List the entries. They hold no addresses."`
}

// suppressList is what the commands about the list share.
type suppressList struct {
	where `embed:""`
	Key   idKey `embed:""`
}

// open connects and finds the key under which addresses are kept. Another key
// than that of the servers would find nothing and hide it.
func (l suppressList) open(ctx context.Context) (*app.Client, *streams.Delivery, event.Key, error) {
	key, err := app.Config{Base: app.Base{Data: l.Data}, Intake: l.Key.intake()}.FindIDKey()
	if err != nil {
		return nil, nil, nil, err
	}
	cl, err := l.dial(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	d, err := streams.NewDelivery(ctx, cl.JetStream)
	if err = errors.Join(err, streams.CheckKey(ctx, cl.JetStream, key.Fingerprint())); err != nil {
		cl.Close()
		return nil, nil, nil, err
	}
	return cl, d, key, nil
}

var entryID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// entry is under what an address, a number or an entry of the list is kept.
func entry(key event.Key, s string) (hash, channel string, err error) {
	switch {
	case strings.Contains(s, "@"):
		return key.Address(event.ChannelEmail, s), event.ChannelEmail, nil
	case strings.HasPrefix(s, "+"):
		s = strings.NewReplacer(" ", "", "-", "", "/", "", "(", "", ")", "").Replace(s)
		return key.Address(event.ChannelSMS, s), event.ChannelSMS, nil
	case entryID.MatchString(s):
		return s, "", nil
	}
	return "", "", usageError(fmt.Sprintf("%q is neither an address nor a number with a + and its country code", s))
}

type suppressAdd struct {
	suppressList `embed:""`
	Addresses    []string `arg:"" help:"E-mail addresses, or numbers as +49…." name:"address"`
}

// Run executes `usher suppress add`.
func (a suppressAdd) Run(s *session) error {
	cl, list, key, err := a.open(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	for _, address := range a.Addresses {
		hash, channel, err := entry(key, address)
		if err != nil {
			return err
		}
		if channel == "" {
			return usageError(fmt.Sprintf("%q is an entry of the list; give the address itself", address))
		}
		added, err := list.Suppress(s.ctx, hash, event.Suppression{Channel: channel, Reason: event.SuppressedByOperator, By: "operator", At: time.Now().UTC()})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "%s  %-5s  %s\n", hash, channel, map[bool]string{true: "suppressed", false: "was suppressed already"}[added])
	}
	return nil
}

type suppressRm struct {
	suppressList `embed:""`
	Addresses    []string      `arg:"" optional:"" help:"Addresses, numbers, or entries as ls prints them." name:"address"`
	Reason       string        `help:"Instead of addresses: all entries with this reason that no operator made." placeholder:"REASON"`
	Since        time.Duration `help:"With --reason: only those made within this time." placeholder:"24h"`
	DryRun       bool          `help:"Say what would be taken off, and take nothing off."`
}

// Run executes `usher suppress rm`.
func (r suppressRm) Run(s *session) error {
	if len(r.Addresses) > 0 == (r.Reason != "") || r.Since != 0 && r.Reason == "" {
		return usageError("name addresses, or say --reason (and --since) for all entries that have it")
	}
	cl, list, key, err := r.open(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	if r.Reason != "" {
		if r.Addresses, err = r.having(s.ctx, list); err != nil {
			return err
		}
		fmt.Fprintf(s.stdout, "%d entries\n", len(r.Addresses))
	}
	missing := 0
	for _, address := range r.Addresses {
		hash, _, err := entry(key, address)
		if err != nil {
			return err
		}
		if r.DryRun {
			fmt.Fprintf(s.stdout, "%s  would be taken off the list\n", hash)
			continue
		}
		was, err := list.Release(s.ctx, hash)
		if err != nil {
			return err
		}
		if !was {
			missing++
		}
		fmt.Fprintf(s.stdout, "%s  %s\n", hash, map[bool]string{true: "may get messages again; what failed meanwhile is sent with usher resend", false: "was not suppressed"}[was])
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d were not on the list", missing, len(r.Addresses))
	}
	return nil
}

// having are the entries with the reason, the oldest first.
func (r suppressRm) having(ctx context.Context, list *streams.Delivery) (entries []string, err error) {
	made := map[string]time.Time{}
	err = list.SuppressedAll(ctx, func(hash string, e event.Suppression) error {
		byHand := e.By == "operator" && r.Reason != event.SuppressedByOperator
		if e.Reason == r.Reason && !byHand && (r.Since == 0 || time.Since(e.At) <= r.Since) {
			made[hash] = e.At
		}
		return nil
	})
	return slices.SortedFunc(maps.Keys(made), func(a, b string) int { return made[a].Compare(made[b]) }), err
}

type suppressLs struct {
	suppressList `embed:""`
	JSON         bool `name:"json" help:"Print as JSON Lines."`
}

// Run executes `usher suppress ls`.
func (l suppressLs) Run(s *session) error {
	cl, list, _, err := l.open(s.ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	type row struct {
		Entry string `json:"entry"`
		event.Suppression
	}
	var rows []row
	if err := list.SuppressedAll(s.ctx, func(hash string, e event.Suppression) error {
		rows = append(rows, row{hash, e})
		return nil
	}); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b row) int { return a.At.Compare(b.At) })
	out := json.NewEncoder(s.stdout)
	for _, r := range rows {
		if !l.JSON {
			fmt.Fprintf(s.stdout, "%s  %-5s  %-18s  %-8s  %s  %s\n", r.Entry, r.Channel, r.Reason, r.By, r.At.Local().Format(time.DateTime), cmp.Or(r.Message, "-"))
		} else if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
