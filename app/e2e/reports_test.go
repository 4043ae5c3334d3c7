//go:build !noembed

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"usher/app"
	"usher/event"
	"usher/report"
)

// letter is a mail as the catcher has it.
type letter struct {
	ID, Subject, Text string
	To                []struct{ Address string }
}

// letters returns the mails to an address.
func (u *usher) letters(to string) (out []letter) {
	u.Helper()
	var all struct{ Messages []letter }
	u.get("http://"+u.addr.CatcherHTTP+"/api/v1/messages?limit=1000", &all)
	for _, l := range all.Messages {
		if l.To[0].Address == to {
			u.get("http://"+u.addr.CatcherHTTP+"/api/v1/message/"+l.ID, &l)
			out = append(out, l)
		}
	}
	return out
}

// waitLetters waits until n mails came to an address.
func (u *usher) waitLetters(to string, n int) (out []letter) {
	u.Helper()
	u.eventually(fmt.Sprintf("%d mails came to %s", n, to), func(context.Context) error {
		if out = u.letters(to); len(out) < n {
			return fmt.Errorf("there are %d", len(out))
		}
		return nil
	})
	return out
}

func (u *usher) schedules() client.ScheduleClient {
	u.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal})
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(c.Close)
	return c.ScheduleClient()
}

// trigger lets a schedule act now. It acts at most once a second, by which its
// runs are named, and not while its last run is open; so this asks until it did.
func (u *usher) trigger(id string) {
	u.Helper()
	h := u.schedules().GetHandle(u.Context(), id)
	began := time.Now()
	u.eventually(id+" acts", func(ctx context.Context) error {
		if time.Since(began) < 1100*time.Millisecond {
			return errors.New("what happened within this second counts for the next report")
		}
		before, err := h.Describe(ctx)
		if err != nil {
			return err
		}
		if len(before.Info.RunningWorkflows) > 0 {
			return errors.New("its last run is open")
		}
		if n := len(before.Info.RecentActions); n > 0 && time.Since(before.Info.RecentActions[n-1].ActualTime) < 1100*time.Millisecond {
			return errors.New("it acted within this second")
		}
		if err := h.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
			return err
		}
		for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			after, err := h.Describe(ctx)
			if err != nil {
				return err
			}
			if after.Info.NumActions > before.Info.NumActions {
				return nil
			}
		}
		return errors.New("it was skipped")
	})
}

// told waits until there is a fact of this kind.
func (u *usher) told(kind string) {
	u.Helper()
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	u.eventually("the fact "+kind, func(ctx context.Context) error {
		s, err := c.JetStream.Stream(ctx, event.StreamOnboarding)
		if err != nil {
			return err
		}
		_, err = s.GetLastMsgForSubject(ctx, event.FactsOfKind(kind)[1])
		return err
	})
}

// reconciled triggers a reconciliation and returns what the metrics say after it.
func (u *usher) reconciled(done func(metrics string) bool) string {
	u.Helper()
	var text string
	for range 5 { // what came a moment ago may be left to the next one
		u.trigger("usher-reconcile")
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			u.get("http://"+u.addr.Ops+"/metrics", &text)
			if done(text) {
				return text
			}
		}
	}
	u.Fatal("the reconciliation does not say what it should")
	return ""
}

// checked triggers a reconciliation and waits until it says that so many records of files
// are accounted for.
func (u *usher) checked(records, files int) {
	u.Helper()
	u.eventually("the schedule is there", func(ctx context.Context) error {
		return u.schedules().GetHandle(ctx, "usher-reconcile").Trigger(ctx, client.ScheduleTriggerOptions{})
	})
	c, err := u.client()
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	kv, err := c.JetStream.KeyValue(u.Context(), event.BucketReports)
	if err != nil {
		u.Fatal(err)
	}
	u.eventually("the reconciliation is done", func(ctx context.Context) error {
		e, err := kv.Get(ctx, "reconciliation")
		if err != nil {
			return err
		}
		var s report.State
		if err := json.Unmarshal(e.Value(), &s); err != nil {
			return err
		}
		if s.Records != records || s.Files != files || s.Lost() != 0 {
			return fmt.Errorf("it says %s", s.Summary)
		}
		return nil
	})
}

