package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/ingest/inbox"
)

// A child is this test binary run again as a watcher of its own, so that a kill
// is a kill. Servers live in the parent. What it does is said by variables:
//
//	INGEST_DIR, INGEST_NATS   where
//	INGEST_AT                 a fault point, POINT or POINT:N for its Nth time, or N for the Nth of all
//	INGEST_SIGNAL             what it sends itself there: KILL or STOP
//	INGEST_DEADLY             the file on which it kills itself whenever it has read it
//	INGEST_ONCE               it ends when so many files are done
//	INGEST_LAST_LINE          what becomes of a file that may be cut off
//	INGEST_COMPLETE           how a file is known to be whole
//	INGEST_PAUSED             intake is paused
//	INGEST_NO_WATCHES         its user namespace has no inotify watches
func child() {
	dir := os.Getenv("INGEST_DIR")
	if os.Getenv("INGEST_NO_WATCHES") != "" {
		if err := os.WriteFile("/proc/sys/user/max_inotify_watches", []byte("0"), 0); err != nil {
			panic(err)
		}
	}
	nc, err := nats.Connect(os.Getenv("INGEST_NATS"), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		panic(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	c := config(dir, js, slog.NewTextHandler(os.Stdout, nil))
	c.Fault = faultAt(os.Getenv("INGEST_AT"), map[string]syscall.Signal{"KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP}[os.Getenv("INGEST_SIGNAL")])
	if name := os.Getenv("INGEST_DEADLY"); name != "" {
		c.Fault = deadly(dir, name)
	}
	if os.Getenv("INGEST_PAUSED") != "" {
		c.Switch = newToggle(true).now
	}
	w, err := New(c)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if n, err := strconv.Atoi(os.Getenv("INGEST_ONCE")); err == nil {
		go func() {
			for finished(dir) < n {
				time.Sleep(5 * time.Millisecond)
			}
			cancel()
		}()
	}
	if err := w.Run(ctx); err != nil {
		panic(err)
	}
}

// finished counts the files that are done to the last step.
func finished(dir string) int {
	claims, _ := filepath.Glob(filepath.Join(dir, "inbox", inbox.WorkFolder, "???????????????????????????"))
	reports, _ := filepath.Glob(filepath.Join(dir, "*", "inbox", "*.report.txt"))
	return len(reports) - len(claims)
}

func faultAt(at string, signal syscall.Signal) func(string) {
	point, nth := at, 1
	if i := strings.LastIndexByte(at, ':'); i > 0 {
		point = at[:i]
		nth, _ = strconv.Atoi(at[i+1:])
	}
	if n, err := strconv.Atoi(at); err == nil {
		point, nth = "", n
	}
	var met atomic.Int64
	return func(p string) {
		if p == "ingest.event" || at == "" || point != "" && p != point {
			return
		}
		if met.Add(1) == int64(nth) {
			_ = syscall.Kill(os.Getpid(), signal)
			time.Sleep(time.Millisecond) // the signal is on its way
		}
	}
}

// deadly kills the process at the first record of a file, while others are in work.
func deadly(dir, name string) func(string) {
	return func(point string) {
		if point != "ingest.validated" {
			return
		}
		claims, _ := filepath.Glob(filepath.Join(dir, "inbox", inbox.WorkFolder, "*", name))
		for _, claim := range claims {
			if b, err := os.ReadFile(filepath.Join(filepath.Dir(claim), triesFile)); err == nil && strings.Contains(string(b), `"begun"`) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				time.Sleep(time.Second) // the signal is on its way
			}
		}
	}
}

// child prepares a watcher in a process of its own.
func (r *rig) child(env ...string) *exec.Cmd {
	r.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), append([]string{"INGEST_CHILD=1", "INGEST_DIR=" + r.dir, "INGEST_NATS=" + r.url}, env...)...)
	return c
}

// killed runs a child until it is killed, or false when it ended by itself.
func (r *rig) killed(env ...string) bool {
	r.Helper()
	out, err := r.child(append(env, "INGEST_SIGNAL=KILL")...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		r.Fatalf("the child failed: %v\n%s", err, out)
	}
	return false
}

// exactlyOnce checks that each record of a file is in the stream once.
func (r *rig) exactlyOnce(file string, rows int) {
	r.Helper()
	r.eachOnce(map[string]int{file: rows})
}

func (r *rig) eachOnce(rows map[string]int) {
	r.Helper()
	records := map[string]map[int]int{}
	for _, u := range r.users() { // which finds ids that are there twice
		if records[u.Import.File] == nil {
			records[u.Import.File] = map[int]int{}
		}
		records[u.Import.File][u.Import.Record]++
	}
	for file, want := range rows {
		if len(records[file]) != want {
			r.Errorf("%s: %d of %d records are there", file, len(records[file]), want)
		}
		for record, n := range records[file] {
			if n != 1 {
				r.Errorf("%s: record %d is there %d times", file, record, n)
			}
		}
	}
}

// list is a CSV file of as many good rows, and one bad row.
func list(name string, rows int) string {
	var b strings.Builder
	b.WriteString("user_id,email\n")
	for i := range rows {
		fmt.Fprintf(&b, "u-%s-%d,%s%d@example.org\n", name, i, name, i)
	}
	b.WriteString("bad row,nobody\n")
	return b.String()
}

// A watcher that is killed at any fault point whatever of a small file's life,
// each record, batch and rename among them, leaves nothing lost and nothing
// doubled.
func TestKilledAtEveryPoint(t *testing.T) {
	r := newRig(t)
	const rows = 10 // in batches of four
	base := r.dir
	for k := 1; ; k++ {
		name := fmt.Sprint("k", k)
		r.dir = filepath.Join(base, name)
		r.drop(name, list(name, rows))
		killed := r.killed("INGEST_AT="+fmt.Sprint(k), "INGEST_ONCE=1", "INGEST_BATCH=4")
		if !killed {
			if k < 25 {
				t.Errorf("there are only %d points", k-1)
			}
			t.Logf("%d points", k-1)
			break
		}
		if out, err := r.child("INGEST_ONCE=1", "INGEST_BATCH=4").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		rep := r.reports(1)[name]
		if rep.Published != rows || rep.Refused != 1 || rep.Result != resultArchived {
			t.Errorf("point %d: %+v", k, rep)
		}
		if refused, _ := filepath.Glob(filepath.Join(r.dir, "refused", "inbox", "*.refused.csv")); len(refused) != 1 {
			t.Errorf("point %d: refused rows: %v", k, refused)
		}
		if left, _ := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "??????????*")); len(left) > 0 {
			t.Errorf("point %d: left in the work folder: %v", k, left)
		}
		r.exactlyOnce(name, rows)
	}
}

