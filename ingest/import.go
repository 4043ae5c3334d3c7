package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
	"usher/tracing"
)

// job is one claimed file on its way through an import.
type job struct {
	*Watcher
	in       Inbox
	folder   *inbox.Folder
	claim    *os.Root // the folder of the claim
	dir      string   // where that folder is
	name     string   // of the original, as it was dropped
	file     *os.File
	taken    files.Look // the file as it was when it was opened
	table    table.File
	report   Report
	redrop   bool
	titles   string         // fingerprint of the columns
	end      ending         // of the file
	returned bool           // it has rows that were refused before
	bad      bitmap         // rows that are refused
	skip     bitmap         // rows that the inbox leaves out
	warnings table.Warnings // about the rows
	leave    func()         // of inWork; nil when the file does not hold it

	imported time.Time // of the import's id, to the second
	claimed  time.Time // when the file was taken
	progress *progress
	teller   *teller
	quiet    func() // ends telling how far it is
}

// redropMark lies in a claim whose content may be known.
const redropMark = ".redrop"

// process takes a claim through all that is left to do. Every step may have been
// done before by a process that died.
func (w *Watcher) process(ctx context.Context, in Inbox, f *inbox.Folder, id string) (err error) {
	j, err := w.open(in, f, id)
	if j == nil {
		return err
	}
	defer j.close()
	if err != nil {
		return j.refuse(ctx, err)
	}
	ctx, span := w.Tracer.Start(ctx, "import", tracing.Inside, tracing.Source(f.Source), tracing.Import(id))
	j.quiet = j.telling(ctx)
	err = event.Protect("the import of this file", func() error { return j.run(j.progress.metered(ctx)) })
	j.quiet()
	j.progress.end()
	span.Done(err)
	if err != nil && ctx.Err() == nil {
		j.progress.wait(files.Reason(err).Error())
		j.show(ctx, j.progress.now())
	}
	if p := event.Panicked(err); p != nil { // in whichever goroutine of the import
		w.guard(p)
		w.Log.Error("the importer failed on a file", "source", f.Source, "import", id, "error", err)
		return errors.Join(err, j.failed())
	}
	return errors.Join(err, j.ended())
}

func (j *job) run(ctx context.Context) (err error) {
	began := time.Now()
	if err := j.try("read"); err != nil {
		return j.refuse(ctx, err)
	}
	j.Fault.At("ingest.read")
	j.progress.step(event.ImportReading, j.taken.Size)
	j.table, err = table.Inspect(ctx, j.file, j.scratch(""), j.known(ctx))
	j.table.HiddenRows = j.in.HiddenRows
	j.describe()
	if j.table.Digest != "" {
		err = cmp.Or(j.sameContent(ctx), j.uploader(), err)
	}
	if err == nil {
		err = j.vouched()
	}
	if err != nil {
		return j.refuse(ctx, err)
	}
	c, seq, err := j.publisher.load(ctx, j.in.Source, j.table.Digest)
	if err != nil {
		return err
	}
	if seq > 0 && c.Import != j.report.Import {
		switch {
		case c.Done && j.redrop:
			if at, err := ksuid.Parse(c.Import); err == nil && at.Time().Equal(j.imported) {
				return j.reclaim(ctx) // events of two imports of one second would have the same ids
			}
			c = event.Checkpoint{} // a new import of known content
		case c.Done:
			j.report.DuplicateOf = c.Import
			return j.finish(ctx)
		default:
			return j.adopt(ctx, c)
		}
	}
	if seq == 0 && !j.redrop {
		if of, known := j.archivedBefore(); known {
			return j.refuse(ctx, table.Unusable("E_KNOWN", "this content was imported as %s, but the stream has forgotten it; if it must be imported again, use usher redrop", of))
		}
	}
	if err := j.room(); err != nil {
		return err
	}
	j.progress.step(event.ImportValidating, j.taken.Size)
	if c.Import == j.report.Import {
		j.table.Known = table.Known{Saved: only(c.Columns)}
	}
	err = j.validate(ctx)
	j.describe() // with what the rows told
	good := j.report.Published
	if j.report.Published = 0; c.Import == j.report.Import {
		j.report.Published = c.Published
	}
	begun := c.Import == j.report.Import // then all that follows was decided before
	grown := ""
	if err == nil && !begun {
		grown, err = j.lookAgain()
	}
	if err == nil && grown == "" {
		err = j.unchanged()
	}
	if err != nil {
		return j.refuse(ctx, err)
	}
	j.Metrics.StageSeconds.WithLabelValues("parse").Observe(time.Since(began).Seconds())
	j.progress.rows(j.report.Rows, c.Record, j.report.Refused)
	j.Fault.At("ingest.validated")
	if !begun {
		held, err := j.whole(ctx, grown)
		if held || err != nil {
			return j.refuse(ctx, err)
		}
	} else if before, ok := readHeld(j.claim); ok {
		j.letGo(before.Reason) // otherwise it would not have begun
	}
	j.cleared()
	if good > 0 && !(c.Import == j.report.Import && c.Done) {
		if err := j.try(fmt.Sprint("record ", c.Record)); err != nil {
			return j.refuse(ctx, err)
		}
		j.progress.step(event.ImportPublishing, 0)
		if err := j.pin(); err != nil {
			return err
		}
		if err := j.publish(ctx, c, seq); err != nil {
			return j.refuse(ctx, err)
		}
	}
	j.Fault.At("ingest.published")
	return j.finish(ctx)
}

