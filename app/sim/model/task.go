package model

import (
	"context"
	"encoding/json"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/failure/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// task is the one workflow task of a run.
type task struct {
	scheduled, started int64 // events; started is 0 before
	queue              string
	limit              *time.Timer
}

func (t *task) stop() {
	if t.limit != nil {
		t.limit.Stop()
	}
}

// taskTimeout is how long a worker may take for a task by default.
const taskTimeout = 10 * time.Second

// token is what a worker gives back with its answer.
type token struct {
	ID, Run   string
	Scheduled int64
	Started   int64 `json:",omitempty"` // of a workflow task
	Attempt   int32 `json:",omitempty"` // of an activity
}

func (t token) bytes() []byte {
	b, _ := json.Marshal(t) // plain data
	return b
}

func (s *Server) parse(b []byte) (t token, r *run, err error) {
	if err := json.Unmarshal(b, &t); err != nil {
		return t, nil, serviceerror.NewInvalidArgument("the token cannot be read")
	}
	if r = s.runs[t.ID][t.Run]; r == nil || r.closed() {
		return t, nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	return t, r, nil
}

// wake makes a task unless there is one.
func (r *run) wake() {
	if r.task != nil || r.closed() {
		return
	}
	r.task = &task{}
	if r.attempts > 1 { // as a server that backs off from a worker that fails
		r.task.limit = r.s.after(min(time.Second<<min(r.attempts-2, 10), time.Minute), func() { r.scheduleTask() })
		return
	}
	r.scheduleTask()
}

func (r *run) scheduleTask() {
	name := queueOf(r.start.TaskQueue)
	kind := enums.TASK_QUEUE_KIND_NORMAL
	if r.stickyTo != "" {
		name, kind = r.stickyTo, enums.TASK_QUEUE_KIND_STICKY
	}
	queue := &taskqueue.TaskQueue{Name: name, Kind: kind}
	if kind == enums.TASK_QUEUE_KIND_STICKY {
		queue.NormalName = queueOf(r.start.TaskQueue)
	}
	r.task.scheduled = r.write(enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskScheduledEventAttributes{
		WorkflowTaskScheduledEventAttributes: &history.WorkflowTaskScheduledEventAttributes{
			TaskQueue: queue, StartToCloseTimeout: durationpb.New(duration(r.start.WorkflowTaskTimeout, taskTimeout)), Attempt: int32(r.attempts + 1),
		}}})
	r.offerTask()
}

// offerTask puts the task where its worker polls. One that waits too long for the
// worker that has the run in its cache is given to any.
func (r *run) offerTask() {
	t := r.task
	t.stop()
	t.queue = queueOf(r.start.TaskQueue)
	if r.stickyTo != "" {
		t.queue = r.stickyTo
		t.limit = r.s.after(r.stickyFor, func() {
			if r.task == t && t.started == 0 {
				r.unstick()
				r.taskTimedOut(enums.TIMEOUT_TYPE_SCHEDULE_TO_START)
			}
		})
	}
	partial := r.stickyTo != ""
	r.s.queue("workflow", t.queue).offer(func() (any, bool) {
		if r.task != t || t.started > 0 || r.closed() || partial != (r.stickyTo != "") {
			return nil, false
		}
		return r.startTask("", partial), true
	})
}

// startTask hands the task over. A worker that has the run in its cache gets what
// is new only.
func (r *run) startTask(identity string, partial bool) *workflowservice.PollWorkflowTaskQueueResponse {
	t := r.task
	t.stop()
	t.started = r.write(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskStartedEventAttributes{
		WorkflowTaskStartedEventAttributes: &history.WorkflowTaskStartedEventAttributes{ScheduledEventId: t.scheduled, Identity: identity, RequestId: r.s.newID()},
	}})
	t.limit = r.s.after(duration(r.start.WorkflowTaskTimeout, taskTimeout), func() {
		if r.task == t {
			r.taskTimedOut(enums.TIMEOUT_TYPE_START_TO_CLOSE)
		}
	})
	events := r.events
	if partial {
		events = r.events[r.seen:]
	}
	return &workflowservice.PollWorkflowTaskQueueResponse{
		TaskToken: token{r.id, r.runID, t.scheduled, t.started, 0}.bytes(), WorkflowExecution: r.execution(), WorkflowType: r.start.WorkflowType,
		PreviousStartedEventId: r.seen, StartedEventId: t.started, Attempt: int32(r.attempts + 1),
		History: &history.History{Events: append([]*history.HistoryEvent(nil), events...)}, WorkflowExecutionTaskQueue: r.start.TaskQueue,
		ScheduledTime: r.events[t.scheduled-1].EventTime, StartedTime: r.events[t.started-1].EventTime,
	}
}

func (r *run) taskTimedOut(kind enums.TimeoutType) {
	t := r.task
	r.write(enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskTimedOutEventAttributes{
		WorkflowTaskTimedOutEventAttributes: &history.WorkflowTaskTimedOutEventAttributes{ScheduledEventId: t.scheduled, StartedEventId: t.started, TimeoutType: kind},
	}})
	if kind == enums.TIMEOUT_TYPE_START_TO_CLOSE {
		r.attempts++
	}
	r.endTask()
	r.flush()
	r.wake()
}

func (r *run) taskFailed(cause enums.WorkflowTaskFailedCause, f *failure.Failure, identity string) {
	t := r.task
	r.write(enums.EVENT_TYPE_WORKFLOW_TASK_FAILED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskFailedEventAttributes{
		WorkflowTaskFailedEventAttributes: &history.WorkflowTaskFailedEventAttributes{
			ScheduledEventId: t.scheduled, StartedEventId: t.started, Cause: cause, Failure: f, Identity: identity,
		}}})
	r.endTask()
}

func (r *run) endTask() {
	r.task.stop()
	r.task = nil
	r.unstick()
}

// PollWorkflowTaskQueue implements the service.
func (s *Server) PollWorkflowTaskQueue(ctx context.Context, q *workflowservice.PollWorkflowTaskQueueRequest) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	if t, ok := s.poll(ctx, "workflow", q.TaskQueue.GetName()).(*workflowservice.PollWorkflowTaskQueueResponse); ok {
		return t, nil
	}
	return &workflowservice.PollWorkflowTaskQueueResponse{}, nil
}

// RespondWorkflowTaskFailed implements the service.
func (s *Server) RespondWorkflowTaskFailed(_ context.Context, q *workflowservice.RespondWorkflowTaskFailedRequest) (*workflowservice.RespondWorkflowTaskFailedResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, r, err := s.parse(q.TaskToken)
	if err != nil {
		return nil, err
	}
	if r.task == nil || r.task.started != t.Started {
		return nil, serviceerror.NewNotFound("Workflow task not found.")
	}
	r.taskFailed(q.Cause, q.Failure, q.Identity)
	r.attempts++
	r.flush()
	r.wake()
	return &workflowservice.RespondWorkflowTaskFailedResponse{}, nil
}
