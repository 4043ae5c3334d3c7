package workflows

import (
	"errors"
	"testing"
	"time"

	"usher/event"
)

// with changes the settings of a run.
func with(in event.Onboarding, change func(*event.Settings)) event.Onboarding {
	change(&in.Settings)
	return in
}

// after is a run that carries out an order about Ann, whose onboarding ended.
func after(status event.Status, order event.Verification, account *event.Account, sent map[string]event.Sent) (event.Onboarding, *event.Person) {
	in := known()
	decided := &event.Decided{Identity: event.Identity{Source: "crm", ID: "v1"}, Verb: event.VerbApproved, By: "crm", At: stored}
	in.Order, in.FromPeople = &event.OrderStart{Verification: order}, true
	p := &event.Person{Source: "inbox", Generation: 1, Status: status, Opened: in.Opened, Decided: decided, N: 5}
	if err := p.TakeOrder(order); err != nil {
		panic(err)
	}
	p.Account, p.Order.Sent = account, sent
	return in, p
}

func order(id, verb string, channels ...string) event.Verification {
	v := decision(id, verb)
	v.Source, v.Stored, v.Channels = event.SourceCLI, stored.Add(48*time.Hour), channels
	return v
}

var (
	both   = map[string]event.Sent{event.ChannelEmail: {Ordinal: 1, Accepted: true}, event.ChannelSMS: {Ordinal: 1, Accepted: true}}
	noSMS  = map[string]event.Sent{event.ChannelEmail: {Ordinal: 1, Accepted: true}, event.ChannelSMS: {Ordinal: 1}}
	toSCIM = func(s *event.Settings) { s.Target = "scim" }
	scim   = event.Account{Target: "scim", Ref: "r-u-1", Created: true, Active: true}
)

func TestTheWaitEnds(t *testing.T) {
	soon := func(s *event.Settings) { s.ExpireAfter = 30 * 24 * time.Hour }
	tell(t, map[string]story{
		"nobody decides": {
			in:     with(known(), soon),
			story:  []string{"expired expired"},
			status: event.StatusExpired,
		},
		"decided in time": {
			in:     with(known(), soon),
			steps:  []step{{29 * 24 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			story:  []string{"rejected rejected"},
			status: event.StatusRejected,
		},
		"a limit of the inbox counts for who was parked": {
			in: parked(),
			steps: []step{
				{0, event.SignalUser, func() event.UserEvent {
					e := arrival("r1", ann)
					s := event.DefaultSettings()
					soon(&s)
					e.Settings = &s
					return e
				}()},
			},
			story:  []string{"started waiting", "expired expired"},
			status: event.StatusExpired,
		},
		"a rejected user gets a letter": {
			in:     with(known(), func(s *event.Settings) { s.TellRejected = true }),
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			story:  []string{"rejected rejected", "sent rejected"},
			status: event.StatusRejected, sent: []string{"email Ann rejected"},
		},
		"the letter does not arrive": {
			in:       with(known(), func(s *event.Settings) { s.TellRejected = true }),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			sendErrs: map[string][]error{event.ChannelEmail: {event.Permanent(errors.New("no such address"))}},
			story:    []string{"rejected rejected", "failed rejected"},
			status:   event.StatusRejected,
		},
		"reopened without a record, and none comes": {
			in: func() event.Onboarding {
				in := known()
				in.Generation, in.User = 2, nil
				return in
			}(),
			person: &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting},
			steps:  []step{{time.Hour, event.SignalVerification, decision("v9", event.VerbApproved)}},
			story:  []string{"parked parked", "expired expired"},
			status: event.StatusExpired, orphans: 1,
		},
		"reopened without a record, and one comes": {
			in: func() event.Onboarding {
				in := known()
				in.Generation, in.User = 2, nil
				return in
			}(),
			person: &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting},
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v9", event.VerbRejected)},
				{2 * time.Hour, event.SignalUser, func() event.UserEvent { e := arrival("r7", ann); e.Record = 7; e.Generation = 2; return e }()},
			},
			story:  []string{"parked parked", "started waiting", "rejected rejected"},
			status: event.StatusRejected,
			check: func(t *testing.T, w *world) {
				if w.person.Record != 7 {
					t.Errorf("PEOPLE has the record %d, want 7", w.person.Record)
				}
			},
		},
	})
}

