package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"usher/event"
)

// frontend is Temporal's, as far as starts go.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	refuse atomic.Pointer[string] // starts, as invalid
	start  func() error           // what it answers to starts, when it is set
}

func (f *frontend) StartWorkflowExecution(context.Context, *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	if says := f.refuse.Load(); says != nil {
		return nil, serviceerror.ToStatus(serviceerror.NewInvalidArgument(*says)).Err()
	}
	if f.start != nil {
		if err := f.start(); err != nil {
			return nil, err
		}
	}
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "a run", Started: true}, nil
}

func (f *frontend) SignalWorkflowExecution(context.Context, *workflowservice.SignalWorkflowExecutionRequest) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	return nil, serviceerror.ToStatus(serviceerror.NewInvalidArgument(*f.refuse.Load())).Err()
}

// newFrontend serves f on a socket, and returns a client of it.
func newFrontend(t *testing.T, f *frontend) client.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, f)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := client.Dial( // a lazy one races with itself at its first calls
		client.Options{HostPort: l.Addr().String(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Stop()
		<-served
	})
	return c
}

// A namespace without the search attributes is a fault of the namespace, told in a
// sentence; nothing is given up for it. What is wrong with one start is.
func TestMissingSearchAttributesAreNobodysFault(t *testing.T) {
	f := &frontend{}
	temporal := NewTemporal(newFrontend(t, f))
	in := event.Onboarding{UserID: "u-1", Generation: 1, Inbox: "inbox", User: &event.User{UserID: "u-1"}}
	var missing error
	for says, want := range map[string]kind{
		"search attribute UsherImport is not defined":                                  away,
		"Namespace onboarding has no mapping defined for search attribute UsherImport": away,
		"invalid value for search attribute UsherSource of type Int: inbox":            away,
		"search attribute UsherImport value size 4000 exceeds size limit 2048":         permanent,
		"total size of search attributes 50000 exceeds size limit 40960":               permanent,
		"WorkflowId length exceeds limit.":                                             permanent,
	} {
		f.refuse.Store(&says)
		err := temporal.Start(t.Context(), event.Identity{Source: "inbox", ID: "r1"}, in)
		if got := classify(err); got != want {
			t.Errorf("%q is of kind %d, want %d: %v", says, got, want, err)
		}
		if want == away {
			missing = err
		}
	}

	r := newRig(t)
	r.runs.setAway(missing)
	r.run()
	r.user("r1", "u-1")
	r.eventually(func() error {
		if err := r.bridge.Ready(); err == nil || !strings.Contains(err.Error(), "temporal operator search-attribute create") {
			return fmt.Errorf("the bridge says %v", err)
		}
		return nil
	})
	r.runs.setAway(nil)
	r.waitOutcomes(map[string]float64{"USERS started": 1})
}

// A run that takes no more signals is no trouble of the server's: it stops nothing,
// however many decisions about its user come in a row.
func TestAFullRunStopsNothing(t *testing.T) {
	f := &frontend{}
	says := "exceeded workflow execution limit for signal events" // of Temporal 1.32
	f.refuse.Store(&says)
	r := newRig(t)
	r.with = func(c *Config) { c.Workflows = NewTemporal(newFrontend(t, f)) }
	r.run()
	const n = 5 * mostAlike
	for i := range n {
		r.approve(fmt.Sprint("v", i), "u-1")
	}
	r.waitOutcomes(map[string]float64{"VERIFICATIONS malformed": n})
	if err := r.bridge.Ready(); err != nil {
		t.Error(err)
	}
	for _, l := range r.messages(event.StreamDeadLetters, "deadletters.v1.") {
		if l != "VERIFICATIONS.refused" {
			t.Errorf("a dead letter is %s", l)
		}
	}
}
