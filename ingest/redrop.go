package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// Redrop gives a copy of the file to the watcher of the inbox as a new import,
// whether its content is known or not. copied, if not nil, is told how much of it
// is done. It returns the import's id.
func Redrop(file string, in Inbox, copied func(done, total int64)) (id string, err error) {
	root, err := os.OpenRoot(in.Dir)
	if err != nil {
		return "", fmt.Errorf("the inbox cannot be opened: %w", files.Reason(err))
	}
	defer root.Close()
	if err := root.Mkdir(inbox.WorkFolder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("the inbox cannot be written: %w", files.Reason(err))
	}
	from, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, files.Reason(err))
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, files.Reason(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %w", file, files.ErrNotPlain)
	}
	name := filepath.Base(file)
	if inbox.Ignored(name) { // it is meant, whatever its name says
		name = "redrop-" + name
	}
	return give(root, func(draft *os.Root) error {
		if err := fill(draft, name, from, info.Size(), copied); err != nil {
			return err
		}
		return disk.Replace(draft, redropMark, nil, 0o640)
	}, func(*os.Root) {})
}

// Given is a file that a person gives to an inbox at the console.
type Given struct {
	Digest  string        // lower-case hexadecimal SHA-256 of its bytes
	By      string        // who gives it
	At      time.Time     // when
	Columns table.Mapping // what its columns are, whatever the inbox says; nil: as it says
	Known   bool          // it is imported even though its content is known
}

// ErrNotThere is wrapped by an error of Give about an inbox that cannot be reached, or
// in which no watcher has worked: it may be the bare folder where a share is mounted.
var ErrNotThere = errors.New("the inbox cannot be reached")

// Give moves a file out of its folder to the watcher of an inbox, as a claim that is
// signed with key, and returns the id of its import. Its name may not begin with a dot.
// What the inbox asks for beside a file goes with it. After an error nothing of it is
// in the inbox, and the file may still be where it was.
func Give(folder *os.Root, name string, in Inbox, key event.Key, g Given) (id string, err error) {
	root, err := os.OpenRoot(in.Dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotThere, files.Reason(err))
	}
	defer root.Close()
	if l, ok := files.At(root, inbox.WorkFolder); !ok || l.Kind != os.ModeDir {
		return "", fmt.Errorf("%w: no watcher has worked in this folder", ErrNotThere)
	}
	return give(root, func(draft *os.Root) error {
		err := noteUploaded(draft, uploadedNote, key, in.Source, uploaded{By: g.By, At: g.At.UTC(), Digest: g.Digest})
		if err == nil && g.Known {
			err = disk.Replace(draft, redropMark, nil, 0o640)
		}
		if err == nil && len(g.Columns) > 0 {
			var b []byte
			if b, err = json.Marshal(g.Columns); err == nil {
				err = disk.Replace(draft, pinnedColumns, b, 0o640)
			}
		}
		if beside := besides(in).Endings; err == nil && len(beside) > 0 { // the console has the whole file
			err = disk.Replace(draft, inbox.BesideName(beside[0]), []byte(g.Digest+"\n"), 0o640)
		}
		if err != nil {
			return err
		}
		return files.Move(folder, name, draft, name)
	}, func(draft *os.Root) { _ = files.Move(draft, name, folder, name) }) // else the person has it still
}

// give makes a claim of what fill puts into a draft, and tells the watcher. undo takes
// out again what must not go with a draft that fails.
func give(root *os.Root, fill func(draft *os.Root) error, undo func(draft *os.Root)) (id string, err error) {
	id = ksuid.New().String()
	draft := path.Join(inbox.WorkFolder, ".draft-"+id)
	if err := root.Mkdir(draft, 0o700); err != nil {
		return "", fmt.Errorf("the inbox cannot be written: %w", files.Reason(err))
	}
	in, err := root.OpenRoot(draft)
	if err == nil {
		defer in.Close()
		if err = fill(in); err == nil {
			err = root.Rename(draft, inbox.ClaimPath(id))
		}
	}
	if err != nil {
		if in != nil {
			undo(in)
		}
		return "", errors.Join(fmt.Errorf("the file could not be put into the inbox: %w", files.Reason(err)), root.RemoveAll(draft))
	}
	inbox.Wake(root)
	return id, disk.Sync(root, inbox.WorkFolder)
}

func fill(root *os.Root, name string, from io.Reader, size int64, copied func(done, total int64)) error {
	to, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	done := int64(0)
	_, err = io.Copy(to, io.TeeReader(from, writerFunc(func(p []byte) (int, error) {
		if done += int64(len(p)); copied != nil {
			copied(done, size)
		}
		return len(p), nil
	})))
	return errors.Join(err, to.Sync(), to.Close())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
