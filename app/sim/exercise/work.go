package exercise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Plan is what an activity of the exercise does until an attempt.
type Plan struct {
	Does                        string
	Until                       int32
	Most                        int32
	First, Close, Attempt, Beat time.Duration
	Stop                        time.Duration // after which the workflow cancels it
}

// work runs a worker until the returned function is called.
func (x *exercise) work() (stop func()) {
	w := worker.New(x.c, x.queue, worker.Options{DisableRegistrationAliasing: true, WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: 50 * time.Millisecond, DeadlockDetectionTimeout: 10 * time.Second})
	for name, f := range map[string]any{"Waits": waits, "Acts": acts, "Times": times, "Counts": counts, "Local": local, "Hasty": hasty, "TakesBack": takesBack} {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	w.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: "act"})
	w.RegisterActivityWithOptions(func(ctx context.Context) error {
		i := activity.GetInfo(ctx).WorkflowExecution
		_, err := x.c.WorkflowService().SignalWorkflowExecution(ctx, &workflowservice.SignalWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: i.ID, RunId: i.RunID}, SignalName: "note", RequestId: "n", Identity: "exercise",
		})
		return err
	}, activity.RegisterOptions{Name: "nudge"})
	if err := w.Start(); err != nil {
		x.Fatal(err)
	}
	return w.Stop
}

// waits takes signals until one is called end or fail.
func waits(ctx workflow.Context) (string, error) {
	end, fails := workflow.GetSignalChannel(ctx, "end"), workflow.GetSignalChannel(ctx, "fail")
	var out string
	var err error
	s := workflow.NewSelector(ctx)
	s.AddReceive(end, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil); out = "end" })
	s.AddReceive(fails, func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		err = temporal.NewApplicationError("as asked", "odd")
	})
	s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { err = ctx.Err() })
	s.Select(ctx)
	return out, err
}

func acts(ctx workflow.Context, p Plan) (string, error) {
	o := workflow.ActivityOptions{
		StartToCloseTimeout: 20 * time.Second, ScheduleToCloseTimeout: p.Close, HeartbeatTimeout: p.Beat, WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond, BackoffCoefficient: 2, MaximumAttempts: p.Most},
	}
	if p.Attempt > 0 {
		o.StartToCloseTimeout = p.Attempt
	}
	if p.First > 0 {
		o.RetryPolicy.InitialInterval = p.First
	}
	step, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, o))
	defer cancel()
	f := workflow.ExecuteActivity(step, "act", p)
	if p.Stop > 0 {
		if err := workflow.Sleep(ctx, p.Stop); err != nil {
			return "", err
		}
		cancel()
	}
	var out string
	err := f.Get(ctx, &out)
	return out, err
}

// act does what its plan says, and succeeds from attempt Until on.
func act(ctx context.Context, p Plan) (string, error) {
	i := activity.GetInfo(ctx)
	if p.Does == "succeed" || i.Attempt >= p.Until {
		out := fmt.Sprint("attempt ", i.Attempt)
		var step int
		if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &step) == nil {
			out += fmt.Sprint(" after step ", step)
		}
		return out, nil
	}
	odd := temporal.ApplicationErrorOptions{}
	switch p.Does {
	case "refuse":
		odd.NonRetryable = true
	case "pause":
		odd.NextRetryDelay = 100 * time.Millisecond
	case "beat and fail":
		activity.RecordHeartbeat(ctx, 7)
	case "beat and hang":
		activity.RecordHeartbeat(ctx, 7)
		fallthrough
	case "hang":
		select {
		case <-ctx.Done(): // no one waits any more
		case <-activity.GetWorkerStopChannel(ctx):
		}
	case "wait for the end":
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for ctx.Err() == nil {
			activity.RecordHeartbeat(ctx, 1)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
		}
		return fmt.Sprint("cancelled: ", errors.Is(ctx.Err(), context.Canceled)), nil
	}
	return "", temporal.NewApplicationErrorWithOptions("as planned", "odd", odd)
}

func times(ctx workflow.Context) (string, error) {
	aside, cancel := workflow.WithCancel(ctx)
	long := workflow.NewTimer(aside, time.Hour)
	short := workflow.NewTimer(ctx, 200*time.Millisecond)
	cancel()
	if err := long.Get(ctx, nil); !temporal.IsCanceledError(err) {
		return "", errors.New("the long timer was not cancelled")
	}
	return "[TimerStarted TimerStarted TimerCanceled TimerFired]", short.Get(ctx, nil)
}

// takesBack takes an activity back that waits for its next try, and begins another
// one in the same task.
func takesBack(ctx workflow.Context) (string, error) {
	o := workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Second, WaitForCancellation: true, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Hour}}
	ctx = workflow.WithActivityOptions(ctx, o)
	step, cancel := workflow.WithCancel(ctx)
	defer cancel()
	first := workflow.ExecuteActivity(step, "act", Plan{Does: "fail", Until: 9})
	if err := workflow.Sleep(ctx, 300*time.Millisecond); err != nil {
		return "", err
	}
	cancel()
	var out string
	if err := workflow.ExecuteActivity(ctx, "act", Plan{Does: "succeed"}).Get(ctx, &out); err != nil {
		return "", err
	}
	if err := first.Get(ctx, nil); !temporal.IsCanceledError(err) {
		return "", errors.New("the first activity was not cancelled")
	}
	return out, nil
}

func counts(ctx workflow.Context, n int) (string, error) {
	if n > 0 {
		return "", workflow.NewContinueAsNewError(ctx, "Counts", n-1)
	}
	return fmt.Sprint("counted to ", n), nil
}

func local(ctx workflow.Context) (string, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 5 * time.Second, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, BackoffCoefficient: 2},
	})
	var out string
	err := workflow.ExecuteLocalActivity(ctx, "act", Plan{Does: "fail", Until: 2}).Get(ctx, &out)
	return out, err
}

// hasty ends in a task in which a signal comes.
func hasty(ctx workflow.Context) (string, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	if err := workflow.ExecuteLocalActivity(ctx, "nudge").Get(ctx, nil); err != nil {
		return "", err
	}
	n := 0
	for c := workflow.GetSignalChannel(ctx, "note"); c.ReceiveAsync(nil); {
		n++
	}
	return fmt.Sprint("saw ", n), nil
}
