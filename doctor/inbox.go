package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"usher/ingest/files"
	"usher/ingest/inbox"
)

// InboxTarget is a folder that is watched.
type InboxTarget struct {
	Source, Dir string
	Made        bool // by usher itself at its start, when it is not there
}

func (t InboxTarget) look(probe bool) look {
	return look{"inbox " + t.Source, func(ctx context.Context) (func(*Facts), error) {
		in := t.inspect()
		if probe && in.Problem == "" && !in.Missing {
			t.probe(&in)
		}
		return func(f *Facts) { f.Inboxes = append(f.Inboxes, in) }, nil
	}}
}

// inspect looks and writes nothing.
func (t InboxTarget) inspect() Inbox {
	in := Inbox{Source: t.Source, Made: t.Made}
	s, err := os.Stat(t.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		in.Missing = true
		return in
	case err != nil:
		in.Problem = plain(err)
		return in
	case !s.IsDir():
		in.Problem = "it is no folder"
		return in
	}
	if err := unix.Access(t.Dir, unix.R_OK|unix.X_OK); err != nil {
		in.Problem = "it cannot be read: " + plain(err)
		return in
	}
	in.NoWrite = unix.Access(t.Dir, unix.W_OK|unix.X_OK) != nil || readOnly(t.Dir)
	in.Network = files.OnNetwork(t.Dir)
	claims := filepath.Join(t.Dir, inbox.WorkFolder)
	if own, err := files.PlaceOf(claims); err == nil {
		here, err := files.PlaceOf(t.Dir)
		in.Apart = err == nil && !own.SameDisk(here)
		in.NoWrite = in.NoWrite || unix.Access(claims, unix.W_OK|unix.X_OK) != nil
	}
	entries, err := os.ReadDir(t.Dir)
	if err != nil {
		in.Problem = plain(err)
	}
	var oldest time.Time
	for _, e := range entries {
		i, err := e.Info()
		if err != nil || !i.Mode().IsRegular() || inbox.Ignored(e.Name()) || beside(e.Name()) {
			continue
		}
		in.Waiting++
		if at := time.Unix(0, files.Of(i).Ctime); oldest.IsZero() || at.Before(oldest) { // a rename keeps the time of the content
			oldest = at
		}
	}
	if in.Waiting > 0 {
		in.Oldest = max(time.Since(oldest), 0).Round(time.Second).String()
	}
	return in
}

// beside tells the names of files that only say something about another one.
func beside(name string) bool {
	for _, end := range []string{".done", ".ok", ".sha256"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// probe renames a file of its own and asks for a lease on it, as the watcher does with
// one that was dropped. Its name begins with a dot, so no watcher takes it.
func (t InboxTarget) probe(in *Inbox) {
	in.Probed = true
	f, err := os.CreateTemp(t.Dir, ".usher-doctor-*")
	if err != nil {
		in.Rename = plain(err)
		return
	}
	name := f.Name()
	defer func() { _ = os.Remove(name) }()
	to := name + "-renamed"
	if info, err := os.Stat(filepath.Join(t.Dir, inbox.WorkFolder)); err == nil && info.IsDir() {
		to = filepath.Join(t.Dir, inbox.WorkFolder, filepath.Base(name))
	}
	if err := os.Rename(name, to); err != nil {
		in.Rename = plain(err)
	} else {
		name = to
	}
	_ = f.Close() // nothing was written
	if err := lease(name); err != nil {
		in.Lease = plain(err)
	}
}
