package notify

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// requestTo is of a recipient of its own.
func requestTo(n int) Request {
	r := requestOf(n)
	r.Email = fmt.Sprintf("user%d@example.org", n)
	return r
}

// A refusal that nothing proves waits, without losing time, and fails only when the
// same provider took another recipient's message between two refusals.
func TestOnlyAnAcceptanceBetweenProvesARefusal(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT user1@": "550 5.1.0 no"})
	r := newReceiving(t, srv.addr, "http://"+nowhere)
	odd := requestTo(1)
	refuse := func(when string, failed bool) {
		t.Helper()
		sent, err := r.Send(t.Context(), odd)
		if (sent.State == event.SendFailed) != failed || event.IsPermanent(err) != failed || event.IsPaused(err) == failed {
			t.Errorf("%s: %q, %v", when, sent.State, err)
		}
	}
	accept := func(n int) {
		t.Helper()
		if _, err := r.Send(t.Context(), requestTo(n)); err != nil {
			t.Fatal(err)
		}
	}
	accept(2)
	refuse("taken before", false)
	refuse("nothing between", false)
	canary := requestTo(3)
	canary.Canary = true
	if _, err := r.Send(t.Context(), canary); err != nil {
		t.Fatal(err)
	}
	refuse("a canary between", false)
	accept(4)
	refuse("taken between", true)
	if len(r.suppressed) != 0 {
		t.Error("the address is suppressed")
	}
}

// The same recipient's own acceptance proves nothing about the recipient.
func TestAnAcceptanceOfTheSameRecipientProvesNothing(t *testing.T) {
	var e evidence
	f := failureOf(ReasonRefused, errRate)
	e.weigh("m1", "a", f)
	e.took("m2", "a")
	if got := e.weigh("m1", "a", f); got.class != transient {
		t.Errorf("%+v", got)
	}
	e.took("m3", "b")
	e.took("m4", "a")
	if got := e.weigh("m1", "a", f); got.class != spent {
		t.Errorf("%+v", got)
	}
}

// Recipients that are refused alike, whatever the code says, show the provider's
// trouble: no send fails for it any more, and an alarm tells of it.
func TestRefusedAlikeIsTheProviders(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT": "550 5.1.1 who"})
	r := newReceiving(t, srv.addr, "http://"+nowhere)
	for i := range 2 * mostAlike {
		sent, err := r.Send(t.Context(), requestTo(i))
		if early := i < mostAlike-1; (sent.State == event.SendFailed) != early || event.IsPaused(err) == early {
			t.Errorf("%d: %q, %v", i, sent.State, err)
		}
	}
	if len(r.suppressed) != mostAlike-1 {
		t.Errorf("%d are suppressed", len(r.suppressed))
	}
	if n := testutil.ToFloat64(r.Metrics.Paused.WithLabelValues("email", "smtp", ReasonRefused)); n != 1 {
		t.Errorf("the pause is shown as %v", n)
	}
	if _, verbs := srv.seen(); strings.Count(verbs, "RCPT") != mostAlike {
		t.Error(verbs)
	}
}

// One recipient that is refused time and again is not several.
func TestOneRecipientIsNotSeveral(t *testing.T) {
	r := newRig(t, newSMTPServer(t, script{"RCPT": "550 5.1.0 no"}).addr, "http://"+nowhere)
	for i := range 3 * mostAlike {
		if _, err := r.Send(t.Context(), requestOf(i)); !event.IsPaused(err) {
			t.Fatal(err)
		}
	}
	if _, trouble := r.channels[event.ChannelEmail][0].gate.troubled(); trouble != "" {
		t.Error(trouble)
	}
}

// What is put off is put off alone; it is the provider's when several are put off
// again after the pause that was asked for.
func TestPutOffAgainIsTheProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e evidence
		put := failureOf(ReasonDeferred, errRate)
		put.named, put.pause = true, time.Minute
		weigh := func(when string, blames bool) {
			t.Helper()
			for i := range mostAlike {
				got := e.weigh(fmt.Sprint("m", i), fmt.Sprint("a", i), put)
				if got.blames != (blames && i == mostAlike-1) {
					t.Errorf("%s, %d: %+v", when, i, got)
				}
			}
		}
		weigh("first tries", false)
		time.Sleep(30 * time.Second)
		weigh("before the pause is over", false)
		time.Sleep(30 * time.Second)
		e.took("m", "another")
		weigh("one was taken, and all are put off again", true)
		e.took("m", "another")
		if got := e.weigh("m0", "a0", put); got.blames {
			t.Error("what was taken in between is forgotten")
		}
	})
}

