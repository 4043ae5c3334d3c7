package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/tracing"
)

// job is one claimed file on its way through an import.
type job struct {
	*Watcher
	in     Inbox
	dir    string // the claim
	name   string // of the original
	file   *os.File
	nature nature
	report Report
	redrop bool
	bad    bitmap // rows that are refused

	claimed  time.Time // when the file was taken
	progress *progress
}

// redropMark lies in a claim whose content may be known.
const redropMark = ".redrop"

// process takes a claim through all that is left to do. Every step may have been
// done before by a process that died.
func (w *Watcher) process(ctx context.Context, in Inbox, id string) (err error) {
	j, err := w.open(in, id)
	if err != nil {
		return j.refuse(err)
	}
	if j == nil {
		return nil
	}
	defer j.file.Close()
	ctx, span := w.Tracer.Start(ctx, "import", tracing.Inside, tracing.Source(in.Source), tracing.Import(id))
	defer func() { span.Done(err) }()
	began := time.Now()
	if j.nature, err = inspect(ctx, j.file, j.scratch("")); err != nil {
		return j.refuse(err)
	}
	j.describe()

	c, seq, err := w.publisher.load(ctx, in.Source, j.nature.digest)
	if err != nil {
		return err
	}
	if seq > 0 && c.Import != id {
		switch {
		case c.Done && j.redrop:
			c = checkpoint{} // a new import of known content
		case c.Done:
			j.report.DuplicateOf = c.Import
			return j.finish()
		default:
			return j.adopt(c)
		}
	}
	if seq == 0 && !j.redrop {
		if of, known := j.archivedBefore(); known {
			return j.refuse(&fileError{"E_KNOWN", fmt.Sprintf("this content was imported as %s, but the stream has forgotten it; if it must be imported again, use usher redrop", of)})
		}
	}
	j.progress = w.work(in)
	defer j.progress.end()
	if err := j.validate(ctx); err != nil {
		return j.refuse(err)
	}
	w.Metrics.StageSeconds.WithLabelValues("parse").Observe(time.Since(began).Seconds())
	j.progress.of(j.report.Rows)
	if j.report.Published > 0 && !(c.Import == id && c.Done) {
		if err := j.publish(ctx, c, seq); err != nil {
			return err
		}
	}
	w.Fault.At("ingest.published")
	return j.finish()
}

// open finds the file of a claim; nil means that there is nothing left to do. The
// job is there beside a *fileError.
func (w *Watcher) open(in Inbox, id string) (*job, error) {
	imported, err := ksuid.Parse(id)
	if err != nil {
		return nil, err
	}
	j := &job{Watcher: w, in: in, dir: filepath.Join(in.work(), id)}
	entries, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case e.Name() == redropMark:
			j.redrop = true
		case !strings.HasPrefix(e.Name(), "."): // a draft of ours has a dot
			j.name = e.Name()
		}
	}
	if j.name == "" { // moved away; only the folder is left
		return nil, os.RemoveAll(j.dir)
	}
	j.report = Report{
		Import: id, File: j.name, Source: in.Source, Errors: map[string]int{}, StartedAt: imported.Time().UTC(),
	}
	j.claimed = claimedAt(filepath.Join(j.dir, j.name), imported.Time())
	j.file, err = os.Open(filepath.Join(j.dir, j.name))
	if errors.Is(err, fs.ErrPermission) {
		err = &fileError{"E_UNREADABLE", "usher may not read this file; change its permissions and drop it again"}
	}
	return j, err
}

// claimedAt is when the file was renamed into its claim: its inode changed then,
// and has not since. The id of the import knows that only to the second.
func claimedAt(path string, imported time.Time) time.Time {
	l, _ := lookAt(path) // gone: the error comes when it is opened
	t := time.Unix(0, l.ctime).UTC()
	if t.Before(imported) || t.After(time.Now()) {
		return imported.UTC()
	}
	return t
}

func (j *job) describe() {
	r, n := &j.report, j.nature
	r.SHA256, r.Format, r.Encoding = n.digest, n.describe(), n.encoding
	if n.format == formatCSV && n.delim != 0 {
		r.Delimiter = string(n.delim)
	}
	r.Warnings = n.notes
	if note, yes := n.disagrees(j.name); yes {
		r.Warnings = append(r.Warnings, note)
	}
}

// adopt goes on with an import that another process began and left: under its
// id, so that records keep theirs. While that import is in work, this file waits.
func (j *job) adopt(c checkpoint) error {
	if _, err := ksuid.Parse(c.Import); err != nil {
		return err
	}
	to := filepath.Join(j.in.work(), c.Import)
	if err := os.Rename(j.dir, to); err != nil {
		if _, there := os.Stat(to); there == nil {
			return errors.New("the same content is being imported right now")
		}
		return err
	}
	return nil // found under its new name by the next look
}

