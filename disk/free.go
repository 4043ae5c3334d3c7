package disk

import "golang.org/x/sys/unix"

// Free tells the free bytes and the size of the disk on which a folder is.
func Free(dir string) (free, size uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
