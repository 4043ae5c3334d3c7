package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
	"usher/metrics"
	"usher/notify"
)

// Trial is one message to an address of an operator's, through the providers that
// users' messages go through, and into no ledger.
type Trial struct {
	Delivery
	Data         string // to find the catcher of a running `usher up`
	To           string // address or number
	Provider     string // the only one to ask; "" asks as for a user
	Name, Locale string
	DryRun       bool
}

// Run sends the message, or only shows what would be sent, and tells out about it.
// Its error says why the message was not accepted.
func (t Trial) Run(ctx context.Context, out io.Writer) error {
	running, err := FindRunning(t.Data)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	providers, err := t.providers(running)
	if err != nil {
		return err
	}
	r := notify.Request{
		UserID: "usher-trial", Generation: 1, Purpose: event.PurposeWelcome, Channel: event.ChannelSMS, Ordinal: 1,
		Name: t.Name, Phone: t.To, Locale: t.Locale, Decided: time.Now(),
	}
	if strings.Contains(t.To, "@") {
		r.Channel, r.Email, r.Phone = event.ChannelEmail, t.To, ""
	}
	if r.Channel == event.ChannelEmail && len(providers.Email) == 0 {
		return errors.New("no provider takes e-mail here: give --smtp-addr, or --providers with email")
	}
	if r.Channel == event.ChannelSMS && len(providers.SMS) == 0 {
		return errors.New("no provider takes text messages here: give --sms-url, or --providers with sms")
	}
	if t.Provider != "" {
		if err := only(&providers, r.Channel, t.Provider); err != nil {
			return err
		}
	}
	for i := range providers.Email {
		providers.Email[i].Said = said(out, providers.Email[i].Name)
	}
	for i := range providers.SMS {
		providers.SMS[i].Said = said(out, cmp.Or(providers.SMS[i].Name, providers.SMS[i].Preset))
	}
	templates, err := t.Content.fs()
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	s, err := notify.New(notify.Config{
		Ledger: &notify.Trial{}, Providers: providers, Templates: templates, OnUnknown: notify.Hold, Allowed: t.AllowRecipients,
		Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler),
	})
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

// said prints a provider's words.
func said(out io.Writer, provider string) notify.Said {
	return func(words string) {
		fmt.Fprintf(out, "%s says: %s\n", provider, strings.ReplaceAll(words, "\n", "\n  "))
	}
}

// only leaves one provider of a channel.
func only(p *notify.Providers, channel, name string) error {
	before := len(p.Email)
	if channel == event.ChannelEmail {
		p.Email = slices.DeleteFunc(p.Email, func(c notify.SMTPConfig) bool { return c.Name != name })
	} else {
		before = len(p.SMS)
		p.SMS = slices.DeleteFunc(p.SMS, func(c notify.HTTPConfig) bool { return c.Name != name })
	}
	if left := len(p.Email); channel == event.ChannelEmail && left == 0 || channel == event.ChannelSMS && len(p.SMS) == 0 {
		return fmt.Errorf("--provider: none of the %d providers for %s is called %s", before, channel, name)
	}
	return nil
}

// Preview prints a message as its recipient would see it.
func (c Content) Preview(out io.Writer, purpose, locale, name string, attributes map[string]string, html bool) error {
	p, err := c.previews()
	if err != nil {
		return err
	}
	m, err := p.Render(purpose, locale, name, "u-1001", attributes)
	if err != nil {
		return err
	}
	if html {
		_, err := fmt.Fprintln(out, m.HTML)
		return err
	}
	fmt.Fprintf(out, "%s\n\nSubject: %s\n\n%s\n\nText message (%d to pay, %d units of %s):\n\n%s\n",
		m.Version, m.Subject, m.Text, m.Segments.Count, m.Segments.Units, m.Segments.Encoding(), m.SMS)
	if m.Segments.Unicode {
		fmt.Fprintf(out, "\n%q is not in the small alphabet of text messages, so each holds 70 characters instead of 160.\n", m.Segments.Odd)
	}
	return nil
}

// CopyTemplates writes the templates that come with usher into a new folder.
func CopyTemplates(dir string) error { return notify.CopyBuiltin(dir) }
