//go:build linux

package ingest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/ingest/inbox"
)

// shell runs a script in the rig's folder, as a producer would.
func (r *rig) shell(script string) {
	r.Helper()
	c := exec.Command("sh", "-euc", script)
	c.Dir = r.dir
	if out, err := c.CombinedOutput(); err != nil {
		r.Errorf("%s: %v\n%s", script, err, out)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("only root can mount a file system")
		}
		t.Skip("only root can mount a file system")
	}
}

// However a producer writes, its file is taken once, whole.
func TestProducers(t *testing.T) {
	tool(t, "rsync")
	r := newRig(t)
	r.settle = 500 * time.Millisecond
	r.run()
	const rows = 3000
	cases := map[string]string{
		"cp":             `cp $f inbox/$n`,
		"cp-p":           `touch -d 2001-01-01 $f; cp -p $f inbox/$n`,
		"mv":             `cp $f tmp-$n; mv tmp-$n inbox/$n`,
		"slow-dd":        `(head -c 30000 $f; sleep 1.2; tail -c +30001 $f) | dd of=inbox/$n bs=1k status=none`,
		"dribble":        `exec 3>inbox/$n; for i in 1 2 3 4 5 6 7 8 9; do tail -c +$(( (i-1)*20000+1 )) $f | head -c 20000 >&3; sleep 0.2; done; tail -c +180001 $f >&3`,
		"append-thrice":  `head -c 20000 $f >inbox/$n; sleep 0.3; tail -c +20001 $f | head -c 30000 >>inbox/$n; sleep 0.3; tail -c +50001 $f >>inbox/$n`,
		"three-closes":   `: >inbox/$n; sleep 0.2; truncate -s $(stat -c %s $f) inbox/$n; sleep 0.2; dd if=$f of=inbox/$n conv=notrunc bs=64k status=none`,
		"preallocated":   `exec 3>inbox/$n; truncate -s $(stat -c %s $f) inbox/$n; sleep 1; dd if=$f bs=1k status=none >&3`,
		"rsync":          `rsync $f inbox/$n`,
		"rsync-inplace":  `rsync --inplace --bwlimit=100k $f inbox/$n`,
		"rename-over":    `head -c 5000 $f >old-$n; exec 4>>old-$n; mv old-$n inbox/$n; sleep 0.2; cp $f tmp-$n; mv -f tmp-$n inbox/$n; exec 4>&-`,
		"linked":         `ln $f inbox/$n; sleep 0.05; rm $f`,
		"sftp-with-temp": `cp $f inbox/$n.filepart; sleep 0.3; mv inbox/$n.filepart inbox/$n`,
		"crossed-mounts": `cat $f >inbox/.$n.Ab12Cd; mv inbox/.$n.Ab12Cd inbox/$n`,
	}
	var producers sync.WaitGroup
	for name, script := range cases {
		if err := os.WriteFile(filepath.Join(r.dir, "src-"+name), []byte(list(name, rows)), 0o644); err != nil {
			t.Fatal(err)
		}
		producers.Go(func() { r.shell("n=" + name + ".csv; f=src-" + name + "; " + script) })
	}
	producers.Wait()
	reps := r.reports(len(cases))
	want := map[string]int{}
	for name := range cases {
		want[name+".csv"] = rows
		if rep := reps[name+".csv"]; rep.Published != rows || rep.Refused != 1 {
			t.Errorf("%s: %d published, %d refused: %s", name, rep.Published, rep.Refused, rep.Reason)
		}
	}
	if len(reps) != len(cases) {
		t.Errorf("%d reports of %d files", len(reps), len(cases))
	}
	r.eachOnce(want)
}

