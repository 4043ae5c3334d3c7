package bridge

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// asked is how the runtime's words begin when a person has asked for the stacks of a
// process, which is no fault of a message's.
func asked(said string) bool {
	return strings.HasPrefix(said, "SIGQUIT") || strings.HasPrefix(said, "SIGABRT")
}

// crashedBefore takes the place of what the runtime said.
const crashedBefore = "the Go runtime ended usher; what it said was removed\n"

// BlankCrashes removes what the Go runtime said when it ended bridges that keep their
// notes in dir: it may name what a message held. That they crashed is kept, because
// the next start counts it against what was in hand. A bridge that runs may be there;
// each start empties its own file too.
func BlankCrashes(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*", crashFile))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range files {
		errs = append(errs, blank(path))
	}
	return errors.Join(errs...)
}

func blank(path string) error {
	said, err := os.ReadFile(path)
	if err != nil || len(said) == 0 {
		return err
	}
	instead := crashedBefore
	if asked(string(said)) {
		instead = ""
	}
	// In place: a bridge that runs has this file open for its own end.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(instead)
	return errors.Join(err, f.Sync(), f.Close())
}
