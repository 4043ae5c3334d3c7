package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/account"
	"usher/console/trail"
	"usher/event"
	"usher/notify"
	"usher/report"
	"usher/streams"
	"usher/workflows"
)

// delivery is notify as the workflows see it.
type delivery struct{ sender *notify.Sender }

// Send implements workflows.Sender.
func (d delivery) Send(ctx context.Context, w workflows.Delivery) (event.Send, error) {
	return d.sender.Send(ctx, notify.Request{
		UserID: w.UserID, Generation: w.Generation, Purpose: w.Purpose, Channel: w.Channel, Ordinal: w.Ordinal,
		Name: w.User.Name, Email: w.User.Email, Phone: w.User.Phone, Locale: w.User.Locale, Attributes: w.User.Attributes,
		Decided: w.Decided, Backoff: w.Backoff, Keep: w.Keep, Kept: w.Kept, Answer: w.Answer, Canary: w.Result.Inbox == event.SourceCanary,
	})
}

// reportMail is notify as the reports see it.
type reportMail struct{ sender *notify.Sender }

// SendReport implements report.Sender.
func (r reportMail) SendReport(ctx context.Context, ledgerID, purpose, address string, due time.Time, m report.Mail) error {
	c := &notify.Content{Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	if m.CSVName != "" {
		c.HTML = ""
		c.Attachments = []notify.Attachment{{Name: m.CSVName, MediaType: "text/csv", Data: m.CSV}}
	}
	_, err := r.sender.Send(ctx, notify.Request{
		UserID: ledgerID, Purpose: purpose, Channel: event.ChannelEmail, Ordinal: 1, Email: address, Decided: due, Content: c,
	})
	return err
}

// trailEnd is the trail of who did what as the reports see it.
type trailEnd struct{ js jetstream.JetStream }

// Last implements report.Trail.
func (t trailEnd) Last(ctx context.Context) (report.Head, error) {
	m, err := streams.Last(ctx, t.js, event.StreamAudit, trail.Subjects)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return report.Head{}, nil
	}
	if err != nil {
		return report.Head{}, fmt.Errorf("read the end of the trail: %w", err)
	}
	return report.Head{Seq: m.Seq, Hash: trail.Hash(m.Subject, m.Data), At: m.Stored}, nil
}

// Holds implements report.Trail.
func (t trailEnd) Holds(ctx context.Context, h report.Head) (bool, error) {
	m, err := streams.Get(ctx, t.js, event.StreamAudit, h.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read an entry of the trail: %w", err)
	}
	return trail.Hash(m.Subject, m.Data) == h.Hash, nil
}

// ledgers keep the sends to people and to recipients of reports apart.
type ledgers struct {
	people  *streams.People
	reports *streams.Reports
}

// UpdateSend implements notify.Ledger.
func (l ledgers) UpdateSend(ctx context.Context, id, key string, change func(*event.Send) error) (event.Send, error) {
	if report.IsLedgerID(id) {
		return l.reports.UpdateSend(ctx, id, key, change)
	}
	return l.people.UpdateSend(ctx, id, key, change)
}

// accounts is the target of accounts as the workflows see it.
type accounts struct{ target account.Target }

// Activate implements workflows.Accounts.
func (a accounts) Activate(ctx context.Context, target, key string, u event.User) (event.Account, error) {
	if err := a.is(target); err != nil {
		return event.Account{}, err
	}
	made, err := a.target.Activate(ctx, key, u)
	if err != nil {
		return event.Account{}, err
	}
	out := event.Account{Target: target, Created: made.Created}
	if event.SafeID(made.ID) == made.ID { // another may be an address; the account is found by the user id too
		out.Ref = made.ID
	}
	return out, nil
}

// Deactivate implements workflows.Accounts.
func (a accounts) Deactivate(ctx context.Context, target, key, userID string, made event.Account) error {
	if err := a.is(target); err != nil {
		return err
	}
	return a.target.Deactivate(ctx, key, userID, account.Account{ID: made.Ref, Created: made.Created})
}

// is tells whether this worker has the target that a run was started with.
func (a accounts) is(target string) error {
	if a.target.Name() == target {
		return nil
	}
	return fmt.Errorf("the onboarding was started with the account target %s, this worker has %s: give bridges and workers the same --account-target", target, a.target.Name())
}

// orphanage makes dead letters of verifications that no workflow can use. The
// original message is read back from the leader of its stream, since a copy that is
// behind may not have it yet; when that is gone, what the
// workflow knows takes its place.
type orphanage struct {
	js  jetstream.JetStream
	pub *streams.Publisher
}

var orphanCauses = map[string]string{
	event.ReasonUnknownUser: "no user with this user_id came in time; replay it when the user is there",
	event.ReasonDenied:      "this source does not decide about people of the user's inbox",
}

// Orphan implements workflows.Orphanage.
func (o orphanage) Orphan(ctx context.Context, v event.Verification, reason string) error {
	cause := orphanCauses[reason]
	d := event.DeadLetter{
		Stream: event.StreamVerifications, Consumer: "onboard", Sequence: v.Seq, EventID: v.ID, Subject: event.VerificationSubject(v.Source, v.Verb),
		Stored: v.Stored, Reason: reason, Cause: cause,
	}
	m, err := streams.Get(ctx, o.js, event.StreamVerifications, v.Seq)
	switch {
	case err == nil && m.Subject == d.Subject && m.Stored.Equal(v.Stored):
		d.Header, d.Data = m.Header, m.Data
	case err == nil, errors.Is(err, jetstream.ErrMsgNotFound):
		if d.Data, err = json.Marshal(event.VerificationBody{UserID: v.UserID, Reason: v.Reason, Actor: v.Actor}); err != nil {
			return err
		}
	default:
		return err
	}
	return o.pub.DeadLetter(ctx, d)
}

// redactURL is a server's address without the secrets that may stand in it.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the given address"
	}
	u.User = nil
	return u.String()
}
