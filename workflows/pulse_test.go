package workflows

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"usher/event"
)

// A report that panics ends neither the process nor the reports: the next one comes.
// The environment of a test has no client, and says so by a panic.
func TestAPanicOfAReport(t *testing.T) {
	told := make(chan *event.PanicError, 9)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Minute)
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		p, err := newPulse(ctx, func(p *event.PanicError) { told <- p })
		if err != nil {
			return err
		}
		defer p.start(ctx)()
		p.keep(event.Answer{Token: "a"})
		<-told
		p.keep(event.Answer{Token: "b"})
		<-told
		return nil
	}, activity.RegisterOptions{Name: "Fragile"})
	if _, err := env.ExecuteActivity("Fragile"); err != nil {
		t.Fatal(err)
	}
}
