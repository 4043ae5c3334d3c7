package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"

	"usher/event"
	"usher/metrics"
	"usher/notify"
	"usher/report"
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
			bad("--deciders: %q is not the name of an inbox; * stands for all", inbox)
		}
		for _, a := range addresses(r.Deciders[inbox]) {
			if !isAddress(a) {
				bad("--deciders %s: one of these is not an e-mail address", inbox)
			}
		}
	}
	for flag, list := range map[string][]string{"--report-to": r.ReportTo, "--audit-mail": r.AuditMail} {
		if slices.ContainsFunc(list, func(a string) bool { return !isAddress(a) }) {
			bad("%s: one of these is not an e-mail address", flag)
		}
	}
	for _, t := range r.DigestAt {
		if _, err := timeOfDay(t); err != nil {
			bad("--digest-at: %w", err)
		}
	}
	for flag, at := range map[string]string{"--report-at": r.ReportAt, "--audit-mail-at": r.AuditMailAt} {
		if _, err := timeOfDay(at); err != nil && at != "" {
			bad("%s: %w", flag, err)
		}
	}
	if _, err := r.zone(); err != nil {
		bad("--time-zone: %q is not in the IANA database; give one such as Europe/Berlin or UTC", r.TimeZone)
	}
	if d := r.ReconcileEvery; d != 0 && (d < time.Minute || d > 3*time.Hour) { // UsherReconciliationStale alerts after six
		bad("--reconcile-every: from a minute to three hours, or 0 for never")
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
		return workflows.TimeOfDay{}, fmt.Errorf("%q is not a time of day; give it as HH:MM", s)
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
	if len(r.AuditMail) > 0 && r.AuditMailAt != "" { // of several that are due the last says it all
		at, _ := timeOfDay(r.AuditMailAt)
		out = append(out, workflows.Schedule{Kind: workflows.JobTrailHead, Zone: r.TimeZone, At: []workflows.TimeOfDay{at}, CatchUp: 24 * time.Hour})
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

// reportParts are the regular jobs: what works on them, what keeps their schedules,
// and what shows what the last reconciliation found.
func (p *process) reportParts(sender *notify.Sender) ([]part, error) {
	zone, err := p.Reports.zone()
	if err != nil {
		return nil, err
	}
	found := metrics.NewReports(p.registry)
	if p.ReconcileEvery == 0 {
		p.registry.Unregister(found.Last) // nothing can be late
	}
	jobs, err := whole(&report.Jobs{
		Books: report.NewBooks(p.js, p.people, p.temporal), Store: p.reports, Sender: reportMail{sender}, Trail: trailEnd{p.js}, Deciders: p.Reports.recipients(),
		ReportTo: p.ReportTo, AuditTo: p.AuditMail, Zone: zone, ConsoleURL: p.ConsoleURL, Metrics: found, Log: p.Log,
	}, "ReportTo", "AuditTo", "ConsoleURL")
	if err != nil {
		return nil, err
	}
	guard := p.shared.Guard("report", p.Log)
	stop := workflows.StopTimeout + 500*time.Millisecond
	return []part{
		{"reports", func(ctx context.Context) error { return workflows.RunReports(ctx, p.temporal, jobs, guard) }, stop},
		{"schedules", func(ctx context.Context) error { return p.keepSchedules(ctx, guard) }, stop},
		{"figures of reports", func(ctx context.Context) error { return showReports(ctx, jobs, guard) }, stop},
	}, nil
}

func (p *process) keepSchedules(ctx context.Context, guard event.Guard) error {
	err := retryUntil(ctx, p.Log, "schedules", func(ctx context.Context) error {
		return guard.Do("keeping the schedules", func() error { return workflows.KeepSchedules(ctx, p.temporal, p.Reports.schedules()) })
	})
	if err != nil && ctx.Err() == nil {
		p.Log.Error("the schedules of reports stay as they are: Temporal refuses them", "error", err)
	}
	<-ctx.Done()
	return nil
}

func showReports(ctx context.Context, jobs *report.Jobs, guard event.Guard) error {
	event.Every(ctx, time.Minute, func() {
		_ = guard.Do("showing what the last reconciliation found", func() error { return jobs.Show(ctx) }) // the next time follows
	})
	return nil
}
