package disk

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path, or makes it, with mode as the umask allows. When it
// returns nil the new content is on the disk under its name. Several processes may
// write the same file; one of them wins.
func Write(path string, data []byte, mode fs.FileMode) error {
	return in(path, func(root *os.Root, name string) error {
		return write(root, name, ".new-"+rand.Text(), data, mode, true)
	})
}

// Rename gives a file its name in the same folder once all of it is on the disk, and
// returns when the name is there too.
func Rename(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return in(to, func(root *os.Root, name string) error { return root.Rename(filepath.Base(from), name) })
}

// in lets change work in the folder of path, and makes the folder's entries durable.
func in(path string, change func(root *os.Root, name string) error) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	if err := change(root, filepath.Base(path)); err != nil {
		return err
	}
	return Sync(root, ".")
}

// Replace is Write below root, without the sync of the folder: journals keep the order
// of a folder's entries, so a later Sync of it makes all of them durable. Only one
// process may write a name at a time; what a kill left is written over.
func Replace(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	return write(root, name, name+".new", data, mode, true)
}

// Jot is Replace for what survives a kill, but not a power loss.
func Jot(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	return write(root, name, name+".new", data, mode, false)
}

func write(root *os.Root, name, tmp string, data []byte, mode fs.FileMode, sync bool) error {
	f, err := root.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return nil
}

// Sync makes the entries of a folder durable.
func Sync(root *os.Root, folder string) error {
	d, err := root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
