package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/ingest/files"
	"usher/ingest/inbox"
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
	id = ksuid.New().String()
	draft := path.Join(inbox.WorkFolder, ".draft-"+id)
	if err := root.Mkdir(draft, 0o700); err != nil {
		return "", fmt.Errorf("the inbox cannot be written: %w", files.Reason(err))
	}
	name := filepath.Base(file)
	if inbox.Ignored(name) { // it is meant, whatever its name says
		name = "redrop-" + name
	}
	err = fill(root, path.Join(draft, name), from, info.Size(), copied)
	if err == nil {
		err = disk.Replace(root, path.Join(draft, redropMark), nil, 0o640)
	}
	if err == nil {
		err = root.Rename(draft, inbox.ClaimPath(id))
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("the copy failed: %w", files.Reason(err)), root.RemoveAll(draft))
	}
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
