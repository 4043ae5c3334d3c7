//go:build linux

package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"
)

// More events than the queue holds, with no reader: the loss is noticed
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
				r.waitFor(release)
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

// A file that comes after the first look at the folder and before the watch stands is
// seen when it stands, long before the next look is due.
func TestAFileBeforeTheWatchStands(t *testing.T) {
	r := newRig(t)
	r.drop("first.csv", list("a", 3))
	r.tweak = func(c *Config) {
		c.Rescan = time.Hour
		c.Events = func() (*fsnotify.Watcher, error) {
			r.reports(1) // the folder was looked at
			r.drop("second.csv", list("b", 3))
			return fsnotify.NewWatcher()
		}
	}
	r.run()
	r.reports(2)
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
