package model

import (
	"context"
	"math"
	"slices"
	"time"

	"go.temporal.io/api/command/v1"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/failure/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// activity is one that has not ended. Its tries leave no event; the last one
// does.
type activity struct {
	r           *run
	id          int64 // the scheduled event
	scheduled   *history.ActivityTaskScheduledEventAttributes
	at          time.Time // when it was scheduled
	attempt     int32
	started     time.Time // of this attempt; zero while it waits
	tried       time.Time // when this attempt was due
	identity    string
	details     *common.Payloads // of the last heartbeat
	lastFailure *failure.Failure
	cancel      int64 // the event that asked for it, 0 while none did

	backoff, limit, beat, deadline *time.Timer
}

// pendingStart stands for the event of a start that is not written yet.
const pendingStart = math.MaxInt64

func (a *activity) stop() {
	for _, t := range []*time.Timer{a.backoff, a.limit, a.beat, a.deadline} {
		if t != nil {
			t.Stop()
		}
	}
}

func (r *run) schedule(x *command.ScheduleActivityTaskCommandAttributes, c *command.Command, completed int64) {
	policy := x.RetryPolicy
	if policy == nil {
		policy = &common.RetryPolicy{}
	}
	first := duration(policy.InitialInterval, time.Second)
	coefficient := policy.BackoffCoefficient
	if coefficient == 0 {
		coefficient = 2
	}
	policy = &common.RetryPolicy{
		InitialInterval: durationpb.New(first), BackoffCoefficient: coefficient, MaximumInterval: durationpb.New(duration(policy.MaximumInterval, 100*first)),
		MaximumAttempts: policy.MaximumAttempts, NonRetryableErrorTypes: policy.NonRetryableErrorTypes,
	}
	toClose, attempt := x.ScheduleToCloseTimeout, x.StartToCloseTimeout
	if duration(attempt, 0) == 0 || duration(toClose, 0) > 0 && duration(toClose, 0) < duration(attempt, 0) {
		attempt = toClose
	}
	a := &activity{r: r, attempt: 1, at: time.Now(), tried: time.Now(), scheduled: &history.ActivityTaskScheduledEventAttributes{
		ActivityId: x.ActivityId, ActivityType: x.ActivityType, TaskQueue: x.TaskQueue, Header: x.Header, Input: x.Input, ScheduleToCloseTimeout: toClose,
		ScheduleToStartTimeout: x.ScheduleToStartTimeout, StartToCloseTimeout: attempt, HeartbeatTimeout: x.HeartbeatTimeout,
		WorkflowTaskCompletedEventId: completed, RetryPolicy: policy,
	}}
	a.id = r.write(enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, &history.HistoryEvent{UserMetadata: c.UserMetadata, Attributes: &history.HistoryEvent_ActivityTaskScheduledEventAttributes{
		ActivityTaskScheduledEventAttributes: a.scheduled,
	}})
	r.activities[a.id] = a
	if d := duration(toClose, 0); d > 0 {
		a.deadline = r.s.after(d, func() {
			if r.activities[a.id] == a {
				a.timedOut(enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, enums.RETRY_STATE_TIMEOUT)
			}
		})
	}
	a.offer()
}

// offer puts the attempt that is due where workers poll.
func (a *activity) offer() {
	attempt := a.attempt
	a.r.s.queue("activity", queueOf(a.scheduled.TaskQueue)).offer(func() (any, bool) {
		if a.r.activities[a.id] != a || a.attempt != attempt || !a.started.IsZero() {
			return nil, false
		}
		return a.begin(), true
	})
}

func (a *activity) begin() *workflowservice.PollActivityTaskQueueResponse {
	a.started = time.Now()
	attempt := a.attempt
	still := func() bool { return a.r.activities[a.id] == a && a.attempt == attempt && !a.started.IsZero() }
	if d := duration(a.scheduled.StartToCloseTimeout, 0); d > 0 {
		a.limit = a.r.s.after(d, func() {
			if still() {
				a.late(enums.TIMEOUT_TYPE_START_TO_CLOSE)
			}
		})
	}
	if d := duration(a.scheduled.HeartbeatTimeout, 0); d > 0 {
		a.beat = a.r.s.after(d, func() {
			if still() {
				a.late(enums.TIMEOUT_TYPE_HEARTBEAT)
			}
		})
	}
	return &workflowservice.PollActivityTaskQueueResponse{
		TaskToken: token{a.r.id, a.r.runID, a.id, 0, a.attempt}.bytes(), WorkflowNamespace: "default", WorkflowType: a.r.start.WorkflowType,
		WorkflowExecution: a.r.execution(), ActivityType: a.scheduled.ActivityType, ActivityId: a.scheduled.ActivityId, Header: a.scheduled.Header,
		Input: a.scheduled.Input, HeartbeatDetails: a.details, ScheduledTime: timestamppb.New(a.at), CurrentAttemptScheduledTime: timestamppb.New(a.tried),
		StartedTime: timestamppb.New(a.started), Attempt: a.attempt, ScheduleToCloseTimeout: a.scheduled.ScheduleToCloseTimeout,
		StartToCloseTimeout: a.scheduled.StartToCloseTimeout, HeartbeatTimeout: a.scheduled.HeartbeatTimeout, RetryPolicy: a.scheduled.RetryPolicy,
	}
}

// late ends an attempt that took too long.
func (a *activity) late(kind enums.TimeoutType) {
	f := &failure.Failure{Message: "activity " + kind.String() + " timeout", Source: "Server", FailureInfo: &failure.Failure_TimeoutFailureInfo{
		TimeoutFailureInfo: &failure.TimeoutFailureInfo{TimeoutType: kind, LastHeartbeatDetails: a.details},
	}}
	switch state := a.retry(f, 0); state {
	case enums.RETRY_STATE_IN_PROGRESS:
	case enums.RETRY_STATE_TIMEOUT: // no time for another attempt, and the server says it in this way
		a.timedOut(enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, state)
	default:
		a.timedOut(kind, state)
	}
}

func (a *activity) timedOut(kind enums.TimeoutType, state enums.RetryState) {
	f := &failure.Failure{Message: "activity " + kind.String() + " timeout", Source: "Server", Cause: a.lastFailure, FailureInfo: &failure.Failure_TimeoutFailureInfo{
		TimeoutFailureInfo: &failure.TimeoutFailureInfo{TimeoutType: kind, LastHeartbeatDetails: a.details},
	}}
	e := &history.ActivityTaskTimedOutEventAttributes{Failure: f, ScheduledEventId: a.id, RetryState: state}
	if !a.started.IsZero() {
		e.StartedEventId = pendingStart
	}
	a.end(enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskTimedOutEventAttributes{ActivityTaskTimedOutEventAttributes: e}})
}