// What is no file of its own is given back unread, and what is on its way is left.
func TestWhatIsNoFile(t *testing.T) {
	r := newRig(t)
	r.run()
	r.drop("first.csv", list("first", 1))
	r.reports(1)
	secret := filepath.Join(r.dir, "secret.csv")
	if err := os.WriteFile(secret, []byte(list("secret", 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.shell(`ln -s ../secret.csv inbox/link.csv; ln -s /nowhere inbox/broken.csv; mkfifo inbox/pipe.csv; ln secret.csv inbox/hard.csv
		mkdir inbox/folder.csv; : >inbox/.hidden.csv; cp secret.csv inbox/a.csv.part; cp secret.csv 'inbox/~a.csv'; cp secret.csv inbox/b.TMP`)
	reps := r.reports(5)
	for name, code := range map[string]string{"link.csv": "E_SPECIAL", "broken.csv": "E_SPECIAL", "pipe.csv": "E_SPECIAL", "hard.csv": "E_LINK"} {
		if rep := reps[name]; rep.Code != code || rep.Result != resultRefused || rep.Reason == "" || rep.SHA256 != "" {
			t.Errorf("%s: %+v", name, rep)
		}
	}
	if n := len(r.users()); n != 1 {
		t.Errorf("%d users, want the one of the first file", n)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != list("secret", 3) {
		t.Errorf("the file that was linked to: %v", err)
	}
	for _, name := range []string{"folder.csv", ".hidden.csv", "a.csv.part", "~a.csv", "b.TMP"} {
		if _, err := os.Lstat(filepath.Join(r.dir, "inbox", name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A name is input like any other.
func TestNamesOfFiles(t *testing.T) {
	r := newRig(t)
	r.run()
	long := strings.Repeat("x", 250) + ".csv"
	want := map[string]string{
		"a\x1b[31m\nb.csv":   "a_[31m_b.csv",
		"-rf.csv":            "-rf.csv",
		"\xff\xfe.csv":       "_.csv",
		"evil\u202evsc.csv":  "evil_vsc.csv",
		"Zoë list.csv":       "Zoë list.csv",
		long:                 long[:176] + ".csv",
		"$(reboot);`id`.csv": "$(reboot);`id`.csv",
	}
	i := 0
	for name := range want {
		i++
		r.drop(name, fmt.Sprintf("email\nn%d@example.org\n", i))
	}
	reps := r.reports(len(want))
	for name, clean := range want {
		rep, ok := reps[clean]
		if !ok || rep.Published != 1 {
			t.Errorf("%q: %+v", name, rep)
		}
	}
}

// A file that is changed after it was taken is given back, and nothing of
// it is published.
func TestAFileThatIsChangedWhileItIsRead(t *testing.T) {
	r := newRig(t)
	var once atomic.Bool
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point != "ingest.validated" || once.Swap(true) {
				return
			}
			r.drop("b.csv", list("b", 50))
			paths, _ := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "*", "a.csv"))
			for _, p := range paths {
				f, err := os.OpenFile(p, os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = f.WriteAt([]byte("U-A"), int64(len("user_id,email\n")))
				if err != nil || f.Close() != nil {
					t.Error(err)
				}
			}
		}
	}
	r.run()
	r.drop("a.csv", list("a", 50))
	reps := r.reports(2)
	if rep := reps["a.csv"]; rep.Code != "E_CHANGED" || rep.Published != 0 {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", 0)
	r.exactlyOnce("b.csv", 50)
}

// A file under the same name, dropped while the first is imported, is another one.
func TestAFileThatIsReplacedWhileItIsRead(t *testing.T) {
	r := newRig(t)
	var once atomic.Bool
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point == "ingest.validated" && !once.Swap(true) {
				r.drop("a.csv", list("second", 60))
			}
		}
	}
	r.run()
	r.drop("a.csv", list("first", 50))
	deadline := time.Now().Add(20 * time.Second)
	for len(r.users()) < 110 {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 110 users are there", len(r.users()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Files without a byte are given back after a while, ones that a program has open
// are not taken at all.
func TestEmptyAndOpenFiles(t *testing.T) {
	r := newRig(t)
	r.run()
	dir := filepath.Join(r.dir, "inbox")
	r.drop("empty.csv", "")
	for _, name := range []string{"open-empty.csv", "open.csv"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if name == "open.csv" {
			if _, err := f.WriteString(list("open", 2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rep := r.reports(1)["empty.csv"]; rep.Code != "E_EMPTY" {
		t.Errorf("%+v", rep)
	}
	time.Sleep(5 * r.watcher.Quiet) // nothing may happen, which no signal tells
	for _, name := range []string{"open-empty.csv", "open.csv"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s was taken while it was open", name)
		}
	}
}
