package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/event"
	"usher/metrics"
	"usher/streams"
)

// Jobs does what happens regularly. Each job may be asked again with the same run,
// and sends nothing twice.
type Jobs struct {
	Books      Books
	Store      *streams.Reports
	Sender     Sender
	Trail      Trail
	Deciders   map[string][]string // the inboxes that each address decides about; nil is all
	ReportTo   []string            // addresses that get the end-of-day report
	AuditTo    []string            // addresses that get the head of the trail
	Zone       *time.Location      // of these days
	ConsoleURL string              // for links; "" for none
	Metrics    *metrics.Reports
	Log        *slog.Logger
}

// Sender sends a mail of one run. It is asked again after an error, and under the
// same ledger id it sends once. A permanent error says that this recipient can never
// be reached.
type Sender interface {
	SendReport(ctx context.Context, ledgerID, purpose, address string, due time.Time, m Mail) error
}

// stateName is the name of State in KV REPORTS.
const stateName = "reconciliation"

// Digest tells the deciders who waits.
func (s *Jobs) Digest(ctx context.Context, j event.Job) error {
	waiting, err := WhoWaits(ctx, s.Books)
	if err != nil {
		return err
	}
	var errs []error
	for _, address := range slices.Sorted(maps.Keys(s.Deciders)) {
		theirs := slices.DeleteFunc(slices.Clone(waiting), func(w Waiting) bool {
			inboxes := s.Deciders[address]
			return inboxes != nil && !slices.Contains(inboxes, w.Inbox)
		})
		if m, ok := Digest(theirs, j.At, s.ConsoleURL); ok {
			errs = append(errs, s.send(ctx, j, "digest", address, m))
		}
	}
	return errors.Join(errs...)
}

// EndOfDay reports about the day that ends at j.At.
func (s *Jobs) EndOfDay(ctx context.Context, j event.Job) error {
	until := j.At.In(s.Zone)
	day, err := GatherDay(ctx, s.Books, until.AddDate(0, 0, -1), until)
	if err != nil {
		return err
	}
	if day.Loss, err = s.lastSummary(ctx); err != nil {
		return err
	}
	return s.toAll(ctx, j, "report", s.ReportTo, day.Mail())
}

// Reconcile compares imports with what became of them.
func (s *Jobs) Reconcile(ctx context.Context, j event.Job) error {
	var was State
	rev, err := s.Store.Load(ctx, stateName, &was)
	if err != nil {
		return err
	}
	now, err := Reconcile(ctx, s.Books, was, j.At)
	if err != nil {
		return err
	}
	if err := s.Store.Store(ctx, stateName, rev, now); err != nil {
		return err
	}
	for _, f := range now.Missing {
		if f.At.Equal(j.At) { // found this time
			s.Log.Error("something that was imported is lost", "what", f.Kind, "source", f.Inbox, "import", f.Import, "seq", f.Seq)
		}
	}
	s.show(now.Summary)
	return nil
}

// Show sets the gauges to what the last reconciliation found, in whichever process
// it ran.
func (s *Jobs) Show(ctx context.Context) error {
	last, err := s.lastSummary(ctx)
	if err == nil { // else the gauges keep what they have
		s.show(last)
	}
	return err
}

func (s *Jobs) lastSummary(ctx context.Context) (Summary, error) {
	var last State
	_, err := s.Store.Load(ctx, stateName, &last)
	return last.Summary, err
}

func (s *Jobs) show(found Summary) {
	kinds := found.ByKind()
	for _, k := range metrics.LostKinds {
		s.Metrics.Lost.WithLabelValues(k).Set(float64(kinds[k]))
	}
	s.Metrics.Records.Set(float64(found.Records))
	if !found.At.IsZero() {
		s.Metrics.Last.Set(float64(found.At.Unix()))
	}
}

// toAll sends a mail of a run to all of them.
func (s *Jobs) toAll(ctx context.Context, j event.Job, purpose string, addresses []string, m Mail) error {
	var errs []error
	for _, address := range addresses {
		errs = append(errs, s.send(ctx, j, purpose, address, m))
	}
	return errors.Join(errs...)
}

// send sends one mail of a run, once. A recipient who can never be reached does
// not keep the others from theirs.
func (s *Jobs) send(ctx context.Context, j event.Job, purpose, address string, m Mail) error {
	err := s.Sender.SendReport(ctx, ledgerID(j.Run, address), purpose, address, j.At, m)
	if event.IsPermanent(err) {
		s.Log.Error("a report cannot be sent to one of its recipients", "what", purpose, "error", err)
		return nil
	}
	return err
}

// ledgerPrefix begins the names of reports in the ledger; no user id has it.
const ledgerPrefix = "="

func ledgerID(run, address string) string {
	sum := sha256.Sum256([]byte(address))
	return ledgerPrefix + strings.ReplaceAll(run, ":", ".") + "." + hex.EncodeToString(sum[:6])
}

// IsLedgerID tells whether an id in the ledger is that of a report and not of a user.
func IsLedgerID(id string) bool { return strings.HasPrefix(id, ledgerPrefix) }
