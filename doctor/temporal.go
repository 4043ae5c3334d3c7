package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher/event"
)

// Frontend is Temporal's, as far as the doctor needs it.
type Frontend struct {
	workflowservice.WorkflowServiceClient
	operatorservice.OperatorServiceClient
	Close func()
}

// TemporalTarget is how Temporal is reached.
type TemporalTarget struct {
	Address   string // HOST:PORT
	Namespace string
	TLS       *tls.Config // nil without
	Dial      func(ctx context.Context) (Frontend, error)
	KeyID     func(*commonpb.Payload) string // of the key that encrypted a payload; "" for none
	Probe     bool                           // poll a queue of the doctor's own, which tells the time
}

func (t *TemporalTarget) looks() []look {
	out := []look{{"Temporal", t.server}, {"Temporal's namespace", t.namespace}, {"task queues", t.queues}, {"open onboardings", t.runs}}
	if t.Probe {
		out = append(out, look{"Temporal's clock", t.clock})
	}
	return out
}

// with calls f with a frontend.
func (t *TemporalTarget) with(ctx context.Context, f func(Frontend) error) error {
	c, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

func (t *TemporalTarget) server(ctx context.Context) (func(*Facts), error) {
	seen := Temporal{Address: t.Address, Namespace: t.Namespace, Local: event.Loopback(hostOf(t.Address)), TLS: t.TLS != nil}
	err := t.with(ctx, func(c Frontend) error {
		i, err := c.GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
		seen.Version, seen.Shards, seen.Store = i.GetServerVersion(), int(i.GetHistoryShardCount()), i.GetPersistenceStore()
		if denied(err) { // such as a cloud's
			var s *workflowservice.GetSystemInfoResponse
			s, err = c.GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
			seen.Version = s.GetServerVersion()
		}
		return err
	})
	if err != nil {
		seen.Problem, seen.Refused = plain(err), denied(err)
	}
	if t.TLS != nil && err == nil {
		if state, err := handshake(ctx, t.Address, t.TLS); err == nil {
			seen.CertEnds = firstEnd(state.PeerCertificates)
		}
	}
	return func(f *Facts) {
		f.Temporal.Address, f.Temporal.Namespace, f.Temporal.Problem, f.Temporal.Refused = seen.Address, seen.Namespace, seen.Problem, seen.Refused
		f.Temporal.Version, f.Temporal.Shards, f.Temporal.Store = seen.Version, seen.Shards, seen.Store
		f.Temporal.Local, f.Temporal.TLS, f.Temporal.CertEnds = seen.Local, seen.TLS, seen.CertEnds
	}, nil
}

// denied tells an answer that is about who asks.
func denied(err error) bool {
	var p *serviceerror.PermissionDenied
	return errors.As(err, &p) || status.Code(err) == codes.Unauthenticated || status.Code(err) == codes.PermissionDenied
}

func (t *TemporalTarget) namespace(ctx context.Context) (func(*Facts), error) {
	var seen Temporal
	err := t.with(ctx, func(c Frontend) error {
		n, err := c.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: t.Namespace})
		var none *serviceerror.NamespaceNotFound
		var absent *serviceerror.NotFound
		if errors.As(err, &none) || errors.As(err, &absent) {
			seen.NoNamespace = true
			return nil
		}
		if err != nil {
			return err
		}
		seen.Retention = n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
		a, err := c.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: t.Namespace})
		if err != nil {
			seen.AttributeProblem = plain(err)
			return nil
		}
		seen.Attributes = map[string]string{}
		for name, kind := range a.GetCustomAttributes() {
			seen.Attributes[name] = kind.String()
		}
		return nil
	})
	if err != nil {
		seen.NamespaceProblem = plain(err)
	}
	return func(f *Facts) {
		f.Temporal.NoNamespace, f.Temporal.NamespaceProblem, f.Temporal.Retention = seen.NoNamespace, seen.NamespaceProblem, seen.Retention
		f.Temporal.Attributes, f.Temporal.AttributeProblem = seen.Attributes, seen.AttributeProblem
	}, nil
}

