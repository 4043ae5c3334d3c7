package cmd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"usher/console/logins"
)

type tokenCmd struct {
	Add tokenAdd `cmd:"" help:"Make a token, and print it alone on standard output; it is kept nowhere."`
	Ls  tokenLs  `cmd:"" help:"List the tokens, without their secrets."`
	Rm  tokenRm  `cmd:"" help:"Remove a token, which ends it at once."`
}

type tokenAdd struct {
	where   `embed:""`
	scope   `embed:""`
	Name    string `arg:"" help:"A name of a-z, 0-9, dot, _ and -."`
	Expires string `help:"After how long it ends, such as 90d or 12h; 0 for never." default:"90d" placeholder:"TIME"`
}

// Run executes `usher token add`.
func (a tokenAdd) Run(s *session) error {
	lasts, err := duration(a.Expires)
	if err != nil {
		return usageError("--expires: " + err.Error())
	}
	c, store, err := a.logins(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	secret, err := store.AddToken(s.ctx, a.Name, logins.Role(a.Role), a.Inbox, lasts, byCommand)
	if err == nil {
		err = c.Record(s.ctx, "token-add", actor(), map[string]string{"token": a.Name, "role": a.Role, "inboxes": strings.Join(a.Inbox, " "), "expires": a.Expires})
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stderr, "%s is %s for %s; this is printed once.\n", a.Name, a.Role, inboxesOf(a.Inbox))
	_, err = fmt.Fprintln(s.stdout, secret)
	return err
}

// duration reads a time with days, which Go's has not.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, fmt.Errorf("%q is no number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time, such as 90d or 12h", s)
	}
	return d, nil
}

type tokenLs struct {
	where `embed:""`
	JSON  bool `name:"json" help:"Print one JSON object a token."`
}

// Run executes `usher token ls`.
func (l tokenLs) Run(s *session) error {
	c, store, err := l.logins(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := store.Read(s.ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all.Tokens, func(a, b logins.Token) int { return strings.Compare(a.Name, b.Name) })
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, t := range all.Tokens {
		used, err := store.LastUsed(s.ctx, t.Name)
		if err == nil && l.JSON {
			err = json.NewEncoder(s.stdout).Encode(map[string]any{"name": t.Name, "role": t.Role, "inboxes": t.Inboxes, "since": day(t.Since), "ends": day(t.Ends), "over": t.Over(), "used": day(used), "by": t.By})
		} else if err == nil {
			ends := "ends " + day(t.Ends)
			switch {
			case t.Ends.IsZero():
				ends = "has no end"
			case t.Over():
				ends = "has ended"
			}
			last := "never used"
			if !used.IsZero() {
				last = "used " + day(used)
			}
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Role, inboxesOf(t.Inboxes), ends, last)
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

type tokenRm struct {
	where `embed:""`
	Name  string `arg:"" help:"The token."`
}

// Run executes `usher token rm`.
func (r tokenRm) Run(s *session) error {
	return r.change(s, "token-rm", map[string]string{"token": r.Name}, r.Name+" is removed, and opens nothing any more", func(store logins.Store) error { return store.RemoveToken(s.ctx, r.Name) })
}
