package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"usher/event"
)

// What Workflows may find.
var (
	ErrRunning = errors.New("the user has a running workflow")
	ErrNoRun   = errors.New("the user has no running workflow")
	ErrOver    = errors.New("the user's workflow has completed")
)

// Temporal is Workflows on a Temporal client whose connection has
// RequestIDInterceptor.
type Temporal struct {
	client client.Client
}

// NewTemporal wraps c.
func NewTemporal(c client.Client) *Temporal { return &Temporal{c} }

type requestIDKey struct{}

func withRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestIDInterceptor sets the request id of starts and signals to the one in
// the context. The client would make a new one for each call, so that the server
// could not recognise a redelivered event.
func RequestIDInterceptor(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		switch r := req.(type) {
		case *workflowservice.StartWorkflowExecutionRequest:
			r.RequestId = id
		case *workflowservice.SignalWorkflowExecutionRequest:
			r.RequestId = id
		case *workflowservice.SignalWithStartWorkflowExecutionRequest:
			r.RequestId = id
		}
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

var (
	attributeImport = temporal.NewSearchAttributeKeyKeyword(event.AttributeImport)
	attributeSource = temporal.NewSearchAttributeKeyKeyword(event.AttributeSource)
)

func options(in event.Onboarding) client.StartWorkflowOptions {
	o := client.StartWorkflowOptions{
		ID:                    event.WorkflowID(in.UserID),
		TaskQueue:             event.QueueOnboard,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}
	if in.User != nil {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(attributeImport.ValueSet(in.User.Import.ID), attributeSource.ValueSet(in.Inbox))
	}
	return o
}

// Start implements Workflows.
func (t *Temporal) Start(ctx context.Context, id event.Identity, in event.Onboarding) error {
	return t.start(ctx, id, options(in), in)
}

func (t *Temporal) start(ctx context.Context, id event.Identity, o client.StartWorkflowOptions, in event.Onboarding) error {
	o.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	o.WorkflowExecutionErrorWhenAlreadyStarted = true
	o.EnableEagerStart = true
	_, err := t.client.ExecuteWorkflow(withRequestID(ctx, id.RequestID()), o, event.WorkflowOnboard, in)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) {
		return wrap("start the workflow", attributes(err))
	}
	if already.StartRequestId == id.RequestID() {
		return nil
	}
	return t.running(ctx, in.UserID)
}

// errAttributes is what the namespace lacks.
var errAttributes = fmt.Errorf("the namespace does not have the search attributes %s and %s of type Keyword, or does not show them yet: make them with usher setup, or with temporal operator search-attribute create", event.AttributeImport, event.AttributeSource)

// attributes tells a refusal of the search attributes, which concerns every
// start alike, from one of what this start brings: also a value that is too long.
func attributes(err error) error {
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) && strings.Contains(invalid.Message, "search attribute") && !strings.Contains(invalid.Message, "exceeds") {
		return fmt.Errorf("%w: %w", errAttributes, err)
	}
	return err
}

// limits tells what one run refuses because it has had its fill of signals: that
// says nothing of the server, however often it comes in a row.
func limits(err error) error {
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) && strings.Contains(invalid.Message, "exceeded workflow execution limit") {
		return refuse(malformed, event.ReasonRefused, err)
	}
	return err
}

// Again implements Workflows.
func (t *Temporal) Again(ctx context.Context, id event.Identity, in event.Onboarding) error {
	o := options(in)
	o.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return t.start(ctx, id, o, in)
}

// Open implements Workflows.
func (t *Temporal) Open(ctx context.Context, userID string) (runID string, open bool, err error) {
	d, err := t.client.DescribeWorkflowExecution(ctx, event.WorkflowID(userID), "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return "", false, nil
	}
	info := d.GetWorkflowExecutionInfo()
	return info.GetExecution().GetRunId(), info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, wrap("describe the workflow", err)
}

// running tells apart why an id is taken.
func (t *Temporal) running(ctx context.Context, userID string) error {
	_, open, err := t.Open(ctx, userID)
	switch {
	case err != nil:
		return err
	case open:
		return ErrRunning
	}
	return ErrOver
}

// Signal implements Workflows.
func (t *Temporal) Signal(ctx context.Context, id event.Identity, userID, signal string, arg any) error {
	err := t.client.SignalWorkflow(withRequestID(ctx, id.RequestID()), event.WorkflowID(userID), "", signal, arg)
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return ErrNoRun
	}
	return wrap("signal the workflow", limits(err))
}

// Park implements Workflows.
func (t *Temporal) Park(ctx context.Context, in event.Onboarding, v event.Verification) error {
	o := options(in)
	o.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	_, err := t.client.SignalWithStartWorkflow(withRequestID(ctx, v.RequestID()), o.ID, orderSignal(v), v, o, event.WorkflowOnboard, in)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		return ErrOver
	}
	return wrap("park the verification", limits(err))
}

func wrap(act string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", act, err)
}