// Deciders and operators are told once how things stand, by Temporal's own
// schedules, which follow the settings; and what is lost on purpose is said.
func TestReports(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.config.Reports = app.Reports{
		Deciders: map[string]string{"*": "boss@example.org", "inbox": "ann@example.org", "hr": "hr@example.org"},
		DigestAt: []string{"03:00"}, ReportTo: []string{"ops@example.org"}, ReportAt: "03:00", AuditMail: []string{"audit@example.org"}, AuditMailAt: "00:00", TimeZone: "Europe/Berlin", ReconcileEvery: 3 * time.Hour,
	}
	u.config.ConsoleURL = "https://usher.example"
	u.drop("a.csv", list(1, 4, ""))
	u.start("send.accepted:1") // killed between the first welcome and the record of it in the workflow
	u.waitIdle(4)
	_ = u.decide(event.VerbApproved, "u-1") // the kill may come first
	<-u.exited
	u.cmd = nil
	u.start("")
	u.waitFinal(60*time.Second, "u-1")
	u.told(event.FactWelcomed) // a moment after PEOPLE knows

	u.trigger("usher-digest")
	for _, to := range []string{"boss@example.org", "ann@example.org"} {
		l := u.waitLetters(to, 1)[0]
		if l.Subject != "3 people wait for your decision" || !strings.Contains(l.Text, "https://usher.example/users/u-2") || strings.Contains(l.Text, "u2@example.org") {
			t.Errorf("%s got %s\n%s", to, l.Subject, l.Text)
		}
	}
	u.costs("usher-digest", 11)
	if none := u.letters("hr@example.org"); len(none) > 0 {
		t.Errorf("nobody waits in hr, and yet %v", none)
	}

	u.reconciled(func(m string) bool {
		return strings.Contains(m, "usher_reconciled_records 4") && strings.Contains(m, `usher_lost{kind="record"} 0`)
	})
	u.trigger("usher-trail-head")
	if l := u.waitLetters("audit@example.org", 1)[0]; !strings.HasPrefix(l.Subject, "Trail of usher on ") {
		t.Errorf("%s\n%s", l.Subject, l.Text)
	}
	u.costs("usher-trail-head", 11)
	u.trigger("usher-end-of-day")
	l := u.waitLetters("ops@example.org", 1)[0]
	csv := u.attachment(l)
	if !strings.HasPrefix(l.Subject, "Onboarding on ") || !strings.Contains(l.Text, "Nothing is lost: 4 records and 1 files") {
		t.Errorf("%s\n%s", l.Subject, l.Text)
	}
	if lines := strings.Split(csv, "\n"); len(lines) < 3 || !strings.HasPrefix(lines[0], "inbox,imported,") || !strings.HasPrefix(strings.TrimSpace(lines[1]), "inbox,4,4,0,1,0,0,0,1,1,0,0,0,0,3,") {
		t.Errorf("the file says\n%s", csv)
	}

	// Lost on purpose: a person, and the workflow of another one.
	c, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	u.drop("b.csv", list(11, 2, ""))
	for _, id := range []string{"u-11", "u-12"} {
		u.reaches(id, "waiting", has(event.StatusWaiting))
	}
	u.waitIdle(6) // redeliveries after the kill count, so this alone proves nothing
	kv, err := c.JetStream.KeyValue(t.Context(), event.BucketPeople)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Purge(t.Context(), "u-11"); err != nil {
		t.Fatal(err)
	}
	users, err := c.JetStream.Stream(t.Context(), event.StreamUsers)
	if err != nil {
		t.Fatal(err)
	}
	m, err := users.GetLastMsgForSubject(t.Context(), event.ImportedSubject("inbox"))
	if err != nil || !strings.Contains(string(m.Data), "u-12") {
		t.Fatalf("%s %v", m.Data, err)
	}
	if err := users.DeleteMsg(t.Context(), m.Sequence); err != nil {
		t.Fatal(err)
	}
	u.reconciled(func(m string) bool {
		return strings.Contains(m, `usher_lost{kind="record"} 1`) && strings.Contains(m, `usher_lost{kind="file"} 1`) && strings.Contains(m, `usher_lost{kind="run"} 0`)
	})
	u.trigger("usher-end-of-day")
	said := false
	for _, l := range u.waitLetters("ops@example.org", 2) {
		said = said || strings.HasPrefix(l.Subject, "SOMETHING IS LOST.") && strings.Contains(l.Text, "the record of u-11")
	}
	if !said {
		t.Error("the report does not say it")
	}
	// No one was told twice meanwhile.
	for to, want := range map[string]int{"boss@example.org": 1, "ann@example.org": 1, "ops@example.org": 2} {
		if got := u.letters(to); len(got) != want {
			t.Errorf("%s has %d mails, want %d", to, len(got), want)
		}
	}

	// Other settings change the schedules; one that was paused stays paused.
	if err := u.schedules().GetHandle(t.Context(), "usher-digest").Pause(t.Context(), client.SchedulePauseOptions{Note: "holidays"}); err != nil {
		t.Fatal(err)
	}
	u.stop()
	u.config.Reports.DigestAt, u.config.Reports.ReportTo = []string{"08:30", "13:00"}, nil
	u.start("")
	u.eventually("the schedules follow the settings", func(ctx context.Context) error {
		s := u.schedules()
		d, err := s.GetHandle(ctx, "usher-digest").Describe(ctx)
		if err != nil {
			return err
		}
		if n := len(d.Schedule.Spec.Calendars); n != 2 || !d.Schedule.State.Paused || d.Schedule.State.Note != "holidays" {
			return fmt.Errorf("%d times, paused %v, %q", n, d.Schedule.State.Paused, d.Schedule.State.Note)
		}
		if _, err := s.GetHandle(ctx, "usher-end-of-day").Describe(ctx); err == nil {
			return fmt.Errorf("the report has nobody to go to, and its schedule is there")
		}
		return nil
	})
}

