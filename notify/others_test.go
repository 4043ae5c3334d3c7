package notify

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/event"
)

// A refusal for good that all get is the provider's whatever its code says: so is a full
// mailbox, which may be the sender's.
func TestFullMailboxesOfAllAreTheProviders(t *testing.T) {
	r := newReceiving(t, newSMTPServer(t, script{"RCPT": "552 5.2.2 over quota"}).addr, "http://"+nowhere)
	for i := range 2 * mostAlike {
		sent, err := r.Send(t.Context(), requestTo(i))
		if waits := i >= mostAlike-1; sent.State != "" || event.IsPermanent(err) || event.IsPaused(err) != waits {
			t.Errorf("%d: %+v, %v", i, sent, err)
		}
	}
}

// What ends a session, or is forbidden, for one recipient stops no other.
func TestOneRecipientStopsNoOther(t *testing.T) {
	mail := newSMTPServer(t, script{"RCPT user1@": "421 4.7.0 try again later"})
	texts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if strings.HasPrefix(r.Form.Get("To"), "+33") {
			reply(http.StatusForbidden, `{"error":"not there"}`)(w, r)
			return
		}
		reply(http.StatusCreated, `{"sid":"SM1"}`)(w, r)
	}))
	defer texts.Close()
	r := newRig(t, mail.addr, texts.URL)
	for i := range 4 * mostFailed {
		odd, other := requestTo(1), requestTo(100+i)
		if i%2 == 1 {
			odd, other = request(event.ChannelSMS), request(event.ChannelSMS)
			odd.Phone, other.UserID = "+33612345678", fmt.Sprint("u-", 100+i)
		}
		if sent, err := r.Send(t.Context(), odd); sent.State != "" || err == nil || event.IsPaused(err) {
			t.Errorf("%d: %+v, %v", i, sent, err)
		}
		if _, err := r.Send(t.Context(), other); err != nil {
			t.Errorf("%d, another: %v", i, err)
		}
	}
}

// A regression of issue 19: of the messages that wait for a provider which refuses all,
// the one that had probed in vain was the first to probe again, each time.
func TestEveryoneWhoWaitsMayProbe(t *testing.T) {
	const bad, good, later = 2 * mostAlike, 3, time.Minute
	synctest.Test(t, func(t *testing.T) {
		s := &shaped{
			refuse: func(to string, _ int) string {
				if len(to) == len("user0@example.org") { // the first ten
					return "550 5.1.1 who"
				}
				return ""
			},
			starts: func(user int) time.Duration {
				if user < bad {
					return 0
				}
				return later
			},
		}
		began := time.Now()
		r, ended := s.welcome(t, bad+good)
		for i, at := range ended {
			took, got := at.Sub(began), len(s.got[fmt.Sprintf("user%d@example.org", i)])
			if i < bad && (got != 0 || took > 15*time.Minute) || i >= bad && (got != 1 || took > later+3*pauseProbe) {
				t.Errorf("user %d: %d messages, it ends after %v", i, got, took)
			}
		}
		if len(r.suppressed) != bad {
			t.Errorf("%d are suppressed", len(r.suppressed))
		}
	})
}