// open finds the file of a claim; without a job there is nothing left to do. The
// job is there beside a *table.FileError.
func (w *Watcher) open(in Inbox, f *inbox.Folder, id string) (*job, error) {
	imported, err := ksuid.Parse(id)
	if err != nil {
		return nil, err
	}
	claim, err := f.Root.OpenRoot(inbox.ClaimPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, files.Reason(err)
	}
	j := &job{Watcher: w, in: in, folder: f, claim: claim, dir: filepath.Join(f.Dir, inbox.ClaimPath(id)), imported: imported.Time()}
	_, j.redrop = files.At(claim, redropMark)
	if j.name, err = original(claim); err != nil {
		return nil, errors.Join(files.Reason(err), claim.Close())
	}
	if j.name == "" { // moved away; only the folder is left
		w.releases.over(f.Source, id)
		return nil, errors.Join(claim.Close(), f.Root.RemoveAll(inbox.ClaimPath(id)))
	}
	j.report = Report{
		Import: id, File: files.Clean(j.name), Source: f.Source, Errors: map[string]int{}, StartedAt: j.imported.UTC(),
	}
	j.progress, j.teller, j.quiet = newProgress(w, j.report), newTeller(w.publisher), func() {}
	j.file, j.taken, err = files.OpenPlain(claim, j.name)
	j.claimed = j.claimedAt()
	switch {
	case errors.Is(err, files.ErrNotPlain):
		err = table.Unusable("E_SPECIAL", "this is a link, a pipe or a device; drop a copy of the file itself")
	case errors.Is(err, fs.ErrPermission):
		err = table.Unusable("E_UNREADABLE", "usher may not read this file; change its permissions and drop it again")
	case err != nil:
		return nil, errors.Join(files.Reason(err), claim.Close())
	case j.taken.Links > 1:
		err = table.Unusable("E_LINK", "this file has another name elsewhere (a hard link), under which it could still be changed; drop a copy")
	}
	return j, err
}

func (j *job) close() {
	j.cleared()
	if j.file != nil {
		_ = j.file.Close() // only read
	}
	_ = j.claim.Close()
}

// claimedAt is when the file was renamed into its claim: its inode changed then,
// and has not since. The id of the import knows that only to the second.
func (j *job) claimedAt() time.Time {
	t := time.Unix(0, j.taken.Ctime).UTC()
	if t.Before(j.imported) || t.After(time.Now()) {
		return j.imported.UTC()
	}
	return t
}

