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

// networks are the file systems on which a lease says nothing about writers on
// other machines, by their magic numbers in linux/magic.h.
var networks = map[int64]bool{
	unix.NFS_SUPER_MAGIC: true, unix.SMB_SUPER_MAGIC: true, unix.SMB2_SUPER_MAGIC: true, unix.CIFS_SUPER_MAGIC: true, unix.FUSE_SUPER_MAGIC: true,
	unix.V9FS_MAGIC: true, unix.AFS_SUPER_MAGIC: true, unix.AFS_FS_MAGIC: true, unix.CEPH_SUPER_MAGIC: true, unix.CODA_SUPER_MAGIC: true, unix.OCFS2_SUPER_MAGIC: true,
}

func onNetwork(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && networks[int64(uint32(s.Type))]
}
