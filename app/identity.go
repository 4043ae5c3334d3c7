package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/event"
)

// Files of DATA that name the process which works on it: the id of the folder and
// the number of its last start, and the lock of the process that it names.
const (
	processFile = "process.json"
	processLock = "process.lock"
)

// identify names this process for leases: the id that the data folder has, and one
// more start of it than the last, on disk before the name is used. So others know
// that an earlier start is gone. The folder's id is for the process that holds its
// lock; one beside it, or on a folder that cannot be written, gets an id of its own.
// It is held until release.
func identify(dir string) (p event.Process, release func(), err error) {
	own := event.Process{ID: event.NewID(), Start: 1}
	lock, err := os.OpenFile(filepath.Join(dir, processLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return own, func() {}, fmt.Errorf("lock the data folder: %w", err)
	}
	release = func() { _ = lock.Close() }
	if err := disk.Lock(lock); err != nil {
		release()
		if errors.Is(err, disk.ErrLocked) { // another process has the name
			err = nil
		}
		return own, func() {}, err
	}
	b, err := os.ReadFile(filepath.Join(dir, processFile))
	if err == nil {
		if err = json.Unmarshal(b, &p); err == nil {
			_, err = ksuid.Parse(p.ID)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p = event.Process{ID: own.ID}
	case err != nil:
		release()
		return own, func() {}, fmt.Errorf("%s: %w", processFile, err)
	}
	p.Start++
	if b, err = json.Marshal(p); err == nil {
		err = disk.Write(filepath.Join(dir, processFile), append(b, '\n'), 0o600)
	}
	if err != nil {
		release()
		return own, func() {}, fmt.Errorf("%s: %w", processFile, err)
	}
	return p, release, nil
}
