package model

import (
	"context"

	"go.temporal.io/api/command/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
)

// RespondWorkflowTaskCompleted implements the service.
func (s *Server) RespondWorkflowTaskCompleted(_ context.Context, q *workflowservice.RespondWorkflowTaskCompletedRequest) (*workflowservice.RespondWorkflowTaskCompletedResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, r, err := s.parse(q.TaskToken)
	if err != nil {
		return nil, err
	}
	if r.task == nil || r.task.started != t.Started {
		return nil, serviceerror.NewNotFound("Workflow task not found.")
	}
	if ends(q.Commands) && len(r.buffered) > 0 { // a run does not end that has not seen all that happened
		r.taskFailed(enums.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, nil, q.Identity)
		r.flush()
		r.wake()
		return nil, serviceerror.NewInvalidArgument("UnhandledCommand")
	}
	r.task.stop()
	r.seen, r.attempts = r.task.started, 0
	completed := r.write(enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskCompletedEventAttributes{
		WorkflowTaskCompletedEventAttributes: &history.WorkflowTaskCompletedEventAttributes{
			ScheduledEventId: t.Scheduled, StartedEventId: t.Started, Identity: q.Identity, SdkMetadata: q.SdkMetadata, MeteringMetadata: q.MeteringMetadata,
		}}})
	r.task = nil
	r.unstick()
	if a := q.StickyAttributes; a.GetWorkerTaskQueue().GetName() != "" {
		r.stick(a.WorkerTaskQueue.Name, duration(a.ScheduleToStartTimeout, taskTimeout))
	}
	for _, c := range q.Commands {
		if err := r.command(c, completed); err != nil {
			return nil, err
		}
		if r.closed() {
			return &workflowservice.RespondWorkflowTaskCompletedResponse{}, nil
		}
	}
	more := len(r.buffered) > 0
	r.flush()
	out := &workflowservice.RespondWorkflowTaskCompletedResponse{}
	switch {
	case q.ForceCreateNewWorkflowTask && q.ReturnNewWorkflowTask:
		r.task = &task{}
		partial := r.stickyTo != ""
		r.task.scheduled = r.write(enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowTaskScheduledEventAttributes{
			WorkflowTaskScheduledEventAttributes: &history.WorkflowTaskScheduledEventAttributes{TaskQueue: r.start.TaskQueue, Attempt: 1},
		}})
		out.WorkflowTask = r.startTask(q.Identity, partial)
	case more || q.ForceCreateNewWorkflowTask:
		r.wake()
	}
	return out, nil
}

func ends(commands []*command.Command) bool {
	for _, c := range commands {
		switch c.CommandType {
		case enums.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION, enums.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
			enums.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION, enums.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
			return true
		}
	}
	return false
}

