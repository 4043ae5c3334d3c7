package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
	"usher/metrics"
	"usher/notify"
	"usher/report"
	"usher/streams"
	"usher/workflows"
)

// everyInbox stands for all inboxes in --deciders.
const everyInbox = "*"

// validate says everything that is wrong with the settings of reports.
func (r Reports) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, inbox := range slices.Sorted(maps.Keys(r.Deciders)) {
		if inbox != everyInbox && event.CheckSource(inbox) != nil {
			bad("--deciders: %q is no name of an inbox; * stands for all", inbox)
		}
		for _, a := range addresses(r.Deciders[inbox]) {
			if !isAddress(a) {
				bad("--deciders %s: one of the addresses is none", inbox)
			}
		}
	}
	for _, a := range r.ReportTo {
		if !isAddress(a) {
			bad("--report-to: one of the addresses is none")
		}
	}
	for _, t := range r.DigestAt {
		if _, err := timeOfDay(t); err != nil {
			bad("--digest-at: %w", err)
		}
	}
	if _, err := timeOfDay(r.ReportAt); err != nil && r.ReportAt != "" {
		bad("--report-at: %w", err)
	}
	if _, err := r.zone(); err != nil {
		bad("--time-zone: %q is not in the IANA database; give one such as Europe/Berlin or UTC", r.TimeZone)
	}
	if d := r.ReconcileEvery; d != 0 && (d < time.Minute || d > 3*time.Hour) { // UsherReconciliationStale alerts after six
		bad("--reconcile-every: from a minute to three hours, or 0 for never")
	}
	if u, err := url.Parse(r.ConsoleURL); r.ConsoleURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		bad("--console-url: give it as https://HOST, without a user name or a query")
	}
	return errors.Join(errs...)
}

func (r Reports) zone() (*time.Location, error) { return time.LoadLocation(r.TimeZone) }

func addresses(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

func timeOfDay(s string) (workflows.TimeOfDay, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return workflows.TimeOfDay{}, fmt.Errorf("%q is no time of the day; give it as HH:MM", s)
	}
	return workflows.TimeOfDay{Hour: t.Hour(), Minute: t.Minute()}, nil
}

// schedules are those that the settings ask for; they were validated.
func (r Reports) schedules() (out []workflows.Schedule) {
	if len(r.Deciders) > 0 && len(r.DigestAt) > 0 {
		s := workflows.Schedule{Kind: workflows.JobDigest, Zone: r.TimeZone, CatchUp: time.Hour}
		for _, t := range r.DigestAt {
			at, _ := timeOfDay(t)
			s.At = append(s.At, at)
		}
		out = append(out, s)
	}
	if len(r.ReportTo) > 0 && r.ReportAt != "" {
		at, _ := timeOfDay(r.ReportAt)
		out = append(out, workflows.Schedule{Kind: workflows.JobEndOfDay, Zone: r.TimeZone, At: []workflows.TimeOfDay{at}, CatchUp: 7 * 24 * time.Hour, All: true})
	}
	if r.ReconcileEvery > 0 {
		out = append(out, workflows.Schedule{Kind: workflows.JobReconcile, Every: r.ReconcileEvery, CatchUp: time.Minute})
	}
	return out
}

// recipients are the deciders and the inboxes that each decides about; nil is all.
func (r Reports) recipients() map[string][]string {
	out := map[string][]string{}
	for _, inbox := range slices.Sorted(maps.Keys(r.Deciders)) { // * comes first
		for _, a := range addresses(r.Deciders[inbox]) {
			if had, known := out[a]; known && had == nil {
				continue
			} else if inbox == everyInbox {
				out[a] = nil
			} else {
				out[a] = append(had, inbox)
			}
		}
	}
	return out
}

// regular does what happens regularly; see workflows.Regular.
type regular struct {
	settings Reports
	books    books
	store    *streams.Reports
	sender   *notify.Sender
	metrics  *metrics.Reports
	guard    event.Guard
	log      *slog.Logger
}

// reconciliation is the name of report.State in KV REPORTS.
const reconciliation = "reconciliation"

// Digest implements workflows.Regular.
func (r *regular) Digest(ctx context.Context, j workflows.Job) error {
	waiting, err := report.WhoWaits(ctx, r.books)
	if err != nil {
		return err
	}
	var errs []error
	recipients := r.settings.recipients()
	for _, address := range slices.Sorted(maps.Keys(recipients)) {
		theirs := slices.DeleteFunc(slices.Clone(waiting), func(w report.Waiting) bool {
			inboxes := recipients[address]
			return inboxes != nil && !slices.Contains(inboxes, w.Inbox)
		})
		if m, ok := report.Digest(theirs, j.At, r.settings.ConsoleURL); ok {
			errs = append(errs, r.send(ctx, j, "digest", address, m))
		}
	}
	return errors.Join(errs...)
}

// EndOfDay implements workflows.Regular.
func (r *regular) EndOfDay(ctx context.Context, j workflows.Job) error {
	zone, err := r.settings.zone()
	if err != nil {
		return event.Permanent(err)
	}
	until := j.At.In(zone)
	day, err := report.GatherDay(ctx, r.books, until.AddDate(0, 0, -1), until)
	if err != nil {
		return err
	}
	if day.Loss, err = r.lastLook(ctx); err != nil {
		return err
	}
	var errs []error
	for _, address := range r.settings.ReportTo {
		errs = append(errs, r.send(ctx, j, "report", address, day.Mail()))
	}
	return errors.Join(errs...)
}

