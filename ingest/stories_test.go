package ingest

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/tools/txtar"

	"usher/metrics"
)

var update = flag.Bool("update", false, "write what the stories in testdata now tell")

// TestStories plays each story of testdata against one watcher, every story in
// an inbox of its own; one in which something goes wrong meanwhile has a watcher
// of its own too. A story says what an operator drops and what comes back;
// testdata/README.txt has its words. A new one needs no Go.
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.story")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	r := newRig(t)
	c := config(r.dir, r.js, slog.DiscardHandler)
	c.Inboxes = nil
	var stories []*story
	var all []Inbox
	for _, p := range paths {
		s := &story{rig: r, path: p, name: strings.TrimSuffix(filepath.Base(p), ".story"), dropped: map[string]bool{}}
		if s.archive, err = txtar.ParseFile(p); err != nil {
			t.Fatal(err)
		}
		s.inbox = Inbox{Source: s.name, Dir: filepath.Join(r.dir, "inboxes", s.name)}
		s.settings(t)
		stories = append(stories, s)
		all = append(all, s.inbox)
	}
	reg := prometheus.NewRegistry()
	var sources []string
	for _, in := range all {
		sources = append(sources, in.Source)
	}
	c.Metrics = metrics.NewIngest(reg, metrics.NewShared(reg), RowCodes, sources...)
	var watching sync.WaitGroup
	t.Cleanup(watching.Wait)
	watch := func(c Config) {
		w, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		watching.Go(func() { _ = w.Run(t.Context()) }) // it returns nil
	}
	for _, s := range stories {
		if s.hasTrouble() {
			own := c
			own.Inboxes, own.Fault = []Inbox{s.inbox}, s.fault
			watch(own)
		} else {
			c.Inboxes = append(c.Inboxes, s.inbox)
		}
	}
	watch(c)
	t.Run("all", func(t *testing.T) {
		for _, s := range stories {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.play(t)
			})
		}
	})
}

var code = regexp.MustCompile(`\b[EW]_[A-Z_]+\b`)

// Every code that stands in the source is in one of the lists, and comes back in a
// story.
func TestEveryCodeHasItsStory(t *testing.T) {
	listed, told := slices.Concat(RowCodes, FileCodes, WarningCodes), map[string]bool{}
	paths, err := filepath.Glob("testdata/*.story")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			for _, c := range code.FindAllString(string(f.Data), -1) {
				told[c] = told[c] || f.Name == "want"
			}
		}
	}
	for _, c := range listed {
		if !told[c] {
			t.Errorf("no story tells of %s", c)
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sources {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				for _, c := range code.FindAllString(l.Value, -1) {
					if !slices.Contains(listed, c) {
						t.Errorf("%s: %s is in no list", p, c)
					}
				}
			}
			return true
		})
	}
}
