package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"usher/disk"
)

// Move takes a file from one folder into another durably, readable by usher's
// group and by no other user: by a rename, and across mounts or from another owner by
// a synced copy. A source that is gone while the target is there was moved
// before.
func Move(from *os.Root, name string, to *os.Root, target string) error {
	before, ok := At(from, name)
	if !ok {
		if _, there := At(to, target); there {
			return nil
		}
		return fs.ErrNotExist
	}
	if !before.Regular() {
		err := renameBetween(from, name, to, target)
		if errors.Is(err, unix.EXDEV) {
			return from.Remove(name) // there is nothing in it to keep
		}
		return err
	}
	f, err := from.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) { // a file that may not be read may still be moved
		return err
	}
	err = from.Chmod(name, 0o640)
	if errors.Is(err, fs.ErrPermission) && before.Links == 1 { // another owner's; the copy is ours
		if err = copyBetween(from, name, to, target); !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = renameBetween(from, name, to, target)
	if errors.Is(err, unix.EXDEV) {
		return copyBetween(from, name, to, target)
	}
	if err != nil {
		return err
	}
	return disk.Sync(to, path.Dir(target))
}

// RenameIfFree renames within a folder and overwrites nothing: its error wraps
// os.ErrExist when the name is taken. A file system that can neither do that nor
// has hard links is looked at first.
func RenameIfFree(root *os.Root, name, target string) error {
	a, err := root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := root.Open(path.Dir(target))
	if err != nil {
		return err
	}
	defer b.Close()
	err = renameNoReplace(int(a.Fd()), path.Base(name), int(b.Fd()), path.Base(target))
	if err == nil || errors.Is(err, os.ErrExist) || errors.Is(err, os.ErrNotExist) {
		return err
	}
	err = root.Link(name, target)
	if err == nil {
		return root.Remove(name)
	}
	if errors.Is(err, os.ErrExist) {
		return err
	}
	if _, there := At(root, target); there {
		return os.ErrExist
	}
	return root.Rename(name, target)
}

// renameBetween renames across two folders, by their descriptors.
func renameBetween(from *os.Root, name string, to *os.Root, target string) error {
	a, err := from.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := to.Open(path.Dir(target))
	if err != nil {
		return err
	}
	defer b.Close()
	return unix.Renameat(int(a.Fd()), path.Base(name), int(b.Fd()), path.Base(target))
}

func copyBetween(from *os.Root, name string, to *os.Root, target string) error {
	in, _, err := OpenPlain(from, name)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := target + ".new"
	out, err := to.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, to.Remove(tmp))
	}
	if err := to.Rename(tmp, target); err != nil {
		return err
	}
	if err := disk.Sync(to, path.Dir(target)); err != nil {
		return err
	}
	return from.Remove(name)
}
