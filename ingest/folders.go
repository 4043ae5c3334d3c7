package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/segmentio/ksuid"

	"usher/disk"
	"usher/event"
	"usher/ingest/files"
	"usher/ingest/inbox"
)

// A folder in the inbox is no list, and what lies in it is not looked at. It stays
// where it is, since a program may still fill it, and usher says so wherever it says
// how imports stand.

// foldersNote, in the inbox, has the folders that were told of, so that the end of
// each is told too, by another watcher as well.
var foldersNote = path.Join(inbox.WorkFolder, "folders.json")

// mostFolders is how many of them are told of, one by one.
const mostFolders = 20

const (
	folderReason = "this is a folder, and usher takes files that lie in the inbox itself"
	folderNext   = "Move its files into the inbox, and remove the folder."
)

// foldersNow takes the folders of the last look at an inbox.
func (w *Watcher) foldersNow(source string, names []string) {
	if len(names) == 0 {
		w.wait(source+"/folders", nil)
	} else {
		w.wait(source+"/folders", fmt.Errorf("the inbox %s has %d folders in it, which usher does not look into: move their files into the inbox itself", source, len(names)))
	}
	latest := w.folders[source]
	for {
		select {
		case latest <- names:
			return
		case <-latest: // of an earlier look
		}
	}
}

// folder is what was told of one.
type folder struct {
	ID    string    `json:"id"` // under which it stands among the imports
	Since time.Time `json:"since"`
}

// tellFolders tells which folders lie in an inbox, and which do no more, until ctx
// ends. What could not be told is told after the next look.
func (w *Watcher) tellFolders(ctx context.Context, in Inbox) {
	for {
		select {
		case <-ctx.Done():
			return
		case names := <-w.folders[in.Source]:
			if err := w.tellFoldersOnce(ctx, in, names); err != nil && ctx.Err() == nil {
				w.Log.Debug("it cannot be told which folders lie in the inbox", "source", in.Source, "error", files.Pathless(err))
			}
		}
	}
}

func (w *Watcher) tellFoldersOnce(ctx context.Context, in Inbox, names []string) error {
	root, err := os.OpenRoot(in.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	told := map[string]folder{}
	if b, err := root.ReadFile(foldersNote); err == nil {
		_ = json.Unmarshal(b, &told) // a torn note is none
	}
	names = names[:min(len(names), mostFolders)]
	for name, f := range told {
		if slices.Contains(names, name) {
			continue
		}
		p := f.progress(in.Source, name)
		p.State, p.Reason, p.Next = event.ImportGone, "the folder was taken out of the inbox", ""
		if err := w.tellFolder(ctx, p); err != nil {
			return err
		}
		delete(told, name)
		if err := noteFolders(root, told); err != nil {
			return err
		}
	}
	for _, name := range names {
		if _, known := told[name]; known {
			continue
		}
		now := time.Now().UTC()
		sum := sha256.Sum256([]byte(in.Source + "\x00" + name))
		id, err := ksuid.FromParts(now, sum[:16])
		if err != nil {
			return err
		}
		told[name] = folder{id.String(), now}
		if err := noteFolders(root, told); err != nil { // before it is told: its end must be told too
			return err
		}
		if err := w.tellFolder(ctx, told[name].progress(in.Source, name)); err != nil {
			delete(told, name)
			_ = noteFolders(root, told) // else it is told as gone only
			return err
		}
		w.Log.Warn("a folder lies in the inbox; usher does not look into it", "source", in.Source)
	}
	return nil
}

// foldersIn are the folders that were told of in an inbox: all, or the one with the
// name or the id.
func foldersIn(dir, what string) (found []event.Progress) {
	told := map[string]folder{}
	if b, err := os.ReadFile(filepath.Join(dir, foldersNote)); err == nil {
		_ = json.Unmarshal(b, &told) // a torn note is none
	}
	for name, f := range told {
		if what == "" || what == f.ID || filepath.Base(what) == name {
			found = append(found, f.progress(filepath.Base(dir), name))
		}
	}
	slices.SortFunc(found, func(a, b event.Progress) int { return cmp.Compare(a.File, b.File) })
	return found
}

func noteFolders(root *os.Root, told map[string]folder) error {
	b, err := json.Marshal(told)
	if err != nil {
		return err
	}
	return disk.Jot(root, foldersNote, b, 0o640)
}

func (f folder) progress(source, name string) event.Progress {
	return event.Progress{
		Import: f.ID, File: files.Clean(name) + "/", Source: source, State: event.ImportWaiting,
		Reason: folderReason, Next: folderNext, StartedAt: f.Since, At: time.Now().UTC(),
	}
}

func (w *Watcher) tellFolder(ctx context.Context, p event.Progress) error {
	t := newTeller(w.publisher)
	t.sure = false
	return t.publish(ctx, p)
}
