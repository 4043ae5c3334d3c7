package workflows

import (
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"

	"usher/event"
)

// Every history that an earlier build may have left open, and every path to its
// end, replays under this code. A failure here means that runs which are open
// for weeks would be stuck after an upgrade: docs/workflow.md says how to change
// the workflow without that.
func TestRecordedHistoriesReplay(t *testing.T) {
	paths, err := filepath.Glob("testdata/histories/*.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		seen[name[:len("revision-0")]]++
		t.Run(name, func(t *testing.T) {
			r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
			if err != nil {
				t.Fatal(err)
			}
			registerWorkflow(r)
			if err := r.ReplayWorkflowHistoryFromJSONFile(discard{}, path); err != nil {
				t.Error(err)
			}
		})
	}
	if len(seen) != event.Revision+1 {
		t.Errorf("there are histories of the revisions %v, want all up to %d", seen, event.Revision)
	}
}
