package workflows

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"usher/event"
)

// guarding stops panics in steps before the SDK does: the SDK logs what was panicked
// with, which may be personal data, and no figure of usher's counts it. The step has
// failed then, and is tried again by its retry policy.
//
// Panics in workflow code stay the SDK's: it fails the task, which is tried until a
// worker can do it, and there nothing is in hand that could be lost.
type guarding struct {
	interceptor.WorkerInterceptorBase
	guard event.Guard
}

func guards(g event.Guard) []interceptor.WorkerInterceptor {
	return []interceptor.WorkerInterceptor{&guarding{guard: g}}
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (g *guarding) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &guardedSteps{interceptor.ActivityInboundInterceptorBase{Next: next}, g.guard}
}

type guardedSteps struct {
	interceptor.ActivityInboundInterceptorBase
	guard event.Guard
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (s *guardedSteps) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (out any, err error) {
	err = s.guard.Do("the step "+activity.GetInfo(ctx).ActivityType.Name, func() (err error) {
		out, err = s.Next.ExecuteActivity(ctx, in)
		return err
	})
	return out, err
}
