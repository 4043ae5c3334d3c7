//go:build linux

package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/ksuid"
	"golang.org/x/sys/unix"

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

// A file that somebody changes after it was taken is given back, and nothing of
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

// Files without a byte are given back after a while, ones that somebody has open
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

// More events than the queue holds, with nobody reading them: the loss is noticed
// and made good by a look at the folder, long before the next one is due.
func TestLostEvents(t *testing.T) {
	r := newRig(t)
	stalled, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	r.tweak = func(c *Config) {
		c.Rescan = time.Hour
		c.Fault = func(point string) {
			if point == "ingest.event" && !once.Swap(true) {
				close(stalled)
				<-release
			}
		}
	}
	r.run()
	<-stalled // at the event of usher's own test file
	dir := filepath.Join(r.dir, "inbox")
	for i := range 12_000 { // two events each; the queue holds 16384
		from, to := ".a", ".b"
		if i == 0 {
			if err := os.WriteFile(filepath.Join(dir, from), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 1 {
			from, to = to, from
		}
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	r.drop("a.csv", list("a", 3))
	close(release)
	r.reports(1)
	if n := testutil.ToFloat64(r.watcher.Metrics.WatchLost.WithLabelValues("inbox", "overflow")); n == 0 {
		t.Error("the overflow was not counted")
	}
	if !strings.Contains(r.log.String(), "file events were lost") {
		t.Error("the overflow was not said")
	}
}

// The system has no watches left, and files have another owner, of which usher
// may ask no lease: both are said, and files are found and taken all the same.
func TestWithoutWatchesAndLeases(t *testing.T) {
	r := newRig(t)
	r.drop("mine.csv", list("mine", 3))
	r.drop("other.csv", list("other", 3))
	if err := os.Chmod(filepath.Join(r.dir, "inbox", "other.csv"), 0o644); err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	if root {
		if err := os.Chown(filepath.Join(r.dir, "inbox", "other.csv"), 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	c := r.child("INGEST_NO_WATCHES=1", "INGEST_ONCE=2")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	began := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		if os.Getenv("CI") != "true" && strings.Contains(err.Error(), "operation not permitted") {
			t.Skip("this system allows no user namespaces")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"fs.inotify.max_user_watches", "must be quiet for a while"} {
		if !root && strings.HasPrefix(want, "must") {
			continue
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("the log does not say %q:\n%s", want, out)
		}
	}
	if took := time.Since(began); root && took < 200*time.Millisecond {
		t.Errorf("taken after %s, which is not quiet for long enough", took)
	}
	for name, rep := range r.reports(2) {
		if rep.Published != 3 {
			t.Errorf("%s: %+v", name, rep)
		}
		i, err := os.Stat(filepath.Join(r.dir, "archive", "inbox", rep.Import+"-"+name))
		if err != nil || i.Mode() != 0o640 || i.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
			t.Errorf("%s in the archive: %v %v", name, i, err)
		}
	}
}

// An inbox that is moved away and made anew is an outage in between, and is
// watched again after it.
func TestAnInboxThatIsAwayAndBack(t *testing.T) {
	r := newRig(t)
	r.run()
	dir := filepath.Join(r.dir, "inbox")
	r.drop("a.csv", list("a", 3))
	r.reports(1)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	r.waits("is away")
	if n := testutil.ToFloat64(r.watcher.Metrics.Away.WithLabelValues("inbox")); n != 1 {
		t.Errorf("usher_inbox_away is %v", n)
	}
	r.drop("b.csv", list("b", 3)) // makes the folder anew
	r.reports(2)
	r.waits("")
	// Replaced in one step, with a file that no event tells of.
	if err := os.MkdirAll(filepath.Join(r.dir, "next"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "next", "c.csv"), []byte(list("c", 3)), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, filepath.Join(r.dir, "next"), unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	for name, rep := range r.reports(3) {
		if rep.Published != 3 {
			t.Errorf("%s: %+v", name, rep)
		}
	}
}

func mount(t *testing.T, dir, options string) (unmount func()) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("usher-test", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// A mount that is gone leaves a bare folder, which is not the inbox.
func TestAnInboxThatIsUnmounted(t *testing.T) {
	needsRoot(t)
	r := newRig(t)
	dir := filepath.Join(r.dir, "inbox")
	unmount := mount(t, dir, "size=32m")
	r.run()
	r.drop("a.csv", list("a", 3))
	r.reports(1)
	unmount()
	r.waits("nothing is mounted there any more")
	bare := filepath.Join(dir, "b.csv")
	if err := os.WriteFile(bare, []byte(list("b", 3)), 0o640); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * 500 * time.Millisecond) // nothing may happen, which no signal tells
	if _, err := os.Stat(bare); err != nil {
		t.Error("a file beneath the mount was taken")
	}
	mount(t, dir, "size=32m")
	r.waits("")
	r.drop("c.csv", list("c", 3))
	if rep := r.reports(2)["c.csv"]; rep.Published != 3 {
		t.Errorf("%+v", rep)
	}
}

// A disk that is too full makes imports wait before they begin, and one that
// fills up in between makes them wait where they are; both go on by themselves.
func TestAFullDisk(t *testing.T) {
	needsRoot(t)
	r := newRig(t)
	refused := filepath.Join(r.dir, "refused")
	mount(t, refused, "size=24m,mode=0750")
	fill := func(bytes int) (free func()) {
		t.Helper()
		path := filepath.Join(r.dir, "refused", "ballast")
		err := os.WriteFile(path, make([]byte, bytes), 0o600)
		if err != nil && !strings.Contains(err.Error(), "no space") {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
	var free func()
	var once atomic.Bool
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point == "ingest.refusing" && !once.Swap(true) {
				free = fill(32 << 20)
			}
		}
	}
	r.run()
	paused := func() float64 { return testutil.ToFloat64(r.watcher.Metrics.Paused.WithLabelValues("inbox", "disk")) }

	room := fill(12 << 20)
	r.drop("a.csv", list("a", 50))
	r.waits("MB are needed to begin")
	if paused() != 1 || len(r.users()) != 0 {
		t.Errorf("%v imports are shown paused, %d users were published", paused(), len(r.users()))
	}
	room()
	r.waits("no space left on device") // it published, and cannot write the refused rows
	r.exactlyOnce("a.csv", 50)
	if paused() != 1 {
		t.Errorf("%v imports are shown paused", paused())
	}
	free()
	rep := r.reports(1)["a.csv"]
	if rep.Published != 50 || rep.Refused != 1 {
		t.Errorf("%+v", rep)
	}
	b, err := os.ReadFile(filepath.Join(refused, "inbox", rep.Import+"-a.csv.refused.csv"))
	if err != nil || strings.Count(string(b), "\n") != 2 {
		t.Errorf("refused rows: %v\n%s", err, b)
	}
	r.waits("")
	if paused() != 0 {
		t.Errorf("%v imports are shown paused", paused())
	}
}

// A file on which usher dies is given back after three tries; others go on.
func TestPoison(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		r := newRig(t)
		var met atomic.Int64
		r.tweak = func(c *Config) {
			c.Fault = func(point string) {
				if point == "ingest.record" && met.Add(1) <= 2*mostAlone { // in the goroutine that reads
					panic("maria@example.org")
				}
			}
		}
		r.run()
		r.drop("a.csv", list("a", 3))
		if rep := r.reports(1)["a.csv"]; rep.Code != "E_POISON" || rep.Result != resultRefused {
			t.Errorf("%+v", rep)
		}
		if n := met.Load(); n != mostAlone {
			t.Errorf("%d tries", n)
		}
		met.Store(1000)
		r.drop("b.csv", list("b", 3))
		r.reports(2)
		r.exactlyOnce("b.csv", 3)
		if strings.Contains(r.log.String(), "maria") {
			t.Error("the log says what was panicked with")
		}
	})
	for point, tc := range map[string]struct {
		kills int
		code  string
		there int // records
	}{
		"ingest.validated": {mostAlone, "E_POISON", 0},
		"ingest.refused":   {mostAlone + 1, "", 3}, // when nothing is read any more
	} {
		t.Run("kill at "+point, func(t *testing.T) {
			r := newRig(t)
			r.drop("a.csv", list("a", 3))
			for range tc.kills {
				if !r.killed("INGEST_AT=" + point) {
					t.Fatal("the child was not killed")
				}
			}
			r.run()
			if rep := r.reports(1)["a.csv"]; rep.Code != tc.code {
				t.Errorf("%+v", rep)
			}
			r.exactlyOnce("a.csv", tc.there)
		})
	}
}

// After a crash each of the files that were in work is tried while no other one of
// them is, so that the next crash counts against its cause only.
func TestSuspectsAreTriedOneByOne(t *testing.T) {
	r := newRig(t)
	const files = 3
	for i := range files {
		r.claimed(fmt.Sprint(i, ".csv"), fmt.Sprint("f", i), tries{Begun: "read"})
	}
	var now, most atomic.Int64
	r.tweak = func(c *Config) {
		c.Fault = func(point string) {
			if point == "ingest.read" {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(100 * time.Millisecond) // time for another one to begin
				now.Add(-1)
			}
		}
	}
	stop := r.run()
	r.reports(files)
	stop()
	if n := most.Load(); n != 1 {
		t.Errorf("%d suspects were tried at once", n)
	}
}

// Whatever ends usher ends it while some file is in work. That a file was one of
// several tells little, that nothing else was in work tells more.
func TestWhoseDeathItWas(t *testing.T) {
	const alone, together = mostAlone - 1, mostTogether - 1
	for name, tc := range map[string]struct {
		files map[string]tries
		want  map[string]string // codes of files
	}{
		"one of two":                  {map[string]tries{"a": {Begun: "read", Deaths: map[string]toll{"read": {Alone: alone}}}, "b": {Begun: "read"}}, map[string]string{"a": "", "b": ""}},
		"the only one":                {map[string]tries{"a": {Begun: "read", Deaths: map[string]toll{"read": {Alone: alone}}}, "b": {}}, map[string]string{"a": "E_POISON", "b": ""}},
		"one of two, again and again": {map[string]tries{"a": {Begun: "read", Deaths: map[string]toll{"read": {Together: together}}}, "b": {Begun: "read"}}, map[string]string{"a": "E_POISON", "b": ""}},
		"at another step":             {map[string]tries{"a": {Begun: "record 0", Deaths: map[string]toll{"read": {Alone: alone}}}}, map[string]string{"a": ""}},
		"not in work":                 {map[string]tries{"a": {Deaths: map[string]toll{"read": {Alone: alone, Together: together}}}}, map[string]string{"a": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for file, n := range tc.files {
				r.claimed(file+".csv", file, n)
			}
			r.run()
			got := map[string]string{}
			for file, rep := range r.reports(len(tc.files)) {
				got[strings.TrimSuffix(file, ".csv")] = rep.Code
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// claimed leaves a file in the claim of a watcher that is dead.
func (r *rig) claimed(name, users string, n tries) {
	r.Helper()
	r.drop(name, list(users, 3))
	claim := filepath.Join(r.dir, "inbox", inbox.WorkFolder, ksuid.New().String())
	note, err := json.Marshal(n)
	if err := errors.Join(err, os.MkdirAll(claim, 0o700), os.Rename(filepath.Join(r.dir, "inbox", name), filepath.Join(claim, name)), os.WriteFile(filepath.Join(claim, triesFile), note, 0o600)); err != nil {
		r.Fatal(err)
	}
}

// A step that ended, also in an outage, takes its deaths back; those of other
// steps stay.
func TestAStepThatEndsIsForgiven(t *testing.T) {
	claim, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	other := map[string]toll{"record 0": {Together: 1}}
	note := tries{Begun: "read", Deaths: map[string]toll{"read": {Alone: 2}, "record 0": {Together: 1}}, Digest: "d"}
	j := &job{claim: claim}
	if err := errors.Join(note.write(claim), j.ended()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tries{Deaths: other, Digest: "d"}, readTries(claim)); d != "" {
		t.Error(d)
	}
}
