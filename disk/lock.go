package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another open file of this name has the lock.
var ErrLocked = errors.New("another process holds the lock")

// Lock takes the exclusive lock on an open file without waiting (flock). It ends when
// the file is closed, by the process or by its end. Errors: ErrLocked, or what the file
// system says, which may not know locks.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
