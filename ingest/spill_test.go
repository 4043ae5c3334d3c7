package ingest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/event"
	"usher/ingest/inbox"
	"usher/table"
)

// verdictOn is what the first pass says of a list, and what of it lay on the disk
// meanwhile.
type verdictOn struct {
	Report  Report
	Bad     []int
	Back    string   // the refused rows
	Err     string   // of the file
	spilled []string // kinds of files in the scratch folder that had bytes in them
	left    []string // files in the scratch folder afterwards
}

// judgeList lets a list be judged as an import would be. at, if not nil, is told
// the fault points.
func judgeList(t *testing.T, list string, in Inbox, held int, dir string, at func(point string)) (v verdictOn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	claim, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	fault := func(point string) {
		if point == "ingest.sorting" && len(v.spilled) < 2 {
			for _, name := range scratched(dir) {
				if kind, _, _ := strings.Cut(name, "-"); !slices.Contains(v.spilled, kind) {
					v.spilled = append(v.spilled, kind)
				}
			}
		}
		if at != nil {
			at(point)
		}
	}
	j := &job{Watcher: &Watcher{Config: Config{Held: held, Fault: fault}}, in: in, claim: claim, dir: dir, name: "list.csv", file: f}
	j.report = Report{Errors: map[string]int{}}
	j.progress = newProgress(j.Watcher, j.report)
	if j.table, err = table.Inspect(t.Context(), f, j.scratch(""), table.Known{}); err != nil {
		t.Fatal(err)
	}
	if err := event.Protect("the import of this file", func() error { return j.validate(t.Context()) }); err != nil {
		v.Err = err.Error()
	}
	for n := range 64 * len(j.bad) {
		if j.bad.has(n) {
			v.Bad = append(v.Bad, n)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, refusedDraft)); err == nil {
		v.Back = string(b)
	}
	v.Report = j.report
	all, _ := filepath.Glob(filepath.Join(dir, scratchFolder, "*"))
	for _, p := range all {
		if i, err := os.Stat(p); err == nil && i.Mode().IsRegular() {
			v.left = append(v.left, filepath.Base(p))
		}
	}
	return v
}

// scratched names the files that a job has on the disk, with bytes in them.
func scratched(dir string) (names []string) {
	paths, _ := filepath.Glob(filepath.Join(dir, scratchFolder, "*"))
	for _, p := range paths {
		if i, err := os.Stat(p); err == nil && i.Mode().IsRegular() && i.Size() > 0 {
			names = append(names, filepath.Base(p))
		}
	}
	return names
}

// randomList has so many rows about fewer people: many come again by their id, an
// address or, without both, a telephone number, each written in several ways, and
// some rows cannot be used anyway.
func randomList(r *rand.Rand, rows int) string {
	people := 1 + r.IntN(rows)
	one := func(forms ...string) string {
		form := forms[r.IntN(len(forms))]
		if !strings.Contains(form, "%") {
			return form
		}
		return fmt.Sprintf(form, 100+r.IntN(people))
	}
	var b strings.Builder
	b.WriteString("user_id,email,phone\n")
	for range rows {
		fmt.Fprintf(&b, "%s,%s,%s\n",
			one("", "", "", "u-%d", "u-%d", "u %d"),
			one("", "", "m%d@example.org", "M%d@Example.ORG", "nobody"),
			one("", "+49 30 123%d", "030-123 %d", "030123%d", "12"))
	}
	return b.String()
}

// Whether the identities of a list fit into memory or not, the same rows are
// refused with the same reasons.
func TestWhatIsSpilledIsJudgedTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	in := Inbox{Source: "inbox", Region: "DE"}
	for range 10 {
		list := randomList(r, 40+r.IntN(1500))
		want := judgeList(t, list, in, 0, t.TempDir(), nil)
		repeats := want.Report.Errors["E_DUP_IN_FILE"]
		if repeats < 2 {
			continue // no one comes again
		}
		if want.Err != "" || want.spilled != nil {
			t.Fatalf("without a limit: %q, spilled %q", want.Err, want.spilled)
		}
		for _, held := range []int{1, 2 + r.IntN(repeats-1), repeats} {
			got := judgeList(t, list, in, held, t.TempDir(), nil)
			if d := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".spilled" }, cmp.Ignore()), cmp.AllowUnexported(verdictOn{}, Report{})); d != "" {
				t.Fatalf("with %d of them in memory (-all in memory +spilled)\n%s", held, d)
			}
			if d := cmp.Diff([]string{"identities", "repeats"}, got.spilled); d != "" {
				t.Fatalf("with %d of them in memory, on the disk lay (-want +got)\n%s", held, d)
			}
		}
	}
}