// costs checks how many events the history of a schedule's last run has.
func (u *usher) costs(schedule string, most int) {
	u.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal})
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	u.eventually("the run of "+schedule+" is over", func(ctx context.Context) error {
		d, err := c.ScheduleClient().GetHandle(ctx, schedule).Describe(ctx)
		if err != nil {
			return err
		}
		if len(d.Info.RecentActions) == 0 {
			return errors.New("it has no run")
		}
		run := d.Info.RecentActions[len(d.Info.RecentActions)-1].StartWorkflowResult
		w, err := c.DescribeWorkflowExecution(ctx, run.WorkflowID, run.FirstExecutionRunID)
		if err != nil {
			return err
		}
		if i := w.WorkflowExecutionInfo; i.Status != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			return fmt.Errorf("it is %s", i.Status)
		} else if n := int(i.HistoryLength); n > most {
			u.Errorf("a run of %s has %d events, want %d at most", schedule, n, most)
		} else {
			u.Logf("a run of %s has %d events", schedule, n)
		}
		return nil
	})
}

// attachment returns the CSV file of a mail.
func (u *usher) attachment(l letter) string {
	u.Helper()
	resp, err := http.Get("http://" + u.addr.CatcherHTTP + "/message/" + l.ID + "/raw")
	if err != nil {
		u.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		u.Fatal(err)
	}
	head, body, ok := strings.Cut(string(b), "text/csv")
	if !ok {
		u.Fatalf("no file in\n%s", head)
	}
	_, body, _ = strings.Cut(body, "\r\n\r\n")
	body, _, _ = strings.Cut(body, "\r\n--")
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\r\n", ""))
	if err != nil {
		u.Fatal(err)
	}
	return string(data)
}

func (u *usher) eventually(what string, check func(context.Context) error) {
	u.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := check(u.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			u.Fatalf("it never came true: %s: %v", what, err)
		}
	}
}
