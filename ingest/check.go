package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/ingest/files"
	"usher/table"
)

// Check says what an import of the file would do, by the same code, without
// publishing or moving anything. A file that would be refused is a Report too.
// tell, if not nil, is told a few times a second how far it is.
func Check(ctx context.Context, path string, in Inbox, key event.Key, tell func(event.Progress)) (Report, error) {
	return CheckRows(ctx, path, in, key, tell, 0, nil)
}

// CheckRows is Check, and gives each the bodies of the first events as they would be
// published, rows of them at most. key derives the ids of users who bring none.
func CheckRows(ctx context.Context, path string, in Inbox, key event.Key, tell func(event.Progress), rows int, each func(body []byte) error) (Report, error) {
	return CheckIn(ctx, "", path, in, key, tell, rows, each)
}

// CheckIn is CheckRows with a folder for what does not fit into memory; "" is the
// system's one.
func CheckIn(ctx context.Context, scratch, path string, in Inbox, key event.Key, tell func(event.Progress), rows int, each func(body []byte) error) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", path, files.Reason(err))
	}
	defer f.Close()
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		return Report{}, fmt.Errorf("%s: it is not a regular file", path)
	}
	dir, err := os.MkdirTemp(scratch, "usher-check-") // for the draft of refused rows
	if err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(dir)
	claim, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, err
	}
	defer claim.Close()
	j := &job{Watcher: &Watcher{Config: Config{Key: key}}, in: in, claim: claim, dir: dir, name: filepath.Base(path), file: f}
	now := time.Now().UTC()
	j.report = Report{File: j.name, Source: in.Source, Errors: map[string]int{}, StartedAt: now}
	j.progress = newProgress(j.Watcher, j.report)
	if tell != nil {
		var wg sync.WaitGroup
		defer wg.Wait()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		wg.Go(func() {
			for event.Sleep(ctx, 200*time.Millisecond) {
				tell(j.progress.now())
			}
		})
	}
	ctx = j.progress.metered(ctx)
	if i, err := f.Stat(); err == nil {
		j.progress.step(event.ImportReading, i.Size())
	}
	j.table, err = table.Inspect(ctx, f, j.scratch(""), table.Known{Columns: in.Columns, Saved: in.Saved})
	j.table.HiddenRows = in.HiddenRows
	j.describe()
	if err == nil {
		j.progress.step(event.ImportValidating, j.table.Size)
		err = j.validate(ctx)
	}
	j.describe()
	if err == nil {
		var why string
		if why, err = j.doubts(ctx); why != "" {
			j.warnings.Add("W_HELD", "an import would wait for a person: "+why, 0)
			j.describe()
		}
	}
	var refused *table.FileError
	if errors.As(err, &refused) {
		j.report.Code, j.report.Reason = refused.Code, refused.Text
	} else if err != nil {
		return j.report, fmt.Errorf("%s: %w", path, files.Reason(err))
	}
	j.report.conclude("a file in refused/" + in.Source + "/")
	j.report.FinishedAt = time.Now().UTC()
	if rows > 0 && j.report.Code == "" {
		return j.report, j.firstEvents(ctx, rows, each)
	}
	return j.report, nil
}

// firstEvents gives away the bodies of the first events.
func (j *job) firstEvents(ctx context.Context, rows int, each func(body []byte) error) error {
	rs, err := j.table.Open(ctx, j.file)
	if err != nil {
		return err
	}
	defer rs.Close()
	id := ksuid.New() // an import would have another one
	e := &encoder{rules: newRules(j.in), key: j.Key, at: id.Time(), digest: j.table.Digest, from: event.Import{ID: id.String(), File: j.report.File}}
	for rows > 0 {
		rw, err := rs.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if j.bad.has(rw.Number) || j.skip.has(rw.Number) {
			continue
		}
		rec := rs.Record(rw)
		u, _ := e.rules.check(&rec)
		if err := each(e.encode(u, rw).body); err != nil {
			return err
		}
		rows--
	}
	return nil
}
