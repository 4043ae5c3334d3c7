package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"usher/app"
	"usher/console"
	"usher/console/logins"
)

// accountCmd is about who signs in at the console. In code that is a login: an account
// is what users get in target systems.
type accountCmd struct {
	Add     accountAdd     `cmd:"" help:"Add an account, and print the link of its invite alone on standard output."`
	Ls      accountLs      `cmd:"" help:"List the accounts."`
	Role    accountRole    `cmd:"" help:"Change what an account may do."`
	Passwd  accountPasswd  `cmd:"" help:"Set the password of an account, or print the link of an invite to choose one."`
	Disable accountDisable `cmd:"" help:"Keep an account from signing in, or let it again."`
	Rm      accountRm      `cmd:"" help:"Remove an account."`
}

// scope is what an account or a token may do. It is said on the command line alone:
// --inbox is a folder in the settings of roles.
type scope struct {
	Role  string   `help:"What it may do: viewer, verifier, operator, auditor or admin." required:"" placeholder:"ROLE" env:"-" file:"no"`
	Inbox []string `help:"For people of this inbox only; repeatable. All without it." placeholder:"NAME" env:"-" file:"no"`
}

// byCommand is who made an account or a token here.
const byCommand = "cli"

// logins connects to where accounts are kept.
func (w where) logins(ctx context.Context) (*app.Client, logins.Store, error) {
	c, err := w.dial(ctx)
	if err != nil {
		return nil, logins.Store{}, err
	}
	s, err := c.Logins(ctx)
	if err != nil {
		c.Close()
		return nil, logins.Store{}, err
	}
	return c, s, nil
}

// change opens the accounts, changes them, puts that into the trail, and prints what was
// done.
func (w where) change(s *session, action string, what map[string]string, done string, f func(logins.Store) error) error {
	c, store, err := w.logins(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := f(store); err != nil {
		return err
	}
	if err := c.Record(s.ctx, action, actor(), what); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.stdout, done)
	return err
}

// inviting makes invites, whose links need the address of the console.
type inviting struct {
	where      `embed:""`
	ConsoleURL string `name:"console-url" help:"Where people reach the console, for the link; that of a running usher up otherwise." placeholder:"URL"`
}

// home is the console's address.
func (i inviting) home() (string, error) {
	if i.ConsoleURL != "" {
		return i.ConsoleURL, nil
	}
	a, err := app.FindRunning(i.Data)
	if err != nil || a.Console == "" {
		return "", usageError("say where people reach the console, with --console-url")
	}
	return a.Home(), nil
}

// invite prints the link of a new invite.
func (i inviting) invite(s *session, c *app.Client, store logins.Store, home, name string) error {
	secret, err := store.NewInvite(s.ctx, name)
	if err == nil {
		err = c.Record(s.ctx, "account-invite", actor(), map[string]string{"account": name})
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "Give %s this link. It works once, and ends in %d days.\n", name, int(logins.InviteFor.Hours()/24))
	if all, err := store.Read(s.ctx); err == nil && all.Doors.NoLocal {
		fmt.Fprintln(s.stderr, "It opens nothing now: accounts with a password are switched off at the console (--no-local-accounts).")
	}
	_, err = fmt.Fprintln(s.stdout, console.InviteURL(home, secret))
	return err
}

type accountAdd struct {
	inviting `embed:""`
	scope    `embed:""`
	Name     string `arg:"" help:"A name of a-z, 0-9, dot, _ and -."`
}

// Run executes `usher account add`.
func (a accountAdd) Run(s *session) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	c, store, err := a.logins(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := store.Add(s.ctx, a.Name, logins.Role(a.Role), a.Inbox, byCommand); err != nil {
		return err
	}
	if err := c.Record(s.ctx, "account-add", actor(), map[string]string{"account": a.Name, "role": a.Role, "inboxes": strings.Join(a.Inbox, " ")}); err != nil {
		return err
	}
	return a.invite(s, c, store, home, a.Name)
}