func (j *job) refusedDraft() string { return filepath.Join(j.dir, ".refused.csv") }

// batch is what commits at once: events, and the progress that they are. Its
// span begins with its first event, which carries the span's context.
type batch struct {
	span       tracing.Span
	events     []*nats.Msg
	checkpoint checkpoint
}

// publish sends what validate counted, from the record after the checkpoint on.
// While one batch commits, the next is read.
func (j *job) publish(ctx context.Context, c checkpoint, seq uint64) error {
	if c.Import == "" {
		c = checkpoint{Import: j.report.Import, File: j.name, Source: j.in.Source, StartedAt: j.report.StartedAt}
	}
	c.Rows, c.Refused = j.report.Rows, j.report.Refused
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan batch, 1)
	read := make(chan error, 1)
	go func() {
		defer close(batches)
		read <- j.batch(ctx, c, func(b batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var err error
	for b := range batches {
		b.checkpoint.At = time.Now().UTC()
		b.span.SetAttributes(tracing.Count(len(b.events)))
		seq, err = j.publisher.commit(ctx, b.events, j.nature.digest, b.checkpoint, seq)
		b.span.Done(err)
		if err != nil {
			cancel()
			break
		}
		j.progress.at(b.checkpoint.Record)
	}
	if readErr := <-read; err == nil {
		err = readErr
	}
	return err
}

// refuse ends a file that cannot be imported; other errors pass.
func (j *job) refuse(err error) error {
	var f *fileError
	if !errors.As(err, &f) {
		return err
	}
	j.describe()
	j.report.Code, j.report.Reason = f.code, f.text
	return j.finish()
}

// finish writes the refused rows and the report, moves the original, counts, and
// gives up the claim.
func (j *job) finish() error {
	if j.in.Source == event.SourceCanary {
		return os.RemoveAll(j.dir) // nobody looks for a canary
	}
	r := &j.report
	name := r.Import + "-" + shortName(j.name)
	refused := filepath.Join(j.Config.Refused, j.in.Source, name+".refused.csv")
	r.settle(filepath.ToSlash(filepath.Join("refused", j.in.Source, name+".refused.csv")))
	r.FinishedAt = time.Now().UTC()
	if _, err := os.Stat(j.refusedDraft()); err == nil && r.DuplicateOf == "" && (r.Code == "" || r.Code == "E_ALL_ROWS") {
		if err := moveFile(j.refusedDraft(), refused); err != nil {
			return err
		}
	}
	target := filepath.Join(j.Archive, j.in.Source, name)
	if r.Result == resultRefused {
		target = filepath.Join(j.Config.Refused, j.in.Source, name)
		r.Published = 0
	}
	if r.Result == resultDuplicate {
		r.Published, r.Refused = 0, 0
	}
	if err := r.write(target); err != nil {
		return err
	}
	if r.Result == resultArchived {
		if err := j.rememberDigest(); err != nil {
			return err
		}
	}
	j.Fault.At("ingest.reported")
	if err := moveFile(filepath.Join(j.dir, j.name), target); err != nil {
		return err
	}
	j.Fault.At("ingest.archived")
	j.count()
	j.Log.Info("import finished", "source", j.in.Source, "import", r.Import, "result", r.Result, "code", r.Code,
		"rows", r.Rows, "published", r.Published, "refused", r.Refused, "duplicate_of", r.DuplicateOf)
	return os.RemoveAll(j.dir)
}

func (j *job) count() {
	r, m := j.report, j.Metrics
	m.Files.WithLabelValues(r.Source, r.Result).Inc()
	m.Records.WithLabelValues(r.Source, "published", "").Add(float64(r.Published))
	for code, n := range r.Errors {
		m.Records.WithLabelValues(r.Source, "refused", code).Add(float64(n))
	}
}

// digests remembers in the archive what was imported, for the day when the
// stream has forgotten it.
func (j *job) digestFile() string {
	return filepath.Join(j.Archive, j.in.Source, ".digests", j.nature.digest)
}

func (j *job) rememberDigest() error {
	if err := os.MkdirAll(filepath.Dir(j.digestFile()), 0o750); err != nil {
		return err
	}
	return writeFile(j.digestFile(), []byte(j.report.Import))
}

// archivedBefore tells under which import the content was archived. The import
// itself does not count: it may have died after it wrote its report.
func (j *job) archivedBefore() (string, bool) {
	b, err := os.ReadFile(j.digestFile())
	return string(b), err == nil && string(b) != j.report.Import
}

// shortName leaves room for what is added to a name.
func shortName(name string) string {
	const most = 180
	if len(name) <= most {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:most-len(ext)], "") + ext
}
