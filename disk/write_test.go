package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ways are all that replace a file.
var ways = map[string]func(path string, data []byte, mode fs.FileMode) error{
	"Write": Write, "Replace": below(Replace), "Jot": below(Jot),
	"Rename": func(path string, data []byte, mode fs.FileMode) error {
		from := filepath.Join(filepath.Dir(path), ".from")
		if err := os.WriteFile(from, data, mode); err != nil {
			return err
		}
		err := Rename(from, path)
		if err != nil {
			return errors.Join(err, os.Remove(from))
		}
		return nil
	},
}

func below(f func(*os.Root, string, []byte, fs.FileMode) error) func(string, []byte, fs.FileMode) error {
	return func(path string, data []byte, mode fs.FileMode) error {
		root, err := os.OpenRoot(filepath.Dir(path))
		if err != nil {
			return err
		}
		return errors.Join(f(root, filepath.Base(path), data, mode), root.Close())
	}
}

func TestAFileIsReplacedWhole(t *testing.T) {
	for name, write := range ways {
		path := filepath.Join(t.TempDir(), "a.json")
		if err := os.WriteFile(path+".new", []byte("what a kill left, and longer"), 0o640); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"the first one", "second"} {
			if err := write(path, []byte(want), 0o640); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := os.ReadFile(path)
			info, _ := os.Stat(path)
			if err != nil || string(got) != want || info.Mode() != 0o640 {
				t.Errorf("%s: %q %v %v, want %q", name, got, info.Mode(), err, want)
			}
		}
	}
}

// A write that fails leaves the old content, and nothing beside it.
func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	for name, write := range ways {
		dir := t.TempDir()
		path := filepath.Join(dir, "in the way")
		if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := write(path, []byte("new"), 0o600); err == nil {
			t.Errorf("%s: it wrote over a folder", name)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Errorf("%s leaves %v %v", name, left, err)
		}
	}
}

// The kernel is asked to keep the content before the name, and the name before the
// answer. TestMain is the process that is watched.
func TestWhatMustLastIsSyncedInOrder(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("strace is needed: apt-get install strace")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("this system lets no process trace another: %v: %s", err, out)
	}
	call := regexp.MustCompile(`(fsync|renameat2?|rename)\(`)
	for name, want := range map[string][]string{
		"Write": {"fsync", "rename", "fsync"}, "Rename": {"fsync", "rename", "fsync"}, "Replace": {"fsync", "rename"}, "Jot": {"rename"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		cmd := exec.Command(strace, "-f", "-e", "trace=fsync,rename,renameat,renameat2", "-o", log, os.Args[0])
		cmd.Env = append(os.Environ(), "DISK_WAY="+name, "DISK_PATH="+filepath.Join(t.TempDir(), "a"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(b)) {
			if m := call.FindStringSubmatch(line); m != nil && !strings.Contains(line, "resumed>") {
				got = append(got, strings.TrimRight(strings.TrimSuffix(m[1], "at2"), "at"))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s asks for %q, want %q", name, got, want)
		}
	}
}

func TestMain(m *testing.M) {
	if way := os.Getenv("DISK_WAY"); way != "" {
		if err := ways[way](os.Getenv("DISK_PATH"), []byte("new"), 0o600); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}
