package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Look is what tells that a file has changed.
type Look struct {
	Size  int64       // in bytes
	Ctime int64       // when its inode changed, in nanoseconds since 1970
	Links uint64      // names that it has
	Kind  fs.FileMode // type bits; 0 is a regular file

	dev, ino uint64
	mtime    int64
}

// Regular tells a file from a link, a pipe, a device and a folder.
func (l Look) Regular() bool { return l.Kind == 0 }

// Same tells whether both are of the same file, changed or not.
func (l Look) Same(o Look) bool { return l.dev == o.dev && l.ino == o.ino }

// At looks at a file and reports false for what is gone. It follows no link.
func At(root *os.Root, name string) (Look, bool) {
	i, err := root.Lstat(name)
	if err != nil {
		return Look{}, false
	}
	return Of(i), true
}

// Of is the look that a stat gives.
func Of(i fs.FileInfo) Look {
	l := Look{Size: i.Size(), mtime: i.ModTime().UnixNano(), Links: 1, Kind: i.Mode().Type()}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		l.dev, l.ino, l.Ctime, l.Links = uint64(s.Dev), s.Ino, changeTime(s), uint64(s.Nlink)
	}
	return l
}

// Place identifies a folder, whatever is in it.
type Place struct{ dev, ino uint64 }

// SameDisk tells whether both folders are in one mount, so that a rename can lead
// from one to the other.
func (p Place) SameDisk(o Place) bool { return p.dev == o.dev }

// PlaceOf finds the place of a folder.
func PlaceOf(dir string) (Place, error) {
	i, err := os.Stat(dir)
	if err != nil {
		return Place{}, err
	}
	l := Of(i)
	if l.Kind != fs.ModeDir {
		return Place{}, unix.ENOTDIR
	}
	return Place{l.dev, l.ino}, nil
}

// IsMount reports whether a file system is mounted on the folder.
func IsMount(dir string) bool {
	here, err := PlaceOf(dir)
	above, err2 := PlaceOf(filepath.Dir(filepath.Clean(dir)))
	return err == nil && err2 == nil && here.dev != above.dev
}

// OpenPlain opens a regular file for reading. Of what is no regular file, or was
// exchanged while it was opened, it reads nothing: a pipe would block, a link
// lead elsewhere.
func OpenPlain(root *os.Root, name string) (*os.File, Look, error) {
	before, ok := At(root, name)
	if !ok {
		return nil, Look{}, fs.ErrNotExist
	}
	if !before.Regular() {
		return nil, before, ErrNotPlain
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, before, err
	}
	i, err := f.Stat()
	if err != nil {
		return nil, before, errors.Join(err, f.Close())
	}
	if now := Of(i); !now.Same(before) || !now.Regular() {
		return nil, now, errors.Join(ErrNotPlain, f.Close())
	}
	return f, Of(i), nil
}

// ErrNotPlain is what OpenPlain returns for what is no regular file.
var ErrNotPlain = errors.New("this is no regular file")
