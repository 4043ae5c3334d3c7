package cmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"usher/console/export"
	"usher/event"
)

type exportCmd struct {
	Data     string `help:"Data folder of a running usher up." default:"./usher-data" placeholder:"DIR"`
	Format   string `help:"csv, with an apostrophe before what a spreadsheet would take for a formula, or jsonl." enum:"csv,jsonl" default:"csv"`
	Status   string `help:"Only people with this status." placeholder:"STATUS"`
	Inbox    string `help:"Only people who came by this inbox." placeholder:"NAME"`
	Import   string `help:"Only people of this import." placeholder:"ID"`
	Since    string `help:"Only people whose status began within this time, such as 24h or 30d, or since a day, as YYYY-MM-DD in UTC." placeholder:"TIME"`
	WithData bool   `help:"With names, addresses and all else that the lists say; needs the role operator, auditor or admin."`
	After    string `help:"Go on behind this user, without titles: the last one of a file that broke off." placeholder:"USER"`

	consoleAccess `embed:""`
}

// Run executes `usher export`. People are read as JSON Lines, whatever is written, so that
// a stream that breaks off goes on behind the last one.
func (e exportCmd) Run(s *session) error {
	q := url.Values{"format": {"jsonl"}}
	for name, v := range map[string]string{"status": e.Status, "inbox": e.Inbox, "import": e.Import} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if e.Since != "" {
		since, err := sinceOf(e.Since)
		if err != nil {
			return err
		}
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	c, err := e.consoleAccess.client(e.Data)
	if err != nil {
		return err
	}
	path := "/api/v1/export"
	if e.WithData {
		path += "/data"
	}
	to := bufio.NewWriterSize(s.stdout, 64<<10)
	out, err := export.NewWriter(to, e.Format, e.WithData, e.After != "")
	if err != nil {
		return err
	}
	x := exporting{client: c, path: path, query: q, out: out, after: e.After, show: s.ticker()}
	err = x.run(s.ctx)
	x.show.done()
	if out := cmp.Or(out.Flush(), to.Flush()); out != nil { // some of what was handed on is not there
		return fmt.Errorf("the output cannot be written, and ends in the middle: %w", out)
	}
	if err != nil && x.after != "" {
		err = fmt.Errorf("%w; what is written is whole up to %s, so go on with --after=%s", err, x.after, x.after)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stderr, people(x.n))
	return nil
}

// sinceOf reads a time ago, or a day.
func sinceOf(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	within, err := duration(text)
	if err != nil {
		return time.Time{}, usageError("--since: " + err.Error())
	}
	return time.Now().Add(-within), nil
}

// exporting is an export that is under way.
type exporting struct {
	client *deskClient
	path   string
	query  url.Values
	out    *export.Writer
	after  string // the last user that is written
	n      int
	show   *ticker
}

// exportTries is how often a stream that brought no one is asked for again, with a pause
// before each.
const (
	exportTries = 5
	exportPause = time.Second
)

// run asks until a stream has come to its end.
func (x *exporting) run(ctx context.Context) error {
	for tries := 0; ; {
		before := x.n
		err := x.stream(ctx)
		var no refusal
		if x.n > before {
			tries = 0
		}
		if err == nil || errors.As(err, &no) && no.code < 500 || ctx.Err() != nil {
			return err
		}
		if tries++; tries > exportTries || !event.Sleep(ctx, exportPause) {
			return err
		}
	}
}

// stream reads one stream, as far as it comes.
func (x *exporting) stream(ctx context.Context) error {
	if x.after != "" {
		x.query.Set("after", x.after)
	}
	body, err := x.client.open(ctx, x.path+"?"+x.query.Encode())
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var r export.Row
		err := lines.Decode(&r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the console's answer broke off: %w", event.Innermost(err))
		}
		if err := x.out.Write(r); err != nil {
			return refusal{text: "the output: " + err.Error()}
		}
		x.after = r.UserID
		if x.n++; x.n%1000 == 0 {
			x.show.show(people(x.n))
		}
	}
}

// open begins to read a file of the console, of any length.
func (c *deskClient) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	c.sign(req)
	resp, err := (&http.Client{Transport: c.http.Transport}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("the console does not answer: %w", event.Innermost(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // then the status says it
		return nil, refused(resp, answer)
	}
	return resp.Body, nil
}
