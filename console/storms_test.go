package console

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// Many who fail for one reason within minutes are shown as what they are, with the
// commands that undo it; few, or those among many that were accepted, are not.
func TestManyWhoFailForOneReasonAreProbablyNotToBlame(t *testing.T) {
	r := newRig(t)
	r.run()
	began := time.Now().Add(-time.Hour)
	n := 0
	tell := func(kind, channel, reason string, at time.Duration) {
		n++
		id := fmt.Sprintf("u-%d", n)
		f := event.Fact{Kind: kind, UserID: id, Generation: 1, N: 1, Status: event.StatusActive, Inbox: "inbox", Channel: channel, Reason: reason, At: began.Add(at)}
		if _, err := r.pub.Fact(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 38 {
		tell(event.FactFailed, "email", "recipient_invalid", time.Duration(i)*6*time.Second)
	}
	for i := range 6 { // spread over an hour
		tell(event.FactFailed, "email", "content_rejected", time.Duration(i)*9*time.Minute)
	}
	for i := range 6 { // among many that went out
		tell(event.FactFailed, "sms", "recipient_invalid", time.Duration(i)*time.Second)
		tell(event.FactSent, "sms", "", time.Duration(i)*time.Second)
	}
	tell(event.FactFailed, "sms", "recipient_invalid", -2*stormSince)
	r.eventually("all are known", func() bool { return r.statusOf(fmt.Sprintf("u-%d", n)) == event.StatusActive })

	got, err := r.console.model.storms(t.Context(), time.Now())
	if err != nil || len(got) != 1 || got[0].Users != 38 {
		t.Fatalf("%+v, %v", got, err)
	}
	c := browser(t)
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	for _, path := range []string{"/figures", "/users?status=unreached"} {
		_, body := page(t, c, "GET", r.base+path, nil)
		for _, want := range []string{"38 users failed for one reason in 4 minutes", "probably not theirs", "usher resend --failed-for recipient_invalid --since 2h", "usher suppress rm --reason recipient_invalid --since 2h"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
	if _, body := page(t, c, "GET", r.base+"/users?status=waiting", nil); strings.Contains(body, "probably not theirs") {
		t.Error("a list of others shows it")
	}
}
