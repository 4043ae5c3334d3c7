package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"usher/event"
)

// A job that fails is tried again as the same job, due at the same time.
func TestARegularJobIsOneActivityThatIsTriedAgain(t *testing.T) {
	due := time.Date(2026, 7, 1, 7, 0, 0, 0, time.UTC)
	for kind := range scheduleIDs {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.SetStartTime(due.Add(time.Minute)) // a bit late
		if err := env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(attributeDue.ValueSet(due))); err != nil {
			t.Fatal(err)
		}
		registerJobs(env)
		var jobs []event.Job
		env.RegisterActivityWithOptions(func(_ context.Context, j event.Job) error {
			if jobs = append(jobs, j); len(jobs) < 3 {
				return boundary(errors.New("the mail server is away"), "")
			}
			return nil
		}, activity.RegisterOptions{Name: kind})
		env.ExecuteWorkflow(kind)
		if err := env.GetWorkflowError(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		want := event.Job{Run: jobs[0].Run, At: due}
		if d := cmp.Diff([]event.Job{want, want, want}, jobs); d != "" || want.Run == "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

func TestSchedulesAreRecognisedByWhatTheyWereMadeFrom(t *testing.T) {
	s := Schedule{Kind: JobDigest, Zone: "Europe/Berlin", At: []TimeOfDay{{9, 0}, {13, 30}}, CatchUp: time.Hour}
	want := client.ScheduleSpec{TimeZoneName: "Europe/Berlin", Calendars: []client.ScheduleCalendarSpec{
		{Hour: []client.ScheduleRange{{Start: 9}}, Minute: []client.ScheduleRange{{Start: 0}}},
		{Hour: []client.ScheduleRange{{Start: 13}}, Minute: []client.ScheduleRange{{Start: 30}}},
	}}
	if d := cmp.Diff(want, s.spec()); d != "" {
		t.Error(d)
	}
	notes := map[string]bool{s.note(): true}
	for _, change := range []func(*Schedule){
		func(s *Schedule) { s.Zone = "UTC" }, func(s *Schedule) { s.At = s.At[:1] }, func(s *Schedule) { s.CatchUp = time.Minute },
		func(s *Schedule) { s.All = true }, func(s *Schedule) { s.Every = time.Hour },
	} {
		other := s
		change(&other)
		if notes[other.note()] {
			t.Errorf("a change goes unnoticed: %s", other.note())
		}
		notes[other.note()] = true
	}
}