// polled are the task queues and what is polled for on each.
var polled = []struct {
	name string
	kind enumspb.TaskQueueType
}{
	{event.QueueOnboard, enumspb.TASK_QUEUE_TYPE_WORKFLOW}, {event.QueueOnboard, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	{event.QueueNotify, enumspb.TASK_QUEUE_TYPE_ACTIVITY}, {event.QueueReports, enumspb.TASK_QUEUE_TYPE_WORKFLOW}, {event.QueueReports, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
}

// queues looks who polls. A poll lasts a minute at most, so the last one also tells
// Temporal's time within that.
func (t *TemporalTarget) queues(ctx context.Context) (func(*Facts), error) {
	var out []Queue
	var last time.Time
	var answered time.Time
	err := t.with(ctx, func(c Frontend) error {
		for _, p := range polled {
			q := Queue{Name: p.name, Kind: map[enumspb.TaskQueueType]string{enumspb.TASK_QUEUE_TYPE_WORKFLOW: "workflow", enumspb.TASK_QUEUE_TYPE_ACTIVITY: "activity"}[p.kind]}
			pollers, err := t.pollers(ctx, c, p.name, p.kind)
			if err != nil {
				q.Problem = plain(err)
			}
			answered = time.Now()
			for _, poller := range pollers {
				q.Pollers++
				if at := poller.GetLastAccessTime().AsTime(); at.After(q.Last) {
					q.Last = at
				}
			}
			if q.Last.After(last) {
				last = q.Last
			}
			out = append(out, q)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(f *Facts) {
		f.Temporal.Queues = out
		if !last.IsZero() && !t.Probe {
			f.Temporal.Clock = Clock{true, last.Sub(answered.Round(0)), longestPoll}
		}
	}, nil
}

// longestPoll is how long ago a worker that lives may have polled last, by Temporal's
// own limit and some room.
const longestPoll = 75 * time.Second

func (t *TemporalTarget) pollers(ctx context.Context, c Frontend, queue string, kind enumspb.TaskQueueType) ([]*taskqueuepb.PollerInfo, error) {
	r, err := c.DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: t.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: kind,
	})
	return r.GetPollers(), err
}

// clock polls a queue that has no tasks: Temporal notes by its own clock when it was
// asked.
func (t *TemporalTarget) clock(ctx context.Context) (func(*Facts), error) {
	clock := Clock{}
	err := t.with(ctx, func(c Frontend) error {
		queue := token + "-" + event.NewID()
		polling, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestPoll) // a shorter one is a warning in Temporal's log
		ended := make(chan error, 1)
		began := time.Now()
		go func() {
			ended <- event.Protect("polling", func() error {
				_, err := c.PollActivityTaskQueue(polling, &workflowservice.PollActivityTaskQueueRequest{Namespace: t.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Identity: token})
				return err
			})
		}()
		defer func() { cancel(); <-ended }()
		for event.Sleep(ctx, 20*time.Millisecond) {
			pollers, err := t.pollers(ctx, c, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
			if err != nil {
				return err
			}
			if len(pollers) > 0 {
				clock = clock.sharper(began, time.Now(), pollers[0].GetLastAccessTime().AsTime())
				return nil
			}
		}
		return ctx.Err()
	})
	return func(f *Facts) { f.Temporal.Clock = clock }, err
}

// runs looks under which keys the inputs of some open onboardings are encrypted. It
// decrypts nothing.
func (t *TemporalTarget) runs(ctx context.Context) (func(*Facts), error) {
	var seen Runs
	looked := map[string]bool{} // an old one may be in both lists
	err := t.with(ctx, func(c Frontend) error {
		for _, which := range []string{"", fmt.Sprintf(" AND StartTime < %q", time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339))} {
			l, err := c.ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
				Namespace: t.Namespace, PageSize: 10, Query: fmt.Sprintf("WorkflowType = %q AND ExecutionStatus = 'Running'%s", event.WorkflowOnboard, which),
			})
			if err != nil {
				return err
			}
			for _, run := range l.GetExecutions() {
				if looked[run.GetExecution().GetRunId()] {
					continue
				}
				looked[run.GetExecution().GetRunId()] = true
				h, err := c.GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{Namespace: t.Namespace, Execution: run.GetExecution(), MaximumPageSize: 1})
				if err != nil {
					return err
				}
				for _, e := range h.GetHistory().GetEvents() {
					for _, p := range e.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
						if id := t.KeyID(p); id != "" && !slices.Contains(seen.Keys, id) {
							seen.Keys = append(seen.Keys, id)
						}
					}
				}
			}
		}
		return nil
	})
	seen.Seen = len(looked)
	return func(f *Facts) { f.Temporal.Runs = seen }, err
}
