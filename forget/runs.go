package forget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
)

// Runs are the histories that Temporal keeps. No payload is read, so no key is
// needed.
type Runs struct {
	Client    client.Client
	Namespace string
}

// List finds the runs of a user's workflow that Temporal still keeps.
func (r Runs) List(ctx context.Context, userID string) ([]string, error) {
	id := event.WorkflowID(userID)
	var runs []string
	var page []byte
	for {
		list, err := r.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowId = '" + id + "'", NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("the Temporal server cannot be asked: %w", err)
		}
		for _, e := range list.GetExecutions() {
			runs = append(runs, e.GetExecution().GetRunId())
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	d, err := r.Client.DescribeWorkflowExecution(ctx, id, "") // the list may lag behind
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
	case err != nil:
		return nil, fmt.Errorf("the Temporal server cannot be asked: %w", err)
	case !slices.Contains(runs, d.GetWorkflowExecutionInfo().GetExecution().GetRunId()):
		runs = append(runs, d.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	}
	return runs, nil
}

// Remove deletes histories, and returns when Temporal has none any more.
func (r Runs) Remove(ctx context.Context, userID string, runs []string) error {
	var gone *serviceerror.NotFound
	for _, run := range runs {
		_, err := r.Client.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: r.Namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: event.WorkflowID(userID), RunId: run},
		})
		if err != nil && !errors.As(err, &gone) {
			return fmt.Errorf("delete the workflow's history: %w", err)
		}
	}
	for {
		left, err := r.List(ctx, userID)
		if err != nil || len(left) == 0 {
			return err
		}
		if !event.Sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%d runs are still kept in Temporal, run this again later: %w", len(left), ctx.Err())
		}
	}
}
