package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/event"
)

func requestOf(n int) Request {
	r := request(event.ChannelEmail)
	r.UserID = fmt.Sprint("u-", n)
	return r
}

// One connection carries many messages, each in a transaction of its own.
func TestConnectionsAreReused(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) { c.Providers.Email[0].PerConnection = 3 })
	for i := range 7 {
		if _, err := r.Send(t.Context(), requestOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	conns, verbs := srv.seen()
	if len(srv.messages()) != 7 || conns != 3 {
		t.Errorf("%d messages on %d connections, want 7 on 3", len(srv.messages()), conns)
	}
	if strings.Contains(verbs, "RSET") {
		t.Errorf("a connection that carried a message just now was asked: %s", verbs)
	}
}

// A refused recipient leaves the connection fit for the next message.
func TestARefusalDoesNotCostTheConnection(t *testing.T) {
	srv := newSMTPServer(t, script{"RCPT": "550 5.1.1 who"})
	r := newRig(t, srv.addr, "http://"+nowhere)
	for i := range 3 {
		if _, err := r.Send(t.Context(), requestOf(i)); !event.IsPermanent(err) {
			t.Fatal(err)
		}
	}
	if conns, verbs := srv.seen(); conns != 1 || strings.Count(verbs, "RSET") != 2 {
		t.Errorf("%d connections: %s", conns, verbs)
	}
}

// A transaction that was refused midway is ended before the next message, also right
// after one that went out.
func TestARefusedTransactionIsReset(t *testing.T) {
	srv := newSMTPServer(t, script{})
	srv.then = script{"RCPT": "550 5.1.1 who"}
	r := newRig(t, srv.addr, "http://"+nowhere)
	for i := range 3 {
		if _, err := r.Send(t.Context(), requestOf(i)); event.IsPermanent(err) != (i > 0) {
			t.Fatal(i, err)
		}
	}
	conns, verbs := srv.seen()
	if want := "EHLO MAIL RCPT DATA MAIL RCPT RSET EHLO MAIL RCPT"; conns != 1 || verbs != want {
		t.Errorf("%d connections: %s, want %s", conns, verbs, want)
	}
}

// What a server does to a kept connection is no failure of the next message, as
// long as the server is known not to have it; and when it may have it, it is not sent
// again behind the ledger's back.
func TestStaleConnections(t *testing.T) {
	for name, tc := range map[string]struct {
		then     script
		state    event.SendState
		messages int
	}{
		"closed":                  {script{"NOOP": "drop"}, event.SendAccepted, 2},
		"421 to NOOP":             {script{"NOOP": "421 4.4.2 idle"}, event.SendAccepted, 2},
		"421 to MAIL":             {script{"MAIL": "421 4.7.0 enough"}, event.SendAccepted, 2},
		"closed at MAIL":          {script{"MAIL": "drop"}, event.SendAccepted, 2},
		"421 to RCPT":             {script{"RCPT": "421 4.7.0 enough"}, event.SendAccepted, 2},
		"421 to DATA":             {script{"DATA": "421 4.7.0 enough"}, event.SendAccepted, 2},
		"421 after the dot":       {script{"DOT": "421 4.7.0 enough"}, event.SendAccepted, 3},
		"closed after the dot":    {script{"DOT": "drop"}, event.SendUnknown, 2},
		"450 to MAIL, line stays": {script{"MAIL": "450 4.3.0 busy"}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newSMTPServer(t, script{})
			srv.then = tc.then
			r := newRig(t, srv.addr, "http://"+nowhere)
			if tc.then["NOOP"] != "" {
				r.channels[event.ChannelEmail][0].transport.(*smtpTransport).pool.trust = 0
			}
			if _, err := r.Send(t.Context(), requestOf(1)); err != nil {
				t.Fatal(err)
			}
			sent, err := r.Send(t.Context(), requestOf(2))
			if sent.State != tc.state || (err == nil) != (tc.state == event.SendAccepted) {
				t.Errorf("the ledger says %q: %v", sent.State, err)
			}
			if _, verbs := srv.seen(); strings.Contains(verbs, "NOOP") != (tc.then["NOOP"] != "") {
				t.Errorf("whether an idle connection was asked: %s", verbs)
			}
			if n := len(srv.messages()); n != tc.messages {
				t.Errorf("%d messages were handed over, want %d", n, tc.messages)
			}
		})
	}
}

func TestConnectionsAreBoundedAndEnd(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].Connections, c.Providers.Email[0].Idle = 2, 50*time.Millisecond
	})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := r.Send(context.Background(), requestOf(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if conns, _ := srv.seen(); conns != 2 {
		t.Errorf("%d connections, want 2", conns)
	}
	deadline := time.Now().Add(5 * time.Second)
	for _, verbs := srv.seen(); strings.Count(verbs, "QUIT") < 2; _, verbs = srv.seen() {
		if time.Now().After(deadline) {
			t.Fatalf("idle connections stay: %s", verbs)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := r.Send(t.Context(), requestOf(21)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, verbs := srv.seen(); strings.Count(verbs, "QUIT") != 3 {
		t.Errorf("Close leaves a connection: %s", verbs)
	}
}

// A stop while a kept connection is used sends nothing and breaks nothing.
func TestAStopOnAReusedConnection(t *testing.T) {
	srv := newSMTPServer(t, script{})
	srv.then = script{"MAIL": "hang"}
	r := newRig(t, srv.addr, "http://"+nowhere)
	if _, err := r.Send(t.Context(), requestOf(1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("stop"))
	defer cancel()
	sent, err := r.Send(ctx, requestOf(2))
	if err == nil || sent.State != "" || len(srv.messages()) != 1 {
		t.Errorf("%+v, %v, %d messages", sent, err, len(srv.messages()))
	}
}
