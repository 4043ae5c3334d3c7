// Package exercise asks a Temporal frontend for what usher rests on. The model of
// app/sim/model and the real server of app/embedded both run it, so the model is
// right where usher looks.
package exercise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Run asks the frontend of c, whose namespace is default. Nothing else uses it. It
// has no subtests, because a testing/synctest bubble allows none.
func Run(t *testing.T, c client.Client) {
	x := &exercise{T: t, c: c, queue: "exercise"}
	stop := x.work()
	defer stop()
	for _, part := range []struct {
		name string
		run  func(*exercise)
	}{
		{"a start is known by its request id", (*exercise).starts},
		{"a closed run lets its id be used again or not", (*exercise).reuses},
		{"a signal is known by its request id", (*exercise).signals},
		{"a signal with a start", (*exercise).signalsWithStart},
		{"activities", (*exercise).activities},
		{"timers, cancelling and going on as new", (*exercise).stories},
		{"no end before all signals are seen", (*exercise).unhandled},
		{"a worker comes after another", (*exercise).another},
	} {
		x.part = part.name
		part.run(x)
	}
}

type exercise struct {
	*testing.T
	c     client.Client
	queue string
	part  string
}

func (x *exercise) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	x.Cleanup(cancel)
	return ctx
}

// start asks for a run of Waits.
func (x *exercise) start(id, request string, reuse enums.WorkflowIdReusePolicy, conflict enums.WorkflowIdConflictPolicy) (*workflowservice.StartWorkflowExecutionResponse, error) {
	return x.c.WorkflowService().StartWorkflowExecution(x.ctx(), &workflowservice.StartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: id, WorkflowType: &common.WorkflowType{Name: "Waits"}, TaskQueue: &taskqueue.TaskQueue{Name: x.queue},
		RequestId: request, WorkflowIdReusePolicy: reuse, WorkflowIdConflictPolicy: conflict, Identity: "exercise",
	})
}

func (x *exercise) must(id, request string) string {
	x.Helper()
	r, err := x.start(id, request, enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
	if err != nil {
		x.Fatalf("start %s as %s: %v", id, request, err)
	}
	return r.RunId
}

func (x *exercise) signal(id, run, request, name string) error {
	_, err := x.c.WorkflowService().SignalWorkflowExecution(x.ctx(), &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run}, SignalName: name, RequestId: request, Identity: "exercise",
	})
	return err
}

// end waits for the end of a run and returns what it returned or why it failed.
func (x *exercise) end(id, run string) string {
	x.Helper()
	var out string
	if err := x.c.GetWorkflow(x.ctx(), id, run).Get(x.ctx(), &out); err != nil {
		return "error: " + outcome(err)
	}
	return out
}

// outcome is an error of the SDK in few words, which are the same whatever the
// server is.
func outcome(err error) string {
	var (
		app     *temporal.ApplicationError
		late    *temporal.TimeoutError
		wf      *temporal.WorkflowExecutionError
		act     *temporal.ActivityError
		as      []string
		ended   *temporal.TerminatedError
		cancels *temporal.CanceledError
	)
	if errors.As(err, &wf) {
		as = append(as, "workflow")
	}
	if errors.As(err, &act) {
		as = append(as, "activity "+act.RetryState().String())
	}
	if errors.As(err, &late) {
		as = append(as, "timeout "+late.TimeoutType().String())
	}
	if errors.As(err, &app) {
		as = append(as, "application "+app.Type())
	}
	if errors.As(err, &ended) {
		as = append(as, "terminated")
	}
	if errors.As(err, &cancels) {
		as = append(as, "cancelled")
	}
	return strings.Join(as, ", ")
}

func (x *exercise) want(what string, got, want any) {
	x.Helper()
	if got != want {
		x.Errorf("%s: %s: got %v, want %v", x.part, what, got, want)
	}
}

const (
	fail        = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	useExisting = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	duplicate   = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	failedOnly  = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	reject      = enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
)

