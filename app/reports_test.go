package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"usher/catcher"
	"usher/catcher/catchertest"
	"usher/event"
	"usher/metrics"
	"usher/report"
	"usher/streams"
	"usher/streams/streamstest"
)

// newJobs joins the regular jobs to a real JetStream and a real mail server,
// and returns what counts the mails of an address.
func newJobs(t *testing.T, settings Reports) (jobs *report.Jobs, people *streams.People, mails func(to string) int) {
	t.Helper()
	js, _ := streamstest.Start(t)
	c := catchertest.Start(t)
	jobs, people = jobsOn(t, js, c.SMTPAddr(), settings)
	return jobs, people, func(to string) int { t.Helper(); return len(mailsTo(t, c, to)) }
}

// jobsOn are the jobs of one worker.
func jobsOn(t *testing.T, js jetstream.JetStream, smtp string, settings Reports) (*report.Jobs, *streams.People) {
	t.Helper()
	people, err := streams.NewPeople(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	store, err := streams.NewReports(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	reg := prometheus.NewRegistry()
	p := &process{Config: Config{Delivery: Delivery{MailFrom: "usher@usher.example", SMTPTLS: "none", SMTPAddr: smtp}}, Env: Env{Log: log}, people: people, reports: store, figures: metrics.NewProcess(reg, "", "")}
	if p.pauses, err = streams.NewPauses(t.Context(), js, p.figures.Paused, p.figures.PauseEnds, log); err != nil {
		t.Fatal(err)
	}
	sender, err := p.sender(metrics.NewWorker(reg, metrics.NewShared(reg)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	return &report.Jobs{
		Books: report.NewBooks(js, people, nil), Store: store, Sender: reportMail{sender}, Trail: trailEnd{js}, Deciders: settings.recipients(),
		ReportTo: settings.ReportTo, AuditTo: settings.AuditMail, Zone: time.UTC, Metrics: metrics.NewReports(reg), Log: log,
	}, people
}

// caught is a mail that came.
type caught struct {
	ID, Subject, Text string
	To                []struct{ Address string }
}

// mailsTo are those that came to an address, the last one first.
func mailsTo(t *testing.T, c *catcher.Catcher, to string) (out []caught) {
	t.Helper()
	get := func(path string, into any) {
		t.Helper()
		resp, err := http.Get("http://" + c.HTTPAddr() + "/api/v1/" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	var all struct{ Messages []caught }
	get("messages?limit=1000", &all)
	for _, m := range all.Messages {
		if m.To[0].Address == to {
			get("message/"+m.ID, &m)
			out = append(out, m)
		}
	}
	return out
}

// A job that is done again, after a kill or by two workers, sends nothing twice;
// the next one sends again.
func TestAReportThatIsTriedAgainIsNotSentTwice(t *testing.T) {
	r, people, mails := newJobs(t, Reports{
		Deciders: map[string]string{"hr": "ann@example.org,ben@example.org", "partners": "cem@example.org"}, ReportTo: []string{"ops@example.org"}, TimeZone: "UTC",
	})
	if _, err := people.Claim(t.Context(), "u-1", event.Person{Source: "hr", Status: event.StatusWaiting, Opened: event.Opened{Stored: time.Now().Add(-time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	for n, job := range []event.Job{
		{Run: "usher-digest-2026-11-24T09:00:00Z", At: time.Now()}, {Run: "usher-digest-2026-11-25T09:00:00Z", At: time.Now()},
	} {
		done := make(chan error, 6)
		for range 3 {
			go func() { done <- r.Digest(context.Background(), job) }()
			go func() { done <- r.EndOfDay(context.Background(), job) }()
		}
		raced := 0
		for range cap(done) {
			if err := <-done; err != nil { // the others send it
				raced++
			}
		}
		if raced == cap(done) {
			t.Error("no report was sent")
		}
		for range 2 {
			if err := r.Digest(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if err := r.EndOfDay(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		for to, want := range map[string]int{"ann@example.org": n + 1, "ben@example.org": n + 1, "cem@example.org": 0, "ops@example.org": n + 1} {
			if got := mails(to); got != want {
				t.Errorf("after run %d %s has %d mails, want %d", n+1, to, got, want)
			}
		}
	}
}

func TestSettingsOfReports(t *testing.T) {
	good := Reports{
		Deciders: map[string]string{"*": "a@x.org", "hr": "b@x.org, a@x.org", "partners": "b@x.org"}, DigestAt: []string{"09:00", "14:30"},
		ReportTo: []string{"ops@x.org"}, ReportAt: "18:00", AuditMail: []string{"audit@x.org"}, AuditMailAt: "00:00", TimeZone: "Europe/Berlin", ReconcileEvery: time.Hour,
	}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(map[string][]string{"a@x.org": nil, "b@x.org": {"hr", "partners"}}, good.recipients()); d != "" {
		t.Error(d)
	}
	if n := len(good.schedules()); n != 4 {
		t.Errorf("%d schedules", n)
	}
	if n := len((Reports{ReportAt: "18:00", AuditMailAt: "00:00", DigestAt: []string{"09:00"}}).schedules()); n != 0 {
		t.Errorf("without recipients there are %d schedules", n)
	}
	for says, harm := range map[string]func(*Reports){
		"--deciders":        func(r *Reports) { r.Deciders = map[string]string{"H R": "a@x.org"} },
		"--deciders hr":     func(r *Reports) { r.Deciders = map[string]string{"hr": "Ann <a@x.org>"} },
		"--digest-at":       func(r *Reports) { r.DigestAt = []string{"25:00"} },
		"--report-to":       func(r *Reports) { r.ReportTo = []string{"ops"} },
		"--audit-mail:":     func(r *Reports) { r.AuditMail = []string{"a@x.org", "b"} },
		"--audit-mail-at":   func(r *Reports) { r.AuditMailAt = "24:00" },
		"--report-at":       func(r *Reports) { r.ReportAt = "6 pm" },
		"--time-zone":       func(r *Reports) { r.TimeZone = "Berlin" },
		"--reconcile-every": func(r *Reports) { r.ReconcileEvery = 24 * time.Hour },
	} {
		r := good
		harm(&r)
		if err := r.validate(); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Ann") {
			t.Errorf("%s: %v", says, err)
		}
	}
}
