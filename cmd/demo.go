package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"usher/app"
	"usher/event"
)

type demoCmd struct {
	Data   string `help:"Folder for the demo, made anew." default:"./demo-data" placeholder:"DIR"`
	Sample string `help:"File to drop." default:"samples/users.csv" type:"path" placeholder:"FILE"`
	Chaos  bool   `help:"Welcome sixty users while the catcher fails in every way it can."`
}

// Run executes `usher demo`: it starts everything on free ports, drops the
// sample, decides about each user as an upstream system would, and shows the
// messages as they arrive.
func (d demoCmd) Run(s *session) error {
	if err := freshFolder(d.Data); err != nil {
		return err
	}
	c := app.Config{
		Base:     app.Base{Data: d.Data, OpsAddr: "127.0.0.1:0", LogLevel: "error", LogFormat: "text"},
		External: app.External{TemporalAccess: app.TemporalAccess{TemporalNamespace: "default"}, Replicas: 1},
		Servers: app.Servers{
			NATSAddr: "127.0.0.1:0", TemporalAddr: "127.0.0.1:0", TemporalUIAddr: "127.0.0.1:0",
			Catching: app.Catching{CatcherSMTPAddr: "127.0.0.1:0", CatcherHTTPAddr: "127.0.0.1:0"}, MaxStore: 256 << 20, Retention: 24 * time.Hour, Sample: d.Sample,
		},
		Delivery: app.Delivery{SMTPTLS: "none", MailFrom: "Welcome <welcome@usher.example>", SMSAccount: "ACusher", SMSFrom: "+15005550006", OnUnknown: "resend"},
		Web:      app.Web{ConsoleAddr: "127.0.0.1:0"}, Limits: app.DefaultLimits(), Roles: app.AllRoles,
	}
	if d.Chaos {
		if err := d.prepareChaos(&c); err != nil {
			return err
		}
	}
	log := s.logger(c.Base)
	if d.Chaos {
		log = slog.New(slog.DiscardHandler) // errors are what it is about
	}
	ctx, cancel := context.WithTimeout(s.ctx, 3*time.Minute)
	defer cancel()
	began := time.Now()
	ready := make(chan app.Addresses, 1)
	stopped := make(chan error, 1)
	fmt.Fprintln(s.stdout, "Starting NATS, Temporal, the catcher and all roles on free ports …")
	go func() {
		stopped <- app.Run(ctx, c, app.Env{Embed: s.Embed, Up: true, Version: s.Version, Out: discard{}, Log: log, Ready: func(a app.Addresses) { ready <- a }})
	}()
	var a app.Addresses
	select {
	case a = <-ready:
	case err := <-stopped:
		return errors.Join(errors.New("the demo did not start"), err)
	}
	fmt.Fprintf(s.stdout, "Ready after %s. Dropping %s into %s/inbox …\n", time.Since(began).Round(100*time.Millisecond), filepath.Base(d.Sample), d.Data)
	err := d.show(ctx, s, a)
	cancel()
	return errors.Join(err, <-stopped)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// freshFolder empties a folder that an earlier demo made, and no other.
func freshFolder(dir string) error {
	mark := filepath.Join(dir, ".usher-demo")
	if _, err := os.Stat(dir); err == nil {
		if _, err := os.Stat(mark); err != nil {
			return fmt.Errorf("%s is there and no demo made it: name another folder with --data", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

func (d demoCmd) show(ctx context.Context, s *session, a app.Addresses) error {
	if _, err := dropFile(d.Sample, filepath.Join(d.Data, "inbox")); err != nil {
		return err
	}
	cl, err := app.Dial(ctx, d.Data, app.NATSAccess{NATSURL: "nats://" + a.NATS})
	if err != nil {
		return err
	}
	defer cl.Close()
	facts, stop, err := followFacts(ctx, cl.JetStream)
	if err != nil {
		return err
	}
	defer stop()
	var waiting, approved, rejected, finished, mails, texts int
	var users []string
	quiet := time.NewTimer(3 * time.Second)
	var second <-chan time.Time // nil, and so never, without chaos
	if d.Chaos {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		second = t.C
	}
	for done := false; !done; {
		select {
		case <-ctx.Done():
			return errors.New("the demo did not come to its end in time")
		case <-quiet.C:
			done = finished > 0 && finished == waiting
			quiet.Reset(time.Second)
		case <-second:
			if err := d.figures(ctx, s, a); err != nil {
				return err
			}
		case f := <-facts:
			quiet.Reset(time.Second)
			switch {
			case f.Kind == event.FactStarted:
				waiting++
				users = append(users, f.UserID)
				verb, reason := event.VerbApproved, ""
				if waiting%7 == 0 && !d.Chaos {
					verb, reason = event.VerbRejected, "the contract has ended"
					rejected++
				} else {
					approved++
				}
				// As an upstream system would: one event, published to JetStream.
				if err := cl.Publisher.Verification(ctx, "crm", verb, event.NewID(), event.VerificationBody{UserID: f.UserID, Reason: reason}); err != nil {
					return err
				}
			case f.Kind == event.FactSent && f.Channel == event.ChannelEmail:
				mails++
			case f.Kind == event.FactSent:
				texts++
			case f.Status.Final() && f.Effect != event.EffectLate:
				finished++
				if !d.Chaos {
					fmt.Fprintf(s.stdout, "  %-28s %s\n", f.UserID, f.Status)
				}
			}
		}
	}
	if d.Chaos {
		return d.chaosSummary(ctx, s, a, cl, users)
	}
	caught, err := countMails(ctx, a)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "\n%d users waited; the upstream system approved %d and rejected %d.\n", waiting, approved, rejected)
	fmt.Fprintf(s.stdout, "%d e-mails and %d text messages went out; the catcher holds %d e-mails.\n", mails, texts, caught)
	refused, _ := filepath.Glob(filepath.Join(d.Data, "refused", "*", "*.refused.csv")) // the pattern is good
	for _, r := range refused {
		fmt.Fprintf(s.stdout, "Rows that were refused, with reasons: %s\n", r)
	}
	if caught != mails || finished != waiting {
		return fmt.Errorf("%d e-mails were sent and %d caught, %d users began and %d ended", mails, caught, waiting, finished)
	}
	return nil
}

func countMails(ctx context.Context, a app.Addresses) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.CatcherHTTP+"/api/v1/messages?limit=1", nil)
	if err != nil {
		return 0, err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	var m struct{ Total int }
	return m.Total, json.NewDecoder(r.Body).Decode(&m)
}
