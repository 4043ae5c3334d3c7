package cmd

import (
	"fmt"
	"os"
	"path/filepath"

	"usher/app"
	"usher/disk"
	"usher/systemd"
)

// The role commands take the groups of settings that they use.
type (
	upCmd struct {
		Settings settings `embed:""`
	}
	// settings are without the methods of app.Config: the parser would call Validate, and
	// then what is wrong with a value were an error of the command line, with another
	// exit code than the other roles have.
	settings app.Config
	watchCmd struct {
		app.Base     `embed:""`
		app.External `embed:""`
		app.Intake   `embed:""`
	}
	bridgeCmd struct {
		app.Base     `embed:""`
		app.External `embed:""`
		app.Limits   `embed:""`
		app.Deciding `embed:""`
		Key          idKey `embed:""`

		AccountTarget string `help:"What makes accounts usable: none, scim or webhook; the same as on the workers." default:"none" enum:"none,scim,webhook"`
	}
	workerCmd struct {
		app.Base     `embed:""`
		app.External `embed:""`
		app.Delivery `embed:""`
		app.Receipts `embed:""`
		Key          idKey `embed:""`
		app.Accounts `embed:""`
		app.Reports  `embed:""`
		app.Site     `embed:""`
	}
	consoleCmd struct {
		app.Base     `embed:""`
		app.External `embed:""`
		app.Site     `embed:""`
		app.Web      `embed:""`
		app.Content  `embed:""`
		app.Inboxes  `embed:""`
		app.Deciding `embed:""`
		Key          idKey `embed:""`
	}
	catcherCmd struct {
		app.Base     `embed:""`
		app.Catching `embed:""`
	}
	// idKey is the part of Intake that roles without an inbox need.
	idKey struct {
		IDKey     string `name:"id-key" help:"Key that derives user ids from addresses." placeholder:"SECRET"`
		IDKeyFile string `name:"id-key-file" help:"File with that key." type:"path" placeholder:"FILE"`
	}
)

// Run executes `usher up`.
func (u upCmd) Run(s *session) error {
	c := app.Config(u.Settings)
	c.Roles = app.AllRoles
	manager, err := manager()
	if err != nil {
		return err
	}
	sampled, err := dropSample(c)
	if err != nil {
		return err
	}
	return app.Run(s.ctx, c, app.Env{
		Embed: s.Embed, Up: true, Version: s.Version, Out: s.stdout, Log: s.logger(c.Base), Manager: manager,
		Ready: func(a app.Addresses) { s.welcome(c, a, sampled) },
	})
}

// dropSample copies the sample into the inbox of new data.
func dropSample(c app.Config) (dropped bool, err error) {
	if c.Sample == "" {
		return false, nil
	}
	if _, err := os.Stat(c.Data); err == nil {
		return false, nil // not new
	}
	return dropFile(c.Sample, filepath.Join(c.Data, "inbox"))
}

// dropFile copies a file into an inbox. It goes in by rename, as a careful
// producer would do it.
func dropFile(path, inbox string) (dropped bool, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("--sample: %w", err)
	}
	if err := os.MkdirAll(inbox, 0o750); err != nil {
		return false, fmt.Errorf("--data: %w", err)
	}
	if err := disk.Write(filepath.Join(inbox, filepath.Base(path)), b, 0o640); err != nil {
		return false, fmt.Errorf("--data: %w", err)
	}
	return true, nil
}