// Reconcile implements workflows.Regular.
func (r *regular) Reconcile(ctx context.Context, j workflows.Job) error {
	var was report.State
	rev, err := r.store.Load(ctx, reconciliation, &was)
	if err != nil {
		return err
	}
	now, err := report.Reconcile(ctx, r.books, was, j.At)
	if err != nil {
		return err
	}
	if err := r.store.Store(ctx, reconciliation, rev, now); err != nil {
		return err
	}
	for _, f := range now.Missing {
		if f.At.Equal(j.At) { // found this time
			r.log.Error("something that was imported is lost", "what", f.Kind, "source", f.Inbox, "import", f.Import, "seq", f.Seq)
		}
	}
	r.show(now.Summary)
	return nil
}

func (r *regular) lastLook(ctx context.Context) (report.Summary, error) {
	var s report.State
	_, err := r.store.Load(ctx, reconciliation, &s)
	return s.Summary, err
}

// show sets the gauges, also from what another worker has found.
func (r *regular) show(s report.Summary) {
	kinds := s.ByKind()
	for _, k := range metrics.LostKinds {
		r.metrics.Lost.WithLabelValues(k).Set(float64(kinds[k]))
	}
	r.metrics.Records.Set(float64(s.Records))
	if !s.At.IsZero() {
		r.metrics.Last.Set(float64(s.At.Unix()))
	}
}

// send sends one mail of a run, once. A recipient who can never be reached does
// not keep the others from theirs.
func (r *regular) send(ctx context.Context, j workflows.Job, purpose, address string, m report.Mail) error {
	sum := sha256.Sum256([]byte(address))
	c := &notify.Content{Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	if m.CSVName != "" {
		c.HTML = ""
		c.Attachments = []notify.Attachment{{Name: m.CSVName, MediaType: "text/csv", Data: m.CSV}}
	}
	_, err := r.sender.Send(ctx, notify.Request{
		UserID: reportPrefix + strings.ReplaceAll(j.Run, ":", ".") + "." + hex.EncodeToString(sum[:6]), Purpose: purpose, Channel: event.ChannelEmail, Ordinal: 1,
		Email: address, Decided: j.At, Content: c,
	})
	if event.IsPermanent(err) {
		r.log.Error("a report cannot be sent to one of its recipients", "what", purpose, "error", err)
		return nil
	}
	return err
}

// reportPrefix begins the names of reports in the ledger; no user id has it.
const reportPrefix = "="

// ledgers keep the sends to people and to recipients of reports apart.
type ledgers struct {
	people  *streams.People
	reports *streams.Reports
}

// UpdateSend implements notify.Ledger.
func (l ledgers) UpdateSend(ctx context.Context, id, key string, change func(*event.Send) error) (event.Send, error) {
	if strings.HasPrefix(id, reportPrefix) {
		return l.reports.UpdateSend(ctx, id, key, change)
	}
	return l.people.UpdateSend(ctx, id, key, change)
}

// books is what a reconciliation compares.
type books struct {
	*streams.Journal
	people   *streams.People
	temporal client.Client
}

// Person implements report.Books.
func (b books) Person(ctx context.Context, userID string) (event.Person, bool, error) {
	return b.people.Get(ctx, userID)
}

// Running implements report.Books.
func (b books) Running(ctx context.Context, f func(userID string)) error {
	var next []byte
	for {
		page, err := b.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			PageSize: 1000, NextPageToken: next,
			Query: "WorkflowType = '" + event.WorkflowOnboard + "' AND ExecutionStatus = 'Running'",
		})
		if err != nil {
			return fmt.Errorf("list the open workflows: %w", err)
		}
		for _, e := range page.Executions {
			if id, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), event.WorkflowID("")); ok {
				f(id)
			}
		}
		if next = page.NextPageToken; len(next) == 0 {
			return nil
		}
	}
}

// IsRunning implements report.Books.
func (b books) IsRunning(ctx context.Context, userID string) (bool, error) {
	d, err := b.temporal.DescribeWorkflowExecution(ctx, event.WorkflowID(userID), "")
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at a workflow: %w", err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// run keeps the schedules in step, works on what they start, and shows what the
// last reconciliation found, in whichever process it ran.
func (r *regular) run(ctx context.Context, c client.Client) error {
	inner, cancel := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		err := retryUntil(inner, r.log, "schedules", func(ctx context.Context) error {
			return r.guard.Do("keeping the schedules", func() error { return workflows.KeepSchedules(ctx, c, r.settings.schedules()) })
		})
		if err != nil {
			return // stopped
		}
		t := time.NewTicker(time.Minute)
		defer t.Stop()
		for {
			_ = r.guard.Do("showing what the last reconciliation found", func() error { // the next time follows
				s, err := r.lastLook(inner)
				if err == nil { // else the gauges keep what they have
					r.show(s)
				}
				return err
			})
			select {
			case <-t.C:
			case <-inner.Done():
				return
			}
		}
	}()
	err := workflows.RunReports(ctx, c, r, r.guard)
	cancel()
	<-kept
	return err
}
