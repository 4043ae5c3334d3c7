package monitoring

import (
	"fmt"
	"strings"
)

// Severities of alerts. A page is for now, also at night; a ticket is for
// today.
const (
	Page   = "page"
	Ticket = "ticket"
)

// Rule is one alert.
type Rule struct {
	Name     string
	Severity string
	Summary  string // one sentence; what to do is in the runbook, under the rule's name
	Expr     string
	For      string // how long Expr must hold, "" for at once

	// What proves it: series under which it fires, under which it stays quiet though
	// something happens, and, where that is in doubt, under which it has ended.
	Fires, Quiet, Over Scenario
}

// Scenario is input for `promtool test rules`: series in its notation, sampled
// every Every (default 1m), and when the rule is looked at.
type Scenario struct {
	Series [][2]string // selector, values
	Every  string
	At     string
	Labels map[string]string // of the alert that fires, beside its severity
}

// burn is the condition of a multi-window, multi-burn-rate alert (the SRE
// workbook, chapter 5): both windows burn the error budget faster than factor,
// and the long one saw at least least events, so that one failure on a quiet
// night is no incident.
func burn(bad, all string, budget, factor float64, long, short string, least int) string {
	over := func(w string) string {
		return fmt.Sprintf("sum(increase(%s)) / (sum(increase(%s)) > 0) > %g",
			strings.ReplaceAll(bad, "[W]", "["+w+"]"), strings.ReplaceAll(all, "[W]", "["+w+"]"), budget*factor)
	}
	return fmt.Sprintf("(%s)\nand (%s)\nand sum(increase(%s)) >= %d", over(long), over(short), strings.ReplaceAll(all, "[W]", "["+long+"]"), least)
}

// slow is burn for a latency: bad are those beyond the bucket le. Prometheus asks
// for OpenMetrics, in which a bound of 60 is written as 60.0.
func slow(histogram, le string, budget, factor float64, long, short string, least int) string {
	over := func(w string) string {
		return fmt.Sprintf(`1 - sum(increase(%s_bucket{le=~"%s(.0)?"}[%s])) / (sum(increase(%s_count[%s])) > 0) > %g`, histogram, le, w, histogram, w, budget*factor)
	}
	return fmt.Sprintf("(%s)\nand (%s)\nand sum(increase(%s_count[%s])) >= %d", over(long), over(short), histogram, long, least)
}
