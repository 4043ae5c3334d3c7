package app

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"usher/report"
)

// asked is a Temporal frontend without workflows that notes in which namespaces it
// was asked.
type asked struct {
	workflowservice.UnimplementedWorkflowServiceServer
	mu         sync.Mutex
	namespaces []string
}

func (a *asked) note(namespace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.namespaces = append(a.namespaces, namespace)
}

func (a *asked) ListWorkflowExecutions(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	a.note(r.GetNamespace())
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (a *asked) DescribeWorkflowExecution(_ context.Context, r *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	a.note(r.GetNamespace())
	return nil, serviceerror.ToStatus(serviceerror.NewNotFound("there is none")).Err()
}

func (a *asked) DeleteWorkflowExecution(_ context.Context, r *workflowservice.DeleteWorkflowExecutionRequest) (*workflowservice.DeleteWorkflowExecutionResponse, error) {
	a.note(r.GetNamespace())
	return &workflowservice.DeleteWorkflowExecutionResponse{}, nil
}

// A namespace that comes from Temporal's own conventions is that of every request.
func TestEveryRequestGoesToTheNamespaceOfTheConventions(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, s := &asked{}, grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, a)
	go func() { _ = s.Serve(l) }() // until Stop
	defer s.Stop()
	t.Setenv("TEMPORAL_NAMESPACE", "prod")

	f, end, err := (&Client{}).Forgetting(t.TempDir(), l.Addr().String(), "default") // as the flag has it
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if err := f.Runs.Remove(t.Context(), "u-1", []string{"a-run"}); err != nil {
		t.Error(err)
	}
	if err := (report.Runs{Client: f.Runs.Client}).Running(t.Context(), func(string) {}); err != nil {
		t.Error(err)
	}
	if len(a.namespaces) != 4 || slices.ContainsFunc(a.namespaces, func(n string) bool { return n != "prod" }) {
		t.Errorf("asked in the namespaces %q, want prod each of 4 times", a.namespaces)
	}
}