func TestWithdrawn(t *testing.T) {
	withdraw := decision("w1", event.VerbWithdrawn)
	slow := errors.New("busy")
	welcomed, welcomedPerson := after(event.StatusWelcomed, order("w1", event.VerbWithdrawn), nil, both)
	there, therePerson := after(event.StatusWelcomed, order("w1", event.VerbWithdrawn), new(scim), both)
	tell(t, map[string]story{
		"while its messages are tried": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 10*time.Second, event.SignalWithdraw, withdraw},
				{time.Hour + 20*time.Second, event.SignalWithdraw, decision("w2", event.VerbWithdrawn)},
			},
			sendErrs: map[string][]error{event.ChannelEmail: {slow, slow, slow, slow, slow, slow, slow, slow, slow, slow}},
			story:    []string{"approved approved", "activated active", "sent active", "withdrawn withdrawn", "deactivated withdrawn"},
			status:   event.StatusWithdrawn, sent: []string{"sms Ann"}, orders: 1,
		},
		"after its messages went out, which could not be told": { // a regression of issue 14
			in: known(), untold: 12,
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 10*time.Second, event.SignalWithdraw, withdraw},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, sent: []string{"email Ann", "sms Ann"}, orders: 1,
		},
		"messages that went out and could not be told while they were tried": { // a regression of issue 14: they were told as failed, too
			in: with(known(), func(s *event.Settings) { s.SendFor = time.Minute }), untold: 14,
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "finished unreached"},
			status: event.StatusUnreached, sent: []string{"email Ann", "sms Ann"},
		},
		"while the account is made": {
			in: with(known(), toSCIM),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 10*time.Second, event.SignalWithdraw, withdraw},
			},
			callErrs: []error{slow, slow, slow, slow, slow},
			story:    []string{"approved approved", "withdrawn withdrawn", "deactivated withdrawn"},
			status:   event.StatusWithdrawn, calls: []string{"deactivate u-1.1.deactivate "}, orders: 1,
		},
		"after the welcome": {
			in: welcomed, person: welcomedPerson,
			story:  []string{"withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, orders: 1,
		},
		"after the welcome, with an account": {
			in: there, person: therePerson,
			story:  []string{"withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, calls: []string{"deactivate u-1.1.deactivate r-u-1"}, orders: 1,
			check: func(t *testing.T, w *world) {
				if w.person.Account.Active {
					t.Error("PEOPLE says that the account is active")
				}
			},
		},
		"the run is cancelled in Temporal": {
			in:     with(known(), toSCIM),
			cancel: time.Hour + time.Minute,
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{
				event.ChannelEmail: {slow, slow, slow, slow, slow, slow, slow, slow, slow, slow},
			},
			story:  []string{"approved approved", "activated active", "sent active", "withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, sent: []string{"sms Ann"}, calls: []string{"activate u-1.1.activate", "deactivate u-1.1.deactivate r-u-1"}, orders: 1,
		},
		"the run is cancelled while the user waits": {
			in: known(), cancel: time.Hour,
			story:  []string{"withdrawn withdrawn"},
			status: event.StatusWithdrawn, orders: 1,
		},
		"a parked run is cancelled": {
			in: parked(), cancel: time.Hour,
			steps:   []step{{0, event.SignalVerification, decision("v1", event.VerbApproved)}},
			orphans: 1, fails: true,
		},
	})
}