// retry plans the next attempt and returns IN_PROGRESS, or why there is none.
func (a *activity) retry(f *failure.Failure, next time.Duration) enums.RetryState {
	p := a.scheduled.RetryPolicy
	if a.cancel != 0 {
		return enums.RETRY_STATE_CANCEL_REQUESTED
	}
	if app := f.GetApplicationFailureInfo(); app != nil && (app.NonRetryable || slices.Contains(p.NonRetryableErrorTypes, app.Type)) {
		return enums.RETRY_STATE_NON_RETRYABLE_FAILURE
	}
	if p.MaximumAttempts > 0 && a.attempt >= p.MaximumAttempts {
		return enums.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
	}
	wait := next
	if wait <= 0 {
		wait = min(time.Duration(float64(p.InitialInterval.AsDuration())*math.Pow(p.BackoffCoefficient, float64(a.attempt-1))), p.MaximumInterval.AsDuration())
		if wait <= 0 { // it overflowed
			wait = p.MaximumInterval.AsDuration()
		}
	}
	if d := duration(a.scheduled.ScheduleToCloseTimeout, 0); d > 0 && time.Now().Add(wait).After(a.at.Add(d)) {
		return enums.RETRY_STATE_TIMEOUT
	}
	for _, t := range []*time.Timer{a.limit, a.beat} {
		if t != nil {
			t.Stop()
		}
	}
	a.attempt++
	a.started, a.tried, a.lastFailure = time.Time{}, time.Now().Add(wait), f
	attempt := a.attempt
	a.backoff = a.r.s.after(wait, func() {
		if a.r.activities[a.id] == a && a.attempt == attempt {
			a.offer()
		}
	})
	return enums.RETRY_STATE_IN_PROGRESS
}

// end writes the start of the last attempt and how it ended.
func (a *activity) end(kind enums.EventType, e *history.HistoryEvent) {
	a.stop()
	r := a.r
	delete(r.activities, a.id)
	if !a.started.IsZero() {
		s := &history.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_STARTED, Attributes: &history.HistoryEvent_ActivityTaskStartedEventAttributes{
			ActivityTaskStartedEventAttributes: &history.ActivityTaskStartedEventAttributes{
				ScheduledEventId: a.id, Identity: a.identity, RequestId: r.s.newID(), Attempt: a.attempt, LastFailure: a.lastFailure,
			}}}
		r.buffered = append(r.buffered, s)
	}
	e.EventType = kind
	r.buffered = append(r.buffered, e)
	if r.task != nil && r.task.started > 0 {
		return
	}
	r.flush()
	r.wake()
}

