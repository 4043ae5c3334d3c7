package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"usher/app"
	"usher/event"
	"usher/ingest"
)

// inboxFlags name the inbox that a file is meant for.
type inboxFlags struct {
	Data         string `help:"Data folder of a running usher up." default:"./usher-data" placeholder:"DIR"`
	Source       string `help:"Name of the inbox." default:"inbox" placeholder:"NAME"`
	Inbox        string `help:"Its folder, when it is not the one in the data folder." type:"path" placeholder:"DIR"`
	ingest.Rules `embed:""`
}

func (i inboxFlags) inbox() (ingest.Inbox, error) {
	dir := i.Inbox
	if dir == "" {
		dir = filepath.Join(i.Data, "inbox")
	}
	return i.Rules.ForInbox(i.Source, dir)
}

type checkCmd struct {
	inboxFlags `embed:""`
	Files      []string `arg:"" name:"file" help:"Files to check." type:"path"`
	JSON       bool     `name:"json" help:"Print the reports as JSON, one a line."`
	Rows       int      `help:"Print the bodies of the first events as they would be published, one a line; the report goes to standard error." placeholder:"N"`
	Key        idKey    `embed:""`

	app.NATSAccess `embed:""`
}

// Run executes `usher check`. It fails when a file or a row would be refused.
func (c checkCmd) Run(s *session) error {
	in, err := c.inbox()
	if err != nil {
		return usageError(err.Error())
	}
	in.Saved = savedFor(s, c.Data, c.NATSAccess, in.Source)
	reports := s.stdout
	key := event.Key("usher check derives no ids")
	if c.Rows > 0 {
		reports = s.stderr
		if found, err := (app.Config{Base: app.Base{Data: c.Data}, Intake: c.Key.intake()}).FindIDKey(); err == nil {
			key = found
		} else {
			fmt.Fprintln(s.stderr, "No key for user ids was found, so ids that usher derives will be others than those shown; give --id-key-file or --data.")
		}
	}
	bad := 0
	for _, f := range c.Files {
		line := s.ticker()
		r, err := ingest.CheckRows(s.ctx, f, in, key, func(p event.Progress) { line.show(progressLine(p)) }, c.Rows, func(body []byte) error {
			line.done()
			_, err := fmt.Fprintf(s.stdout, "%s\n", body)
			return err
		})
		line.done()
		if err != nil {
			return err
		}
		if r.Refused > 0 || r.Code != "" {
			bad++
		}
		if c.JSON {
			if err := json.NewEncoder(reports).Encode(r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(reports, "%s\nNothing was published: this is what an import would do.\n\n", r.Text())
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files have something that would be refused", bad, len(c.Files))
	}
	return nil
}

type redropCmd struct {
	inboxFlags `embed:""`
	File       string `arg:"" help:"The file to import again." type:"path"`
	Wait       bool   `help:"Wait until it is imported, and print the report."`
}

// Run executes `usher redrop`.
func (r redropCmd) Run(s *session) error {
	if r.Inbox == "" {
		if _, err := app.FindRunning(r.Data); err != nil && !errors.Is(err, app.ErrNotRunning) {
			return err
		}
	}
	in, err := r.inbox()
	if err != nil {
		return usageError(err.Error())
	}
	line := s.ticker()
	id, err := ingest.Redrop(r.File, in, func(done, total int64) {
		line.show(fmt.Sprintf("copying %.0f %%", 100*float64(done)/float64(max(total, 1))))
	})
	line.done()
	if err != nil {
		return err
	}
	if r.Wait {
		return statusCmd{where: where{Data: r.Data}, What: id, Inbox: in.Dir, Wait: true}.Run(s)
	}
	fmt.Fprintf(s.stdout, "import %s; see `usher status %s`\n", id, id)
	return nil
}
