package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/app"
	"usher/event"
	"usher/ingest"
	"usher/table"
)

type columnsCmd struct {
	inboxFlags     `embed:""`
	app.NATSAccess `embed:""`
	File           string   `arg:"" help:"A file of the kind that is meant." type:"path"`
	Columns        []string `arg:"" optional:"" name:"title=meaning" sep:"none" help:"What a column is taken for from now on in files of this inbox with the same titles: user_id, name, email, phone, locale, first_name, last_name, attribute or ignored."`
	Rm             bool     `help:"Take back what was saved for these titles."`
	JSON           bool     `name:"json" help:"Print the columns as JSON."`
}

// Run executes `usher columns`.
func (c columnsCmd) Run(s *session) error {
	in, err := c.inbox()
	if err != nil {
		return usageError(err.Error())
	}
	given, err := c.given()
	switch {
	case err != nil:
		return usageError(err.Error())
	case c.Rm && len(given) > 0:
		return usageError("--rm takes back all that was saved for these titles; give no columns with it")
	}
	client, err := app.Dial(s.ctx, c.Data, c.NATSAccess)
	var saved map[string]table.Mapping
	switch {
	case err == nil:
		defer client.Close()
		if saved, err = app.SavedColumns(s.ctx, client.JetStream, in.Source); err != nil {
			return err
		}
	case c.Rm || len(given) > 0:
		return err
	default:
		fmt.Fprintf(s.stderr, "What was saved about columns is not known: %v\n", err)
	}
	if c.Rm {
		return c.remove(s, client, in, saved)
	}
	if len(given) > 0 {
		if err := c.save(s, client, in, saved, given); err != nil {
			return err
		}
	}
	in.Saved = func(fingerprint string) (table.Mapping, error) { return saved[fingerprint], nil }
	t, err := ingest.ColumnsOf(s.ctx, c.File, in)
	if printErr := c.print(s, t); printErr != nil {
		return printErr
	}
	return err
}

// given are the columns that the command line names.
func (c columnsCmd) given() (table.Mapping, error) {
	m := table.Mapping{}
	for _, arg := range c.Columns {
		i := strings.LastIndexByte(arg, '=')
		if i < 1 {
			return nil, fmt.Errorf("%q says nothing about a column; write TITLE=MEANING, such as Kontakt=email", arg)
		}
		m[strings.TrimSpace(arg[:i])] = strings.TrimSpace(arg[i+1:])
	}
	return m, m.Check()
}

// save keeps what is given beside what was saved before for files with these titles.
func (c columnsCmd) save(s *session, client *app.Client, in ingest.Inbox, saved map[string]table.Mapping, given table.Mapping) error {
	in.Columns = given.Over(in.Columns)
	in.Saved = func(f string) (table.Mapping, error) { return saved[f], nil }
	t, err := ingest.ColumnsOf(s.ctx, c.File, in)
	if t.Titles == nil {
		return err
	}
	fingerprint := table.Fingerprint(t.Titles)
	m := given.Over(saved[fingerprint])
	for title := range given {
		if !slices.Contains(t.Titles, title) {
			return usageError(fmt.Sprintf("there is no column %q; there are %s", title, quoted(t.Titles)))
		}
	}
	for _, title := range t.Titles {
		if strings.Contains(title, "@") {
			return fmt.Errorf("the titles of this file are a user, and would be kept for ever; put a line with the names of the columns above it")
		}
	}
	in.Saved = func(string) (table.Mapping, error) { return m, nil }
	if _, err := ingest.ColumnsOf(s.ctx, c.File, in); err != nil {
		return err
	}
	if err := publishColumns(s.ctx, client, event.SavedColumns{Source: in.Source, Fingerprint: fingerprint, Titles: t.Titles, Columns: m}); err != nil {
		return err
	}
	saved[fingerprint] = m
	fmt.Fprintf(s.stderr, "Saved for files of the inbox %s with these %d titles.\n", in.Source, len(t.Titles))
	return nil
}

// remove takes back what was saved.
func (c columnsCmd) remove(s *session, client *app.Client, in ingest.Inbox, saved map[string]table.Mapping) error {
	in.Saved = func(f string) (table.Mapping, error) { return saved[f], nil }
	t, err := ingest.ColumnsOf(s.ctx, c.File, in)
	if t.Titles == nil {
		return err
	}
	fingerprint := table.Fingerprint(t.Titles)
	if saved[fingerprint] == nil {
		return fmt.Errorf("nothing was saved for files of the inbox %s with these titles", in.Source)
	}
	if err := publishColumns(s.ctx, client, event.SavedColumns{Source: in.Source, Fingerprint: fingerprint, Titles: t.Titles}); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "What was saved for files of the inbox %s with these %d titles is taken back.\n", in.Source, len(t.Titles))
	return nil
}

// print tells what each column is taken for.
func (c columnsCmd) print(s *session, t table.File) error {
	if c.JSON {
		columns := t.Columns
		if columns == nil {
			columns = []table.Use{}
		}
		return json.NewEncoder(s.stdout).Encode(map[string]any{"columns": columns, "warnings": t.Warnings.All()})
	}
	for _, u := range t.Columns {
		note := ""
		if u.Note != "" {
			note = ", " + u.Note
		}
		fmt.Fprintf(s.stdout, "%q: %s%s\n", u.Title, u.As, note)
	}
	for _, w := range t.Warnings.All() {
		fmt.Fprintf(s.stdout, "warning: %s (%s)\n", w.Text, w.Code)
	}
	return nil
}

func quoted(titles []string) string {
	var out []string
	for _, t := range titles {
		out = append(out, fmt.Sprintf("%q", t))
	}
	return strings.Join(out, ", ")
}

// publishColumns stores what a person said, in the place of what was said before.
func publishColumns(ctx context.Context, c *app.Client, saved event.SavedColumns) error {
	saved.Actor, saved.At = actor(), time.Now().UTC()
	if err := app.SaveColumns(ctx, c.JetStream, saved); err != nil {
		return app.Explain("what was said about the columns may have been stored", app.SafeAgain, err)
	}
	return nil
}

// savedFor looks at what was saved for an inbox, when a usher can be asked.
func savedFor(s *session, data string, access app.NATSAccess, source string) func(string) (table.Mapping, error) {
	if access.NATSURL == "" {
		if _, err := app.FindRunning(data); errors.Is(err, app.ErrNotRunning) {
			return nil
		}
	}
	client, err := app.Dial(s.ctx, data, access)
	var saved map[string]table.Mapping
	if err == nil {
		defer client.Close()
		saved, err = app.SavedColumns(s.ctx, client.JetStream, source)
	}
	if err != nil {
		fmt.Fprintf(s.stderr, "What `usher columns` saved is not known: %v\n", err)
		return nil
	}
	return func(fingerprint string) (table.Mapping, error) { return saved[fingerprint], nil }
}