// A generation ignores what was said before it was opened. Which was first, the
// places in the stream tell: two messages may have one time, and the clock of a
// new leader may be behind.
func TestWhatWasSaidBeforeTheGeneration(t *testing.T) {
	again := known()
	again.Generation, again.Opened = 2, event.Opened{Identity: event.Identity{Source: "cli", ID: "o1"}, Seq: 10, Stored: stored}
	says := func(id, verb string, seq uint64, at time.Time) event.Verification {
		v := decision(id, verb)
		v.Seq, v.Stored = seq, at
		return v
	}
	tell(t, map[string]story{
		"before and after at the same moment": {
			in: again, person: &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting},
			steps: []step{
				{time.Hour, event.SignalVerification, says("v9", event.VerbApproved, 9, stored)},
				{2 * time.Hour, event.SignalVerification, says("v11", event.VerbRejected, 11, stored)},
			},
			story: []string{"rejected rejected"}, asides: []string{"late waiting"}, status: event.StatusRejected,
		},
		"after, by a clock that is behind": {
			in: again, person: &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting},
			steps: []step{
				{time.Hour, event.SignalVerification, says("v9", event.VerbApproved, 9, stored.Add(time.Second))},
				{2 * time.Hour, event.SignalVerification, says("v11", event.VerbRejected, 11, stored.Add(-time.Second))},
			},
			story: []string{"rejected rejected"}, asides: []string{"late waiting"}, status: event.StatusRejected,
		},
	})
}

// A decision about many names the generation that was looked at. It is late for a person
// who was reopened since (issue 16).
func TestADecisionAboutAnotherGeneration(t *testing.T) {
	of := func(generation int) step {
		v := by(event.SourceConsole, decision("v1", event.VerbApproved))
		v.Stored, v.Seq, v.OfGeneration = stored.Add(time.Hour), 20, generation
		return step{time.Hour, event.SignalVerification, v}
	}
	again := with(known(), func(s *event.Settings) { s.ExpireAfter = 2 * time.Hour })
	again.Generation, again.Opened = 2, event.Opened{Identity: event.Identity{Source: "cli", ID: "o1"}, Seq: 10, Stored: stored}
	waits := &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting}
	tell(t, map[string]story{
		"an earlier one": {
			in: again, person: waits, steps: []step{of(1)},
			story: []string{"expired expired"}, asides: []string{"late waiting"}, status: event.StatusExpired,
		},
		"this one": {
			in: again, person: waits, steps: []step{of(2)},
			story: []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"}, status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"any": {
			in: again, person: waits, steps: []step{of(0)},
			story: []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"}, status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
	})
}

// A user who is reopened still has the account of the generation before. It is
// taken back when the user is withdrawn or rejected then.
func TestTheAccountOfTheGenerationBefore(t *testing.T) {
	again := func() (event.Onboarding, *event.Person) { // the inbox has no target any more
		in := known()
		in.Generation, in.Opened.Identity = 2, event.Identity{Source: "cli", ID: "o1"}
		return in, &event.Person{Source: "inbox", Generation: 2, Status: event.StatusWaiting, Account: new(scim)}
	}
	inactive := func(t *testing.T, w *world) {
		if w.person.Account.Active {
			t.Error("PEOPLE says that the account is active")
		}
	}
	in, person := again()
	in2, person2 := again()
	in3, person3 := again()
	tell(t, map[string]story{
		"withdrawn": {
			in: in, person: person,
			steps:  []step{{time.Hour, event.SignalWithdraw, decision("w1", event.VerbWithdrawn)}},
			story:  []string{"withdrawn withdrawn", "deactivated withdrawn"},
			status: event.StatusWithdrawn, calls: []string{"deactivate u-1.2.deactivate r-u-1"}, orders: 1, check: inactive,
		},
		"rejected": {
			in: in2, person: person2,
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			story:  []string{"rejected rejected", "deactivated rejected"},
			status: event.StatusRejected, calls: []string{"deactivate u-1.2.deactivate r-u-1"}, check: inactive,
		},
		"it cannot be undone": {
			in: in3, person: person3,
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			callErrs: []error{event.Permanent(errors.New("no such tenant"))},
			story:    []string{"rejected rejected", "finished failed"},
			status:   event.StatusFailed,
		},
	})
}

