//go:build !noembed

package embedded

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"

	"usher/bridge"
	"usher/event"
	"usher/workflows"
)

var record = flag.Bool("record", false, "write the histories of every path into workflows/testdata/histories, where they are replayed")

// faulty is a world in which steps fail as often as is asked for.
type faulty struct {
	world
	turn            sync.Mutex // both channels are sent at once
	sends, accounts map[string][]error
}

func (f *faulty) next(errs map[string][]error, key string) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	if len(errs[key]) == 0 {
		return nil
	}
	err := errs[key][0]
	errs[key] = errs[key][1:]
	return err
}

func (f *faulty) Send(ctx context.Context, d workflows.Delivery) (event.Send, error) {
	if err := f.next(f.sends, d.Channel); err != nil {
		return event.Send{Reason: "recipient_invalid"}, err
	}
	return f.world.Send(ctx, d)
}

func (f *faulty) Activate(context.Context, string, string, event.User) (event.Account, error) {
	return event.Account{Target: "scim", Ref: "r"}, f.next(f.accounts, "activate")
}

// TestRecordHistories records what a real server writes for every path that an
// onboarding may take. Run it with -record when a revision is added; without, it
// makes sure that every path still ends as its name says.
func TestRecordHistories(t *testing.T) {
	cl := dialTemporal(t)

	type step struct {
		signal string
		arg    func(userID string) any
	}
	says := func(id, verb string) func(string) any {
		return func(u string) any {
			return event.Verification{Identity: event.Identity{Source: event.SourceCLI, ID: id}, UserID: u, Verb: verb, Stored: time.Now()}
		}
	}
	console := func(id, verb string, change func(*event.Verification)) step {
		return step{event.SignalVerification, func(u string) any {
			v := says(id, verb)(u).(event.Verification)
			v.Source = event.SourceConsole
			change(&v)
			return v
		}}
	}
	later := func(id, verb string) step {
		return console(id, verb, func(v *event.Verification) { v.Effective = v.Stored.Add(2 * time.Second) })
	}
	takenBack := func(id, what string) step {
		return console(id, event.VerbUndone, func(v *event.Verification) { v.Undoes = what })
	}
	signed := func(actor, id, verb string) step {
		return console(id, verb, func(v *event.Verification) { v.Actor = actor })
	}
	twoPeople := func(in *event.Onboarding) { in.Settings.FourEyes = &event.FourEyes{} }
	verdict := func(id, verb string) step { return step{event.SignalVerification, says(id, verb)} }
	withdraw := func(id string) step { return step{event.SignalWithdraw, says(id, event.VerbWithdrawn)} }
	row := func(id, name string, seq uint64) step {
		return step{event.SignalUser, func(u string) any {
			e := event.UserEvent{Identity: event.Identity{Source: "inbox", ID: id}, Inbox: "inbox", Generation: 1, Record: seq, User: ann(u)}
			e.User.Name, e.Opened = name, event.Opened{Identity: e.Identity, Seq: seq, Stored: time.Now()}
			e.At = event.Place{Seq: seq, Stored: e.Opened.Stored}
			return e
		}}
	}
	user := func(id, name string) step { return row(id, name, 9) }
	again := func(in *event.Onboarding) { in.Generation = 2 }
	made := &event.Account{Target: "scim", Ref: "r", Active: true}
	busy, gone := errors.New("busy"), event.Permanent(errors.New("no such recipient"))
	for name, tc := range map[string]struct {
		change   func(*event.Onboarding)
		steps    []step
		sends    map[string][]error
		accounts map[string][]error
		account  *event.Account // of a generation before
		person   func(*event.Person)
		cancel   bool
		open     bool // recorded in the middle of the wait
		end      event.Status
	}{
		"welcomed":           {steps: []step{verdict("v1", event.VerbApproved)}, end: event.StatusWelcomed},
		"welcomed-slowly":    {steps: []step{verdict("v1", event.VerbApproved)}, sends: map[string][]error{"email": {busy, busy}, "sms": {busy}}, end: event.StatusWelcomed},
		"partly-welcomed":    {steps: []step{verdict("v1", event.VerbApproved)}, sends: map[string][]error{"sms": {gone}}, end: event.StatusPartlyWelcomed},
		"unreached":          {steps: []step{verdict("v1", event.VerbApproved)}, sends: map[string][]error{"email": {gone}, "sms": {gone}}, end: event.StatusUnreached},
		"rejected":           {steps: []step{verdict("v1", event.VerbRejected)}, end: event.StatusRejected},
		"rejected-told":      {change: func(in *event.Onboarding) { in.Settings.TellRejected = true }, steps: []step{verdict("v1", event.VerbRejected)}, end: event.StatusRejected},
		"expired":            {change: func(in *event.Onboarding) { in.Settings.ExpireAfter = time.Second }, end: event.StatusExpired},
		"corrected":          {steps: []step{user("r2", "Anne"), user("r2", "Anne"), verdict("v1", event.VerbApproved)}, end: event.StatusWelcomed},
		"effective-later":    {steps: []step{later("v1", event.VerbApproved)}, end: event.StatusWelcomed},
		"taken-back":         {steps: []step{later("v1", event.VerbRejected), takenBack("n1", "v1"), verdict("v2", event.VerbApproved)}, end: event.StatusWelcomed},
		"corrected-late":     {steps: []step{row("r3", "Anne", 9), row("r2", "An", 5), row("r4", "Anne", 12), verdict("v1", event.VerbApproved)}, end: event.StatusWelcomed},
		"undone-rejected":    {change: again, account: made, steps: []step{verdict("v1", event.VerbRejected)}, end: event.StatusRejected},
		"undone-withdrawn":   {change: again, account: made, steps: []step{withdraw("w1")}, end: event.StatusWithdrawn},
		"withdrawn":          {steps: []step{withdraw("w1")}, end: event.StatusWithdrawn},
		"account":            {change: scim, steps: []step{verdict("v1", event.VerbApproved)}, accounts: map[string][]error{"activate": {busy}}, end: event.StatusWelcomed},
		"account-refused":    {change: scim, steps: []step{verdict("v1", event.VerbApproved)}, accounts: map[string][]error{"activate": {gone}}, end: event.StatusFailed},
		"account-undone":     {change: func(in *event.Onboarding) { scim(in); in.Settings.UndoUnreached = true }, steps: []step{verdict("v1", event.VerbApproved)}, sends: map[string][]error{"email": {gone}, "sms": {gone}}, end: event.StatusUnreached},
		"withdrawn-active":   {change: scim, steps: []step{verdict("v1", event.VerbApproved), withdraw("w1")}, sends: map[string][]error{"email": {busy, busy, busy, busy, busy, busy}}, end: event.StatusWithdrawn},
		"asked-while-sent":   {steps: []step{verdict("v1", event.VerbApproved), verdict("o1", event.VerbResend), verdict("v2", event.VerbRejected)}, sends: map[string][]error{"email": {busy, busy, busy, busy}}, end: event.StatusWelcomed},
		"cancelled":          {steps: []step{user("r2", "Anne")}, cancel: true, end: event.StatusWithdrawn},
		"parked":             {change: func(in *event.Onboarding) { in.User, in.Generation = nil, 0 }, steps: []step{verdict("v1", event.VerbApproved), user("r1", "Ann")}, end: event.StatusWelcomed},
		"nobody-came":        {change: func(in *event.Onboarding) { in.User, in.Generation, in.Settings.ParkedFor = nil, 0, time.Second }, steps: []step{verdict("v1", event.VerbApproved)}},
		"resent":             {change: ordered(event.VerbResend), person: after(event.StatusPartlyWelcomed, event.VerbResend), end: event.StatusWelcomed},
		"withdrawn-later":    {change: ordered(event.VerbWithdrawn), person: after(event.StatusWelcomed, event.VerbWithdrawn), end: event.StatusWithdrawn},
		"order-done":         {change: ordered(event.VerbResend), person: after(event.StatusWelcomed, ""), end: event.StatusWelcomed},
		"from-people":        {change: fromPeople, steps: []step{verdict("v1", event.VerbApproved)}, end: event.StatusWelcomed},
		"reopened-meanwhile": {change: fromPeople, person: func(p *event.Person) { p.Generation = 2 }, steps: []step{verdict("v1", event.VerbApproved), user("r1", "Ann")}, end: event.StatusWelcomed},
		"two-people":         {change: twoPeople, steps: []step{signed("ben", "v1", event.VerbApproved), signed("ben", "v2", event.VerbApproved), signed("cleo", "v3", event.VerbApproved)}, end: event.StatusWelcomed},
		"half-corrected":     {change: twoPeople, steps: []step{signed("ben", "v1", event.VerbApproved), user("r2", "Anne"), signed("cleo", "v2", event.VerbApproved), signed("ben", "v3", event.VerbApproved)}, end: event.StatusWelcomed},
		"half-rejected":      {change: twoPeople, steps: []step{signed("ben", "v1", event.VerbApproved), verdict("v2", event.VerbRejected)}, end: event.StatusRejected},
		"half":               {change: twoPeople, steps: []step{signed("ben", "v1", event.VerbApproved), signed("token.ben", "v2", event.VerbApproved)}, open: true},
		"waiting":            {steps: []step{user("r2", "Anne")}, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			w := &faulty{world: world{person: event.Person{Status: event.StatusWaiting, Account: tc.account}}, sends: tc.sends, accounts: tc.accounts}
			defer work(t, cl, w)()
			id := "u-" + name
			u := ann(id)
			in := event.Onboarding{
				UserID: id, Generation: 1, Inbox: "inbox", Revision: event.Revision, Settings: event.DefaultSettings(), User: &u, Record: 1,
				Opened: event.Opened{Identity: event.Identity{Source: "inbox", ID: "r1"}, Seq: 1, Stored: time.Now()},
			}
			in.Settings.RetryFirst, in.Settings.Heartbeat = 300*time.Millisecond, time.Second
			if tc.change != nil {
				tc.change(&in)
			}
			w.person.Generation = max(1, in.Generation)
			if tc.person != nil {
				tc.person(&w.person)
			}
			starter := bridge.NewTemporal(cl)
			if err := starter.Start(ctx, in.Opened.Identity, in); err != nil {
				t.Fatal(err)
			}
			waitEvents(t, cl, id, 4)
			for _, s := range tc.steps {
				before := len(history(t, cl, id))
				if err := cl.SignalWorkflow(ctx, event.WorkflowID(id), "", s.signal, s.arg(id)); err != nil {
					t.Fatal(err)
				}
				waitEvents(t, cl, id, before+4)
			}
			if tc.cancel {
				if err := cl.CancelWorkflow(ctx, event.WorkflowID(id), ""); err != nil {
					t.Fatal(err)
				}
			}
			if !tc.open {
				err := cl.GetWorkflow(ctx, event.WorkflowID(id), "").Get(ctx, nil)
				if (err != nil) != (tc.end == "") {
					t.Fatalf("the run ended with %v", err)
				}
				if tc.end != "" && w.person.Status != tc.end {
					t.Errorf("the run ended %s, want %s", w.person.Status, tc.end)
				}
			}
			if *record {
				write(t, cl, id, filepath.Join("..", "..", "workflows", "testdata", "histories", fmt.Sprintf("revision-%d-%s.json", event.Revision, name)))
			}
		})
	}
}

