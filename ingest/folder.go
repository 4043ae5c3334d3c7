package ingest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"
)

// Folders are opened once and used through os.Root: whatever somebody who may
// write into an inbox renames or links there, usher stays inside, and goes on in
// the very folder that it has opened.

// look is what tells that a file has changed.
type look struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
	links        uint64
	kind         fs.FileMode // type bits
}

func (l look) regular() bool { return l.kind == 0 }

// lookAt reports false for what is gone. It follows no link.
func lookAt(root *os.Root, name string) (look, bool) {
	i, err := root.Lstat(name)
	if err != nil {
		return look{}, false
	}
	return lookOf(i), true
}

func lookOf(i fs.FileInfo) look {
	l := look{size: i.Size(), mtime: i.ModTime().UnixNano(), links: 1, kind: i.Mode().Type()}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		l.dev, l.ino, l.ctime, l.links = uint64(s.Dev), s.Ino, changeTime(s), uint64(s.Nlink)
	}
	return l
}

// place identifies a folder, whatever is in it.
type place struct{ dev, ino uint64 }

func placeOf(dir string) (place, error) {
	i, err := os.Stat(dir)
	if err != nil {
		return place{}, err
	}
	l := lookOf(i)
	if l.kind != fs.ModeDir {
		return place{}, unix.ENOTDIR
	}
	return place{l.dev, l.ino}, nil
}

// isMount reports whether a file system is mounted on the folder.
func isMount(dir string) bool {
	here, err := placeOf(dir)
	above, err2 := placeOf(filepath.Dir(filepath.Clean(dir)))
	return err == nil && err2 == nil && here.dev != above.dev
}

// openPlain opens a regular file for reading. Of what is no regular file, or was
// exchanged while it was opened, it reads nothing: a pipe would block, a link
// lead elsewhere.
func openPlain(root *os.Root, name string) (*os.File, look, error) {
	before, ok := lookAt(root, name)
	if !ok {
		return nil, look{}, fs.ErrNotExist
	}
	if !before.regular() {
		return nil, before, errNotPlain
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, before, err
	}
	i, err := f.Stat()
	if err != nil {
		return nil, before, errors.Join(err, f.Close())
	}
	if now := lookOf(i); now.dev != before.dev || now.ino != before.ino || !now.regular() {
		return nil, now, errors.Join(errNotPlain, f.Close())
	}
	return f, lookOf(i), nil
}

var errNotPlain = errors.New("this is no regular file")

// replace writes a file so that a crash of the machine leaves the old one or the
// new one. The folder is not synced: journals keep the order of its entries, so
// the sync after the move of the original, which is the last, makes all durable.
func replace(root *os.Root, name string, data []byte) error { return put(root, name, data, true) }

// jot is replace for what need only survive this process.
func jot(root *os.Root, name string, data []byte) error { return put(root, name, data, false) }

func put(root *os.Root, name string, data []byte, sync bool) error {
	tmp := name + ".new"
	f, err := root.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if sync && err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return root.Rename(tmp, name)
}

// move takes a file from one folder into another durably, readable by usher's
// group and nobody else: by a rename, and across mounts or from another owner by
// a synced copy. A source that is gone while the target is there was moved
// before.
func move(from *os.Root, name string, to *os.Root, target string) error {
	before, ok := lookAt(from, name)
	if !ok {
		if _, there := lookAt(to, target); there {
			return nil
		}
		return fs.ErrNotExist
	}
	if !before.regular() {
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
	if err != nil && !errors.Is(err, fs.ErrPermission) { // whoever may not read may still move
		return err
	}
	err = from.Chmod(name, 0o640)
	if errors.Is(err, fs.ErrPermission) && before.links == 1 { // another owner's; the copy is ours
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
	return syncFolder(to, path.Dir(target))
}

// renameIfFree renames within a folder and overwrites nothing: its error wraps
// os.ErrExist when the name is taken. A file system that can neither do that nor
// has hard links is looked at first.
func renameIfFree(root *os.Root, name, target string) error {
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
	if _, there := lookAt(root, target); there {
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
	in, _, err := openPlain(from, name)
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
	if err := syncFolder(to, path.Dir(target)); err != nil {
		return err
	}
	return from.Remove(name)
}

func syncFolder(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// names lists a folder, a chunk at a time: it may hold a million of them.
func names(root *os.Root, dir string, each func(name string)) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		some, err := d.Readdirnames(1000)
		for _, n := range some {
			each(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ignored tells names of files that are on their way or nobody's.
func ignored(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || nobodys(name) {
		return true // also what rsync writes, `.name.XXXXXX`, and locks of office programs
	}
	l := strings.ToLower(name)
	for _, suffix := range []string{".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~"} {
		if strings.HasSuffix(l, suffix) {
			return true
		}
	}
	return false
}

// nobodys tells names of files that desktops leave in folders.
func nobodys(name string) bool {
	l := strings.ToLower(name)
	return l == ".ds_store" || l == "thumbs.db" || l == "desktop.ini" || strings.HasPrefix(name, "._")
}

// cleanName is a name as it may be shown and stored: a file is called what its
// dropper likes, line breaks, terminal controls and bytes that are no text among
// it.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar { // IsPrint knows no space but U+0020
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return shortName(name)
}

// shortName leaves room for what is added to a name.
func shortName(name string) string {
	const most = 180
	if len(name) <= most {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:most-len(ext)], "") + ext
}

// reason is an error of the file system without the path, which may name people.
func reason(err error) error {
	for {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			return joinOf(joined.Unwrap(), reason)
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// pathless is err with reasons instead of errors of the file system; what is none
// stays as it is.
func pathless(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if !errors.As(err, &path) && !errors.As(err, &link) {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joinOf(joined.Unwrap(), pathless)
	}
	return reason(err)
}

func joinOf(errs []error, each func(error) error) error {
	out := make([]error, len(errs))
	for i, err := range errs {
		out[i] = each(err)
	}
	return errors.Join(out...)
}
