package notify

import (
	"bytes"
	"context"
	"errors"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/event"
)

func TestAcceptedIsNeverSentAgain(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	for range 3 {
		sent, err := r.Send(t.Context(), request(event.ChannelEmail))
		if err != nil || sent.State != event.SendAccepted || sent.ProviderID != "Q1" {
			t.Fatal(sent, err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
	if n := testutil.ToFloat64(r.Metrics.Attempts.WithLabelValues("email", "smtp", "accepted", "")); n != 1 {
		t.Errorf("%v attempts are counted", n)
	}
}

func TestCanaryMessagesAreSentAndNotCounted(t *testing.T) {
	srv := newSMTPServer(t, nil)
	r := newRig(t, srv.addr, "http://"+nowhere)
	req := request(event.ChannelEmail)
	req.Canary = true
	if _, err := r.Send(t.Context(), req); err != nil || len(srv.messages()) != 1 {
		t.Fatalf("%d messages went out: %v", len(srv.messages()), err)
	}
	for _, c := range []prometheus.Collector{
		r.Metrics.Attempts.WithLabelValues("email", "smtp", "accepted", ""), r.Metrics.Messages.WithLabelValues("email", "smtp", "accepted"),
	} {
		if n := testutil.ToFloat64(c); n != 0 {
			t.Errorf("it is counted %v times", n)
		}
	}
}

// An unknown outcome is sent again as a recognisable copy, a bounded number of
// times, and then held.
func TestUnknownIsSentAgainAndCounted(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "drop"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	var err error
	tries := 0
	for ; !errors.Is(err, ErrHeld) && tries < 10; tries++ {
		_, err = r.Send(t.Context(), request(event.ChannelEmail))
	}
	if !event.IsPermanent(err) || len(srv.messages()) != 1+MaxCopies {
		t.Errorf("%d messages, then %v", len(srv.messages()), err)
	}
	if n := testutil.ToFloat64(r.Metrics.Copies.WithLabelValues("email", "smtp")); n != MaxCopies {
		t.Errorf("%v copies are counted, want %d", n, MaxCopies)
	}
	ids := map[string]bool{}
	for _, raw := range srv.messages() {
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-Id")+m.Header.Get("Date")] = true
	}
	if len(ids) != 1 {
		t.Errorf("copies differ in Message-ID or date: %v", ids)
	}
}

// What may have gone out is never said to have failed, however a later try
// ends.
func TestARefusalAfterAnUnknownOutcomeStaysUnknown(t *testing.T) {
	for name, later := range map[string][]script{
		"refused at once":      {{"RCPT": "550 5.1.1 who"}},
		"refused in the end":   {{"DOT": "451 4.3.0 later"}, {"RCPT": "550 5.1.1 who"}},
		"refused after a body": {{"DOT": "550 5.1.1 who"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, newSMTPServer(t, script{"DOT": "drop"}).addr, "http://"+nowhere)
			ledger := r.ledger
			if sent, err := r.Send(t.Context(), request(event.ChannelEmail)); sent.State != event.SendUnknown {
				t.Fatalf("the first try is %q: %v", sent.State, err)
			}
			var sent event.Send
			var err error
			for _, s := range later {
				r = newRig(t, newSMTPServer(t, s).addr, "http://"+nowhere, func(c *Config) { c.Ledger = ledger })
				sent, err = r.Send(t.Context(), request(event.ChannelEmail))
			}
			if sent.State != event.SendUnknown || sent.Reason != ReasonUnknown || !errors.Is(err, ErrHeld) || !event.IsPermanent(err) {
				t.Errorf("the ledger says %q (%s): %v", sent.State, sent.Reason, err)
			}
			if n := testutil.ToFloat64(r.Metrics.Messages.WithLabelValues("email", "smtp", "failed")); n != 0 {
				t.Errorf("it is counted as failed %v times", n)
			}
			if n := testutil.ToFloat64(r.Metrics.Messages.WithLabelValues("email", "smtp", "unknown")); n != 1 {
				t.Errorf("it is counted as unknown %v times", n)
			}
		})
	}
}

// A try that is known not to be taken neither makes an earlier one without an answer a
// message that never went out, nor is it a copy of it. A regression: a withdrawal
// between two such tries left "not sent, and not tried any more".
func TestAPutOffAfterAnUnknownOutcomeStaysUnknown(t *testing.T) {
	r := newRig(t, newSMTPServer(t, script{"DOT": "drop"}).addr, "http://"+nowhere)
	ledger := r.ledger
	if sent, err := r.Send(t.Context(), request(event.ChannelEmail)); sent.State != event.SendUnknown {
		t.Fatalf("the first try is %q: %v", sent.State, err)
	}
	for range 2 {
		r = newRig(t, newSMTPServer(t, script{"DOT": "451 4.3.0 later"}).addr, "http://"+nowhere, func(c *Config) { c.Ledger = ledger })
		sent, err := r.Send(t.Context(), request(event.ChannelEmail))
		if err == nil || sent.State != event.SendUnknown || sent.Reason != ReasonUnknown || sent.Copies != 0 {
			t.Errorf("put off: the ledger says %q (%s) with %d copies: %v", sent.State, sent.Reason, sent.Copies, err)
		}
		m := event.Message{Channel: event.ChannelEmail, Over: true, Send: sent}
		if !strings.Contains(m.Says(), "it is not known whether it went out") {
			t.Errorf("withdrawn now, it says %q", m.Says())
		}
		if n := testutil.ToFloat64(r.Metrics.Copies.WithLabelValues("email", "smtp")); n != 0 {
			t.Errorf("put off: %v copies are counted", n)
		}
	}

	r = newRig(t, newSMTPServer(t, script{}).addr, "http://"+nowhere, func(c *Config) { c.Ledger = ledger })
	if sent, err := r.Send(t.Context(), request(event.ChannelEmail)); err != nil || sent.Copies != 1 {
		t.Errorf("taken at last: %d copies, %v", sent.Copies, err)
	}
	if n := testutil.ToFloat64(r.Metrics.Copies.WithLabelValues("email", "smtp")); n != 1 {
		t.Errorf("taken at last: %v copies are counted", n)
	}
}

func TestUnknownIsHeldWhenThePolicySaysSo(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "drop"})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.OnUnknown = Hold })
	for range 3 {
		if _, err := r.Send(t.Context(), request(event.ChannelEmail)); !errors.Is(err, ErrHeld) || !event.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}

