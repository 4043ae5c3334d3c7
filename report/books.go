package report

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
	"usher/streams"
)

// books join the streams, PEOPLE and Temporal.
type books struct {
	*streams.Journal
	records *streams.People
	Runs
}

// NewBooks reads what the reports are about where it is kept.
func NewBooks(js jetstream.JetStream, records *streams.People, c client.Client) Books {
	return books{streams.NewJournal(js), records, Runs{c}}
}

// Person implements Books.
func (b books) Person(ctx context.Context, userID string) (event.Person, bool, error) {
	return b.records.Get(ctx, userID)
}

// Runs are the onboardings that Temporal has.
type Runs struct{ Client client.Client }

// Running implements Books.
func (r Runs) Running(ctx context.Context, f func(userID string)) error {
	var next []byte
	for {
		page, err := r.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			PageSize: 1000, NextPageToken: next,
			Query: "WorkflowType = '" + event.WorkflowOnboard + "' AND ExecutionStatus = 'Running'",
		})
		if err != nil {
			return fmt.Errorf("list the open workflows: %w", err)
		}
		for _, e := range page.Executions {
			if id, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), event.WorkflowID("")); ok {
				f(id)
			}
		}
		if next = page.NextPageToken; len(next) == 0 {
			return nil
		}
	}
}

// IsRunning implements Books.
func (r Runs) IsRunning(ctx context.Context, userID string) (bool, error) {
	d, err := r.Client.DescribeWorkflowExecution(ctx, event.WorkflowID(userID), "")
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at a workflow: %w", err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}