// unchanged refuses a file that is not as it was when it was opened: a program had
// it open all the time, or opened it by another name.
func (j *job) unchanged() error {
	i, err := j.file.Stat()
	if err != nil {
		return err
	}
	if files.Of(i) != j.taken {
		return errChanged
	}
	return nil
}

var errChanged = table.Unusable("E_CHANGED", "the file was changed after it had been taken; drop it again when it is complete")

func (j *job) describe() {
	r, t := &j.report, j.table
	r.SHA256, r.Format, r.Encoding, r.Why = t.Digest, t.Describe(), t.Encoding, t.Why
	var warnings table.Warnings
	warnings.Merge(t.Warnings)
	if t.Delimiter != 0 {
		r.Delimiter = string(t.Delimiter)
	}
	if note, yes := t.Disagrees(j.name); yes {
		warnings.Add("W_NAME", note, 0)
	}
	warnings.Merge(j.warnings)
	r.Warnings, r.Columns = warnings.All(), t.Columns
}

// adopt goes on with an import that another process began and left: under its
// id, so that records keep theirs. While that import is in work, this file waits.
func (j *job) adopt(ctx context.Context, c event.Checkpoint) error {
	if _, err := ksuid.Parse(c.Import); err != nil {
		return err
	}
	if _, there := files.At(j.folder.Root, inbox.ClaimPath(c.Import)); there {
		return errors.New("the same content is being imported right now")
	}
	return j.goOnAs(ctx, c.Import)
}

// reclaim gives a claim a later import id.
func (j *job) reclaim(ctx context.Context) error {
	id := ksuid.New()
	if !id.Time().After(j.imported) {
		return errors.New("the same content was imported this second")
	}
	return j.goOnAs(ctx, id.String())
}

// goOnAs gives the claim another import id, under which the next scan finds it.
func (j *job) goOnAs(ctx context.Context, id string) error {
	j.quiet()
	if err := j.teller.moved(ctx, j.progress.now(), id); err != nil {
		return err
	}
	return j.folder.Root.Rename(inbox.ClaimPath(j.report.Import), inbox.ClaimPath(id))
}

// refusedDraft is where refused rows are collected in the claim.
const refusedDraft = ".refused.csv"

// publish sends what validate counted, from the record after the checkpoint on.
// While one batch commits, the next is read and sent.
func (j *job) publish(ctx context.Context, c event.Checkpoint, seq uint64) error {
	if c.Import == "" {
		c = event.Checkpoint{Import: j.report.Import, File: j.name, Source: j.in.Source, StartedAt: j.report.StartedAt, Columns: j.table.Mapping}
	}
	c.Rows, c.Refused = j.report.Rows, j.report.Refused
	l, err := j.publisher.lane(j.table.Digest, seq, func(b batch) {
		j.cleared()
		c.FilePosition, c.Published = b.checkpoint.FilePosition, b.checkpoint.Published
		j.progress.at(c)
	})
	if err != nil {
		return err
	}
	defer l.close()
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan batch, 1)
	read := make(chan error, 1)
	go func() {
		defer close(batches)
		read <- event.Protect("the import of this file", func() error {
			return j.batch(reading, c, func(b batch) error {
				select {
				case batches <- b:
					return nil
				case <-reading.Done():
					return reading.Err()
				}
			})
		})
	}()
	for b := range batches {
		b.checkpoint.At = time.Now().UTC()
		if err = j.keepPace(ctx, l.awaitStored); err == nil {
			err = j.unchanged()
		}
		if err == nil {
			err = l.commit(ctx, b)
		}
		if err != nil {
			cancel()
			break
		}
		j.backlog.add(len(b.events))
	}
	if readErr := <-read; err == nil {
		err = readErr
	}
	if settled := l.awaitStored(ctx); err == nil {
		err = settled
	}
	j.report.Published = c.Published
	return err
}
