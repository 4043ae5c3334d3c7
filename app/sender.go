package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"usher/console"
	"usher/event"
	"usher/metrics"
	"usher/notify"
	"usher/streams"
)

// sender makes what sends messages.
func (p *process) sender(m *metrics.Worker, list *streams.Delivery, receipts *notify.Receipts) (*notify.Sender, error) {
	c, err := p.notifyConfig(m, list, receipts)
	if err != nil {
		return nil, err
	}
	return notify.New(c)
}

// notifyConfig sends through the providers of a file, of the flags, or the
// catcher.
func (p *process) notifyConfig(m *metrics.Worker, list *streams.Delivery, receipts *notify.Receipts) (c notify.Config, err error) {
	providers, err := p.Delivery.providers(p.addr)
	if err != nil {
		return c, err
	}
	if len(providers.Email) == 0 && (len(p.Deciders) > 0 || len(p.ReportTo) > 0 || len(p.AuditMail) > 0) {
		return c, errors.New("--deciders, --report-to and --audit-mail need a provider of e-mail: give --smtp-addr, or --providers with email")
	}
	for channel, n := range map[string]int{event.ChannelEmail: len(providers.Email), event.ChannelSMS: len(providers.SMS)} {
		if n == 0 {
			p.Log.Info("nothing is sent on a channel: no provider is configured for it", "channel", channel)
		}
	}
	for i, c := range providers.Email {
		gauge := p.figures.CertificateExpiry.WithLabelValues
		providers.Email[i].CertificateEnds = func(at time.Time) { gauge(c.Name).Set(float64(at.Unix())) }
		providers.Email[i].Dial = p.Network.Dial
	}
	for i := range providers.SMS {
		providers.SMS[i].Dial = p.Network.Dial
	}
	templates, err := p.Content.fs()
	if err != nil {
		return c, err
	}
	c = notify.Config{
		Ledger: ledgers{p.people, p.reports}, Providers: providers, Templates: templates, OnUnknown: p.OnUnknown, MaxPause: p.MaxPause, Allowed: p.AllowRecipients,
		Keys: p.key, Receipts: receipts, ReturnPath: p.ReturnPath, ReceiptsURL: p.ReceiptsURL, Process: p.me,
		Switch:  p.pauses.Switch(event.StageDelivery),
		Metrics: m, Log: p.Log, Fault: p.Fault,
	}
	if list != nil { // a nil pointer in an interface is not nil
		c.Suppressions = list
	}
	if p.lives != nil {
		c.Lives = p.lives
	}
	return whole(c, "Suppressions", "Keys", "Templates", "OnUnknown", "Receipts", "ReturnPath", "ReceiptsURL", "Allowed", "MaxPause", "Grace", "Fault", "Process", "Lives")
}

// leastSilence is how long a process may give no sign of life at least, whatever
// --heartbeat says: a busy machine keeps one waiting for as long.
const leastSilence = 3 * time.Second

// openLives names this process and starts what shows that it lives, until nothing
// is in hand any more.
func (p *process) openLives(ctx context.Context) error {
	me, release, err := identify(p.Data)
	if err != nil {
		p.Log.Warn("a restart of this process will not be recognised; other workers take over its messages after a timeout", "error", err)
	}
	p.me = me
	err = p.bucket(ctx, event.BucketDelivery, func(ctx context.Context) (err error) {
		p.lives, err = streams.NewAlive(ctx, p.js, me, max(p.Heartbeat, leastSilence))
		return err
	})
	if err != nil {
		release()
		return err
	}
	p.life.start(ctx, part{"signs", func(ctx context.Context) error {
		defer release()
		return p.lives.Run(ctx)
	}, time.Second})
	return nil
}

// fs is the folder with templates, nil without one.
func (c Content) fs() (fs.FS, error) {
	if c.Templates == "" {
		return nil, nil
	}
	if s, err := os.Stat(c.Templates); err != nil || !s.IsDir() {
		return nil, fmt.Errorf("--templates %s: there is no such folder", c.Templates)
	}
	return os.DirFS(c.Templates), nil
}