type accountLs struct {
	where `embed:""`
	JSON  bool `name:"json" help:"Print one JSON object an account."`
}

// Run executes `usher account ls`. It prints no hash.
func (l accountLs) Run(s *session) error {
	c, store, err := l.logins(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := store.Read(s.ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all.Logins, func(a, b logins.Login) int { return strings.Compare(a.Name, b.Name) })
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, a := range all.Logins {
		state := "active"
		switch {
		case a.Disabled:
			state = "disabled"
		case !a.Usable():
			state = "invited"
		}
		if l.JSON {
			err = json.NewEncoder(s.stdout).Encode(map[string]any{"name": a.Name, "called": a.Called(), "role": a.Role, "inboxes": a.Inboxes, "state": state, "since": day(a.Since), "by": a.By})
		} else {
			called := ""
			if !a.Local() {
				called = "\t" + a.Called()
			}
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", a.Name, a.Role, inboxesOf(a.Inboxes), state, day(a.Since), called)
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

func inboxesOf(names []string) string {
	if len(names) == 0 {
		return "all inboxes"
	}
	return strings.Join(names, ",")
}

// day is a time to the day, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

type accountRole struct {
	where `embed:""`
	scope `embed:""`
	Name  string `arg:"" help:"The account."`
}

// Run executes `usher account role`.
func (a accountRole) Run(s *session) error {
	what := map[string]string{"account": a.Name, "role": a.Role, "inboxes": strings.Join(a.Inbox, " ")}
	return a.change(s, "account-role", what, fmt.Sprintf("%s is %s for %s now, and has to sign in again", a.Name, a.Role, inboxesOf(a.Inbox)),
		func(store logins.Store) error {
			return store.SetRole(s.ctx, a.Name, logins.Role(a.Role), a.Inbox)
		})
}

type accountPasswd struct {
	inviting     `embed:""`
	Name         string `arg:"" help:"The account."`
	PasswordFile string `help:"File with the new password, - for standard input; without it a link to choose one is printed." placeholder:"FILE"`
}

// Run executes `usher account passwd`.
func (p accountPasswd) Run(s *session) error {
	if p.PasswordFile == "" {
		home, err := p.home()
		if err != nil {
			return err
		}
		c, store, err := p.logins(s.ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		return p.invite(s, c, store, home, p.Name)
	}
	var b []byte
	var err error
	if p.PasswordFile == "-" {
		b, err = io.ReadAll(io.LimitReader(s.stdin, 1<<16))
	} else {
		b, err = os.ReadFile(p.PasswordFile)
	}
	if err != nil {
		return err
	}
	password := strings.TrimRight(string(b), "\r\n")
	if err := logins.CheckPassword(password); err != nil {
		return err
	}
	hash, err := logins.Hash(password)
	if err != nil {
		return err
	}
	return p.change(s, "account-password", map[string]string{"account": p.Name}, "the password of "+p.Name+" is set; its sessions have ended", func(store logins.Store) error {
		return store.SetPassword(s.ctx, p.Name, hash)
	})
}

type accountDisable struct {
	where  `embed:""`
	Name   string `arg:"" help:"The account."`
	Enable bool   `help:"Let it sign in again."`
}

// Run executes `usher account disable`.
func (d accountDisable) Run(s *session) error {
	action, done := "account-disable", d.Name+" cannot sign in any more; its sessions have ended"
	if d.Enable {
		action, done = "account-enable", d.Name+" can sign in again"
	}
	return d.change(s, action, map[string]string{"account": d.Name}, done, func(store logins.Store) error { return store.Disable(s.ctx, d.Name, !d.Enable) })
}

type accountRm struct {
	where `embed:""`
	Name  string `arg:"" help:"The account."`
}

// Run executes `usher account rm`.
func (r accountRm) Run(s *session) error {
	return r.change(s, "account-rm", map[string]string{"account": r.Name}, r.Name+" is removed; its sessions have ended", func(store logins.Store) error { return store.Remove(s.ctx, r.Name) })
}
