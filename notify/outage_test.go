package notify

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"usher/event"
)

// A regression of issue 19: a provider that is away for longer than a message is tried,
// as over a weekend, cost all who were approved meanwhile their welcome. That it cannot
// be reached says nothing about a message, so that none loses time in the pause.
func TestAProviderThatIsAwayTakesNoMessagesTime(t *testing.T) {
	refusing := newSMTPServer(t, script{"MAIL": "451 4.3.0 the queue is full"})
	for name, tc := range map[string]struct{ channel, mail string }{
		"e-mail":         {event.ChannelEmail, nowhere},
		"text messages":  {event.ChannelSMS, nowhere},
		"no mail at all": {event.ChannelEmail, refusing.addr},
	} {
		r := newRig(t, tc.mail, "http://"+nowhere)
		for i := range 3 * mostFailed {
			q := request(tc.channel)
			sent, err := r.Send(t.Context(), q)
			if sent.State != "" || event.IsPermanent(err) || event.IsPaused(err) != (i >= mostFailed-1) {
				t.Errorf("%s, %d: %+v, %v", name, i, sent, err)
			}
		}
	}
	// A line that dies at one recipient may be that message's own fault, whose time runs.
	r := newRig(t, newSMTPServer(t, script{"RCPT": "drop"}).addr, "http://"+nowhere)
	for i := range 3 * mostFailed {
		if sent, err := r.Send(t.Context(), requestOf(1)); sent.State != "" || err == nil || event.IsPaused(err) {
			t.Errorf("it dies at RCPT, %d: %+v, %v", i, sent, err)
		}
	}
}

// A regression of issue 19: a service in trouble answered 500 to everybody, and each
// message used its copies up within seconds and was left to a person. When several in a
// row have no answer the provider is paused, so that few are in doubt.
func TestWithoutAnswersAProviderIsPaused(t *testing.T) {
	asked, status := 0, http.StatusInternalServerError
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		reply(status, `{"sid":"SM1"}`)(w, r)
	}))
	defer srv.Close()
	r := newRig(t, nowhere, srv.URL)
	to := func(n int) Request {
		q := request(event.ChannelSMS)
		q.UserID, q.Phone = fmt.Sprint("u-", n), fmt.Sprint("+493012345", n)
		q.Backoff = func(failed int) time.Duration { return time.Duration(failed) * time.Minute }
		return q
	}
	for range 3 { // one that alone has no answer is no word about the others
		sent, err := r.Send(t.Context(), to(10))
		if pause, _ := event.RetryDelay(err); sent.State != event.SendUnknown || event.IsPermanent(err) || pause < (1+beforeCopy)*time.Minute {
			t.Errorf("a copy is made after %v: %+v, %v", pause, sent, err)
		}
	}
	before := asked
	for i := range 3 * mostAlike {
		sent, err := r.Send(t.Context(), to(20+i))
		if waits := i >= mostAlike-1; event.IsPermanent(err) || event.IsPaused(err) != waits || (sent.State == "") != waits {
			t.Errorf("%d: %+v, %v", i, sent, err)
		}
	}
	if asked != before+mostAlike-1 {
		t.Errorf("it was asked %d times", asked-before)
	}
	status = http.StatusCreated
	g := r.channels[event.ChannelSMS][0].gate
	g.mu.Lock()
	g.until = time.Now() // the pause is over, so the next one tries
	g.mu.Unlock()
	for i := range 3 * mostAlike {
		if sent, err := r.Send(t.Context(), to(20+i)); err != nil {
			t.Errorf("it answers again, %d: %+v, %v", i, sent, err)
		}
	}
}