func (r *run) cancelActivity(id, completed int64) {
	a := r.activities[id]
	event := r.write(enums.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED, &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskCancelRequestedEventAttributes{
		ActivityTaskCancelRequestedEventAttributes: &history.ActivityTaskCancelRequestedEventAttributes{ScheduledEventId: id, WorkflowTaskCompletedEventId: completed},
	}})
	if a == nil || a.cancel != 0 {
		return
	}
	a.cancel = event
	if a.started.IsZero() { // no worker has it
		a.stop()
		delete(r.activities, id)
		// Behind the events of all commands of this task: their numbers are counted by the
		// SDK, which knows nothing of this one.
		r.buffered = append(r.buffered, &history.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED, Attributes: &history.HistoryEvent_ActivityTaskCanceledEventAttributes{
			ActivityTaskCanceledEventAttributes: &history.ActivityTaskCanceledEventAttributes{ScheduledEventId: id, LatestCancelRequestedEventId: event},
		}})
	}
}

// PollActivityTaskQueue implements the service.
func (s *Server) PollActivityTaskQueue(ctx context.Context, q *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	if t, ok := s.poll(ctx, "activity", q.TaskQueue.GetName()).(*workflowservice.PollActivityTaskQueueResponse); ok {
		return t, nil
	}
	return &workflowservice.PollActivityTaskQueueResponse{}, nil
}

// attempt is the activity that a token names, while that attempt goes on.
func (s *Server) attempt(b []byte) (*activity, error) {
	t, r, err := s.parse(b)
	if err != nil {
		return nil, err
	}
	a := r.activities[t.Scheduled]
	if a == nil || a.attempt != t.Attempt || a.started.IsZero() {
		return nil, serviceerror.NewNotFound("invalid activityID or activity already timed out or invoking workflow is completed")
	}
	return a, nil
}

// RecordActivityTaskHeartbeat implements the service.
func (s *Server) RecordActivityTaskHeartbeat(_ context.Context, q *workflowservice.RecordActivityTaskHeartbeatRequest) (*workflowservice.RecordActivityTaskHeartbeatResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.attempt(q.TaskToken)
	if err != nil {
		return nil, err
	}
	if a.beat != nil {
		a.beat.Reset(a.scheduled.HeartbeatTimeout.AsDuration())
	}
	a.details = q.Details
	return &workflowservice.RecordActivityTaskHeartbeatResponse{CancelRequested: a.cancel != 0}, nil
}

// RespondActivityTaskCompleted implements the service.
func (s *Server) RespondActivityTaskCompleted(_ context.Context, q *workflowservice.RespondActivityTaskCompletedRequest) (*workflowservice.RespondActivityTaskCompletedResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.attempt(q.TaskToken)
	if err != nil {
		return nil, err
	}
	a.identity = q.Identity
	a.end(enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskCompletedEventAttributes{
		ActivityTaskCompletedEventAttributes: &history.ActivityTaskCompletedEventAttributes{Result: q.Result, ScheduledEventId: a.id, Identity: q.Identity},
	}})
	return &workflowservice.RespondActivityTaskCompletedResponse{}, nil
}

// RespondActivityTaskFailed implements the service.
func (s *Server) RespondActivityTaskFailed(_ context.Context, q *workflowservice.RespondActivityTaskFailedRequest) (*workflowservice.RespondActivityTaskFailedResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.attempt(q.TaskToken)
	if err != nil {
		return nil, err
	}
	a.identity = q.Identity
	if q.LastHeartbeatDetails != nil {
		a.details = q.LastHeartbeatDetails
	}
	state := a.retry(q.Failure, duration(q.Failure.GetApplicationFailureInfo().GetNextRetryDelay(), 0))
	if state == enums.RETRY_STATE_IN_PROGRESS {
		return &workflowservice.RespondActivityTaskFailedResponse{}, nil
	}
	a.end(enums.EVENT_TYPE_ACTIVITY_TASK_FAILED, &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskFailedEventAttributes{
		ActivityTaskFailedEventAttributes: &history.ActivityTaskFailedEventAttributes{Failure: q.Failure, ScheduledEventId: a.id, Identity: q.Identity, RetryState: state},
	}})
	return &workflowservice.RespondActivityTaskFailedResponse{}, nil
}

// RespondActivityTaskCanceled implements the service.
func (s *Server) RespondActivityTaskCanceled(_ context.Context, q *workflowservice.RespondActivityTaskCanceledRequest) (*workflowservice.RespondActivityTaskCanceledResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.attempt(q.TaskToken)
	if err != nil {
		return nil, err
	}
	if a.cancel == 0 {
		return nil, serviceerror.NewInvalidArgument("ActivityTask is not requested to cancel")
	}
	a.identity = q.Identity
	a.end(enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED, &history.HistoryEvent{Attributes: &history.HistoryEvent_ActivityTaskCanceledEventAttributes{
		ActivityTaskCanceledEventAttributes: &history.ActivityTaskCanceledEventAttributes{
			Details: q.Details, ScheduledEventId: a.id, StartedEventId: pendingStart, LatestCancelRequestedEventId: a.cancel, Identity: q.Identity,
		}}})
	return &workflowservice.RespondActivityTaskCanceledResponse{}, nil
}
