package app

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/ingest/uploads"
	"usher/metrics"
	"usher/streams"
	"usher/table"
)

// SavedColumns reads all that was saved about the columns of an inbox, by fingerprint.
func SavedColumns(ctx context.Context, js jetstream.JetStream, source string) (map[string]table.Mapping, error) {
	all := map[string]table.Mapping{}
	sel := streams.Selection{Subjects: []string{event.ColumnsSubject(source, "*")}, Latest: true}
	err := streams.Read(ctx, js, event.StreamUsers, sel, func(m streams.Message, _ uint64) error {
		fingerprint := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		if all[fingerprint] = ingest.ReadColumns(m.Data); all[fingerprint] == nil {
			delete(all, fingerprint)
		}
		return nil
	})
	return all, err
}

// SaveColumns stores what a person said, in the place of what was said before.
func SaveColumns(ctx context.Context, js jetstream.JetStream, saved event.SavedColumns) error {
	if saved.Columns == nil {
		saved.Columns = map[string]string{}
	}
	data, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	m := nats.NewMsg(saved.Subject())
	m.Data = data
	m.Header.Set("Nats-Rollup", "sub")
	m.Header.Set("Nats-TTL", "never")
	_, err = js.PublishMsg(ctx, m, jetstream.WithExpectStream(event.StreamUsers))
	return err
}

// columns are what was saved, as the uploads see it.
type columns struct{ js jetstream.JetStream }

// Saved implements uploads.Columns.
func (c columns) Saved(ctx context.Context, source string) (map[string]table.Mapping, error) {
	return SavedColumns(ctx, c.js, source)
}

// Save implements uploads.Columns.
func (c columns) Save(ctx context.Context, s event.SavedColumns) error {
	return SaveColumns(ctx, c.js, s)
}

// watchFolder is the data folder of the watcher whose inboxes the console serves: this
// process's own when it watches, the one of --watch-data otherwise; "" when there is
// none.
func (c Config) watchFolder() string {
	if c.Roles.Watch {
		return c.Data
	}
	return c.WatchData
}

// uploads are the files that people bring to the console, nil where it does not reach
// the folders of a watcher.
func (p *process) uploads(m *metrics.Console) (*uploads.Store, error) {
	at := p.Config
	if at.Data = at.watchFolder(); at.Data == "" {
		return nil, nil
	}
	var inboxes []ingest.Inbox
	for _, in := range at.inboxes() {
		if in.Source == event.SourceCanary {
			continue
		}
		inbox, err := p.Rules.ForInbox(in.Source, in.Dir)
		if err != nil {
			return nil, err
		}
		inboxes = append(inboxes, inbox)
	}
	return uploads.New(uploads.Config{
		Dir: p.path("uploads"), Archive: at.path("archive"), Refused: at.path("refused"), Inboxes: inboxes, Key: p.key, Columns: columns{p.js},
		Most: int64(p.MaxUpload), Metrics: m, Guard: p.shared.Guard("uploads", p.Log), Log: p.Log,
	})
}

// intake is the uploads as the console sees them.
type intake struct{ store *uploads.Store }

// Inboxes implements console.Intake.
func (i intake) Inboxes() (out []console.Inbox) {
	for _, s := range i.store.Standing() {
		in := console.Inbox{Name: s.Source, Problem: s.Problem, Next: s.Next, More: s.More}
		for _, f := range s.Files {
			in.Files = append(in.Files, console.Lying(f))
		}
		out = append(out, in)
	}
	return out
}

// Receive implements console.Offers.
func (i intake) Receive(ctx context.Context, o console.Offer, from io.Reader) (console.Upload, error) {
	u, err := i.store.Receive(ctx, uploads.Offer{File: o.File, Inbox: o.Inbox, By: o.By}, from)
	return uploadOf(u, err)
}

// Step implements console.Offers.
func (i intake) Step(ctx context.Context, id string, s console.Step) (console.Upload, error) {
	if err := i.store.Step(id, uploads.Order{Check: s.Check, Import: s.Import, Seen: s.Seen, Known: s.Known, Chosen: s.Columns}); err != nil {
		return console.Upload{}, err
	}
	return uploadOf(i.store.Await(ctx, id))
}

// Keep implements console.Offers.
func (i intake) Keep(ctx context.Context, id, by string) error { return i.store.Keep(ctx, id, by) }

// Discard implements console.Offers.
func (i intake) Discard(id string) error { return i.store.Discard(id) }

// Upload implements console.Offers.
func (i intake) Upload(id string) (console.Upload, error) { return uploadOf(i.store.Get(id)) }

// Uploads implements console.Offers.
func (i intake) Uploads() (out []console.Upload) {
	for _, u := range i.store.All() {
		if seen, err := uploadOf(u, nil); err == nil {
			out = append(out, seen)
		}
	}
	return out
}

// uploadOf is one as the console sees it.
func uploadOf(u uploads.Upload, err error) (console.Upload, error) {
	if err != nil {
		return console.Upload{}, err
	}
	out := console.Upload{
		ID: u.ID, File: u.File, Inbox: u.Inbox, By: u.By, At: u.At, Bytes: u.Bytes, Digest: u.Digest,
		Busy: u.Busy(), Percent: u.Progress.Percent, Checked: u.Checked, Unsure: u.Unsure(), Chosen: len(u.Chosen) > 0, Import: u.Import, Problem: u.Problem,
	}
	if u.Busy() {
		out.Doing = string(u.State)
	}
	if !u.Known {
		out.KnownAs = u.KnownAs
	}
	if u.Seen == nil {
		return out, nil
	}
	r, err := reportOf(*u.Seen)
	out.Seen = &r
	return out, err
}

// reportOf is one as the console reads it: both follow the contract.
func reportOf(r ingest.Report) (out console.Report, err error) {
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

func importOf(i console.Import) uploads.Import {
	return uploads.Import{ID: i.ID, Inbox: i.Source, File: i.File}
}

// Report implements console.Reports.
func (i intake) Report(of console.Import) (console.Report, error) {
	r, err := i.store.Report(importOf(of))
	if err != nil {
		return console.Report{}, err
	}
	return reportOf(r)
}

// Rows implements console.Reports.
func (i intake) Rows(of console.Import, kind string) (io.ReadSeekCloser, error) {
	f, err := i.store.Rows(importOf(of), kind)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mendable implements console.Reports.
func (i intake) Mendable(of console.Import) (s console.Sheet, err error) {
	m, err := i.store.Mendable(importOf(of))
	s.Columns = m.Columns
	for _, rw := range m.Rows {
		s.Rows = append(s.Rows, console.SheetRow{Number: rw.Number, Line: rw.Line, Cells: rw.Cells, Codes: rw.Codes, Reason: rw.Reason})
	}
	return s, err
}

// Mended implements console.Reports.
func (i intake) Mended(ctx context.Context, of console.Import, by string, s console.Sheet) (console.Upload, error) {
	m := table.Mendable{Columns: s.Columns}
	for _, rw := range s.Rows {
		m.Rows = append(m.Rows, table.MendableRow{Number: rw.Number, Line: rw.Line, Cells: rw.Cells})
	}
	return uploadOf(i.store.Mended(ctx, importOf(of), by, m))
}

// Again implements console.Reports.
func (i intake) Again(ctx context.Context, of console.Import, by string) (console.Upload, error) {
	return uploadOf(i.store.Again(ctx, importOf(of), by))
}
