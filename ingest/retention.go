package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/ksuid"

	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
)

// Originals and refused rows hold personal data, so they are not kept for ever.
// What is older than Config.Keep goes with its reports; the digests of what was
// imported stay, without which a file could come in twice.

const retireEvery = time.Hour

// retire removes what is too old, until ctx ends.
func (w *Watcher) retire(ctx context.Context) {
	for ctx.Err() == nil {
		for _, in := range w.Inboxes {
			n := 0
			for _, dir := range []string{filepath.Join(w.Archive, in.Source), filepath.Join(w.Config.Refused, in.Source)} {
				some, err := removeOld(ctx, dir, "", w.Keep)
				if n += some; err != nil {
					w.Log.Warn("old files cannot be removed", "source", in.Source, "error", files.Reason(err))
				}
			}
			if n > 0 {
				w.Log.Info("old files were removed", "source", in.Source, "files", n)
			}
			// Copies that a redrop did not finish.
			_, _ = removeOld(ctx, filepath.Join(in.Dir, inbox.WorkFolder), ".draft-", 24*time.Hour) // an inbox that is away is said elsewhere
		}
		event.Sleep(ctx, retireEvery)
	}
}

// removeOld removes the files of a folder whose name, after the prefix, begins
// with an import id that is older than keep.
func removeOld(ctx context.Context, dir, prefix string, keep time.Duration) (removed int, err error) {
	if keep <= 0 {
		return 0, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	const idLength = 27
	var errs []error
	err = files.Names(root, ".", func(name string) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || len(rest) < idLength || ctx.Err() != nil {
			return
		}
		id, err := ksuid.Parse(rest[:idLength])
		if err != nil || time.Since(id.Time()) < keep {
			return
		}
		if err := root.RemoveAll(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			return
		}
		removed++
	})
	return removed, errors.Join(append(errs, err)...)
}
