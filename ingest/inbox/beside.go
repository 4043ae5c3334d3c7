package inbox

import (
	"path"
	"strings"
	"time"

	"usher/ingest/files"
)

// Beside says what must lie beside a file before it is taken: a file of the same name
// with one of the endings. The zero value asks for nothing.
type Beside struct {
	Endings []string
	After   bool  // it counts only when it was written after the file: an older one belongs to an earlier file of that name
	Least   int64 // bytes that it has when it is complete
}

// Sign tells whether a file of the name would be taken for what lies beside another
// one.
func (b Beside) Sign(name string) bool {
	_, yes := b.of(name)
	return yes
}

// of is the file that a name lies beside, false when it is none of these.
func (b Beside) of(name string) (string, bool) {
	for _, e := range b.Endings {
		if base, ok := strings.CutSuffix(name, e); ok && base != "" {
			return base, true
		}
	}
	return "", false
}

// find returns the ending of what lies beside the file, false while it does not.
func (b Beside) find(f *Folder, name string, l files.Look) (ending string, ok bool) {
	for _, e := range b.Endings {
		m, there := files.At(f.Root, name+e)
		if there && m.Regular() && m.Size >= b.Least && (!b.After || m.Ctime >= l.Ctime) {
			return e, true
		}
	}
	return "", false
}

// besideFile begins the name under which what lay beside a file is kept in its claim;
// the ending follows.
const besideFile = ".beside"

// BesideName is the name, in the claim of a file, of what lies beside it.
func BesideName(ending string) string { return besideFile + ending }

// BesideIn is the ending of what lay beside the file of a claim, and its name in the
// claim; false when it is not there. A watcher that died when it had claimed the file
// alone left it in the inbox: what was there before the file was claimed is fetched
// from there.
func (f *Folder) BesideIn(id, name string, b Beside, claimed time.Time) (ending, in string, ok bool) {
	for _, e := range b.Endings {
		in := BesideName(e)
		if _, there := files.At(f.Root, path.Join(ClaimPath(id), in)); there {
			return e, in, true
		}
	}
	for _, e := range b.Endings {
		in := BesideName(e)
		m, there := files.At(f.Root, name+e)
		if there && m.Regular() && m.Ctime <= claimed.UnixNano() && f.Root.Rename(name+e, path.Join(ClaimPath(id), in)) == nil {
			return e, in, true
		}
	}
	return "", "", false
}

// takeBeside moves what lies beside a file into its claim. The file is there already:
// a marker that is left alone does no harm, since the next file of that name is
// younger.
func (w *watcher) takeBeside(f *Folder, id, name string, l files.Look) error {
	ending, ok := w.Beside.find(f, name, l)
	if !ok {
		return nil
	}
	return f.Root.Rename(name+ending, path.Join(ClaimPath(id), BesideName(ending)))
}
