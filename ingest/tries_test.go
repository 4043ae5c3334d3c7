//go:build linux

package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/ksuid"

	"usher/ingest/inbox"
)

// A file on which usher dies is given back after three tries; others go on.
func TestPoison(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		r := newRig(t)
		var met atomic.Int64
		r.tweak = func(c *Config) {
			c.Fault = func(point string) {
				if point == "ingest.record" && met.Add(1) <= 2*mostDeaths { // in the goroutine that reads
					panic("maria@example.org")
				}
			}
		}
		r.run()
		r.drop("a.csv", list("a", 3))
		if rep := r.reports(1)["a.csv"]; rep.Code != "E_POISON" || rep.Result != resultRefused {
			t.Errorf("%+v", rep)
		}
		if n := met.Load(); n != mostDeaths {
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
		"ingest.validated": {mostDeaths, "E_POISON", 0},
		"ingest.refused":   {mostDeaths + 1, "", 3}, // when nothing is read any more
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

// After a crash each of the files that were in work is tried while no other file is, so
// that the next crash counts against its cause only. A regression (issue 14): files that
// came since were in work beside them, and whatever ended usher then counted against a
// good list, which was given back at the third.
func TestSuspectsAreTriedOneByOne(t *testing.T) {
	r := newRig(t)
	const files = 3
	for i := range files {
		r.claimed(fmt.Sprint(i, ".csv"), fmt.Sprint("f", i), tries{Begun: "read"})
	}
	r.drop("new.csv", list("new", 3))
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
	r.reports(files + 1)
	stop()
	if n := most.Load(); n != 1 {
		t.Errorf("%d files were in work at once", n)
	}
}

// Whatever ends usher ends it while some file is in work. A death counts against all of
// them, and the step decides: what ended is forgiven.
func TestWhoseDeathItWas(t *testing.T) {
	const most = mostDeaths - 1
	for name, tc := range map[string]struct {
		files map[string]tries
		want  map[string]string // codes of files
	}{
		"the one that was tried": {map[string]tries{"a": {Begun: "read", Deaths: map[string]int{"read": most}}, "b": {Deaths: map[string]int{"read": 1}}}, map[string]string{"a": "E_POISON", "b": ""}},
		"with a newcomer":        {map[string]tries{"a": {Begun: "read", Deaths: map[string]int{"read": most}}, "b": {Begun: "read"}}, map[string]string{"a": "E_POISON", "b": ""}},
		"the first death of two": {map[string]tries{"a": {Begun: "read"}, "b": {Begun: "read"}}, map[string]string{"a": "", "b": ""}},
		"at another step":        {map[string]tries{"a": {Begun: "record 0", Deaths: map[string]int{"read": most}}}, map[string]string{"a": ""}},
		"not in work":            {map[string]tries{"a": {Deaths: map[string]int{"read": most}}}, map[string]string{"a": ""}},
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

// A file on which usher dies is given back, and those that were in work beside it are
// imported, whatever the order in which they are tried.
func TestADeadlyFileAmongOthers(t *testing.T) {
	r := newRig(t)
	const others = 3
	for i := range others {
		r.claimed(fmt.Sprint("good", i, ".csv"), fmt.Sprint("g", i), tries{})
	}
	r.claimed("deadly.csv", "deadly", tries{})
	deaths := 0
	for r.killed("INGEST_DEADLY=deadly.csv", "INGEST_ONCE="+fmt.Sprint(others+1)) {
		if deaths++; deaths > mostDeaths {
			t.Fatalf("usher died %d times", deaths)
		}
	}
	if deaths != mostDeaths {
		t.Errorf("usher died %d times", deaths)
	}
	for name, rep := range r.reports(others + 1) {
		if want := map[bool]string{true: "E_POISON"}[name == "deadly.csv"]; rep.Code != want {
			t.Errorf("%s: %q, want %q", name, rep.Code, want)
		}
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
	other := map[string]int{"record 0": 1}
	note := tries{Begun: "read", Deaths: map[string]int{"read": 2, "record 0": 1}, Digest: "d"}
	j := &job{claim: claim}
	if err := errors.Join(note.write(claim), j.ended()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tries{Deaths: other, Digest: "d"}, readTries(claim)); d != "" {
		t.Error(d)
	}
}
