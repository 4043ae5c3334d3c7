package ingest

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"usher/ingest/files"
	"usher/ingest/inbox"
)

// Standing is how an inbox stands, as it can be seen in its folder.
type Standing struct {
	Source  string
	Problem string // why no file of it is taken now; "" when they are
	Next    string // what to do about it
	Files   []Lying
	More    bool // there are others
}

// Lying is a file that lies in an inbox and is not taken yet.
type Lying struct {
	File   string // its name, as it may be shown
	Reason string
	Next   string
}

const (
	mostLying   = 20              // files of an inbox that are named
	looksAt     = 1000            // names of a folder that are looked at
	signedSince = 2 * time.Minute // it signs every few seconds; clocks of two machines differ
)

// StandingOf looks at an inbox without changing anything there. It is for the eye: a
// file that it names may be taken the next moment.
func StandingOf(in Inbox) Standing {
	s := Standing{Source: in.Source}
	root, err := os.OpenRoot(in.Dir)
	if err != nil {
		s.Problem, s.Next = fmt.Sprintf("its folder cannot be reached: %v", files.Reason(err)), "See that the folder is there and mounted. What lies in it waits; nothing is lost."
		return s
	}
	defer root.Close()
	i, err := root.Stat(inbox.OwnerFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.Problem, s.Next = "no watcher works in its folder", "Start `usher watch`, or see that the folder is mounted. What lies in it waits; nothing is lost."
	case err != nil:
		s.Problem, s.Next = fmt.Sprintf("it cannot be seen whether a watcher works in its folder: %v", files.Reason(err)), "Let the console and the watcher run under the same account."
	case time.Since(i.ModTime()) > signedSince:
		s.Problem, s.Next = "its watcher has not signed for two minutes", "See whether `usher watch` runs and is not frozen. What lies in it waits; nothing is lost."
	}
	s.Files, s.More = lying(root, in)
	return s
}

// lying are the files that wait in the folder, the first by name.
func lying(root *os.Root, in Inbox) (out []Lying, more bool) {
	d, err := root.Open(".")
	if err != nil {
		return nil, false
	}
	defer d.Close()
	names, err := d.Readdirnames(looksAt)
	if err != nil {
		return nil, false // it is empty
	}
	slices.Sort(names)
	beside := besides(in)
	for _, name := range names {
		l, there := files.At(root, path.Clean(name))
		if !there || l.Kind == os.ModeDir || inbox.Nobodys(name) || beside.Sign(name) || name[0] == '.' {
			continue
		}
		if len(out) == mostLying {
			return out, true
		}
		f := Lying{File: files.Clean(name), Reason: "a program may still be writing it", Next: "Nothing to do; it is taken when it is complete."}
		switch {
		case inbox.Ignored(name):
			f.Reason, f.Next = "its name says that it is on its way", "Rename it when it is complete."
		case beside.Endings != nil:
			f.Reason, f.Next = fmt.Sprintf("%s%s is not beside it, or is older than it", f.File, beside.Endings[0]), "Have it sent, or upload the file here."
		}
		out = append(out, f)
	}
	return out, len(names) == looksAt
}
