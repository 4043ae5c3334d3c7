package notify

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

// What usher finds out by itself is no word about the provider: a pause goes on.
func TestAPausedProviderIsNotHealedByWhatItNeverSaw(t *testing.T) {
	srv := newSMTPServer(t, script{"AUTH": "535 5.7.8 no"})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].Username, c.Providers.Email[0].Password = "u", "p"
	})
	if _, err := r.Send(t.Context(), requestOf(1)); !event.IsPaused(err) {
		t.Fatal(err)
	}
	g := r.channels[event.ChannelEmail][0].gate
	g.mu.Lock()
	g.until = time.Now() // the pause is over, so the next message tries
	g.mu.Unlock()
	bad := requestOf(2)
	bad.Email = "a@-.example"
	if sent, _ := r.Send(t.Context(), bad); sent.State != event.SendFailed {
		t.Fatalf("%+v", sent)
	}
	if _, trouble := g.paused(""); trouble != ReasonConfig {
		t.Errorf("the trouble is %q after a message that the provider never saw", trouble)
	}
	if n := testutil.ToFloat64(r.Metrics.Paused.WithLabelValues("email", "smtp", ReasonConfig)); n != 1 {
		t.Errorf("the pause is shown as %v", n)
	}
}

// A request that cannot be made for one person stops no other's.
func TestARequestThatFailsForOnePersonPausesNobody(t *testing.T) {
	r := newRig(t, nowhere, "http://"+nowhere, func(c *Config) {
		c.Providers.SMS[0].Headers = map[string]string{"X-Language": "{{.Locale}}"}
	})
	m := message{to: "+15005550006", messageID: "m@usher.invalid", locale: "en\r\nX-Other: 1", content: content{sms: "Hello"}}
	_, err := r.channels[event.ChannelSMS][0].deliver(t.Context(), m, func() error { return errors.New("must not be asked") })
	var f *failure
	if !errors.As(err, &f) || f.class != permanent || f.reason != ReasonRender || !f.ours {
		t.Errorf("%+v", err)
	}
}

// While one provider is paused, the other's refusal of a message is a try of it.
func TestOneProviderThatIsAskedIsNoPause(t *testing.T) {
	first, second := newSMTPServer(t, script{"AUTH": "535 5.7.8 no"}), newSMTPServer(t, script{"RCPT": "450 4.2.0 busy"})
	r := newRig(t, first.addr, "http://"+nowhere, twoMail(second.addr), func(c *Config) {
		c.Providers.Email[0].Username, c.Providers.Email[0].Password = "u", "p"
	})
	q := requestOf(1)
	q.Backoff = func(failed int) time.Duration { return time.Hour * time.Duration(failed) }
	for range 3 {
		sent, err := r.Send(t.Context(), q)
		if pause, _ := event.RetryDelay(err); event.IsPaused(err) || pause != time.Hour*time.Duration(sent.Failed) {
			t.Fatalf("%v, %v, %+v", pause, err, sent)
		}
	}
}

// A try that failed before anything was handed over leaves alone what another try
// has brought about meanwhile.
func TestALateFailureHidesNoAcceptance(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT": "550 5.1.1 who"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	q := requestOf(1)
	for _, state := range []event.SendState{event.SendAccepted, event.SendSubmitting, event.SendFailed} {
		delete(r.ledger.entries, "u-1/"+q.key())
		other := event.Send{State: state, Token: "another", MessageID: "m@example.org"}
		r.Fault = func(point string) {
			if point == "notify.rendered" {
				r.ledger.entries["u-1/"+q.key()] = other
			}
		}
		sent, err := r.Send(t.Context(), q)
		if taken := state == event.SendAccepted; (err == nil) != taken || event.IsPermanent(err) {
			t.Errorf("%s: %v", state, err)
		}
		if sent.State != state || r.ledger.entries["u-1/"+q.key()].State != state {
			t.Errorf("the ledger says %q, another try had written %q", sent.State, state)
		}
	}
}

// What is left to a person does not say that it is tried again.
func TestWhatIsHeldHasNoNextTry(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "drop"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	q := requestOf(1)
	q.Backoff = func(int) time.Duration { return time.Hour }
	var sent event.Send
	for range MaxCopies + 2 {
		sent, _ = r.Send(t.Context(), q)
	}
	m := event.Person{Generation: 1, Sends: map[string]event.Send{q.key(): sent}}.Messages()[0]
	if sent.State != event.SendUnknown || sent.Copies != MaxCopies || !strings.Contains(m.Says(), "usher resend") {
		t.Errorf("%+v is told as %q", sent, m.Says())
	}
}

// When the answer is there before anything of the request was read, the message
// can no more be taken.
func TestTheBorderClosesWithTheAnswer(t *testing.T) {
	b := &border{Reader: strings.NewReader("body"), commit: func() error { t.Error("it was crossed"); return nil }}
	if crossed, refused := b.state(); crossed || refused != nil {
		t.Error(crossed, refused)
	}
	if _, err := io.ReadAll(b); !errors.Is(err, errAnswered) {
		t.Error(err)
	}
}

// The allow-list knows a recipient however either is written.
func TestAllowedHoweverItIsWritten(t *testing.T) {
	for allowed, to := range map[string]string{
		"@bücher.example": "zoe@xn--bcher-kva.example", " Zoe@BÜCHER.example ": "zoe@xn--bcher-kva.example",
		"@XN--BCHER-KVA.example": "zoe@xn--bcher-kva.example", "+4930*": "+4930123456",
	} {
		l, err := parseRecipients([]string{allowed})
		if err != nil || !l.has(to) || l.has("ann@example.org") || l.has("+4940123456") {
			t.Errorf("%q: %q, %v", allowed, l, err)
		}
	}
}