// command carries one command out.
func (r *run) command(c *command.Command, completed int64) error {
	switch a := c.Attributes.(type) {
	case *command.Command_ScheduleActivityTaskCommandAttributes:
		r.schedule(a.ScheduleActivityTaskCommandAttributes, c, completed)
	case *command.Command_RequestCancelActivityTaskCommandAttributes:
		r.cancelActivity(a.RequestCancelActivityTaskCommandAttributes.ScheduledEventId, completed)
	case *command.Command_StartTimerCommandAttributes:
		x := a.StartTimerCommandAttributes
		t := &timer{}
		t.started = r.write(enums.EVENT_TYPE_TIMER_STARTED, &history.HistoryEvent{UserMetadata: c.UserMetadata, Attributes: &history.HistoryEvent_TimerStartedEventAttributes{
			TimerStartedEventAttributes: &history.TimerStartedEventAttributes{
				TimerId: x.TimerId, StartToFireTimeout: x.StartToFireTimeout, WorkflowTaskCompletedEventId: completed,
			}}})
		r.timers[x.TimerId] = t
		t.t = r.s.after(x.StartToFireTimeout.AsDuration(), func() {
			if r.timers[x.TimerId] != t {
				return
			}
			delete(r.timers, x.TimerId)
			r.happens(enums.EVENT_TYPE_TIMER_FIRED, &history.HistoryEvent{Attributes: &history.HistoryEvent_TimerFiredEventAttributes{
				TimerFiredEventAttributes: &history.TimerFiredEventAttributes{TimerId: x.TimerId, StartedEventId: t.started},
			}})
		})
	case *command.Command_CancelTimerCommandAttributes:
		id := a.CancelTimerCommandAttributes.TimerId
		t := r.timers[id]
		delete(r.timers, id)
		var started int64
		if t != nil {
			t.t.Stop()
			started = t.started
		} else { // it fired while the task was in work; the event is taken back
			for i, e := range r.buffered {
				if f := e.GetTimerFiredEventAttributes(); f.GetTimerId() == id {
					started = f.StartedEventId
					r.buffered = append(r.buffered[:i:i], r.buffered[i+1:]...)
					break
				}
			}
		}
		r.write(enums.EVENT_TYPE_TIMER_CANCELED, &history.HistoryEvent{Attributes: &history.HistoryEvent_TimerCanceledEventAttributes{
			TimerCanceledEventAttributes: &history.TimerCanceledEventAttributes{TimerId: id, StartedEventId: started, WorkflowTaskCompletedEventId: completed},
		}})
	case *command.Command_RecordMarkerCommandAttributes:
		x := a.RecordMarkerCommandAttributes
		r.write(enums.EVENT_TYPE_MARKER_RECORDED, &history.HistoryEvent{UserMetadata: c.UserMetadata, Attributes: &history.HistoryEvent_MarkerRecordedEventAttributes{
			MarkerRecordedEventAttributes: &history.MarkerRecordedEventAttributes{
				MarkerName: x.MarkerName, Details: x.Details, WorkflowTaskCompletedEventId: completed, Header: x.Header, Failure: x.Failure,
			}}})
	case *command.Command_UpsertWorkflowSearchAttributesCommandAttributes:
		r.write(enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, &history.HistoryEvent{Attributes: &history.HistoryEvent_UpsertWorkflowSearchAttributesEventAttributes{
			UpsertWorkflowSearchAttributesEventAttributes: &history.UpsertWorkflowSearchAttributesEventAttributes{
				SearchAttributes: a.UpsertWorkflowSearchAttributesCommandAttributes.SearchAttributes, WorkflowTaskCompletedEventId: completed,
			}}})
	case *command.Command_CompleteWorkflowExecutionCommandAttributes:
		r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionCompletedEventAttributes{
			WorkflowExecutionCompletedEventAttributes: &history.WorkflowExecutionCompletedEventAttributes{
				Result: a.CompleteWorkflowExecutionCommandAttributes.Result, WorkflowTaskCompletedEventId: completed,
			}}})
		r.close(enums.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	case *command.Command_FailWorkflowExecutionCommandAttributes:
		r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionFailedEventAttributes{
			WorkflowExecutionFailedEventAttributes: &history.WorkflowExecutionFailedEventAttributes{
				Failure: a.FailWorkflowExecutionCommandAttributes.Failure, WorkflowTaskCompletedEventId: completed, RetryState: enums.RETRY_STATE_RETRY_POLICY_NOT_SET,
			}}})
		r.close(enums.WORKFLOW_EXECUTION_STATUS_FAILED)
	case *command.Command_CancelWorkflowExecutionCommandAttributes:
		r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionCanceledEventAttributes{
			WorkflowExecutionCanceledEventAttributes: &history.WorkflowExecutionCanceledEventAttributes{
				Details: a.CancelWorkflowExecutionCommandAttributes.Details, WorkflowTaskCompletedEventId: completed,
			}}})
		r.close(enums.WORKFLOW_EXECUTION_STATUS_CANCELED)
	case *command.Command_ContinueAsNewWorkflowExecutionCommandAttributes:
		r.continueAsNew(a.ContinueAsNewWorkflowExecutionCommandAttributes, completed)
	default:
		return serviceerror.NewUnimplemented("the model does not know the command " + c.CommandType.String())
	}
	return nil
}

func (r *run) continueAsNew(x *command.ContinueAsNewWorkflowExecutionCommandAttributes, completed int64) {
	next := &workflowservice.StartWorkflowExecutionRequest{
		WorkflowId: r.id, WorkflowType: x.WorkflowType, TaskQueue: x.TaskQueue, Input: x.Input, WorkflowTaskTimeout: r.start.WorkflowTaskTimeout,
		Identity: r.start.Identity, RequestId: r.s.newID(), RetryPolicy: x.RetryPolicy, Memo: x.Memo, SearchAttributes: x.SearchAttributes, Header: x.Header,
	}
	if next.TaskQueue.GetName() == "" {
		next.TaskQueue = r.start.TaskQueue
	}
	e := &history.WorkflowExecutionContinuedAsNewEventAttributes{
		WorkflowType: x.WorkflowType, TaskQueue: x.TaskQueue, Input: x.Input, WorkflowTaskCompletedEventId: completed, Initiator: x.Initiator,
	}
	r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes{
		WorkflowExecutionContinuedAsNewEventAttributes: e,
	}})
	r.close(enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW)
	n := r.s.begin(next)
	n.first = r.first
	a := n.events[0].GetWorkflowExecutionStartedEventAttributes()
	a.ContinuedExecutionRunId, a.FirstExecutionRunId, a.Initiator = r.runID, r.first, x.Initiator
	e.NewExecutionRunId = n.runID
	n.wake()
}
