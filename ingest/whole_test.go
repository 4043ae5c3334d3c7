//go:build linux

package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"

	"usher/event"
)

// Where a marker is asked for, a file is taken when the marker was written after it,
// and not before.
func TestAMarker(t *testing.T) {
	r := newRig(t)
	r.rule(func(in *Inbox) { in.Complete = CompleteMarker })
	r.run()
	r.drop("old.csv.done", "")
	r.drop("old.csv", cut("old", 3)) // its marker is of an earlier file
	r.drop("a.csv", cut("a", 3))
	r.drop("b.csv", list("b", 3))
	r.drop("a.csv.done", "")
	r.drop("b.csv.ok", "")
	reps := r.reports(2)
	if rep := reps["a.csv"]; rep.Published != 3 || len(rep.Warnings) != 0 || rep.Next != "Nothing to do." {
		t.Errorf("%+v", rep)
	}
	if _, ok := reps["old.csv"]; ok {
		t.Error("a marker that is older than its file counted")
	}
	for name, ending := range map[string]string{"a.csv": ".done", "b.csv": ".ok"} {
		if _, err := os.Stat(filepath.Join(r.dir, "archive", "inbox", reps[name].Import+"-"+name+ending)); err != nil {
			t.Error(err)
		}
	}
	r.drop("old.csv.done", "")
	if rep := r.reports(3)["old.csv"]; rep.Published != 3 {
		t.Errorf("%+v", rep)
	}
}

// A marker that was left behind by a watcher that died when it had the file alone is
// fetched, and never taken for that of the next file.
func TestAMarkerIsKilledAtTheClaim(t *testing.T) {
	r := newRig(t)
	r.rule(func(in *Inbox) { in.Complete = CompleteMarker })
	r.drop("a.csv", list("a", 3))
	r.drop("a.csv.done", "")
	if !r.killed("INGEST_AT=ingest.claimed", "INGEST_COMPLETE=marker") {
		t.Fatal("the child was not killed")
	}
	r.drop("a.csv", list("next", 3)) // half of the next one, as far as anybody knows
	r.run()
	rep := r.reports(1)["a.csv"]
	if _, err := os.Stat(filepath.Join(r.dir, "archive", "inbox", rep.Import+"-a.csv.done")); err != nil {
		t.Error(err)
	}
	if rep.Published != 3 {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", 3)
	if _, err := os.Stat(filepath.Join(r.dir, "inbox", "a.csv")); err != nil {
		t.Error("the next file was taken by the marker of the one before")
	}
}

// Where a checksum is asked for, the file is taken when it is there, and imported when
// it is that of the file.
func TestAChecksum(t *testing.T) {
	r := newRig(t)
	r.rule(func(in *Inbox) { in.Complete = CompleteChecksum })
	r.run()
	sum := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	good := list("a", 3)
	r.drop("a.csv.sha256", sum(good)+"  a.csv\n") // before the file is as good as after
	r.drop("a.csv", good)
	r.drop("cut.csv", good[:len(good)-20])
	r.drop("cut.csv.sha256", strings.ToUpper(sum(good)))
	r.drop("odd.csv", list("odd", 3))
	r.drop("odd.csv.sha256", strings.Repeat("no digits ", 10))
	reps := r.reports(3)
	if rep := reps["a.csv"]; rep.Published != 3 {
		t.Errorf("%+v", rep)
	}
	for _, name := range []string{"cut.csv", "odd.csv"} {
		rep := reps[name]
		if rep.Code != "E_CHECKSUM" || rep.Published != 0 {
			t.Errorf("%+v", rep)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "refused", "inbox", rep.Import+"-"+name+".sha256")); err != nil {
			t.Error(err)
		}
	}
	r.eachOnce(map[string]int{"cut.csv": 0, "odd.csv": 0, "a.csv": 3})
}

// A folder is told of wherever one looks, until it is taken out again.
func TestAFolderInTheInbox(t *testing.T) {
	r := newRig(t)
	r.run()
	r.drop("a.csv", list("a", 1))
	r.reports(1)
	dir := filepath.Join(r.dir, "inbox", "lists of June")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	p := r.until("lists of June/", func(p event.Progress) bool { return p.State == event.ImportWaiting })
	if !strings.Contains(p.Reason, "folder") || !strings.Contains(p.Next, "Move its files") {
		t.Errorf("%+v", p)
	}
	r.waits("1 folders in it")
	if work := InWork("", filepath.Join(r.dir, "inbox")); len(work) != 1 || work[0].Import != p.Import {
		t.Errorf("status: %+v", work)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if gone := r.until("lists of June/", event.Progress.Over); gone.State != event.ImportGone {
		t.Errorf("%+v", gone)
	}
	r.waits("")
}

// Where the system does not tell whether a file is open, one that goes on growing after
// it was taken is held.
func TestAFileThatGrowsAfterItWasTaken(t *testing.T) {
	needsRoot(t) // to give a file to another owner
	r := newRig(t)
	dir := filepath.Join(r.dir, "inbox")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.WriteString(list("a", 3))
	if err := errors.Join(err, f.Chown(12345, 12345), f.Chmod(0o644)); err != nil {
		t.Fatal(err)
	}
	c := r.child("INGEST_AT=ingest.claimed", "INGEST_SIGNAL=STOP")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if err := c.Start(); err != nil {
		if os.Getenv("CI") != "true" && errors.Is(err, unix.EPERM) {
			t.Skip("this system allows no user namespaces")
		}
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("the child did not stop at the claim: %v %v", status, err)
	}
	if _, err := f.WriteString("u-late,late@example.org\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p := r.held("a.csv")
	if !strings.Contains(p.Reason, "written to after that") {
		t.Errorf("%+v", p)
	}
	r.exactlyOnce("a.csv", 0)
	r.answer(p, false)
	if rep := r.reports(1)["a.csv"]; rep.Published != 4 {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", 4)
}

// A gauge that is not there cannot be watched.
func TestTheGaugeOfHeldFilesBeginsAtZero(t *testing.T) {
	r := newRig(t)
	r.run()
	if n := testutil.CollectAndCount(r.watcher.Metrics.Held); n != 1 {
		t.Errorf("%d series before anything happened", n)
	}
}