// What a process left that died in the window is found and counted.
func TestSubmittingOfADeadProcess(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	key := "u-1/" + request(event.ChannelEmail).key()
	r.ledger.entries[key] = event.Send{State: event.SendSubmitting, Token: "dead", Attempts: 1, MessageID: "m@x", Locale: "de", Template: "welcome/de@0", Date: time.Now()}
	sent, err := r.Send(t.Context(), request(event.ChannelEmail))
	if err != nil || sent.Copies != 1 || sent.MessageID != "m@x" {
		t.Errorf("%+v, %v", sent, err)
	}
	if got := string(srv.messages()[0]); !strings.Contains(got, "<m@x>") || !strings.Contains(got, "Willkommen") {
		t.Errorf("the copy does not keep what was pinned:\n%s", got)
	}
}

// Two at once, and a ledger that fails at the worst moment: one message.
func TestTheLedgerDecides(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _ = r.Send(context.Background(), request(event.ChannelEmail)) })
	}
	wg.Wait()
	sent, err := r.Send(t.Context(), request(event.ChannelEmail))
	if err != nil || len(srv.messages()) != 1 || sent.Copies != 0 {
		t.Errorf("%d messages, the ledger says %+v, %v", len(srv.messages()), sent, err)
	}

	down := errors.New("the store is away")
	for _, state := range []event.SendState{event.SendSubmitting, event.SendAccepted} {
		srv := newSMTPServer(t, script{})
		r := newRig(t, srv.addr, "http://"+nowhere)
		failures := 3
		r.ledger.fail = func(s event.Send) error {
			if s.State == state && failures > 0 {
				failures--
				return down
			}
			return nil
		}
		for range 4 {
			_, _ = r.Send(t.Context(), request(event.ChannelEmail))
		}
		if n := len(srv.messages()); n != 1 {
			t.Errorf("the ledger fails at %s: %d messages", state, n)
		}
	}
}

// A stop before the border sends nothing; a stop after it waits for the answer,
// and records unknown when none comes.
func TestStop(t *testing.T) {
	srv := newSMTPServer(t, script{"DOT": "hang"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Send(ctx, request(event.ChannelEmail)); err == nil || len(srv.messages()) != 0 {
		t.Errorf("after a stop: %v, %d messages", err, len(srv.messages()))
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() { <-srv.dots; cancel() }()
	sent, err := r.Send(ctx, request(event.ChannelEmail))
	if err == nil || sent.State != event.SendUnknown {
		t.Errorf("stopped while handing over: %+v, %v", sent, err)
	}
}