func (x *exercise) starts() {
	run := x.must("starts", "one")
	again, err := x.start("starts", "one", reject, fail)
	x.want("the same request id", err, error(nil))
	x.want("its run", again.GetRunId(), run)
	_, err = x.start("starts", "two", duplicate, fail)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	x.want("another request id is refused", errors.As(err, &already), true)
	if already == nil {
		x.Fatalf("%s: the refusal is %v", x.part, err)
	}
	x.want("the refusal names the request", already.StartRequestId, "one")
	x.want("the refusal names the run", already.RunId, run)
	other, err := x.start("starts", "three", duplicate, useExisting)
	x.want("use the existing one", err, error(nil))
	x.want("the existing one", other.GetRunId(), run)
	x.want("signal", x.signal("starts", "", "s", "end"), error(nil))
	x.want("the end", x.end("starts", run), "end")
	again, err = x.start("starts", "one", reject, fail)
	x.want("the same request id of a closed run", err, error(nil))
	x.want("the closed run", again.GetRunId(), run)
	next := x.must("starts", "four")
	x.want("another run", next != run, true)
	_, err = x.start("starts", "one", duplicate, fail)
	x.want("a request id of an earlier run is unknown", errors.As(err, &already), true)
	x.want("signal", x.signal("starts", "", "s", "end"), error(nil))
	x.want("the end of the next", x.end("starts", next), "end")
}

func (x *exercise) reuses() {
	for _, c := range []struct {
		how              string
		end              func(id, run string) error
		failed, rejected bool // whether a start with that policy is let in
	}{
		{"completed", func(id, run string) error { return x.signal(id, run, "", "end") }, false, false},
		{"failed", func(id, run string) error { return x.signal(id, run, "", "fail") }, true, false},
		{"cancelled", func(id, run string) error { return x.c.CancelWorkflow(x.ctx(), id, run) }, true, false},
		{"terminated", func(id, run string) error { return x.c.TerminateWorkflow(x.ctx(), id, run, "exercise") }, true, false},
	} {
		id := "reuses-" + c.how
		run := x.must(id, "one")
		x.want(c.how, c.end(id, run), error(nil))
		x.end(id, run)
		_, err := x.start(id, "rejected", reject, fail)
		x.want(c.how+", reject duplicates", err == nil, c.rejected)
		_, err = x.start(id, "failed", failedOnly, fail)
		x.want(c.how+", only if it failed", err == nil, c.failed)
		if err != nil {
			_, err = x.start(id, "any", duplicate, fail)
			x.want(c.how+", duplicates", err, error(nil))
		}
		x.want("terminate", x.c.TerminateWorkflow(x.ctx(), id, "", "exercise"), error(nil))
	}
}

