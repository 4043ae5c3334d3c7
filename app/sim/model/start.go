package model

import (
	"context"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// StartWorkflowExecution implements the service. It hands no first task over with
// the answer, as a server without room does not.
func (s *Server) StartWorkflowExecution(_ context.Context, q *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.current[q.WorkflowId]
	if was != nil && was.requestID == q.RequestId {
		return &workflowservice.StartWorkflowExecutionResponse{RunId: was.runID, Started: true, Status: was.status}, nil
	}
	if was != nil && !was.closed() {
		switch q.WorkflowIdConflictPolicy {
		case enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING:
			return &workflowservice.StartWorkflowExecutionResponse{RunId: was.runID, Status: was.status}, nil
		case enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING:
			was.terminate("TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service")
		default:
			return nil, was.already("Workflow execution is already running. WorkflowId: %s, RunId: %s.")
		}
	}
	if err := reuse(was, q.WorkflowIdReusePolicy); err != nil {
		return nil, err
	}
	r := s.begin(q)
	r.wake()
	return &workflowservice.StartWorkflowExecutionResponse{RunId: r.runID, Started: true, Status: r.status}, nil
}

// reuse tells whether a closed run lets its id be used again.
func reuse(was *run, p enums.WorkflowIdReusePolicy) error {
	if was == nil || !was.closed() {
		return nil
	}
	switch p {
	case enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE:
		return was.already("Workflow execution already finished. WorkflowId: %s, RunId: %s. Workflow Id reuse policy: reject duplicate workflow Id.")
	case enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY:
		if was.status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED || was.status == enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
			return was.already("Workflow execution already finished successfully. WorkflowId: %s, RunId: %s. Workflow Id reuse policy: allow duplicate workflow Id if last run failed.")
		}
	}
	return nil
}

// begin writes the first event of a run.
func (s *Server) begin(q *workflowservice.StartWorkflowExecutionRequest) *run {
	r := &run{
		s: s, id: q.WorkflowId, runID: s.newID(), requestID: q.RequestId, start: q, status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		signals: map[string]bool{}, timers: map[string]*timer{}, activities: map[int64]*activity{},
	}
	s.current[r.id] = r
	if s.runs[r.id] == nil {
		s.runs[r.id] = map[string]*run{}
	}
	s.runs[r.id][r.runID] = r
	s.order = append(s.order, r)
	r.first = r.runID
	r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &history.WorkflowExecutionStartedEventAttributes{
			WorkflowType: q.WorkflowType, TaskQueue: &taskqueue.TaskQueue{Name: q.TaskQueue.GetName(), Kind: enums.TASK_QUEUE_KIND_NORMAL}, Input: q.Input,
			WorkflowExecutionTimeout: q.WorkflowExecutionTimeout, WorkflowRunTimeout: q.WorkflowRunTimeout,
			WorkflowTaskTimeout: durationpb.New(duration(q.WorkflowTaskTimeout, taskTimeout)), OriginalExecutionRunId: r.runID, FirstExecutionRunId: r.first,
			Identity: q.Identity, RetryPolicy: q.RetryPolicy, Attempt: 1, Memo: q.Memo, SearchAttributes: q.SearchAttributes, Header: q.Header, WorkflowId: r.id,
		}}})
	return r
}

// SignalWorkflowExecution implements the service. A request id that is known is
// answered before anything else is looked at.
func (s *Server) SignalWorkflowExecution(_ context.Context, q *workflowservice.SignalWorkflowExecutionRequest) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(q.WorkflowExecution)
	if err != nil {
		return nil, err
	}
	if q.RequestId != "" && r.signals[q.RequestId] {
		return &workflowservice.SignalWorkflowExecutionResponse{}, nil
	}
	if r.closed() {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	r.signal(q.SignalName, q.Input, q.Identity, q.Header, q.RequestId)
	return &workflowservice.SignalWorkflowExecutionResponse{}, nil
}

func (r *run) signal(name string, input *common.Payloads, identity string, header *common.Header, requestID string) {
	if requestID != "" {
		r.signals[requestID] = true
	}
	r.happens(enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionSignaledEventAttributes{
		WorkflowExecutionSignaledEventAttributes: &history.WorkflowExecutionSignaledEventAttributes{
			SignalName: name, Input: input, Identity: identity, Header: header, RequestId: requestID,
		}}})
}

// SignalWithStartWorkflowExecution implements the service. Unlike a start, one that
// comes again after its run has closed is not known.
func (s *Server) SignalWithStartWorkflowExecution(_ context.Context, q *workflowservice.SignalWithStartWorkflowExecutionRequest) (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.current[q.WorkflowId]
	if was != nil && !was.closed() && q.WorkflowIdConflictPolicy != enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING {
		if q.RequestId == "" || !was.signals[q.RequestId] {
			was.signal(q.SignalName, q.SignalInput, q.Identity, q.Header, q.RequestId)
		}
		return &workflowservice.SignalWithStartWorkflowExecutionResponse{RunId: was.runID}, nil
	}
	if was != nil && !was.closed() {
		was.terminate("TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service")
	}
	if err := reuse(was, q.WorkflowIdReusePolicy); err != nil {
		return nil, err
	}
	r := s.begin(&workflowservice.StartWorkflowExecutionRequest{
		Namespace: q.Namespace, WorkflowId: q.WorkflowId, WorkflowType: q.WorkflowType, TaskQueue: q.TaskQueue, Input: q.Input,
		WorkflowTaskTimeout: q.WorkflowTaskTimeout, Identity: q.Identity, RequestId: q.RequestId, RetryPolicy: q.RetryPolicy, Memo: q.Memo,
		SearchAttributes: q.SearchAttributes, Header: q.Header,
	})
	r.signal(q.SignalName, q.SignalInput, q.Identity, q.Header, q.RequestId)
	return &workflowservice.SignalWithStartWorkflowExecutionResponse{RunId: r.runID, Started: true}, nil
}

// TerminateWorkflowExecution implements the service.
func (s *Server) TerminateWorkflowExecution(_ context.Context, q *workflowservice.TerminateWorkflowExecutionRequest) (*workflowservice.TerminateWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(q.WorkflowExecution)
	if err != nil {
		return nil, err
	}
	if r.closed() {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	r.terminate(q.Reason, q.Identity)
	return &workflowservice.TerminateWorkflowExecutionResponse{}, nil
}

func (r *run) terminate(reason, identity string) {
	if t := r.task; t != nil && t.started > 0 {
		r.taskFailed(enums.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND, nil, identity)
	}
	r.flush()
	r.write(enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{
		WorkflowExecutionTerminatedEventAttributes: &history.WorkflowExecutionTerminatedEventAttributes{Reason: reason, Identity: identity},
	}})
	r.close(enums.WORKFLOW_EXECUTION_STATUS_TERMINATED)
}

// RequestCancelWorkflowExecution implements the service.
func (s *Server) RequestCancelWorkflowExecution(_ context.Context, q *workflowservice.RequestCancelWorkflowExecutionRequest) (*workflowservice.RequestCancelWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(q.WorkflowExecution)
	if err != nil {
		return nil, err
	}
	if r.closed() {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	if !r.cancelled {
		r.cancelled = true
		r.happens(enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, &history.HistoryEvent{Attributes: &history.HistoryEvent_WorkflowExecutionCancelRequestedEventAttributes{
			WorkflowExecutionCancelRequestedEventAttributes: &history.WorkflowExecutionCancelRequestedEventAttributes{Cause: q.Reason, Identity: q.Identity},
		}})
	}
	return &workflowservice.RequestCancelWorkflowExecutionResponse{}, nil
}
