package workflows

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// StopTimeout is how long a worker that is asked to stop waits for the work in
// hand: a bit more than a sender waits for the answer to a message that is being
// handed over.
const StopTimeout = 9 * time.Second

// registry is what workers and replayers have in common.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

func registerWorkflow(r registry) {
	r.RegisterWorkflowWithOptions(Onboard, workflow.RegisterOptions{Name: event.WorkflowOnboard})
}

func registerSteps(r worker.ActivityRegistry, a *Activities) {
	for name, f := range map[string]any{
		activityPublish: a.Publish, activityKeep: a.KeepRecord, activityActivate: a.Activate, activityDeactivate: a.Deactivate,
		activityFinish: a.Finish, activityOrphans: a.DeadLetter, activityLookUp: a.LookUp,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func registerSends(r worker.ActivityRegistry, a *Activities) {
	for _, name := range []string{activityEmail, activitySMS} {
		r.RegisterActivityWithOptions(a.Send, activity.RegisterOptions{Name: name})
	}
}

// Run works on both queues until ctx ends, then gives the work in hand
// StopTimeout to finish. It returns nil after a clean stop, and the error of a
// worker that cannot go on.
//
// c may be shared with the bridge; then the first task of a workflow is handed
// over with the answer to its start.
func Run(ctx context.Context, c client.Client, a *Activities) error {
	fatal := make(chan error, 2)
	options := worker.Options{
		WorkerStopTimeout:           StopTimeout,
		DisableRegistrationAliasing: true,
		Interceptors:                guards(a.guard()),
		DeadlockDetectionTimeout:    5 * time.Second,
		OnFatalError:                func(err error) { fatal <- err },
		WorkflowTaskPollerBehavior:  worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior:  worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	}
	onboard := worker.New(c, event.QueueOnboard, options)
	registerWorkflow(onboard)
	registerSteps(onboard, a)

	options.DisableWorkflowWorker = true
	options.MaxHeartbeatThrottleInterval = 100 * time.Millisecond // beat knows how often; by default reports wait for 80 % of the timeout
	options.MaxConcurrentActivityExecutionSize = 100
	notify := worker.New(c, event.QueueNotify, options)
	registerSends(notify, a)

	if err := onboard.Start(); err != nil {
		return fmt.Errorf("worker on %s: %w", event.QueueOnboard, err)
	}
	if err := notify.Start(); err != nil {
		onboard.Stop()
		return fmt.Errorf("worker on %s: %w", event.QueueNotify, err)
	}
	defer func() {
		var both sync.WaitGroup
		both.Go(onboard.Stop)
		both.Go(notify.Stop)
		both.Wait()
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("worker: %w", err)
	}
}
