package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
	"usher/ingest/inbox"
)

// cut is a list whose last line has no end.
func cut(name string, rows int) string {
	var b strings.Builder
	b.WriteString("user_id,email")
	for i := range rows {
		fmt.Fprintf(&b, "\nu-%s-%d,%s%d@example.org", name, i, name, i)
	}
	return b.String()
}

// told is what was told last of each import, by file name.
func (r *rig) told() map[string]event.Progress {
	r.Helper()
	s, err := r.js.Stream(r.Context(), event.StreamUsers)
	if err != nil {
		r.Fatal(err)
	}
	info, err := s.Info(r.Context(), jetstream.WithSubjectFilter("users.v1.progress.>"))
	if err != nil {
		r.Fatal(err)
	}
	out := map[string]event.Progress{}
	for subject := range info.State.Subjects {
		m, err := s.GetLastMsgForSubject(r.Context(), subject)
		if err != nil {
			continue // it has another place meanwhile
		}
		var p event.Progress
		if err := json.Unmarshal(m.Data, &p); err != nil {
			r.Fatal(err)
		}
		out[p.File] = p
	}
	return out
}

// until waits for what was told of a file.
func (r *rig) until(file string, is func(event.Progress) bool) event.Progress {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		p := r.told()[file]
		if is(p) {
			return p
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s: %+v\n%s", file, p, r.log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// held waits until a file is held.
func (r *rig) held(file string) event.Progress {
	r.Helper()
	return r.until(file, func(p event.Progress) bool { return p.State == event.ImportHeld })
}

// answer is what a person says about a held file.
func (r *rig) answer(p event.Progress, refuse bool) {
	r.Helper()
	rel := event.Release{Import: p.Import, Source: p.Source, Digest: p.Digest, Refuse: refuse, Actor: "somebody", At: time.Now()}
	b, err := json.Marshal(rel)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.js.Publish(r.Context(), rel.Subject(), b); err != nil {
		r.Fatal(err)
	}
}

// rule sets the rules of the inbox.
func (r *rig) rule(set func(*Inbox)) {
	r.tweak = func(c *Config) { set(&c.Inboxes[0]) }
}

func hold(in *Inbox) { in.LastLine = LastLineHold }

// A file that may be cut off waits for a person, through a restart too, and nothing of
// it is published before.
func TestAFileThatIsHeld(t *testing.T) {
	for name, refuse := range map[string]bool{"released": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.rule(hold)
			stop := r.run()
			r.drop("a.csv", cut("a", 10))
			p := r.held("a.csv")
			if !strings.Contains(p.Reason, "cut off after row 9") || p.Rows != 10 || p.Digest == "" || !strings.Contains(p.Next, p.Import) {
				t.Errorf("%+v", p)
			}
			stop()
			r.run()
			r.drop("b.csv", list("b", 3)) // does not wait behind it
			r.reports(1)
			if n := testutil.ToFloat64(r.watcher.Metrics.Held.WithLabelValues("inbox")); n != 1 {
				t.Errorf("usher_inbox_held_files is %v", n)
			}
			if work := InWork("a.csv", filepath.Join(r.dir, "inbox")); len(work) != 1 || work[0].State != event.ImportHeld {
				t.Errorf("status: %+v", work)
			}
			r.exactlyOnce("a.csv", 0)
			r.answer(p, refuse)
			r.answer(p, refuse) // twice is once
			rep := r.reports(2)["a.csv"]
			if refuse {
				if rep.Result != resultRefused || rep.Code != "E_CUT_OFF" {
					t.Errorf("%+v", rep)
				}
				r.exactlyOnce("a.csv", 0)
				return
			}
			if rep.Result != resultArchived || rep.Published != 10 || len(rep.Warnings) != 2 || rep.Warnings[1].Code != "W_RELEASED" {
				t.Errorf("%+v", rep)
			}
			r.exactlyOnce("a.csv", 10)
			r.ended(rep)
			r.gone(rep.Import)
			r.answer(p, true) // too late: it has ended
			r.drop("c.csv", list("c", 3))
			if n := len(r.reports(3)); n != 3 {
				t.Errorf("%d reports", n)
			}
		})
	}
}

// A release is of the bytes that were held: a file that changed since is held anew.
func TestAHeldFileThatChanges(t *testing.T) {
	r := newRig(t)
	r.rule(hold)
	r.run()
	r.drop("a.csv", cut("a", 10))
	p := r.held("a.csv")
	f, err := os.OpenFile(filepath.Join(r.dir, "inbox", inbox.ClaimPath(p.Import), "a.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("\nu-a-10,a10@example.org\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	r.answer(p, false)
	now := r.until("a.csv", func(q event.Progress) bool { return q.State == event.ImportHeld && q.Digest != p.Digest })
	if !strings.Contains(now.Reason, "changed since") {
		t.Errorf("%+v", now)
	}
	r.exactlyOnce("a.csv", 0)
	r.answer(now, false)
	if rep := r.reports(1)["a.csv"]; rep.Published != 11 {
		t.Errorf("%+v", rep)
	}
	r.exactlyOnce("a.csv", 11)
}

// A file that is held is counted by the watcher that serves the inbox, and let go by
// whichever does when the person answers. Issue 18.
func TestTwoWatchersAndAHeldFile(t *testing.T) {
	for name, takenOver := range map[string]bool{"the one that held it": false, "the other one": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.rule(hold)
			stopFirst := r.run()
			first := r.watcher
			r.drop("a.csv", cut("a", 10))
			p := r.held("a.csv")
			r.run()
			second := r.watcher
			shows := func(w *Watcher, want float64) {
				t.Helper()
				gauge := w.Metrics.Held.WithLabelValues("inbox")
				for end := time.Now().Add(20 * time.Second); testutil.ToFloat64(gauge) != want; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("usher_inbox_held_files is %v, want %v", testutil.ToFloat64(gauge), want)
					}
				}
			}
			shows(first, 1)
			if takenOver {
				stopFirst()
				shows(second, 1)
				shows(first, 0)
			}
			r.answer(p, false)
			if rep := r.reports(1)["a.csv"]; rep.Published != 10 || rep.Import != p.Import {
				t.Errorf("%+v", rep)
			}
			shows(first, 0)
			shows(second, 0)
			r.exactlyOnce("a.csv", 10)
		})
	}
}

