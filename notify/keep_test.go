package notify

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// An answer that the ledger does not take is kept for the next attempt, which writes
// it and acts on it as the first would have.
func TestAnAnswerIsKeptForTheNextAttempt(t *testing.T) {
	for name, tc := range map[string]struct {
		script script // of the first answer; the second is an acceptance
		keeps  event.SendState
		sent   int // messages in the end
		state  event.SendState
		class  string
	}{
		"accepted":         {script{}, event.SendAccepted, 1, event.SendAccepted, "ok"},
		"refused":          {script{"DOT": "550 5.1.1 who"}, event.SendFailed, 1, event.SendFailed, "permanent"},
		"busy":             {script{"DOT": "451 4.3.0 later"}, "", 2, event.SendAccepted, "ok"},
		"no answer":        {script{"DOT": "drop"}, event.SendUnknown, 2, event.SendAccepted, "ok"},
		"hidden by a stop": {script{"DOT": "wait"}, event.SendAccepted, 1, event.SendAccepted, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			srv, later := newSMTPServer(t, tc.script), newSMTPServer(t, nil)
			a := newRig(t, srv.addr, "http://"+nowhere)
			down, answered := errors.New("the store is away"), false
			a.ledger.fail = func(s event.Send) error {
				if answered = answered || s.State == event.SendSubmitting; answered && s.State != event.SendSubmitting {
					return down
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			kept := make(chan event.Answer, 16)
			q := requestOf(1)
			q.Keep = func(n event.Answer) { kept <- n }
			done := make(chan error, 1)
			go func() {
				_, err := a.Send(ctx, q)
				done <- err
			}()
			if tc.script["DOT"] == "wait" { // the worker is asked to stop, then the answer comes
				<-srv.dots
				cancel()
				close(srv.goOn)
			}
			answer := <-kept
			if err := <-done; err == nil {
				t.Fatal("the ledger did not take it, and that is no error")
			}
			if answer.State != tc.keeps || answer.Token == "" || answer.At.IsZero() {
				t.Errorf("it keeps %+v", answer)
			}
			text, err := json.Marshal(answer)
			if err != nil || strings.Contains(string(text), "ann.secret") {
				t.Errorf("it keeps %s, %v", text, err)
			}

			b := newRig(t, later.addr, "http://"+nowhere, func(c *Config) { c.Ledger = a.ledger })
			a.ledger.fail = nil
			q.Answer = &event.Answer{}
			if err := json.Unmarshal(text, q.Answer); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the same answer again does nothing
				sent, err := b.Send(t.Context(), q)
				out := len(srv.messages()) + len(later.messages())
				if checkClass(t, err, tc.class); sent.State != tc.state || out != tc.sent {
					t.Errorf("the ledger says %q, %d messages went out, %v", sent.State, out, err)
				}
				if copies := map[bool]int{true: 1}[tc.keeps == event.SendUnknown]; sent.Copies != copies {
					t.Errorf("%d copies are counted, want %d", sent.Copies, copies)
				}
			}
		})
	}
}

// An answer of an attempt that does not have the message any more changes nothing,
// unless it is an acceptance.
func TestAnOldAnswerChangesNothing(t *testing.T) {
	old := event.Answer{Token: "old", At: now(), Try: &event.Try{At: now(), Result: "retry", Reason: ReasonTransient}}
	for _, was := range []event.Send{
		{}, {State: event.SendSubmitting, Token: "new", Attempts: 2}, {State: event.SendFailed, Token: "old", Reason: ReasonContent},
		{State: event.SendAccepted, Token: "old"}, {State: event.SendDelivered, Token: "new"}, {State: event.SendBounced, Token: "old", Reason: ReasonRecipient},
	} {
		for _, state := range []event.SendState{"", event.SendFailed, event.SendUnknown} {
			is, n := was, old
			n.State = state
			if is.Settle(n); is.State != was.State || is.Token != was.Token || is.Reason != was.Reason || len(is.Tries) > 0 {
				t.Errorf("%q by %q of an old attempt became %+v", was.State, state, is)
			}
		}
		is, n := was, old
		n.State, n.Provider, n.ProviderID = event.SendAccepted, "smtp", "Q1"
		if is.Settle(n); !is.Taken() || was.Taken() && is.State != was.State {
			t.Errorf("%q became %q by an acceptance", was.State, is.State)
		}
	}
}
