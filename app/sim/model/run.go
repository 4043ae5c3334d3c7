package model

import (
	"fmt"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
)

// run is one run of a workflow. The server's lock guards it.
type run struct {
	s                           *Server
	id, runID, requestID, first string
	start                       *workflowservice.StartWorkflowExecutionRequest
	status                      enums.WorkflowExecutionStatus
	events                      []*history.HistoryEvent
	buffered                    []*history.HistoryEvent // that happened while a task was in work
	signals                     map[string]bool         // request ids
	cancelled                   bool

	task       *task // nil when there is nothing to do
	attempts   int   // of the task, failed in a row
	seen       int64 // the started event of the last completed task
	stickyTo   string
	stickyFor  time.Duration
	timers     map[string]*timer
	activities map[int64]*activity // by their scheduled event
}

type timer struct {
	started int64
	t       *time.Timer
}

func (r *run) execution() *common.WorkflowExecution {
	return &common.WorkflowExecution{WorkflowId: r.id, RunId: r.runID}
}

func (r *run) closed() bool { return r.status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING }

func (r *run) already(format string) error {
	e := serviceerror.NewWorkflowExecutionAlreadyStarted(fmt.Sprintf(format, r.id, r.runID), r.requestID, r.runID)
	return e
}

// write appends an event.
func (r *run) write(kind enums.EventType, e *history.HistoryEvent) int64 {
	e.EventId, e.EventType, e.EventTime, e.TaskId = int64(len(r.events)+1), kind, stamp(), int64(len(r.events)+1)
	r.events = append(r.events, e)
	if r.s.onEvent != nil {
		r.s.onEvent(r.id, e)
	}
	r.s.grown()
	return e.EventId
}

// happens takes an event from outside: it waits while a task is in work, and
// otherwise makes one.
func (r *run) happens(kind enums.EventType, e *history.HistoryEvent) {
	if r.task != nil && r.task.started > 0 {
		e.EventType = kind
		r.buffered = append(r.buffered, e)
		return
	}
	r.write(kind, e)
	r.wake()
}

// flush writes what waited for the end of a task. The end of an activity names the
// event of its start, which is known only now.
func (r *run) flush() {
	waiting := r.buffered
	r.buffered = nil
	var started int64
	for _, e := range waiting {
		id := r.write(e.EventType, e)
		switch a := e.Attributes.(type) {
		case *history.HistoryEvent_ActivityTaskStartedEventAttributes:
			started = id
		case *history.HistoryEvent_ActivityTaskCompletedEventAttributes:
			a.ActivityTaskCompletedEventAttributes.StartedEventId = started
		case *history.HistoryEvent_ActivityTaskFailedEventAttributes:
			a.ActivityTaskFailedEventAttributes.StartedEventId = started
		case *history.HistoryEvent_ActivityTaskTimedOutEventAttributes:
			if a.ActivityTaskTimedOutEventAttributes.StartedEventId == pendingStart {
				a.ActivityTaskTimedOutEventAttributes.StartedEventId = started
			}
		case *history.HistoryEvent_ActivityTaskCanceledEventAttributes:
			if a.ActivityTaskCanceledEventAttributes.StartedEventId == pendingStart {
				a.ActivityTaskCanceledEventAttributes.StartedEventId = started
			}
		}
	}
}

// close ends the run with the event that was just written.
func (r *run) close(status enums.WorkflowExecutionStatus) {
	r.status = status
	if r.task != nil {
		r.task.stop()
		r.task = nil
	}
	r.unstick()
	r.stopTimers()
	r.activities, r.timers, r.buffered = map[int64]*activity{}, map[string]*timer{}, nil
	r.s.grown()
}

func (r *run) stopTimers() {
	for _, t := range r.timers {
		t.t.Stop()
	}
	for _, a := range r.activities {
		a.stop()
	}
	if r.task != nil {
		r.task.stop()
	}
}

func (r *run) stick(queue string, within time.Duration) {
	if r.s.dead[queue] {
		return
	}
	r.stickyTo, r.stickyFor = queue, within
	if r.s.sticky[queue] == nil {
		r.s.sticky[queue] = map[*run]bool{}
	}
	r.s.sticky[queue][r] = true
}

func (r *run) unstick() {
	delete(r.s.sticky[r.stickyTo], r)
	r.stickyTo = ""
}
