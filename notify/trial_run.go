package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
)

// Trial is one message to an address of an operator's, through the providers that
// users' messages go through, and into no ledger.
type Trial struct {
	Providers    Providers
	Templates    fs.FS    // nil for those that come with usher
	Allowed      []string // as in Config
	To           string   // address or number
	Provider     string   // the only one to ask; "" asks as for a user
	Name, Locale string
	DryRun       bool // only show what would be said
	Probe        bool // only ask what would become of a message; To may be ""
}

// Run sends the message, or only shows what would be sent or asks what would become of
// it, and tells out about it. Its error says why the message was not accepted.
func (t Trial) Run(ctx context.Context, out io.Writer) error {
	if t.Probe {
		return t.probe(ctx, out)
	}
	r := Request{
		UserID: "usher-trial", Generation: 1, Purpose: event.PurposeWelcome, Channel: event.ChannelSMS, Ordinal: 1,
		Name: t.Name, Phone: t.To, Locale: t.Locale, Decided: time.Now(),
	}
	if strings.Contains(t.To, "@") {
		r.Channel, r.Email, r.Phone = event.ChannelEmail, t.To, ""
	}
	if r.Channel == event.ChannelEmail && len(t.Providers.Email) == 0 {
		return errors.New("no provider takes e-mail here: give --smtp-addr, or --providers with email")
	}
	if r.Channel == event.ChannelSMS && len(t.Providers.SMS) == 0 {
		return errors.New("no provider takes text messages here: give --sms-url, or --providers with sms")
	}
	if t.Provider != "" {
		if err := only(&t.Providers, r.Channel, t.Provider); err != nil {
			return err
		}
	}
	for i := range t.Providers.Email {
		t.Providers.Email[i].Said = said(out, t.Providers.Email[i].Name)
	}
	for i := range t.Providers.SMS {
		t.Providers.SMS[i].Said = said(out, cmp.Or(t.Providers.SMS[i].Name, t.Providers.SMS[i].Preset))
	}
	s, err := t.sender()
	if err != nil {
		return err
	}
	said, err := s.Describe(r)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	for _, x := range said {
		fmt.Fprintf(out, "--- %s through %s\n%s\n", r.Channel, x.Provider, x.Request)
	}
	if n := s.Segments(r); n > 1 {
		fmt.Fprintf(out, "the text takes %d segments: the service must allow that many (Kannel: max-messages and concatenation of the sendsms-user), or it cuts the text\n", n)
	}
	if t.DryRun {
		fmt.Fprintln(out, "nothing was sent")
		return s.Close()
	}
	began := time.Now()
	sent, err := s.Send(ctx, r)
	if err == nil {
		fmt.Fprintf(out, "accepted by %s after %s; its id there: %s\n", sent.Provider, time.Since(began).Round(time.Millisecond), cmp.Or(sent.ProviderID, "not said"))
	}
	return errors.Join(err, s.Close())
}

// sender sends without a ledger.
func (t Trial) sender() (*Sender, error) {
	reg := prometheus.NewRegistry()
	return New(Config{
		Ledger: &forgetful{}, Providers: t.Providers, Templates: t.Templates, OnUnknown: Hold, Allowed: t.Allowed,
		Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler),
	})
}

// probe asks the providers of the recipient's channel, or without one of all, and
// sends nothing.
func (t Trial) probe(ctx context.Context, out io.Writer) error {
	s, err := t.sender()
	if err != nil {
		return err
	}
	asked, refusing := 0, 0
	for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
		if t.To != "" && (channel == event.ChannelEmail) != strings.Contains(t.To, "@") {
			continue
		}
		answers, err := s.Probe(ctx, channel, t.To)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		for _, a := range answers {
			if t.Provider != "" && a.Provider != t.Provider {
				continue
			}
			asked++
			if a.Reason != "" && a.Reason != ReasonDeferred {
				refusing++
			}
			fmt.Fprintf(out, "--- %s through %s\n%s%s: %s\n", channel, a.Provider, a.Dialog, a.Provider, a.Says())
			for _, note := range a.Notes {
				fmt.Fprintf(out, "%s: %s\n", a.Provider, note)
			}
		}
	}
	switch err := s.Close(); {
	case asked == 0:
		return errors.Join(errors.New("there is no such provider: give --smtp-addr, --sms-url or --providers, and look at --provider and --to"), err)
	case refusing > 0:
		return errors.Join(fmt.Errorf("%d of %d providers would refuse a message", refusing, asked), err)
	default:
		fmt.Fprintln(out, "nothing was sent")
		return err
	}
}

// said prints a provider's words.
func said(out io.Writer, provider string) Said {
	return func(words string) {
		fmt.Fprintf(out, "%s says: %s\n", provider, strings.ReplaceAll(words, "\n", "\n  "))
	}
}

// only leaves one provider of a channel.
func only(p *Providers, channel, name string) error {
	before := len(p.Email)
	if channel == event.ChannelEmail {
		p.Email = slices.DeleteFunc(p.Email, func(c SMTPConfig) bool { return c.Name != name })
	} else {
		before = len(p.SMS)
		p.SMS = slices.DeleteFunc(p.SMS, func(c HTTPConfig) bool { return c.Name != name })
	}
	if left := len(p.Email); channel == event.ChannelEmail && left == 0 || channel == event.ChannelSMS && len(p.SMS) == 0 {
		return fmt.Errorf("--provider: none of the %d providers for %s is called %s", before, channel, name)
	}
	return nil
}