func ann(id string) event.User {
	return event.User{UserID: id, Name: "Ann", Email: "ann@example.org", Phone: "+4930123456", Locale: "en"}
}

func scim(in *event.Onboarding) { in.Settings.Target = "scim" }

// fromPeople makes of a start one that was made when no event brought the user.
func fromPeople(in *event.Onboarding) { in.FromPeople = true }

// ordered makes of a start one that carries out an order after the end.
func ordered(verb string) func(*event.Onboarding) {
	return func(in *event.Onboarding) {
		v := event.Verification{Identity: event.Identity{Source: event.SourceCLI, ID: "o1"}, UserID: in.UserID, Verb: verb, Stored: time.Now()}
		in.Order, in.FromPeople = &event.OrderStart{Verification: v}, true
	}
}

// after is what PEOPLE says about a user whose onboarding is over, and about whom an
// order is to be carried out, unless it was meanwhile.
func after(status event.Status, verb string) func(*event.Person) {
	return func(p *event.Person) {
		p.Status, p.N = status, 5
		p.Decided = &event.Decided{Identity: event.Identity{Source: "crm", ID: "v1"}, Verb: event.VerbApproved, By: "crm", At: time.Now()}
		if verb == "" {
			return
		}
		p.Order = &event.Outstanding{Identity: event.Identity{Source: event.SourceCLI, ID: "o1"}, Verb: verb, Sent: map[string]event.Sent{
			event.ChannelEmail: {Ordinal: 1, Accepted: true}, event.ChannelSMS: {Ordinal: 1, Accepted: status == event.StatusWelcomed},
		}}
	}
}

// write keeps the history of a run.
func write(t *testing.T, cl client.Client, id, path string) {
	t.Helper()
	var h historypb.History
	for it := cl.GetWorkflowHistory(t.Context(), event.WorkflowID(id), "", false, 0); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	b, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o640); err != nil {
		t.Fatal(err)
	}
}