// Nothing is left on the disk, however judging ends.
func TestNothingSpilledIsLeft(t *testing.T) {
	list := strings.Repeat(randomList(rand.New(rand.NewPCG(1, 2)), 500), 6) // nearly all come again
	failAt := func(n int) func(string) {
		sorting := 0
		return func(point string) {
			if point == "ingest.sorting" {
				if sorting++; sorting == n {
					panic("in the midst of it")
				}
			}
		}
	}
	inTheWay := func(name string) func(dir string) {
		return func(dir string) {
			if err := os.MkdirAll(filepath.Join(dir, scratchFolder, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		in      Inbox
		prepare func(dir string)
		at      func(string)
		err     string
	}{
		"it ends well":                          {},
		"it panics while identities are sorted": {at: failAt(spillParts / 2), err: "usher failed in the import of this file"},
		"it panics while rows are handed back":  {at: failAt(spillParts * 3 / 2), err: "usher failed in the import of this file"},
		"the file has too many rows":            {in: Inbox{MaxRows: 2000}, err: "E_TOO_MANY_ROWS"},
		"a file of identities cannot be made":   {prepare: inTheWay("identities-40"), err: "is a directory"},
		"a file of repeats cannot be made":      {prepare: inTheWay("repeats-40"), err: "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.prepare != nil {
				tc.prepare(dir)
			}
			most := 0
			tc.in.Source, tc.in.Region = "inbox", "DE"
			v := judgeList(t, list, tc.in, 100, dir, func(point string) {
				all, _ := filepath.Glob(filepath.Join(dir, scratchFolder, "*"))
				most = max(most, len(all))
				if tc.at != nil {
					tc.at(point)
				}
			})
			if v.Err == "" != (tc.err == "") || !strings.Contains(v.Err, tc.err) {
				t.Errorf("it says %q, not %q", v.Err, tc.err)
			}
			if most < spillParts && tc.prepare == nil {
				t.Errorf("at most %d files were on the disk", most)
			}
			if len(v.left) > 0 {
				t.Errorf("left: %q", v.left)
			}
		})
	}
}

// A watcher that is killed while identities lie on the disk is followed by one
// that finds its files, and does not take them for its own.
func TestKilledWhileSpilled(t *testing.T) {
	for _, point := range []string{"ingest.spilled:30", fmt.Sprint("ingest.sorting:", spillParts/2), fmt.Sprint("ingest.sorting:", spillParts*3/2)} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const people = 300
			var b strings.Builder
			b.WriteString("user_id,email\n")
			for i := range people {
				fmt.Fprintf(&b, "u-%d,m%d@example.org\nx-%d,m%d@example.org\n", i, i, i, i)
			}
			r.drop("a.csv", b.String())
			if !r.killed("INGEST_AT="+point, "INGEST_ONCE=1", "INGEST_HELD=20") {
				t.Fatal("it was not killed")
			}
			claims, _ := filepath.Glob(filepath.Join(r.dir, "inbox", inbox.WorkFolder, "???????????????????????????"))
			if len(claims) != 1 || !strings.HasPrefix(point, "ingest.spilled") && len(scratched(claims[0])) == 0 {
				t.Fatalf("claims %q with nothing on the disk", claims)
			}
			for _, name := range scratched(claims[0]) { // or even more, by an usher that held less
				p := filepath.Join(claims[0], scratchFolder, name)
				b, err := os.ReadFile(p)
				if err == nil {
					err = os.WriteFile(p, append(b, b...), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if out, err := r.child("INGEST_ONCE=1", "INGEST_HELD=20").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if rep := r.reports(1)["a.csv"]; rep.Published != people || rep.Refused != people || rep.Errors["E_DUP_IN_FILE"] != people {
				t.Errorf("%s", rep.Text())
			}
			if _, err := os.Stat(claims[0]); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the claim is left: %v", err)
			}
		})
	}
}
