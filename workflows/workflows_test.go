package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"usher/event"
)

var errBusy = errors.New("busy")

var errNoProvider = event.Permanent(errors.New("no provider is configured"))

var (
	stored = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	ann    = event.User{UserID: "u-1", Name: "Ann", Email: "ann@example.org", Phone: "+4930123456", Import: event.Import{ID: "imp"}}
)

func TestStories(t *testing.T) {
	corrected, other := ann, ann
	corrected.Name, other.Name = "Anne", "Anna"
	parts, swapped := ann, ann
	parts.GivenName, parts.FamilyName = "Ann", "Lee"
	swapped.GivenName, swapped.FamilyName = "Lee", "Ann"
	noPhone := known()
	u := ann
	u.Phone = ""
	noPhone.User = &u

	tell(t, map[string]story{
		"approved": {
			in:     known(),
			steps:  []step{{48 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"no phone, no text message": {
			in:     noPhone,
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			story:  []string{"approved approved", "activated active", "sent active", "welcomed welcomed"},
			status: event.StatusWelcomed, sent: []string{"email Ann"},
		},
		"rejected": {
			in:     known(),
			steps:  []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)}},
			story:  []string{"rejected rejected"},
			status: event.StatusRejected,
		},
		"withdrawn while waiting": {
			in:     known(),
			steps:  []step{{time.Hour, event.SignalWithdraw, decision("v1", event.VerbWithdrawn)}},
			story:  []string{"withdrawn withdrawn"},
			status: event.StatusWithdrawn, orders: 1,
		},
		"the first of two decisions counts": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbApproved)},
			},
			story:  []string{"rejected rejected"},
			asides: []string{"late rejected"},
			status: event.StatusRejected,
		},
		"the same decision twice": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"duplicate approved"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"data corrected while waiting": {
			in: known(),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", ann)},
				{2 * time.Hour, event.SignalUser, arrival("r3", corrected)},
				{3 * time.Hour, event.SignalUser, arrival("r3", corrected)},
				{4 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "updated waiting", "duplicate waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"},
		},
		"a list with the parts of the name changes nobody, and the account gets them": {
			in: with(known(), toSCIM),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", parts)},
				{2 * time.Hour, event.SignalUser, arrival("r3", ann)}, // of another list of the inbox
				{4 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "unchanged waiting"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, calls: []string{"activate u-1.1.activate"},
			check: func(t *testing.T, w *world) {
				if d := gocmp.Diff([]event.User{parts}, w.made); d != "" {
					t.Errorf("the target got (-want +got)\n%s", d)
				}
			},
		},
		"other parts under the same name are a correction": {
			in: func() event.Onboarding { in := known(); in.User = &parts; return in }(),
			steps: []step{
				{time.Hour, event.SignalUser, arrival("r2", swapped)},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
			},
			story:  []string{"rejected rejected"},
			asides: []string{"updated waiting"},
			status: event.StatusRejected,
		},
		"an older correction comes after a newer one": {
			in: standing(known(), 3),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(9, arrival("r9", corrected))},
				{2 * time.Hour, event.SignalUser, recorded(5, arrival("r5", other))},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting", "late waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 9,
		},
		"what says nothing new makes older ones late too": {
			in: standing(known(), 3),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(9, arrival("r9", ann))},
				{2 * time.Hour, event.SignalUser, recorded(5, arrival("r5", corrected))},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"unchanged waiting", "late waiting"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"}, record: 9,
		},
		"a record of a stream that was made anew": {
			in: standing(known(), 300),
			steps: []step{
				{time.Hour, event.SignalUser, func() event.UserEvent {
					e := recorded(2, arrival("r2", corrected))
					e.At = event.Place{Seq: 2, Stored: stored.Add(time.Hour), Since: stored.Add(time.Minute)}
					return e
				}()},
				{3 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 2,
		},
		"started with a newer record than the one that claimed the user": {
			in: func() event.Onboarding {
				in := standing(known(), 5)
				in.Event = event.Identity{Source: "inbox", ID: "r5"}
				return in
			}(),
			person: &event.Person{Source: "inbox", Generation: 1, Status: event.StatusWaiting, Record: 5},
			steps: []step{
				{time.Hour, event.SignalUser, recorded(1, arrival("r1", corrected))},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbRejected)},
			},
			story: []string{"rejected rejected"}, asides: []string{"late waiting"},
			status: event.StatusRejected, record: 5,
		},
		"started with an older record than the one that claimed the user": {
			in: func() event.Onboarding {
				in := standing(known(), 5)
				in.Event = event.Identity{Source: "inbox", ID: "r5"}
				return in
			}(),
			steps: []step{
				{time.Hour, event.SignalUser, recorded(7, arrival("r1", corrected))},
				{2 * time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
			},
			story:  []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"updated waiting"},
			status: event.StatusWelcomed, sent: []string{"email Anne", "sms Anne"}, record: 7,
		},
		// The end that the last message writes was made before the record came that claimed
		// the user. A regression (issue 14): the bridge answered that one as late then.
		"the record that claimed the user comes while messages are on their way": {
			in: func() event.Onboarding {
				in := standing(known(), 5)
				in.Event = event.Identity{Source: "inbox", ID: "r5"}
				return in
			}(),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour + time.Second, event.SignalUser, recorded(7, arrival("r1", ann))},
			},
			sendErrs: map[string][]error{event.ChannelEmail: {errBusy, errBusy, errBusy}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides:   []string{"unchanged active"},
			status:   event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
			check: func(t *testing.T, w *world) {
				if w.person.Opener != event.OpenerAnswered {
					t.Errorf("PEOPLE says of the record that claimed the user: %q", w.person.Opener)
				}
			},
		},
		"decision before its user": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)},
				{time.Hour, event.SignalVerification, decision("v2", event.VerbRejected)},
				{2 * time.Hour, event.SignalUser, arrival("r1", ann)},
			},
			story:  []string{"parked parked", "started waiting", "approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			asides: []string{"late approved"},
			status: event.StatusWelcomed, sent: []string{"email Ann", "sms Ann"},
		},
		"a source that does not decide about this inbox": {
			in: parked(),
			steps: []step{
				{0, event.SignalVerification, decision("v1", event.VerbApproved)}, // came first, so it could not be seen
				{time.Hour, event.SignalUser, decidedBy("erp", arrival("r1", ann))},
				{2 * time.Hour, event.SignalVerification, decision("v2", event.VerbApproved)},
				{3 * time.Hour, event.SignalVerification, by("erp", decision("v3", event.VerbRejected))},
			},
			story:  []string{"started waiting", "rejected rejected"},
			status: event.StatusRejected, orphans: 2,
		},
		"the console may always decide": {
			in:     limited(known(), "erp"),
			steps:  []step{{time.Hour, event.SignalVerification, by(event.SourceConsole, decision("v1", event.VerbRejected))}},
			story:  []string{"rejected rejected"},
			status: event.StatusRejected,
		},
		"a list of verifiers that was mended": {
			in: limited(known(), "erp"),
			steps: []step{
				{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)},              // becomes a dead letter
				{2 * time.Hour, event.SignalVerification, checked(decision("v1", event.VerbRejected))}, // sent again
				{2 * time.Hour, event.SignalVerification, checked(decision("v1", event.VerbRejected))},
			},
			orphans: 1,
			story:   []string{"rejected rejected"},
			asides:  []string{"duplicate rejected"},
			status:  event.StatusRejected,
		},
		"a user who never comes": {
			in:      parked(),
			steps:   []step{{0, event.SignalVerification, decision("v1", event.VerbApproved)}},
			orphans: 1, fails: true,
		},
		"one channel fails for good": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {event.Permanent(errors.New("no such number"))}},
			story:    []string{"approved approved", "activated active", "sent active", "failed active", "finished partly_welcomed"},
			status:   event.StatusPartlyWelcomed, sent: []string{"email Ann"},
		},
		"both channels fail for good": {
			in:    known(),
			steps: []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{
				event.ChannelSMS: {event.Permanent(errors.New("x"))}, event.ChannelEmail: {event.Permanent(errors.New("x"))},
			},
			story:  []string{"approved approved", "activated active", "failed active", "failed active", "finished unreached"},
			status: event.StatusUnreached,
		},
		"a system without text messages": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}},
			story:    []string{"approved approved", "activated active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"email Ann"},
		},
		"a system that sends nothing which reaches this user": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}, event.ChannelEmail: {errNoProvider}},
			story:    []string{"approved approved", "activated active", "failed active", "failed active", "finished unreached"},
			status:   event.StatusUnreached,
			check: func(t *testing.T, w *world) {
				if i := slices.IndexFunc(w.facts, func(f event.Fact) bool { return f.Kind == event.FactFailed }); w.facts[i].Reason != event.ReasonNoProvider {
					t.Errorf("the failure says %q", w.facts[i].Reason)
				}
			},
		},
		"one channel is none here and the other fails": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelSMS: {errNoProvider}, event.ChannelEmail: {event.Permanent(errors.New("x"))}},
			story:    []string{"approved approved", "activated active", "failed active", "finished unreached"},
			status:   event.StatusUnreached,
		},
		"a provider that is paused for days takes no user's time": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: slices.Repeat([]error{event.Paused(errors.New("no credit"), 5*time.Hour)}, 20)},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"sms Ann", "email Ann"},
		},
		"one that puts a message off for days does": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: slices.Repeat([]error{event.RetryAfter(errors.New("put off"), 5*time.Hour)}, 20)},
			story:    []string{"approved approved", "activated active", "failed active", "sent active", "finished partly_welcomed"},
			status:   event.StatusPartlyWelcomed, sent: []string{"sms Ann"},
		},
		"a passing failure is tried again": {
			in:       known(),
			steps:    []step{{time.Hour, event.SignalVerification, decision("v1", event.VerbApproved)}},
			sendErrs: map[string][]error{event.ChannelEmail: {errors.New("busy"), event.RetryAfter(errors.New("quota"), time.Hour)}},
			story:    []string{"approved approved", "activated active", "sent active", "sent active", "welcomed welcomed"},
			status:   event.StatusWelcomed, sent: []string{"sms Ann", "email Ann"},
		},
	})
}

func TestQueryHoldsNoPersonalData(t *testing.T) {
	env, _ := setup(t)
	env.RegisterDelayedCallback(func() {
		v, err := env.QueryWorkflow(event.QueryStatus)
		require.NoError(t, err)
		var got event.OnboardingStatus
		require.NoError(t, v.Get(&got))
		if d := gocmp.Diff(event.OnboardingStatus{UserID: "u-1", Generation: 1, Status: event.StatusWaiting}, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		env.SignalWorkflow(event.SignalVerification, decision("v1", event.VerbRejected))
	}, time.Hour)
	env.ExecuteWorkflow(event.WorkflowOnboard, known())
	require.NoError(t, env.GetWorkflowError())
}