// A big file and kills at random records, batches and renames of it.
func TestKilledAtRandomPoints(t *testing.T) {
	const rows = 12_000
	files := 2
	if n, err := strconv.Atoi(os.Getenv("USHER_SOAK_KILLED_FILES")); err == nil {
		files = n
	}
	for i := range files {
		r := newRig(t)
		name := fmt.Sprint("big", i)
		r.drop(name, list(name, rows))
		kills := 0
		for range 4 {
			at := 4500 + rand.IntN(rows/3) // reading is up to three batches ahead, and no three tries may stand still
			if !r.killed("INGEST_AT="+fmt.Sprint(at), "INGEST_ONCE=1") {
				break
			}
			kills++
		}
		r.run()
		if rep := r.reports(1)[name]; rep.Published != rows || rep.Refused != 1 || kills == 0 {
			t.Errorf("after %d kills: %+v", kills, rep)
		}
		r.exactlyOnce(name, rows)
	}
}

// Two watchers on one inbox. One is frozen at the worst moments, the other takes
// over what it held and finishes it; then the first thaws and goes on from where
// it was.
func TestAFrozenWatcher(t *testing.T) {
	for _, point := range []string{"ingest.claimed", "ingest.validated", "ingest.batch:2", "ingest.sent:2", "ingest.committed:2", "ingest.published", "ingest.refused", "ingest.report", "ingest.reported", "ingest.archived"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const rows = 100
			r.drop("a.csv", list("a", rows))
			frozen := r.child("INGEST_AT="+point, "INGEST_SIGNAL=STOP", "INGEST_BATCH=30")
			out, err := frozen.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := frozen.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = frozen.Process.Kill(); _ = frozen.Wait() }()
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(frozen.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
				t.Fatalf("the first watcher did not freeze: %v %v", status, err)
			}
			r.run() // stands by, then takes over
			r.drop("b.csv", list("b", rows))
			r.reports(2)
			if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.Contains(lines.Text(), "another watcher took over") {
				t.Log(lines.Text())
			}
			if lines.Err() != nil || lines.Text() == "" {
				t.Errorf("the first watcher never saw that it lost the inbox: %v", lines.Err())
			}
			r.drop("c.csv", list("c", rows))
			for name, rep := range r.reports(3) {
				r.gone(rep.Import)
				r.ended(rep)
				if rep.Published != rows || rep.Refused != 1 || rep.Result != resultArchived {
					t.Errorf("%s: %+v", name, rep)
				}
				r.exactlyOnce(name, rows)
				b, err := os.ReadFile(filepath.Join(r.dir, "refused", "inbox", rep.Import+"-"+name+".refused.csv"))
				if err != nil || strings.Count(string(b), "\n") != 2 {
					t.Errorf("%s: refused rows: %v\n%s", name, err, b)
				}
			}
			if files, _ := filepath.Glob(filepath.Join(r.dir, "refused", "inbox", "*.report.json")); len(files) != 0 {
				t.Errorf("reported as refused: %v", files)
			}
			if files, _ := filepath.Glob(filepath.Join(r.dir, "archive", "inbox", "*.csv")); len(files) != 3 {
				t.Errorf("archived: %v", files)
			}
		})
	}
}

// The claim of a watcher that died is gone too, and the same content comes again:
// its import is gone on with, under its id, where it had stopped.
func TestTheSameContentGoesOnWhereItStopped(t *testing.T) {
	r := newRig(t)
	const rows = 20
	content := list("a", rows)
	r.drop("a.csv", content)
	if !r.killed("INGEST_AT=ingest.committed:2", "INGEST_BATCH=5") {
		t.Fatal("the child was not killed")
	}
	claims, _ := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "???????????????????????????"))
	if len(claims) != 1 {
		t.Fatalf("claims: %v", claims)
	}
	if err := os.RemoveAll(claims[0]); err != nil {
		t.Fatal(err)
	}
	before := len(r.users())
	r.drop("b.csv", content)
	r.run()
	rep := r.reports(1)["b.csv"]
	if rep.Import != filepath.Base(claims[0]) || rep.Published != rows {
		t.Errorf("%+v", rep)
	}
	r.eachOnce(map[string]int{"a.csv": before, "b.csv": rows - before})
	if before < 10 || before == rows {
		t.Errorf("%d records were there before", before)
	}
}