// got is how often a run took the signal `note`.
func (x *exercise) notes(id, run string) int {
	n := 0
	i := x.c.GetWorkflowHistory(x.ctx(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for i.HasNext() {
		e, err := i.Next()
		if err != nil {
			x.Fatal(err)
		}
		if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == "note" {
			n++
		}
	}
	return n
}

func (x *exercise) signals() {
	const id = "signals"
	var none *serviceerror.NotFound
	x.want("to nobody", errors.As(x.signal(id, "", "a", "note"), &none), true)
	run := x.must(id, "one")
	for _, request := range []string{"a", "a", "b", "a"} {
		x.want("signal "+request, x.signal(id, "", request, "note"), error(nil))
	}
	x.want("end", x.signal(id, "", "e", "end"), error(nil))
	x.end(id, run)
	x.want("taken", x.notes(id, run), 2)
	x.want("a known one to a closed run", x.signal(id, "", "a", "note"), error(nil))
	err := x.signal(id, "", "c", "note")
	x.want("an unknown one to a closed run", errors.As(err, &none), true)
	x.want("its words", none.Error(), "workflow execution already completed")
	next := x.must(id, "two")
	x.want("ids are known per run", x.signal(id, "", "a", "note"), error(nil))
	x.want("end", x.signal(id, "", "e", "end"), error(nil))
	x.end(id, next)
	x.want("taken by the next", x.notes(id, next), 1)
}

func (x *exercise) signalsWithStart() {
	const id = "with-start"
	ask := func(request string, reuse enums.WorkflowIdReusePolicy) (string, error) {
		r, err := x.c.WorkflowService().SignalWithStartWorkflowExecution(x.ctx(), &workflowservice.SignalWithStartWorkflowExecutionRequest{
			Namespace: "default", WorkflowId: id, WorkflowType: &common.WorkflowType{Name: "Waits"}, TaskQueue: &taskqueue.TaskQueue{Name: x.queue},
			RequestId: request, WorkflowIdReusePolicy: reuse, WorkflowIdConflictPolicy: useExisting, SignalName: "note", Identity: "exercise",
		})
		return r.GetRunId(), err
	}
	run, err := ask("a", failedOnly)
	x.want("starts", err, error(nil))
	for _, request := range []string{"a", "b", "b"} {
		same, err := ask(request, failedOnly)
		x.want("finds", err, error(nil))
		x.want("the run", same, run)
	}
	x.want("a signal with the id of the start is known too", x.signal(id, "", "a", "note"), error(nil))
	x.want("end", x.signal(id, "", "e", "end"), error(nil))
	x.end(id, run)
	x.want("taken", x.notes(id, run), 2)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	for _, request := range []string{"a", "b", "c"} { // the first two are known, and that does not help
		_, err = ask(request, failedOnly)
		x.want("after a completed one", errors.As(err, &already), true)
	}
	next, err := ask("a", duplicate)
	x.want("the known start again, where duplicates are allowed", err, error(nil))
	x.want("is another run", next != run, true)
	x.want("end", x.signal(id, "", "e", "end"), error(nil))
	x.end(id, next)
}

func (x *exercise) run(id, name string, args ...any) string {
	x.Helper()
	r, err := x.c.ExecuteWorkflow(x.ctx(), client.StartWorkflowOptions{ID: id, TaskQueue: x.queue}, name, args...)
	if err != nil {
		x.Fatal(err)
	}
	return x.end(id, r.GetRunID())
}

func (x *exercise) activities() {
	for _, c := range []struct {
		plan Plan
		want string
	}{
		{Plan{Does: "succeed"}, "attempt 1"},
		{Plan{Does: "fail", Until: 3}, "attempt 3"},
		{Plan{Does: "fail", Until: 9, Most: 2}, "error: workflow, activity MaximumAttemptsReached, application odd"},
		{Plan{Does: "refuse", Until: 9}, "error: workflow, activity NonRetryableFailure, application odd"},
		{Plan{Does: "fail", Until: 9, Close: time.Second, First: 2 * time.Second}, "error: workflow, activity Timeout, application odd"},
		{Plan{Does: "pause", Until: 2, First: time.Hour}, "attempt 2"},
		{Plan{Does: "beat and hang", Until: 2, Beat: 400 * time.Millisecond}, "attempt 2 after step 7"},
		{Plan{Does: "beat and fail", Until: 2}, "attempt 2 after step 7"},
		{Plan{Does: "hang", Until: 2, Attempt: 300 * time.Millisecond}, "attempt 2"},
		{Plan{Does: "hang", Until: 9, Attempt: 300 * time.Millisecond, Most: 1}, "error: workflow, activity MaximumAttemptsReached, timeout StartToClose"},
		{Plan{Does: "hang", Until: 9, Beat: 300 * time.Millisecond, Most: 1}, "error: workflow, activity MaximumAttemptsReached, timeout Heartbeat"},
		{Plan{Does: "hang", Until: 9, Close: 400 * time.Millisecond}, "error: workflow, activity Timeout, timeout ScheduleToClose"},
		{Plan{Does: "hang", Until: 9, Beat: 300 * time.Millisecond, First: 5 * time.Second, Close: 3 * time.Second}, "error: workflow, activity Timeout, timeout ScheduleToClose"},
		{Plan{Does: "hang", Until: 9, Beat: 300 * time.Millisecond, Close: 2 * time.Second}, "error: workflow, activity Timeout, timeout ScheduleToClose"},
		{Plan{Does: "fail", Until: 9, First: time.Hour, Stop: 200 * time.Millisecond}, "error: workflow, cancelled"},
		{Plan{Does: "wait for the end", Until: 9, Beat: time.Second, Stop: 200 * time.Millisecond}, "cancelled: true"},
	} {
		id := "activity-" + strings.ReplaceAll(fmt.Sprintf("%+v", c.plan), " ", "")
		x.want(id, x.run(id, "Acts", c.plan), c.want)
	}
}

func (x *exercise) stories() {
	x.want("a timer that fires and one that is cancelled", x.run("timers", "Times"), "[TimerStarted TimerStarted TimerCanceled TimerFired]")
	x.want("going on as new", x.run("as-new", "Counts", 3), "counted to 0")
	x.want("a local step", x.run("local", "Local"), "attempt 2")
	kinds := x.kinds("timers", "")
	x.want("the events of timers", strings.Join(kinds, " "), "WorkflowExecutionStarted TimerStarted TimerStarted TimerCanceled TimerFired WorkflowExecutionCompleted")
	x.want("a step that is taken back between two tries", x.run("taken-back", "TakesBack"), "attempt 1")
	kinds = x.kinds("taken-back", "")
	x.want("the events of what is taken back", strings.Join(kinds[:min(6, len(kinds))], " "),
		"WorkflowExecutionStarted ActivityTaskScheduled TimerStarted TimerFired ActivityTaskCancelRequested ActivityTaskScheduled")
	x.want("the events of a step that fails twice", strings.Join(x.kinds("activity-"+strings.ReplaceAll(fmt.Sprintf("%+v", Plan{Does: "fail", Until: 3}), " ", ""), ""), " "),
		"WorkflowExecutionStarted ActivityTaskScheduled ActivityTaskStarted ActivityTaskCompleted WorkflowExecutionCompleted")
}

// kinds are the kinds of the events of a run, without workflow tasks.
func (x *exercise) kinds(id, run string) (out []string) {
	i := x.c.GetWorkflowHistory(x.ctx(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for i.HasNext() {
		e, err := i.Next()
		if err != nil {
			x.Fatal(err)
		}
		if kind := e.EventType.String(); !strings.HasPrefix(kind, "WorkflowTask") {
			out = append(out, kind)
		}
	}
	return out
}

func (x *exercise) unhandled() {
	x.want("a signal in the last task", x.run("unhandled", "Hasty"), "saw 1")
}

// another is a worker that takes runs over from one whose cache had them.
func (x *exercise) another() {
	queue := x.queue
	defer func() { x.queue = queue }()
	x.queue = "exercise-two"
	stop := x.work()
	run := x.must("another", "one")
	x.want("note", x.signal("another", "", "n", "note"), error(nil))
	for len(x.kinds("another", run)) < 2 || !slices.Contains(x.all("another", run), "WorkflowTaskCompleted") {
		if x.ctx().Err() != nil {
			x.Fatal("no worker takes the task")
		}
		time.Sleep(10 * time.Millisecond) // nothing tells of another's task
	}
	stop()
	stop = x.work()
	defer stop()
	x.want("end", x.signal("another", "", "e", "end"), error(nil))
	x.want("the end", x.end("another", run), "end")
}

func (x *exercise) all(id, run string) (out []string) {
	i := x.c.GetWorkflowHistory(x.ctx(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for i.HasNext() {
		e, err := i.Next()
		if err != nil {
			x.Fatal(err)
		}
		out = append(out, e.EventType.String())
	}
	return out
}
