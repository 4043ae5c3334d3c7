//go:build !noembed

package embedded

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/metrics/metricstest"
	"go.temporal.io/server/temporal"

	"usher/bridge"
	"usher/event"
)

// What one user costs Temporal: events of the history, and actions as the server
// itself counts them. A change that makes users dearer must say so here.
func TestWhatAUserCosts(t *testing.T) {
	capture := metricstest.NewCaptureHandler()
	cl := dialTemporal(t, temporal.WithCustomMetricsHandler(capture))
	type cost struct {
		Events  int // at most: two messages that are accepted at once share a task
		Actions map[string]int
	}
	for name, tc := range map[string]struct {
		change func(*event.Onboarding)
		verb   string
		want   cost
	}{
		"welcomed": {func(in *event.Onboarding) { in.Settings.ExpireAfter = 0 }, event.VerbApproved, cost{22, map[string]int{
			"grpc_StartWorkflowExecution": 1, "grpc_SignalWorkflowExecution": 1, "command_ScheduleActivityTask": 2, "command_BatchMarkers": 1,
		}}},
		"welcomed, with a limit on the wait": {func(*event.Onboarding) {}, event.VerbApproved, cost{24, map[string]int{
			"grpc_StartWorkflowExecution": 1, "grpc_SignalWorkflowExecution": 1, "command_ScheduleActivityTask": 2, "command_BatchMarkers": 1, "command_StartTimer": 1,
		}}},
		"welcomed, with an account": {func(in *event.Onboarding) { in.Settings.ExpireAfter, in.Settings.Target = 0, "scim" }, event.VerbApproved, cost{27, map[string]int{
			"grpc_StartWorkflowExecution": 1, "grpc_SignalWorkflowExecution": 1, "command_ScheduleActivityTask": 3,
		}}},
		"rejected": {func(in *event.Onboarding) { in.Settings.ExpireAfter = 0 }, event.VerbRejected, cost{10, map[string]int{
			"grpc_StartWorkflowExecution": 1, "grpc_SignalWorkflowExecution": 1, "command_BatchMarkers": 1,
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{person: event.Person{Generation: 1, Status: event.StatusWaiting}}
			stop := work(t, cl, w)
			warm(t, cl)
			record := capture.StartCapture()
			in := event.Onboarding{
				UserID: "u-" + event.NewID(), Generation: 1, Inbox: "inbox", Revision: event.Revision, Settings: event.DefaultSettings(),
				Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: "r"}, Stored: time.Now()},
				User:   &event.User{Name: "Ann", Email: "ann@example.org", Phone: "+4930123456"},
			}
			in.User.UserID = in.UserID
			tc.change(&in)
			starter := bridge.NewTemporal(cl)
			if err := starter.Start(t.Context(), in.Opened.Identity, in); err != nil {
				t.Fatal(err)
			}
			waitEvents(t, cl, in.UserID, 4) // a person never decides before the wait began
			v := event.Verification{Identity: event.Identity{Source: "crm", ID: "v"}, UserID: in.UserID, Verb: tc.verb, Stored: time.Now()}
			if err := starter.Signal(t.Context(), v.Identity, in.UserID, event.SignalVerification, v); err != nil {
				t.Fatal(err)
			}
			if err := cl.GetWorkflow(t.Context(), event.WorkflowID(in.UserID), "").Get(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			stop() // the server counts a task after it told the run's end: the worker waits for its answer
			capture.StopCapture(record)
			got := cost{Events: len(history(t, cl, in.UserID)), Actions: map[string]int{}}
			for _, r := range record.Snapshot()["action"] {
				if r.Tags["namespace"] == namespace {
					got.Actions[r.Tags["action_type"]] += int(r.Value.(int64))
				}
			}
			if d := cmp.Diff(tc.want.Actions, got.Actions); d != "" || got.Events > tc.want.Events {
				t.Errorf("a user costs %d events, at most %d are wanted; actions (-want +got)\n%s\n%v", got.Events, tc.want.Events, d, history(t, cl, in.UserID))
			}
			writes := 0
			for _, r := range record.Snapshot()["persistence_requests"] {
				if slices.Contains([]string{"CreateWorkflowExecution", "UpdateWorkflowExecution"}, r.Tags["operation"]) {
					writes++
				}
			}
			t.Logf("%d events, %d actions, %d transactions", got.Events, total(got.Actions), writes)
		})
	}
}

func total(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// history are the types of the events of a user's run.
func history(t *testing.T, cl client.Client, userID string) []string {
	t.Helper()
	var out []string
	for it := cl.GetWorkflowHistory(t.Context(), event.WorkflowID(userID), "", false, 0); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.GetEventType().String())
	}
	return out
}

func waitEvents(t *testing.T, cl client.Client, userID string, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(history(t, cl, userID)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the run has %v", history(t, cl, userID))
		}
	}
}

// warm waits until a worker takes tasks, so that a start can be handed over at once.
func warm(t *testing.T, cl client.Client) {
	t.Helper()
	in := event.Onboarding{UserID: "u-warm-" + event.NewID(), Revision: event.Revision, Settings: event.Settings{ParkedFor: time.Millisecond}}
	if err := bridge.NewTemporal(cl).Start(t.Context(), event.Identity{Source: "inbox", ID: "warm"}, in); err != nil {
		t.Fatal(err)
	}
	_ = cl.GetWorkflow(t.Context(), event.WorkflowID(in.UserID), "").Get(t.Context(), nil) // fails, as no user came
}
