package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// refuse ends a file that cannot be imported; other errors pass.
func (j *job) refuse(ctx context.Context, err error) error {
	var f *table.FileError
	if !errors.As(err, &f) {
		return err
	}
	j.report.Code, j.report.Reason = f.Code, f.Text
	return j.finish(ctx)
}

// errFinished is found by a watcher that was frozen meanwhile: what it knows of the file
// is old, so the file may seem changed to it.
var errFinished = errors.New("another watcher has finished the file")

// finish writes the refused rows and the report, moves the original, counts, and
// gives up the claim. Each step is durable before the next, and is the same when
// it is done again.
func (j *job) finish(ctx context.Context) error {
	j.quiet()
	if _, there := files.At(j.claim, j.name); !there {
		return errFinished
	}
	if j.in.Source == event.SourceCanary {
		return j.done() // a canary leaves no report
	}
	if err := j.ended(); err != nil { // the file is not read any more
		return err
	}
	archive, err := os.OpenRoot(filepath.Join(j.Archive, j.in.Source))
	if err != nil {
		return files.Reason(err)
	}
	defer archive.Close()
	refused, err := os.OpenRoot(filepath.Join(j.Config.Refused, j.in.Source))
	if err != nil {
		return files.Reason(err)
	}
	defer refused.Close()

	r := &j.report
	name := r.Import + "-" + r.File
	r.conclude(filepath.ToSlash(filepath.Join("refused", j.in.Source, name+".refused.csv")))
	r.FinishedAt = time.Now().UTC()
	if r.Result == resultDuplicate {
		r.Published, r.Refused, r.Skipped = 0, 0, 0
	} else if _, there := files.At(j.claim, refusedDraft); there && (r.Code == "" || r.Code == "E_ALL_ROWS") {
		j.Fault.At("ingest.refusing")
		if err := files.Move(j.claim, refusedDraft, refused, name+".refused.csv"); err != nil {
			return err
		}
	}
	if _, there := files.At(j.claim, skippedDraft); there && r.Skipped > 0 && (r.Code == "" || r.Code == "E_ALL_ROWS") {
		r.SkippedRows = filepath.ToSlash(filepath.Join("refused", j.in.Source, name+".skipped.csv"))
		if err := files.Move(j.claim, skippedDraft, refused, name+".skipped.csv"); err != nil {
			return err
		}
	}
	j.Fault.At("ingest.refused")
	to := archive
	if r.Result == resultRefused {
		to = refused
	}
	if err := r.write(to, name, j.Fault); err != nil {
		return err
	}
	if r.Result == resultArchived {
		if err := j.rememberDigest(archive); err != nil {
			return err
		}
	}
	j.Fault.At("ingest.reported")
	if r.Result == resultArchived {
		if err := j.remember(ctx); err != nil {
			return err
		}
	}
	if err := j.teller.publish(ctx, r.progress()); err != nil {
		return err
	}
	if ending, in, ok := j.beside(); ok {
		if err := files.Move(j.claim, in, to, name+ending); err != nil {
			return err
		}
	}
	if err := files.Move(j.claim, j.name, to, name); err != nil {
		return err
	}
	j.Fault.At("ingest.archived")
	j.count()
	j.Log.Info("import finished", "source", j.in.Source, "import", r.Import, "result", r.Result, "code", r.Code,
		"rows", r.Rows, "published", r.Published, "refused", r.Refused, "duplicate_of", r.DuplicateOf)
	return j.done()
}

// done removes the claim.
func (j *job) done() error {
	j.releases.over(j.in.Source, j.report.Import)
	return j.folder.Root.RemoveAll(inbox.ClaimPath(j.report.Import))
}

func (j *job) count() {
	r, m := j.report, j.Metrics
	m.Files.WithLabelValues(r.Source, r.Result).Inc()
	m.Records.WithLabelValues(r.Source, "published", "").Add(float64(r.Published))
	m.Records.WithLabelValues(r.Source, "skipped", "").Add(float64(r.Skipped))
	for code, n := range r.Errors {
		m.Records.WithLabelValues(r.Source, "refused", code).Add(float64(n))
	}
}

// digests is the folder in the archive that remembers what was imported, for the
// day when the stream has forgotten it.
const digests = ".digests"

func (j *job) rememberDigest(archive *os.Root) error {
	if err := archive.Mkdir(digests, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return disk.Jot(archive, digests+"/"+j.table.Digest, []byte(j.report.Import), 0o640) // an empty one still says "known"
}

// archivedBefore tells under which import the content was archived. The import
// itself does not count: it may have died after it wrote its report.
func (j *job) archivedBefore() (string, bool) {
	b, err := os.ReadFile(filepath.Join(j.Archive, j.in.Source, digests, j.table.Digest))
	return string(b), err == nil && string(b) != j.report.Import
}

// KnownAs is the import under which content was archived, as the archive remembers it;
// "" when it does not. It is safe for names and digests that a person sent.
func KnownAs(archive, source, digest string) string {
	root, err := os.OpenRoot(filepath.Join(archive, source))
	if err != nil {
		return ""
	}
	defer root.Close()
	b, err := root.ReadFile(filepath.Join(digests, digest))
	if err != nil {
		return ""
	}
	return string(b)
}
