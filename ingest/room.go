package ingest

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"usher/ingest/files"
)

// reserve is what stays free on every disk that an import writes to.
const reserve = 16 << 20

// errRoom says that a disk is too full to begin.
type errRoom struct {
	folder     string
	need, free uint64
}

func (e *errRoom) Error() string {
	return fmt.Sprintf("the disk of the %s has %d MB free, %d MB are needed to begin; it goes on when there is room", e.folder, e.free>>20, e.need>>20)
}

// room checks, before the first record is published, that the output of this file
// has room: refused rows may be as long as the file, and across mounts the
// original is copied. The refused rows are collected in the claim.
func (j *job) room() error {
	size := uint64(max(j.table.Size, 0))
	here, err := files.PlaceOf(j.in.Dir)
	if err != nil {
		return files.Reason(err)
	}
	for _, f := range []struct{ name, dir string }{
		{"inbox", j.in.Dir},
		{"archive", filepath.Join(j.Archive, j.in.Source)},
		{"folder of refused rows", filepath.Join(j.Config.Refused, j.in.Source)},
	} {
		need := uint64(reserve)
		if p, err := files.PlaceOf(f.dir); err != nil {
			return files.Reason(err)
		} else if f.name == "inbox" || !p.SameDisk(here) {
			need += size
		}
		var s unix.Statfs_t
		if err := unix.Statfs(f.dir, &s); err != nil {
			return err
		}
		if free := s.Bavail * uint64(s.Bsize); free < need {
			return &errRoom{f.name, need, free}
		}
	}
	return nil
}