func TestAccounts(t *testing.T) {
	approve := []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}}
	nobody := func() map[string][]error {
		return map[string][]error{event.ChannelSMS: {event.Permanent(errors.New("x"))}, event.ChannelEmail: {event.Permanent(errors.New("x"))}}
	}
	tell(t, map[string]story{
		"made after a passing failure": {
			in: with(known(), toSCIM), steps: approve, callErrs: []error{errors.New("busy"), errors.New("busy")},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, calls: []string{"activate u-1.1.activate"},
			check: func(t *testing.T, w *world) {
				if a := w.person.Account; a == nil || *a != scim {
					t.Errorf("PEOPLE has the account %v, want %v", a, scim)
				}
				if len(w.troubles) != 2 || w.troubles[1].Tries != 2 || w.person.Trouble != nil {
					t.Errorf("PEOPLE showed the troubles %+v, and %+v in the end", w.troubles, w.person.Trouble)
				}
			},
		},
		"refused for good": {
			in: with(known(), toSCIM), steps: approve, callErrs: []error{event.Permanent(errors.New("no such tenant"))},
			story:  []string{"approved approved", "deactivated failed", "finished failed"},
			status: event.StatusFailed, calls: []string{"deactivate u-1.1.deactivate "},
			check: func(t *testing.T, w *world) {
				if f := w.facts[len(w.facts)-1]; f.Reason != "account_refused" {
					t.Errorf("the end has the reason %q", f.Reason)
				}
			},
		},
		"nobody reached, the account stays": {
			in: with(known(), toSCIM), steps: approve, sendErrs: nobody(),
			story:  []string{"approved approved", "activated active", "failed active", "failed active", "finished unreached"},
			status: event.StatusUnreached, calls: []string{"activate u-1.1.activate"},
		},
		"nobody reached, the inbox wants it undone": {
			in: with(known(), func(s *event.Settings) { s.Target, s.UndoUnreached = "scim", true }), steps: approve, sendErrs: nobody(),
			story:  []string{"approved approved", "activated active", "failed active", "failed active", "deactivated unreached", "finished unreached"},
			status: event.StatusUnreached, calls: []string{"activate u-1.1.activate", "deactivate u-1.1.deactivate r-u-1"},
		},
	})
}

