package monitoring

import (
	"fmt"
	"regexp"
	"strings"
)

// Board is one dashboard.
type Board struct {
	UID, Title, About string
	Rows              []Row
}

// Row is a line of panels under a heading.
type Row struct {
	Title  string
	Panels []Panel
}

// Kinds of panels.
const (
	Stat       = "stat"
	BarGauge   = "bargauge"
	TimeSeries = "timeseries"
)

// Panel shows queries.
type Panel struct {
	Kind, Title string
	About       string // what it tells, and what to do when it looks wrong
	Unit        string // of Grafana: short, s, bytes, ops, percentunit, dtdurations …
	Width       int    // of 24; 0 means 8
	Red         float64
	Queries     []Query
}

// Query is a PromQL expression and the legend of its series. Expr is written
// without the job, which Text puts into each selector.
type Query struct{ Expr, Legend string }

var ourSelector = regexp.MustCompile(`\b(?:usher|temporal|jetstream|gnatsd|go|process)_[a-z_]+\b(\{)?`)

// Text is the expression as Grafana sends it, limited to the chosen job.
func (q Query) Text() string {
	return ourSelector.ReplaceAllStringFunc(q.Expr, func(name string) string {
		if rest, ok := strings.CutSuffix(name, "{"); ok {
			return rest + `{job=~"$job",`
		}
		return name + `{job=~"$job"}`
	})
}

const window = "[$__rate_interval]"

// perSecond is the rate of a counter, added up by the given labels.
func perSecond(counter string, by ...string) string {
	return fmt.Sprintf("sum%s(rate(%s%s))", grouped(by), counter, window)
}

// inRange is what a counter gained over the time that the dashboard shows.
func inRange(counter string, by ...string) string {
	return fmt.Sprintf("sum%s(increase(%s[$__range]))", grouped(by), counter)
}

// quantile of a histogram, 0 while nothing was observed. selector may narrow the
// histogram, such as `{stage="email"}`.
func quantile(q float64, histogram, selector string, by ...string) string {
	group := append([]string{"le"}, by...)
	return fmt.Sprintf("(histogram_quantile(%g, sum%s(rate(%s_bucket%s%s))) >= 0) or 0 * sum%s(%s_count%s)",
		q, grouped(group), histogram, selector, window, grouped(by), histogram, selector)
}

// orZero shows 0 for a metric of the SDK that has no series before its first
// event.
func orZero(expr string) string { return "(" + expr + ") or vector(0)" }

func grouped(by []string) string {
	if len(by) == 0 {
		return ""
	}
	return " by (" + strings.Join(by, ", ") + ") "
}
