// Package axe looks at a page in a browser with axe-core of npm, for tests: for what keeps
// people from using it who do not see it, or not its colors, or use no mouse.
package axe

import (
	"context"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// core is where .ci/run installs axe-core.
const core = "/opt/axe-core/node_modules/axe-core/axe.min.js"

// run asks for all that axe-core knows, best practices too, and makes a line of each
// element that it names.
const run = `axe.run().then((r) => {
	if (r.passes.length < 10) return ['it has looked at nothing'];
	return r.violations.flatMap((v) => v.nodes.map((n) => v.id + ' (' + v.impact + '): ' + n.target.join(' ') + ': ' + n.failureSummary));
})`

// Core is the script, to be given to Findings. Without it the test is skipped, in CI it
// fails.
func Core(t testing.TB) string {
	t.Helper()
	script, err := os.ReadFile(core)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs axe-core of npm, as .ci/run installs it")
	}
	return string(script)
}

// Findings are what axe-core says against the page that the browser of ctx shows.
func Findings(ctx context.Context, script string) ([]string, error) {
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](script+"\n;undefined")); err != nil {
		return nil, err
	}
	return chromedp.Run(ctx, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
}
