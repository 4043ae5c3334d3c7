package cmd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/event"
)

// Whom `usher resend --failed-for` means: those whose latest welcome failed for the
// reason, by the channels on which it did.
func TestWhomAResendForAReasonMeans(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key := func(generation int, channel string, ordinal int) string {
		return event.SendKey(generation, event.PurposeWelcome, channel, ordinal)
	}
	failed := func(reason string, ago time.Duration) event.Send {
		return event.Send{State: event.SendFailed, Reason: reason, At: now.Add(-ago)}
	}
	for name, tc := range map[string]struct {
		sends map[string]event.Send
		ask   resendCmd
		want  []string
	}{
		"one channel":          {map[string]event.Send{key(2, "email", 1): failed("refused", time.Hour), key(2, "sms", 1): {State: event.SendAccepted}}, resendCmd{FailedFor: "refused"}, []string{"email"}},
		"both":                 {map[string]event.Send{key(2, "email", 1): failed("refused", time.Hour), key(2, "sms", 1): failed("refused", time.Hour)}, resendCmd{FailedFor: "refused"}, []string{"email", "sms"}},
		"only by one of them":  {map[string]event.Send{key(2, "email", 1): failed("refused", time.Hour), key(2, "sms", 1): failed("refused", time.Hour)}, resendCmd{FailedFor: "refused", Channel: []string{"sms"}}, []string{"sms"}},
		"another reason":       {map[string]event.Send{key(2, "email", 1): failed("render_error", time.Hour)}, resendCmd{FailedFor: "refused"}, nil},
		"too long ago":         {map[string]event.Send{key(2, "email", 1): failed("refused", 3*time.Hour)}, resendCmd{FailedFor: "refused", Since: 2 * time.Hour}, nil},
		"accepted since":       {map[string]event.Send{key(2, "email", 1): failed("refused", time.Hour), key(2, "email", 2): {State: event.SendAccepted}}, resendCmd{FailedFor: "refused"}, nil},
		"of a generation past": {map[string]event.Send{key(1, "email", 1): failed("refused", time.Hour)}, resendCmd{FailedFor: "refused"}, nil},
		"its time ran out":     {map[string]event.Send{key(2, "email", 1): {Tries: []event.Try{{At: now.Add(-time.Hour)}}}}, resendCmd{FailedFor: "expired", Since: 2 * time.Hour}, []string{"email"}},
	} {
		p := event.Person{Generation: 2, Status: event.StatusUnreached, Sends: tc.sends}
		if d := cmp.Diff(tc.want, tc.ask.failed(p, now)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