// welcome tells a person what runs and what to do next.
func (s *session) welcome(c app.Config, a app.Addresses, sampled bool) {
	w := func(format string, args ...any) { fmt.Fprintf(s.stdout, format+"\n", args...) }
	w("\nusher is up. Everything it keeps is in %s.\n", c.Data)
	w("  console      %s", a.Home())
	if a.ConsoleURL != "" {
		w("               %s   (on this machine)", a.Local())
	}
	if a.CatcherHTTP != "" {
		w("  messages     http://%s   (caught here, nothing leaves this machine)", a.CatcherHTTP)
	}
	if a.TemporalUI != "" {
		w("  workflows    http://%s", a.TemporalUI)
	}
	w("  metrics      http://%s/metrics", a.Ops)
	w("  NATS         nats://%s", a.NATS)
	asks := "asks for a password"
	switch {
	case c.OIDCIssuer != "" && c.NoLocalAccounts:
		asks = "asks for a sign-in by " + c.OIDCIssuer
	case c.OIDCIssuer != "":
		asks += ", or a sign-in by " + c.OIDCIssuer
	case c.TrustedHeader != "" && c.NoLocalAccounts:
		asks = "believes the proxy"
	case c.TrustedHeader != "":
		asks += " where the proxy names no one"
	}
	w("\nThe servers ask no one on this machine for credentials; the console %s.", asks)
	w("\nWhat to do next:")
	if sampled {
		w("  1. Look at the sample's users who wait, in the console.")
	} else {
		w("  1. Drop a list of users:   cp FILE %s/", filepath.Join(c.Data, "inbox"))
	}
	w("  2. Decide about one:       %s verify USER --approve   (or by button)", os.Args[0])
	if a.CatcherHTTP != "" {
		w("  3. Read what was sent at   http://%s", a.CatcherHTTP)
	}
	w("\nStop with Ctrl-C; nothing is lost.")
}

// manager is the service manager that started this process.
func manager() (systemd.Manager, error) { return systemd.FromEnvironment(os.Getenv, os.Getpid()) }

func (s *session) role(c app.Config) error {
	manager, err := manager()
	if err != nil {
		return err
	}
	return app.Run(s.ctx, c, app.Env{Version: s.Version, Out: s.stdout, Log: s.logger(c.Base), Manager: manager, Ready: func(a app.Addresses) {
		fmt.Fprintf(s.stdout, "ready; metrics at http://%s/metrics\n", a.Ops)
		if a.Console != "" {
			fmt.Fprintf(s.stdout, "console at %s\n", a.Home())
		}
		if a.CatcherSMTP != "" {
			fmt.Fprintf(s.stdout, "e-mail at %s, text messages and what was caught at http://%s\n", a.CatcherSMTP, a.CatcherHTTP)
		}
	}})
}

// Run executes `usher watch`.
func (w watchCmd) Run(s *session) error {
	return s.role(app.Config{Base: w.Base, External: w.External, Intake: w.Intake, Limits: app.DefaultLimits(), Roles: app.Roles{Watch: true}})
}

// Run executes `usher bridge`.
func (b bridgeCmd) Run(s *session) error {
	return s.role(app.Config{Base: b.Base, External: b.External, Limits: b.Limits, Deciding: b.Deciding, Accounts: app.Accounts{AccountTarget: b.AccountTarget}, Intake: b.Key.intake(), Roles: app.Roles{Bridge: true}})
}

// Run executes `usher worker`.
func (w workerCmd) Run(s *session) error {
	return s.role(app.Config{Base: w.Base, External: w.External, Delivery: w.Delivery, Receipts: w.Receipts, Intake: w.Key.intake(), Accounts: w.Accounts, Reports: w.Reports, Site: w.Site, Limits: app.DefaultLimits(), Roles: app.Roles{Worker: true}})
}

// Run executes `usher console`.
func (c consoleCmd) Run(s *session) error {
	intake := c.Key.intake()
	intake.Inboxes = c.Inboxes
	return s.role(app.Config{Base: c.Base, External: c.External, Site: c.Site, Web: c.Web, Delivery: app.Delivery{Content: c.Content}, Intake: intake, Limits: app.DefaultLimits(), Deciding: c.Deciding, Roles: app.Roles{Console: true}})
}

// Run executes `usher catcher`.
func (c catcherCmd) Run(s *session) error {
	return s.role(app.Config{Base: c.Base, Servers: app.Servers{Catching: c.Catching}, Limits: app.DefaultLimits(), Roles: app.Roles{Catcher: true}})
}

func (k idKey) intake() app.Intake { return app.Intake{IDKey: k.IDKey, IDKeyFile: k.IDKeyFile} }