// named tells for which channels a provider is named.
func (d Delivery) named() (mail, text bool, err error) {
	var p notify.Providers
	if d.Providers != "" {
		if p, err = notify.LoadProviders(d.Providers); err != nil {
			return false, false, fmt.Errorf("--providers: %w", err)
		}
	}
	return d.SMTPAddr != "" || len(p.Email) > 0, d.SMSURL != "" || len(p.SMS) > 0, nil
}

// providers are those of the file; for a channel that the file does not have, the
// one that the flags describe, or the catcher. A channel may have none, not both.
func (d Delivery) providers(a Addresses) (notify.Providers, error) {
	var p notify.Providers
	var err error
	if d.Providers != "" {
		if p, err = notify.LoadProviders(d.Providers); err != nil {
			return p, fmt.Errorf("--providers: %w", err)
		}
	}
	switch {
	case len(p.Email) > 0 && d.SMTPAddr != "":
		return p, errors.New("--providers and --smtp-addr both say who takes the e-mail: give one of them")
	case len(p.SMS) > 0 && d.SMSURL != "":
		return p, errors.New("--providers and --sms-url both say who takes the text messages: give one of them")
	}
	if len(p.Email) == 0 {
		if p.Email, err = d.mailServer(a.CatcherSMTP); err != nil {
			return p, err
		}
	}
	if len(p.SMS) == 0 {
		if p.SMS, err = d.textService(a.CatcherHTTP); err != nil {
			return p, err
		}
	}
	if len(p.Email)+len(p.SMS) == 0 {
		return p, errors.New("--smtp-addr, --sms-url or --providers is needed: without one no user can be welcomed")
	}
	return p, nil
}

// mailServer is the one that the flags describe, or the catcher, or none.
func (d Delivery) mailServer(catcher string) ([]notify.SMTPConfig, error) {
	mail := notify.SMTPConfig{Name: "smtp", Addr: d.SMTPAddr, TLS: d.SMTPTLS, Username: d.SMTPUsername, From: d.MailFrom}
	var err error
	if mail.Password, err = secret("smtp-password", d.SMTPPassword, d.SMTPPasswordFile); err != nil {
		return nil, err
	}
	switch {
	case mail.Addr == "" && catcher == "":
		return nil, nil
	case mail.Addr == "":
		mail.Addr, mail.TLS = catcher, "none"
	}
	return []notify.SMTPConfig{mail}, nil
}

// textService is the one that the flags describe, or the catcher, or none.
func (d Delivery) textService(catcher string) ([]notify.HTTPConfig, error) {
	token, err := secret("sms-token", d.SMSToken, d.SMSTokenFile)
	if err != nil {
		return nil, err
	}
	url := d.SMSURL
	switch {
	case url == "" && catcher == "":
		return nil, nil
	case url == "":
		url = "http://" + catcher
	}
	return []notify.HTTPConfig{notify.Twilio(url, d.SMSAccount, token, d.SMSFrom)}, nil
}

// previews are the messages as the console shows them.
type previews struct{ *notify.Previews }

func (c Content) previews() (previews, error) {
	f, err := c.fs()
	if err != nil {
		return previews{}, err
	}
	p, err := notify.OpenPreviews(f)
	if err != nil {
		err = fmt.Errorf("--templates: %w", err)
	}
	return previews{p}, err
}

// Preview implements console.Previewer.
func (p previews) Preview(purpose, locale, name string) (console.Message, error) {
	m, err := p.Render(purpose, locale, name, "u-1001", nil)
	out := console.Message{
		Purpose: m.Purpose, Locale: m.Locale, Version: m.Version, Subject: m.Subject, Text: m.Text, HTML: m.HTML, SMS: m.SMS,
		Segments: m.Segments.Count, Units: m.Segments.Units, Encoding: m.Segments.Encoding(),
	}
	if m.Segments.Unicode {
		out.Odd = string(m.Segments.Odd)
	}
	return out, err
}
