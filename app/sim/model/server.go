package model

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Server is the frontend. One lock guards everything, so each call is one
// transaction.
type Server struct {
	workflowservice.UnimplementedWorkflowServiceServer

	mu      sync.Mutex
	count   int                        // of ids given
	current map[string]*run            // the last run of each workflow id
	runs    map[string]map[string]*run // by workflow id and run id
	order   []*run                     // as they were started
	queues  map[string]*queue          // by kind and name
	change  chan struct{}              // closed when a history grows
	sticky  map[string]map[*run]bool   // runs that are cached, by the queue of the cache
	dead    map[string]bool            // sticky queues whose worker said goodbye
	ended   bool
	onEvent func(id string, e *history.HistoryEvent)
}

// New returns a frontend without workflows.
func New() *Server {
	return &Server{
		current: map[string]*run{}, runs: map[string]map[string]*run{}, queues: map[string]*queue{}, change: make(chan struct{}),
		sticky: map[string]map[*run]bool{}, dead: map[string]bool{},
	}
}

// GRPC makes a server that answers as Temporal's frontend. between see each call
// first.
func (s *Server) GRPC(between ...grpc.UnaryServerInterceptor) *grpc.Server {
	errs := func(ctx context.Context, q any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		a, err := handle(ctx, q)
		if err != nil {
			return nil, serviceerror.ToStatus(err).Err()
		}
		return a, nil
	}
	g := grpc.NewServer(grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{errs}, between...)...))
	workflowservice.RegisterWorkflowServiceServer(g, s)
	h := health.NewServer()
	h.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(g, h)
	return g
}

// Stop ends all timers, so that nothing happens any more.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, r := range s.order {
		r.stopTimers()
	}
}

// OnEvent has f told of each event as it is written. It is called under the lock.
func (s *Server) OnEvent(f func(id string, e *history.HistoryEvent)) { s.onEvent = f }

// Run is one run as it stands.
type Run struct {
	ID, RunID string
	Status    enums.WorkflowExecutionStatus
	Events    []*history.HistoryEvent
}

// Runs are all runs, in the order of their start.
func (s *Server) Runs() []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Run, len(s.order))
	for i, r := range s.order {
		out[i] = Run{r.id, r.runID, r.status, append([]*history.HistoryEvent(nil), r.events...)}
	}
	return out
}

// after calls f under the lock, unless the returned timer is stopped before.
func (s *Server) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.ended {
			f()
		}
	})
}

func (s *Server) newID() string {
	s.count++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", s.count, s.count)
}

func (s *Server) grown() {
	close(s.change)
	s.change = make(chan struct{})
}

// GetSystemInfo implements the service.
func (s *Server) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "1.32.1", Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{
		SignalAndQueryHeader: true, InternalErrorDifferentiation: true, ActivityFailureIncludeHeartbeat: true, SupportsSchedules: true,
		EncodedFailureAttributes: true, UpsertMemo: true, EagerWorkflowStart: true, SdkMetadata: true, CountGroupByExecutionStatus: true,
	}}, nil
}

// DescribeNamespace implements the service.
func (s *Server) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: &namespace.NamespaceInfo{
		Name: r.Namespace, State: enums.NAMESPACE_STATE_REGISTERED, Id: "model", Capabilities: &namespace.NamespaceInfo_Capabilities{},
	}}, nil
}

// DeleteSchedule implements the service: there are none.
func (s *Server) DeleteSchedule(context.Context, *workflowservice.DeleteScheduleRequest) (*workflowservice.DeleteScheduleResponse, error) {
	return nil, serviceerror.NewNotFound("workflow execution not found for workflow ID")
}

// DescribeWorkflowExecution implements the service.
func (s *Server) DescribeWorkflowExecution(_ context.Context, q *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(q.Execution)
	if err != nil {
		return nil, err
	}
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: r.execution(), Type: r.start.WorkflowType, Status: r.status, StartTime: r.events[0].EventTime, HistoryLength: int64(len(r.events)),
		TaskQueue: r.start.TaskQueue.GetName(), SearchAttributes: r.start.SearchAttributes,
	}
	if r.closed() {
		info.CloseTime = r.events[len(r.events)-1].EventTime
	}
	out := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info, ExecutionConfig: &workflowpb.WorkflowExecutionConfig{TaskQueue: r.start.TaskQueue}}
	for _, a := range r.activities {
		out.PendingActivities = append(out.PendingActivities, &workflowpb.PendingActivityInfo{
			ActivityId: a.scheduled.ActivityId, ActivityType: a.scheduled.ActivityType, Attempt: a.attempt, LastFailure: a.lastFailure,
		})
	}
	return out, nil
}

// find is the run that e names, the last one of its id when it names none.
func (s *Server) find(e *common.WorkflowExecution) (*run, error) {
	r := s.current[e.GetWorkflowId()]
	if e.GetRunId() != "" {
		r = s.runs[e.GetWorkflowId()][e.GetRunId()]
	}
	if r == nil {
		return nil, serviceerror.NewNotFoundf("workflow not found for ID: %s", e.GetWorkflowId())
	}
	return r, nil
}

// GetWorkflowExecutionHistory implements the service, in one page.
func (s *Server) GetWorkflowExecutionHistory(ctx context.Context, q *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		r, err := s.find(q.Execution)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		closed, change, events := r.closed(), s.change, append([]*history.HistoryEvent(nil), r.events...)
		s.mu.Unlock()
		if q.HistoryEventFilterType == enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT {
			if closed {
				events = events[len(events)-1:]
			} else {
				events = nil
			}
		}
		if closed || !q.WaitNewEvent {
			return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &history.History{Events: events}}, nil
		}
		select {
		case <-change:
		case <-deadline.C: // ask again
			return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &history.History{}, NextPageToken: []byte("again")}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// GetWorkflowExecutionHistoryReverse implements the service, in one page.
func (s *Server) GetWorkflowExecutionHistoryReverse(_ context.Context, q *workflowservice.GetWorkflowExecutionHistoryReverseRequest) (*workflowservice.GetWorkflowExecutionHistoryReverseResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(q.Execution)
	if err != nil {
		return nil, err
	}
	out := &history.History{}
	for i := len(r.events) - 1; i >= 0; i-- {
		out.Events = append(out.Events, r.events[i])
	}
	return &workflowservice.GetWorkflowExecutionHistoryReverseResponse{History: out}, nil
}

// RecordWorkerHeartbeat implements the service.
func (s *Server) RecordWorkerHeartbeat(context.Context, *workflowservice.RecordWorkerHeartbeatRequest) (*workflowservice.RecordWorkerHeartbeatResponse, error) {
	return &workflowservice.RecordWorkerHeartbeatResponse{}, nil
}

// ShutdownWorker implements the service: what waits for the worker's cache goes
// to all workers.
func (s *Server) ShutdownWorker(_ context.Context, q *workflowservice.ShutdownWorkerRequest) (*workflowservice.ShutdownWorkerResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := q.StickyTaskQueue
	s.dead[name] = true
	for r := range s.sticky[name] {
		waiting := r.task != nil && r.task.queue == name && r.task.started == 0
		r.unstick()
		if waiting {
			r.offerTask()
		}
	}
	return &workflowservice.ShutdownWorkerResponse{}, nil
}

func queueOf(t *taskqueue.TaskQueue) string { return t.GetName() }

func stamp() *timestamppb.Timestamp { return timestamppb.Now() }

func duration(d *durationpb.Duration, otherwise time.Duration) time.Duration {
	if d == nil || d.AsDuration() <= 0 {
		return otherwise
	}
	return d.AsDuration()
}
