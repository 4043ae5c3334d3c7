package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"usher/event"
)

// Regular is what happens regularly. Each may be asked again with the same job,
// and does not do twice what must happen once. Errors are marked as those of
// Sender are.
type Regular interface {
	// Digest tells the deciders who waits.
	Digest(ctx context.Context, j event.Job) error
	// EndOfDay reports about the day that ends at j.At.
	EndOfDay(ctx context.Context, j event.Job) error
	// Reconcile compares imports with what became of them.
	Reconcile(ctx context.Context, j event.Job) error
	// TrailHead tells what the trail of who did what ends with.
	TrailHead(ctx context.Context, j event.Job) error
}

// Kinds of regular jobs: names of workflows, and with a prefix of their
// schedules. They stand in histories, so they never change.
const (
	JobDigest    = "Digest"
	JobEndOfDay  = "EndOfDay"
	JobReconcile = "Reconcile"
	JobTrailHead = "TrailHead"
)

// scheduleIDs are all schedules that usher has, by kind.
var scheduleIDs = map[string]string{JobDigest: "usher-digest", JobEndOfDay: "usher-end-of-day", JobReconcile: "usher-reconcile", JobTrailHead: "usher-trail-head"}

// regularJob is the workflow of every kind: one activity, so that a run costs
// as little as it can.
func regularJob(ctx workflow.Context) error {
	info := workflow.GetInfo(ctx)
	j := event.Job{Run: info.WorkflowExecution.ID, At: info.WorkflowStartTime.UTC()}
	if due, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(attributeDue); ok {
		j.At = due.UTC()
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: event.QueueReports, StartToCloseTimeout: time.Hour, ScheduleToCloseTimeout: 20 * time.Hour, HeartbeatTimeout: 30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Minute},
	}), info.WorkflowType.Name, j).Get(ctx, nil)
}

// attributeDue is set by Temporal on what a schedule starts.
var attributeDue = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

func registerJobs(r registry) {
	for kind := range scheduleIDs {
		r.RegisterWorkflowWithOptions(regularJob, workflow.RegisterOptions{Name: kind})
	}
}

// RunReports works on the queue of regular jobs until ctx ends. It returns nil
// after a clean stop, and the error of a worker that cannot go on. guard is told of
// panics in the jobs, which are tried again.
func RunReports(ctx context.Context, c client.Client, r Regular, guard event.Guard) error {
	fatal := make(chan error, 1)
	w := worker.New(c, event.QueueReports, worker.Options{
		WorkerStopTimeout: StopTimeout, DisableRegistrationAliasing: true, DeadlockDetectionTimeout: 5 * time.Second,
		OnFatalError:                     func(err error) { fatal <- err },
		MaxConcurrentWorkflowTaskPollers: 2, MaxConcurrentActivityTaskPollers: 1, MaxConcurrentActivityExecutionSize: 4,
		Interceptors: guards(guard),
	})
	registerJobs(w)
	for kind, do := range map[string]func(context.Context, event.Job) error{JobDigest: r.Digest, JobEndOfDay: r.EndOfDay, JobReconcile: r.Reconcile, JobTrailHead: r.TrailHead} {
		w.RegisterActivityWithOptions(func(ctx context.Context, j event.Job) error {
			stop := (&pulse{guard: guard}).start(ctx)
			defer stop()
			ctx, cancel := untilStop(ctx)
			defer cancel()
			if err := do(ctx, j); err != nil {
				return boundary(err, "")
			}
			return nil
		}, activity.RegisterOptions{Name: kind})
	}
	if err := w.Start(); err != nil {
		return fmt.Errorf("worker on %s: %w", event.QueueReports, err)
	}
	defer w.Stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("worker: %w", err)
	}
}

// TimeOfDay is when something happens each day.
type TimeOfDay struct{ Hour, Minute int }

// Schedule says when a kind of job happens: at times of the day, or every so
// often.
type Schedule struct {
	Kind    string
	At      []TimeOfDay
	Zone    string        // of At, as in the IANA database
	Every   time.Duration // instead of At
	CatchUp time.Duration // what was due no longer ago is made up for after an outage
	All     bool          // each run counts; else one that is due while another goes on is left out
}

func (s Schedule) spec() client.ScheduleSpec {
	if s.Every > 0 {
		return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: s.Every}}}
	}
	out := client.ScheduleSpec{TimeZoneName: s.Zone}
	for _, t := range s.At {
		out.Calendars = append(out.Calendars, client.ScheduleCalendarSpec{
			Hour: []client.ScheduleRange{{Start: t.Hour}}, Minute: []client.ScheduleRange{{Start: t.Minute}},
		})
	}
	return out
}

// note marks a schedule with what it was made from, so that one that is as
// wanted is left alone.
func (s Schedule) note() string {
	return fmt.Sprintf("kept by usher: %v in %s, every %s, made up for %s, all %v", s.At, s.Zone, s.Every, s.CatchUp, s.All)
}

func (s Schedule) policy() client.SchedulePolicies {
	p := client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: s.CatchUp}
	if s.All {
		p.Overlap = enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL
	}
	return p
}

func (s Schedule) action() *client.ScheduleWorkflowAction {
	return &client.ScheduleWorkflowAction{ID: scheduleIDs[s.Kind], Workflow: s.Kind, TaskQueue: event.QueueReports}
}

// KeepSchedules makes Temporal's schedules those that are wanted: it creates,
// changes and deletes usher's own, and leaves alone what is as it should be. One
// that an operator paused stays paused.
func KeepSchedules(ctx context.Context, c client.Client, want []Schedule) error {
	var errs []error
	for kind, id := range scheduleIDs {
		i := slices.IndexFunc(want, func(s Schedule) bool { return s.Kind == kind })
		var err error
		if i < 0 {
			err = c.ScheduleClient().GetHandle(ctx, id).Delete(ctx)
			var none *serviceerror.NotFound
			if errors.As(err, &none) {
				err = nil
			}
		} else {
			err = keepSchedule(ctx, c, id, want[i])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("schedule %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func keepSchedule(ctx context.Context, c client.Client, id string, s Schedule) error {
	p := s.policy()
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: s.spec(), Action: s.action(), Overlap: p.Overlap, CatchupWindow: p.CatchupWindow, Note: s.note(),
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return c.ScheduleClient().GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		had := in.Description.Schedule
		if had.State != nil && had.State.Note == s.note() {
			return nil, temporal.ErrSkipScheduleUpdate
		}
		spec := s.spec()
		state := &client.ScheduleState{Note: s.note()}
		if had.State != nil && had.State.Paused { // by an operator, who may have said why
			state.Paused, state.Note = true, had.State.Note
		}
		return &client.ScheduleUpdate{Schedule: &client.Schedule{Action: s.action(), Spec: &spec, Policy: &p, State: state}}, nil
	}})
}
