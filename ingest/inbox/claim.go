package inbox

import (
	"errors"
	"os"
	"path"

	"github.com/segmentio/ksuid"

	"usher/ingest/files"
)

// WorkFolder is where claims are, inside the inbox so that a claim is a rename.
const WorkFolder = ".usher"

// ClaimPath is a claim's folder, from the inbox on.
func ClaimPath(id string) string { return path.Join(WorkFolder, id) }

// claim renames the file into a folder of its own, named by a fresh import id.
func (w *watcher) claim(f *Folder, name string, l files.Look) (id string, err error) {
	id = ksuid.New().String()
	if err := f.Root.Mkdir(ClaimPath(id), 0o700); err != nil {
		return "", err
	}
	to := ClaimPath(id) + "/" + name
	w.Fault.At("ingest.claim")
	if err := f.Root.Rename(name, to); err != nil {
		return "", errors.Join(err, f.Root.Remove(ClaimPath(id)))
	}
	w.Fault.At("ingest.claimed")
	if now, ok := files.At(f.Root, to); ok && !now.Same(l) { // exchanged at the last moment
		err := files.RenameIfFree(f.Root, to, name)
		if errors.Is(err, os.ErrExist) { // and the next one is there already
			err = files.RenameIfFree(f.Root, to, id+"-"+files.Short(name))
		}
		// When neither is possible the claim stays, and is imported.
		return "", errors.Join(errors.New("the file was replaced while it was claimed"), err, f.Root.Remove(ClaimPath(id)))
	}
	return id, nil
}

// Claims lists the import ids that are in work or wait for it.
func (f *Folder) Claims() ([]string, error) {
	var ids []string
	err := files.Names(f.Root, WorkFolder, func(name string) {
		if _, err := ksuid.Parse(name); err == nil {
			ids = append(ids, name)
		}
	})
	return ids, err
}

// size is how many bytes a claim holds; one that is gone has none.
func (f *Folder) size(id string) (size int64) {
	_ = files.Names(f.Root, ClaimPath(id), func(name string) {
		if l, ok := files.At(f.Root, path.Join(ClaimPath(id), name)); ok {
			size += l.Size
		}
	})
	return size
}