// The bytes of a held file come once more by redrop, which asks no one; the held one
// is a duplicate then.
func TestARedropOfAHeldFile(t *testing.T) {
	r := newRig(t)
	r.rule(hold)
	r.run()
	r.drop("a.csv", cut("a", 10))
	p := r.held("a.csv")
	path := filepath.Join(r.dir, "again.csv")
	if err := os.WriteFile(path, []byte(cut("a", 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Redrop(path, r.watcher.Inboxes[0], nil); err != nil {
		t.Fatal(err)
	}
	if rep := r.reports(1)["again.csv"]; rep.Published != 10 {
		t.Errorf("%+v", rep)
	}
	r.answer(p, false)
	if rep := r.reports(2)["a.csv"]; rep.Result != resultDuplicate {
		t.Errorf("%+v", rep)
	}
	r.eachOnce(map[string]int{"again.csv": 10, "a.csv": 0})
}

// A watcher that is killed at any point of the life of a held file loses nothing and
// publishes nothing twice, and the answer that was given counts for the next one.
func TestAHeldFileIsKilledAtEveryPoint(t *testing.T) {
	r := newRig(t)
	const rows = 10
	base := r.dir
	for k := 1; ; k++ {
		name := fmt.Sprintf("k%d.csv", k)
		r.dir = filepath.Join(base, name)
		r.drop(name, cut(name, rows))
		var person sync.WaitGroup
		person.Go(func() { r.answer(r.held(name), false) })
		killed := r.killed("INGEST_AT="+fmt.Sprint(k), "INGEST_ONCE=1", "INGEST_BATCH=4", "INGEST_LAST_LINE=hold")
		if killed {
			if out, err := r.child("INGEST_ONCE=1", "INGEST_BATCH=4", "INGEST_LAST_LINE=hold").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		person.Wait()
		if rep := r.reports(1)[name]; rep.Published != rows || rep.Result != resultArchived {
			t.Errorf("point %d: %+v", k, rep)
		}
		r.exactlyOnce(name, rows)
		if !killed {
			if k < 25 {
				t.Errorf("there are only %d points", k-1)
			}
			break
		}
	}
}

// An inbox whose files always ended in a line end is asked about one that does not; one
// that has another habit is not.
func TestAnInboxLearnsHowItsFilesEnd(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.drop("first.csv", cut("first", 3)) // nothing is known yet
	r.reports(1)
	done := 1
	dropWhole := func(n int, titles string) {
		t.Helper()
		for range n {
			done++
			r.drop(fmt.Sprintf("w%d.csv", done), fmt.Sprintf("%s\nw%d@example.org,X\n", titles, done))
		}
		r.reports(done)
	}
	dropWhole(usedTo-1, "email,name")
	done++
	r.drop("early.csv", "email,name\nearly@example.org,X\nearly2@example.org,Y")
	r.reports(done)
	dropWhole(usedTo, "email,title")
	stop()
	r.run() // what was learned is kept
	r.drop("late.csv", "email,title\nlate@example.org,X\nlate2@example.org,Y")
	p := r.held("late.csv")
	if !strings.Contains(p.Reason, "as the last 5 files") {
		t.Errorf("%+v", p)
	}
	r.answer(p, false)
	done++
	r.reports(done)
	done++
	r.drop("later.csv", "email,title\nlater@example.org,X\nlater2@example.org,Y") // the person said that this is how they are
	if rep := r.reports(done)["later.csv"]; rep.Published != 2 || len(rep.Warnings) != 1 {
		t.Errorf("%+v", rep)
	}
}

// Far fewer rows than usual are asked about when the inbox asks for that, but not
// when they are refused rows that come back.
func TestAFileWithFewRows(t *testing.T) {
	r := newRig(t)
	r.rule(func(in *Inbox) { in.MinRows, in.Shrink = 5, 50 })
	r.run()
	r.drop("a.csv", list("a", 99)) // one of them bad
	rep := r.reports(1)["a.csv"]
	r.drop("half.csv", list("half", 51))
	r.reports(2)
	r.drop("few.csv", list("few", 24))
	if p := r.held("few.csv"); !strings.Contains(p.Reason, "it has 25 rows, and the last file of this inbox had 52") {
		t.Errorf("%+v", p)
	}
	r.drop("none.csv", list("none", 2))
	if p := r.held("none.csv"); !strings.Contains(p.Reason, "expects 5 at least") {
		t.Errorf("%+v", p)
	}
	b, err := os.ReadFile(filepath.Join(r.dir, "refused", "inbox", rep.Import+"-a.csv.refused.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r.drop("mended.csv", strings.NewReplacer("bad row,nobody", "b-1,b1@example.org").Replace(string(b)))
	if rep := r.reports(3)["mended.csv"]; rep.Published != 1 {
		t.Errorf("%+v", rep)
	}
}
