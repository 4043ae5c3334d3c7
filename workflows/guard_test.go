package workflows

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"usher/metrics"
)

// A step that panics is counted and tried again, and nothing that it panicked with
// is logged or kept.
func TestAPanicInAStepIsTriedAgain(t *testing.T) {
	var log strings.Builder
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	logger := slog.New(slog.NewTextHandler(&log, nil))
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(logger))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: guards(shared.Guard("workflows", logger))})
	var tries atomic.Int32
	env.RegisterActivityWithOptions(func(context.Context) (string, error) {
		if tries.Add(1) < 3 {
			panic("ann@example.org")
		}
		return "done", nil
	}, activity.RegisterOptions{Name: "Fragile"})
	env.ExecuteWorkflow(func(ctx workflow.Context) (out string, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		err = workflow.ExecuteActivity(ctx, "Fragile").Get(ctx, &out)
		return out, err
	})
	var got string
	if err := env.GetWorkflowResult(&got); err != nil || got != "done" {
		t.Errorf("%q, %v", got, err)
	}
	if n := testutil.ToFloat64(shared.Panics.WithLabelValues("workflows")); n != 2 {
		t.Errorf("%v panics are counted", n)
	}
	if s := log.String(); strings.Contains(s, "ann@") || !strings.Contains(s, "the step Fragile") || !strings.Contains(s, "guard_test.go") {
		t.Errorf("the log: %s", s)
	}
}
