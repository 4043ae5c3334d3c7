package workflows

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"usher/event"
	"usher/metrics"
)

// An order that comes in the very task that ends the run is carried out too: by
// then it is in the listener's hands, not in a channel.
func TestAnOrderInTheLastTaskIsCarriedOut(t *testing.T) {
	env, w := setup(t)
	reg := prometheus.NewRegistry()
	a := &Activities{Facts: w, People: w, Sender: w, Metrics: metrics.NewWorker(reg, metrics.NewShared(reg)), Log: slog.New(slog.DiscardHandler)}
	slow := make(chan struct{})
	env.OnActivity(activitySMS, mock.Anything, mock.Anything).Return(func(ctx context.Context, d Delivery) (Sent, error) {
		<-slow // the last one, which also writes the end
		sent, err := a.Send(ctx, d)
		env.SignalWorkflowSkippingWorkflowTask(event.SignalWithdraw, order("w1", event.VerbWithdrawn))
		return sent, err
	})
	env.SetOnActivityCompletedListener(func(i *activity.Info, _ converter.EncodedValue, _ error) {
		if i.ActivityType.Name == activityEmail {
			close(slow)
		}
	})
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(event.SignalVerification, decision("v1", event.VerbApproved)) }, time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, with(known(), toSCIM))
	if err := env.GetWorkflowError(); err != nil || !env.IsWorkflowCompleted() {
		t.Fatalf("completed %v, %v", env.IsWorkflowCompleted(), err)
	}
	if w.person.Status != event.StatusWithdrawn || w.person.Account == nil || w.person.Account.Active {
		t.Errorf("the user is %s, the account %+v", w.person.Status, w.person.Account)
	}
}
