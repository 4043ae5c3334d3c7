package sim

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"usher/event"
)

// inHand is how many messages a consumer has not dealt with; -1 while the server does not
// say.
func (w *world) inHand(stream, consumer string) int {
	ctx, cancel := context.WithTimeout(w.ctx(), 2*time.Second)
	defer cancel()
	c, err := w.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return -1
	}
	i := c.CachedInfo()
	return int(i.NumPending) + i.NumAckPending
}

// filesLeft is how many files wait in inboxes or are in work.
func (w *world) filesLeft() (n int) {
	for _, inbox := range []string{"inbox", "partner", inboxPair} {
		dir := filepath.Join(w.dir, "watch", inbox)
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error { // what went is no file left
			if err == nil && !e.IsDir() && filepath.Ext(path) == ".csv" {
				n++
			}
			return nil
		})
	}
	return n
}

func (w *world) openRuns() (n int) {
	for _, r := range w.temporal.Runs() {
		if r.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			n++
		}
	}
	return n
}

func (w *world) terminate(id string) {
	_, _ = w.temporal.TerminateWorkflowExecution(w.ctx(), &workflowservice.TerminateWorkflowExecutionRequest{ // it may have ended
		WorkflowExecution: &common.WorkflowExecution{WorkflowId: id}, Reason: "the story wants it",
	})
}

// rest waits until nothing is left to do, and for a while nothing comes up.
func (w *world) rest() bool {
	quiet := 0
	return w.waitUntil(func() bool {
		if w.filesLeft() == 0 && w.inHand(event.StreamUsers, event.ConsumerUsers) == 0 && w.inHand(event.StreamVerifications, event.ConsumerVerifications) == 0 && w.openRuns() == 0 {
			quiet++
		} else {
			quiet = 0
		}
		return quiet >= 10
	})
}
