package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"usher/table"
)

// exports are lists as systems and programs write them; README.txt there says what
// stands in them.
const exports = "../table/testdata/exports"

// pending are exports that are not read right yet, with the reason. One that passes
// must be taken from the list.
var pending = map[string]string{}

// TestExports reads each list and holds what would be published against what is in it.
func TestExports(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(exports, "*.export"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	known := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".export")
		known[name] = true
		t.Run(name, func(t *testing.T) {
			wrong := readExport(t, path)
			switch why, waits := pending[name]; {
			case waits && len(wrong) == 0:
				t.Error("it is read right now: take it from the list pending")
			case waits:
				t.Logf("%s, pending: %s\n%s", path, why, strings.Join(wrong, "\n"))
			case len(wrong) > 0:
				t.Errorf("%s\n%s", path, strings.Join(wrong, "\n"))
			}
		})
	}
	for name := range pending {
		if !known[name] {
			t.Errorf("there is no export %s, which is pending", name)
		}
	}
}

// export is one of them.
type export struct {
	words map[string][]string
	file  []byte
	want  []string
}

func parseExport(t *testing.T, path string) (e export) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e.words = map[string][]string{}
	for l := range strings.Lines(string(a.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(l), ": ")
		if !slices.Contains([]string{"system", "seen", "note", "region", "encoding", "made", ""}, word) {
			t.Fatalf("%s: what is %q?", path, word)
		}
		e.words[word] = append(e.words[word], rest)
	}
	for _, f := range a.Files {
		if f.Name == "want" {
			e.want = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		} else {
			e.file = f.Data
		}
	}
	for _, made := range e.words["made"] {
		if e.file, err = os.ReadFile(filepath.Join(exports, "made", made)); err != nil {
			t.Fatal(err)
		}
	}
	for _, encoding := range e.words["encoding"] {
		e.file = encodeFor(encoding, string(e.file))
	}
	if len(e.words["system"]) != 1 || len(e.file) == 0 || len(e.want) == 0 {
		t.Fatalf("%s: it lacks a system, a file or what is wanted", path)
	}
	return e
}

// readExport returns what is read wrong.
func readExport(t *testing.T, path string) (wrong []string) {
	e := parseExport(t, path)
	in := Inbox{Source: "inbox"}
	for _, region := range e.words["region"] {
		in.Region = region
	}
	got, published, err := readAs(t, e.file, in)
	var whole *table.FileError
	if errors.As(err, &whole) {
		if want := "refused whole " + whole.Code; !slices.Equal(e.want, []string{want}) {
			return []string{"+ " + want + ": " + whole.Text}
		}
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range e.want {
		if title, never := strings.CutPrefix(want, "never "); never {
			if slices.ContainsFunc(published, func(a []table.Attribute) bool {
				return slices.ContainsFunc(a, func(a table.Attribute) bool { return strings.HasPrefix(a.Name, title) })
			}) {
				wrong = append(wrong, "published "+title)
			}
			continue
		}
		if keeps, yes := strings.CutPrefix(want, "keeps "); yes {
			name, value, _ := strings.Cut(keeps, "=")
			if len(published) == 0 || !slices.Contains(published[len(published)-1], table.Attribute{Name: name, Value: value}) {
				wrong = append(wrong, "lost "+keeps)
			}
			continue
		}
		if len(got) == 0 {
			wrong = append(wrong, "- "+want)
			continue
		}
		if !likeLine(want, got[0]) {
			wrong = append(wrong, "- "+want, "+ "+got[0])
		}
		got = got[1:]
	}
	for _, more := range got {
		wrong = append(wrong, "+ "+more)
	}
	return wrong
}

// likeLine compares with stars for what is not asked.
func likeLine(want, got string) bool {
	w, g := strings.Split(want, "|"), strings.Split(got, "|")
	if len(w) != len(g) {
		return false
	}
	for i := range w {
		if w[i] != "*" && w[i] != g[i] {
			return false
		}
	}
	return true
}

// readAs reads a file as an import does, and returns a line for each row, with what
// else would be published of each person.
func readAs(t *testing.T, b []byte, in Inbox) (lines []string, attrs [][]table.Attribute, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := table.Inspect(t.Context(), f, t.TempDir(), table.Known{})
	if err != nil {
		return nil, nil, err
	}
	if err := file.Understand(t.Context(), f); err != nil {
		return nil, nil, err
	}
	rs, err := file.Open(t.Context(), f)
	if err != nil {
		return nil, nil, err
	}
	defer rs.Close()
	rules, seen := newRules(in), map[string]bool{}
	for {
		rw, err := rs.Next()
		if errors.Is(err, io.EOF) {
			return lines, attrs, nil
		}
		if err != nil {
			return nil, nil, err
		}
		rec := rs.Record(rw)
		u, errs := rules.check(&rec)
		if len(errs) > 0 {
			lines = append(lines, fmt.Sprintf("refused %d %s", rw.Line, errs[0].Code))
			continue
		}
		again := false
		u.identities(func(column table.Column, value string) {
			again = again || seen[column.String()+value]
			seen[column.String()+value] = true
		})
		if again {
			lines = append(lines, fmt.Sprintf("refused %d E_DUP_IN_FILE", rw.Line))
			continue
		}
		lines, attrs = append(lines, strings.Join([]string{u.id, u.name, u.email, u.phone, u.locale}, "|")), append(attrs, u.attrs)
	}
}
