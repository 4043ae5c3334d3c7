package cmd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The tree explains the system only as long as packages know no more than they
// should. Each line says what a package may not reach, and why.
func TestForbiddenImports(t *testing.T) {
	stages := []string{"usher/ingest", "usher/bridge", "usher/workflows", "usher/notify", "usher/console", "usher/catcher", "usher/account"}
	rules := []struct {
		pkg, reason string
		forbidden   []string
	}{
		{"usher/event", "the shared nouns bring nothing along", []string{"usher/metrics", "github.com/nats-io", "go.temporal.io", "github.com/prometheus"}},
		{"usher/cmd", "only app/embedded may bring servers along", []string{"go.temporal.io/server", "github.com/nats-io/nats-server", "github.com/temporalio/ui-server", "usher/app/embedded"}},
		{"usher/notify", "senders know nothing of workflows", []string{"go.temporal.io", "github.com/nats-io"}},
		{"usher/workflows", "workflows know nothing of how events travel", []string{"github.com/nats-io"}},
		{"usher/account", "accounts know nothing of workflows or of how events travel", []string{"go.temporal.io", "github.com/nats-io"}},
		{"usher/ingest", "files become events, and nothing else", []string{"go.temporal.io"}},
		{"usher/serve", "a server knows nothing of what it serves", []string{"usher/metrics", "usher/streams", "github.com/nats-io", "go.temporal.io", "github.com/prometheus"}},
		{"usher/webhook", "a signature knows nothing of what is signed", []string{"usher/event", "usher/metrics", "usher/serve"}},
		{"usher/disk", "files that last know nothing of what is in them", []string{"usher/event", "usher/metrics", "usher/ingest", "github.com/nats-io", "go.temporal.io", "github.com/prometheus"}},
		{"usher/table", "rows of any file know nothing of what becomes of them", []string{"usher/event", "usher/metrics", "usher/tracing", "usher/ingest", "github.com/nats-io", "go.temporal.io", "github.com/prometheus"}},
		{"usher/ingest/inbox", "a complete file knows nothing of what is in it", []string{"usher/table", "github.com/nats-io"}},
		{"usher/ingest/files", "files know nothing of inboxes", []string{"usher/event", "usher/metrics", "usher/ingest/inbox"}},
		{"usher/forget", "one person taken out of everything, and nothing else", []string{"usher/ingest", "usher/bridge", "usher/workflows", "usher/notify", "usher/console", "usher/app"}},
		{"usher/canary", "a canary goes the way of every user, and knows no stage", append(slices.Clone(stages), "usher/app", "usher/report", "usher/forget")},
		{"usher/report", "reports read what the stages have left", append(slices.Clone(stages), "usher/app", "usher/forget")},
		{"usher/console", "the console reads the streams only", []string{"go.temporal.io"}},
	}
	for _, s := range stages {
		others := slices.DeleteFunc(slices.Clone(stages), func(o string) bool { return o == s })
		rules = append(rules, struct {
			pkg, reason string
			forbidden   []string
		}{s, "stages meet through event and through what app joins", append(others, "usher/streams", "usher/app", "usher/cmd")})
	}
	for _, r := range rules {
		out, err := exec.Command("go", "list", "-deps", r.pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			for _, f := range r.forbidden {
				if dep == f || strings.HasPrefix(dep, f+"/") {
					t.Errorf("%s reaches %s: %s", r.pkg, dep, r.reason)
				}
			}
		}
	}
}