// A route that one provider does not have is asked of the next; with none, it fails
// once the provider shows that it takes others, and pauses nothing.
func TestARouteIsOneMessages(t *testing.T) {
	first := newSMTPServer(t, script{"RCPT user1@": "550 5.1.0 no"})
	second := newSMTPServer(t, script{})
	r := newRig(t, first.addr, "http://"+nowhere, twoMail(second.addr))
	if sent, err := r.Send(t.Context(), requestTo(1)); err != nil || sent.Provider != "second" {
		t.Errorf("%+v, %v", sent, err)
	}
	both := newSMTPServer(t, script{"RCPT user1@": "550 5.1.0 no"})
	r = newRig(t, first.addr, "http://"+nowhere, twoMail(both.addr))
	for i := range 3 {
		sent, err := r.Send(t.Context(), requestTo(1))
		if event.IsPermanent(err) || sent.State != "" {
			t.Fatalf("%d: the second took nobody: %+v, %v", i, sent, err)
		}
		if _, err := r.Send(t.Context(), requestTo(10+i)); err != nil {
			t.Fatal(err)
		}
	}
}

// The same of text messages: a country that one service does not send to goes to the
// next, or fails with that reason, and stops nobody.
func TestARouteOfTextMessages(t *testing.T) {
	abroad := func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if strings.HasPrefix(r.Form.Get("To"), "+33") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":21408}`))
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"sid":"SM1"}`))
	}
	here := httptest.NewServer(http.HandlerFunc(abroad))
	defer here.Close()
	all := httptest.NewServer(reply(http.StatusCreated, `{"sid":"SM2"}`))
	defer all.Close()
	to := func(n int, number string) Request {
		q := request(event.ChannelSMS)
		q.UserID, q.Phone = fmt.Sprint("u-", n), number
		return q
	}
	r := newReceiving(t, nowhere, here.URL, func(c *Config) {
		second := Twilio(all.URL, "AC2", "token", "+15005550006")
		second.Name = "second"
		c.Providers.SMS = append(c.Providers.SMS, second)
	})
	if sent, err := r.Send(t.Context(), to(1, "+33612345678")); err != nil || sent.Provider != "second" {
		t.Errorf("%+v, %v", sent, err)
	}
	r = newReceiving(t, nowhere, here.URL)
	for i, number := range []string{"+33612345678", "+4930123456", "+33612345678"} {
		sent, err := r.Send(t.Context(), to(i%2, number))
		if failed := i == 2; (sent.State == event.SendFailed) != failed || (err != nil) != (i != 1) || failed && sent.Reason != ReasonNoRoute {
			t.Errorf("%d: %+v, %v", i, sent, err)
		}
	}
	if _, trouble := r.channels[event.ChannelSMS][0].gate.troubled(); trouble != "" || len(r.suppressed) > 0 {
		t.Errorf("paused because of %q, %d suppressed", trouble, len(r.suppressed))
	}
}

// A regression of issue 19: on a quiet system nothing is ever accepted between two
// refusals, so that a message which alone is refused was tried without end. Its time
// runs, once others would have been refused too.
func TestALoneRefusalEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shaped{refuse: func(to string, _ int) string {
			if to == "user9@example.org" {
				return ""
			}
			return "550 5.7.1 no"
		}}
		s.tries, s.got = map[string]int{}, map[string][]time.Time{}
		r := newReceiving(t, "mail.example.org:25", "http://"+nowhere, func(c *Config) { c.Providers.Email[0].Dial = s.dial })
		refuse := func(n int, when string, waits bool) {
			t.Helper()
			q := requestTo(n)
			q.Backoff = func(int) time.Duration { return 15 * time.Minute }
			sent, err := r.Send(t.Context(), q)
			next := event.Person{Generation: 1, Sends: map[string]event.Send{q.key(): sent}}.Messages()[0].Timeline()
			if pause, _ := event.RetryDelay(err); event.IsPermanent(err) || event.IsPaused(err) != waits || pause != 15*time.Minute {
				t.Errorf("%s: %v, after %v", when, err, pause)
			}
			if !strings.Contains(next, "not sent yet") || !strings.Contains(next, ReasonRefused) || !strings.Contains(next, "SMTP 550 5.7.1") || !strings.Contains(next, "next try ") {
				t.Errorf("%s: the page says %q", when, next)
			}
			time.Sleep(15 * time.Minute)
		}
		refuse(1, "at first", true)
		refuse(1, "after 15 min", true)
		refuse(1, "alone for half an hour", false)
		refuse(2, "another one, refused alike", true)
		refuse(1, "no more alone", true)
		if len(r.suppressed) != 0 {
			t.Error("an address is suppressed")
		}
		if _, err := r.Send(t.Context(), requestTo(9)); err != nil {
			t.Fatal(err)
		}
		if sent, err := r.Send(t.Context(), requestTo(1)); sent.State != event.SendFailed || !event.IsPermanent(err) {
			t.Errorf("another was taken: %q, %v", sent.State, err)
		}
	})
}
