package inbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// takeLease asks the kernel for a read lease, which it grants only while no one
// has the file open for writing. It is held until giveLease or the file's close:
// a program that wants to write meanwhile waits in open(2).
func takeLease(f *os.File) lease {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return leaseBusy
	case err != nil:
		return leaseNone
	}
	return leaseFree
}

func giveLease(f *os.File) {
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK) // closing gives it back too
}
