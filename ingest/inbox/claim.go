package inbox

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"time"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/ingest/files"
)

// WorkFolder is where claims are, inside the inbox so that a claim is a rename.
const WorkFolder = ".usher"

// HeldNote lies in the claim of a file that waits for a person.
const HeldNote = ".held.json"

// ClaimPath is a claim's folder, from the inbox on.
func ClaimPath(id string) string { return path.Join(WorkFolder, id) }

// Unsure is noted in the claim of a file of which the system does not tell whether
// a program still has it open. It is looked at once more some time later.
type Unsure struct {
	Size int64     `json:"size"` // of the file when it seemed to be complete
	At   time.Time `json:"at"`   // when it was claimed
}

const unsureFile = ".unsure.json"

// UnsureIn reads the note of a claim, false when there is none.
func UnsureIn(claim *os.Root) (u Unsure, ok bool) {
	b, err := claim.ReadFile(unsureFile)
	return u, err == nil && json.Unmarshal(b, &u) == nil
}

// claim renames the file into a folder of its own, named by a fresh import id. What
// lies beside it goes with it.
func (w *watcher) claim(f *Folder, name string, l files.Look, unsure bool) (id string, err error) {
	id = ksuid.New().String()
	if err := f.Root.Mkdir(ClaimPath(id), 0o700); err != nil {
		return "", err
	}
	if unsure {
		b, err := json.Marshal(Unsure{l.Size, time.Now().UTC()})
		if err == nil {
			err = disk.Jot(f.Root, path.Join(ClaimPath(id), unsureFile), b, 0o640)
		}
		if err != nil {
			return "", errors.Join(err, f.Root.RemoveAll(ClaimPath(id)))
		}
	}
	to := ClaimPath(id) + "/" + name
	w.Fault.At("ingest.claim")
	if err := f.Root.Rename(name, to); err != nil {
		return "", errors.Join(err, w.unclaim(f, id))
	}
	w.Fault.At("ingest.claimed")
	if now, ok := files.At(f.Root, to); ok && !now.Same(l) { // exchanged at the last moment
		err := files.RenameIfFree(f.Root, to, name)
		if errors.Is(err, os.ErrExist) { // and the next one is there already
			err = files.RenameIfFree(f.Root, to, id+"-"+files.Short(name))
		}
		// When neither is possible the claim stays, and is imported.
		return "", errors.Join(errors.New("the file was replaced while it was claimed"), err, w.unclaim(f, id))
	}
	if err := w.takeBeside(f, id, name, l); err != nil { // its import fetches it
		w.Log.Warn("what lies beside a file could not be taken with it", "source", w.Source, "error", files.Reason(err))
	}
	return id, nil
}

// unclaim removes a claim that has no file.
func (w *watcher) unclaim(f *Folder, id string) error {
	_ = f.Root.Remove(path.Join(ClaimPath(id), unsureFile)) // when it is there
	return f.Root.Remove(ClaimPath(id))
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
