package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"usher/metrics"
)

const root = "../.."

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what the code makes (%v): run `make generate`", path, err)
		}
	}
	boards, err := filepath.Glob(filepath.Join(root, "deploy/grafana/dashboards/*.json"))
	if err != nil || len(boards) != len(Boards()) {
		t.Errorf("%d dashboards are committed, %d are made: delete the others", len(boards), len(Boards()))
	}
}

// made by relabelling or by Prometheus, beside what the catalogue says.
var scrapeLabels = []string{model.MetricNameLabel, "job", "instance", "le"}

// checkSelectors makes sure that an expression parses and that every series in
// it is one of the catalogue, with values that its labels can have.
func checkSelectors(t *testing.T, where, expr string) {
	t.Helper()
	expr = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h").Replace(expr)
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v\n%s", where, err, expr)
		return
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		m, ok := metrics.Find(v.Name)
		if !ok {
			t.Errorf("%s: the catalogue has no %s", where, v.Name)
			return nil
		}
		for _, matcher := range v.LabelMatchers {
			if slices.Contains(scrapeLabels, matcher.Name) {
				continue
			}
			i := slices.IndexFunc(m.Labels, func(l metrics.Label) bool { return l.Name == matcher.Name })
			if i < 0 {
				t.Errorf("%s: %s has no label %s", where, m.Name, matcher.Name)
				continue
			}
			l := m.Labels[i]
			if l.By == "" && !slices.ContainsFunc(l.Values, matcher.Matches) {
				t.Errorf("%s: no value of %s{%s} matches %s", where, m.Name, l.Name, matcher)
			}
		}
		return nil
	})
}

func TestPanelsAskForWhatTheCatalogueHas(t *testing.T) {
	uids := map[string]bool{}
	for _, b := range Boards() {
		if uids[b.UID] || len(b.UID) > 40 {
			t.Errorf("%s: the uid is taken, or too long", b.UID)
		}
		uids[b.UID] = true
		for _, r := range b.Rows {
			for _, p := range r.Panels {
				where := b.Title + " / " + p.Title
				if p.About == "" || p.Unit == "" || len(p.Queries) == 0 {
					t.Errorf("%s: a panel has a description, a unit and a query", where)
				}
				for _, q := range p.Queries {
					checkSelectors(t, where, q.Text())
					for _, name := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(q.Legend, -1) {
						if !strings.Contains(q.Expr, name[1]) {
							t.Errorf("%s: the legend names %s, which the query does not keep", where, name[1])
						}
					}
				}
			}
		}
	}
}

func TestDashboardsHaveUniquePanelIDs(t *testing.T) {
	for _, b := range Boards() {
		j, err := b.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels []struct {
				ID      int
				GridPos struct{ X, Y, W, H int }
			}
		}
		if err := json.Unmarshal(j, &d); err != nil {
			t.Fatal(err)
		}
		taken := map[string]bool{}
		for i, p := range d.Panels {
			if p.ID != i+1 {
				t.Errorf("%s: panel %d has id %d", b.UID, i+1, p.ID)
			}
			if p.GridPos.X+p.GridPos.W > columns {
				t.Errorf("%s: panel %d is wider than the board", b.UID, p.ID)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := fmt.Sprint(p.GridPos.X+x, ",", p.GridPos.Y+y)
					if taken[at] {
						t.Fatalf("%s: panel %d lies on another one", b.UID, p.ID)
					}
					taken[at] = true
				}
			}
		}
	}
}

func TestRulesAskForWhatTheCatalogueHas(t *testing.T) {
	runbook, err := os.ReadFile(filepath.Join(root, "docs/runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range Rules() {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		checkSelectors(t, r.Name, r.Expr)
		if !bytes.Contains(runbook, []byte("\n### "+r.Name+"\n")) {
			t.Errorf("%s has no page in docs/runbook.md", r.Name)
		}
		for _, s := range []Scenario{r.Fires, r.Quiet} {
			for _, in := range s.Series {
				if !strings.Contains(in[0], `job="other"`) {
					checkSelectors(t, r.Name+" scenario", in[0])
				}
			}
		}
	}
	for _, page := range regexp.MustCompile(`(?m)^### (Usher\w+)$`).FindAllSubmatch(runbook, -1) {
		if !names[string(page[1])] {
			t.Errorf("docs/runbook.md has a page for %s, which no rule has", page[1])
		}
	}
}

// promtool is Debian's, of Prometheus 2.42: the oldest that the files must suit.
func TestPromtoolAcceptsTheRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is missing; Debian has it in the package prometheus")
		}
		t.Skip("promtool is missing; Debian has it in the package prometheus")
	}
	dir := filepath.Join(root, "deploy/prometheus")
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "usher.rules.yml"}, {"test", "rules", "usher.rules.test.yml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