func TestSentAgain(t *testing.T) {
	partly, partlyPerson := after(event.StatusPartlyWelcomed, order("s1", event.VerbResend), nil, noSMS)
	all, allPerson := after(event.StatusWelcomed, order("s1", event.VerbResend), nil, both)
	one, onePerson := after(event.StatusWelcomed, order("s1", event.VerbResend, event.ChannelEmail), nil, both)
	insteadOf := func(id, message string) event.Verification {
		v := order(id, event.VerbResend, event.ChannelSMS)
		v.Instead = message
		return v
	}
	instead, insteadPerson := after(event.StatusPartlyWelcomed, order("s1", event.VerbResend, event.ChannelSMS), nil, noSMS)
	instead.Order.Instead = event.SendKey(1, event.PurposeWelcome, event.ChannelSMS, 1)
	mail, mailPerson := after(event.StatusWelcomed, order("s1", event.VerbResend), nil, map[string]event.Sent{event.ChannelEmail: {Ordinal: 1, Accepted: true}})
	gone := event.Account{Target: "scim", Ref: "r-u-1"}
	undone, undonePerson := after(event.StatusUnreached, order("s1", event.VerbResend), &gone, map[string]event.Sent{event.ChannelEmail: {Ordinal: 1}, event.ChannelSMS: {Ordinal: 1}})
	fails, failsPerson := after(event.StatusWelcomed, order("s1", event.VerbResend, event.ChannelEmail), nil, both)
	tell(t, map[string]story{
		"only what did not arrive": {
			in: partly, person: partlyPerson,
			story: []string{"sent partly_welcomed", "welcomed welcomed"}, asides: []string{"resend partly_welcomed"},
			status: event.StatusWelcomed, sent: []string{"sms Ann again"}, orders: 1,
		},
		"all, when all arrived": {
			in: all, person: allPerson,
			story: []string{"sent welcomed", "sent welcomed"}, asides: []string{"resend welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann again", "sms Ann again"}, orders: 1,
		},
		"where nothing is sent on the other channel": { // so PEOPLE knows no message of it
			in: mail, person: mailPerson,
			story: []string{"sent welcomed"}, asides: []string{"resend welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann again"}, orders: 1,
		},
		"one channel": {
			in: one, person: onePerson,
			story: []string{"sent welcomed"}, asides: []string{"resend welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann again"}, orders: 1,
		},
		"nobody is welcomed to an account that was taken back": {
			in: undone, person: undonePerson,
			asides: []string{"unchanged unreached"}, status: event.StatusUnreached, orders: 1,
		},
		"another one that fails takes no welcome away": {
			in: fails, person: failsPerson,
			sendErrs: map[string][]error{event.ChannelEmail: {event.Permanent(errors.New("x"))}},
			story:    []string{"failed welcomed"}, asides: []string{"resend welcomed"},
			status: event.StatusWelcomed, orders: 1,
		},
		"the approval comes again": { // it had its effect; a regression of issue 14
			in: one, person: onePerson,
			steps: []step{{0, event.SignalVerification, decision("v1", event.VerbApproved)}, {0, event.SignalVerification, decision("v2", event.VerbApproved)}},
			story: []string{"sent welcomed"}, asides: []string{"resend welcomed", "duplicate welcomed", "late welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann again"}, orders: 1,
		},
		"instead of the latest message": {
			in: instead, person: insteadPerson,
			steps: []step{{0, event.SignalVerification, insteadOf("s2", event.SendKey(1, event.PurposeWelcome, event.ChannelSMS, 1))}}, // for another chore
			story: []string{"sent partly_welcomed", "welcomed welcomed"}, asides: []string{"resend partly_welcomed", "unchanged partly_welcomed"},
			status: event.StatusWelcomed, sent: []string{"sms Ann again"}, orders: 2,
		},
		"the same order twice": {
			in: one, person: onePerson,
			steps: []step{{0, event.SignalVerification, order("s1", event.VerbResend, event.ChannelEmail)}},
			story: []string{"sent welcomed"}, asides: []string{"resend welcomed", "duplicate welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann again"}, orders: 1,
		},
		"one channel failed while the other is still tried": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 5*time.Second, event.SignalVerification, order("s1", event.VerbResend)},
			},
			sendErrs: map[string][]error{
				event.ChannelSMS: {event.Permanent(errors.New("x"))}, event.ChannelEmail: {errors.New("busy"), errors.New("busy"), errors.New("busy")},
			},
			story:  []string{"approved approved", "activated active", "sent active", "failed active", "sent active", "welcomed welcomed"},
			asides: []string{"resend active"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann again"}, orders: 1,
		},
		"asked for by name what was reached while the other is still tried": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 3*time.Second, event.SignalVerification, order("s1", event.VerbResend, event.ChannelEmail)},
			},
			sendErrs: map[string][]error{event.ChannelSMS: {errors.New("busy"), errors.New("busy"), errors.New("busy")}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed", "sent active", "welcomed welcomed"},
			asides:   []string{"resend active"},
			status:   event.StatusWelcomed, sent: []string{"email Ann", "email Ann again", "sms Ann"}, orders: 1,
		},
		"one channel was reached while the other is still tried": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + 3*time.Second, event.SignalVerification, order("s1", event.VerbResend)},
			},
			sendErrs: map[string][]error{event.ChannelSMS: {errors.New("busy"), errors.New("busy"), errors.New("busy")}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides:   []string{"unchanged active"},
			status:   event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, orders: 1,
		},
		"nothing to send again while the user waits": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, order("s1", event.VerbResend)},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
			},
			story: []string{"rejected rejected"}, asides: []string{"unchanged waiting"},
			status: event.StatusRejected, orders: 1,
		},
	})
}
