package notify

import (
	"strings"
	"testing"

	"usher/event"
)

// A regression of issue 19: a message that was not tried yet while the provider is paused
// had no line on their page, which looked as if all was done.
func TestWhoIsNotTriedYetSaysWhatItWaitsFor(t *testing.T) {
	srv := newSMTPServer(t, script{"AUTH": "535 5.7.8 no"})
	r := newRig(t, srv.addr, "http://"+nowhere, func(c *Config) {
		c.Providers.Email[0].Username, c.Providers.Email[0].Password = "u", "p"
	})
	writes := 0
	r.ledger.fail = func(event.Send) error { writes++; return nil }
	if _, err := r.Send(t.Context(), requestOf(1)); !event.IsPaused(err) {
		t.Fatal(err)
	}
	writes = 0
	var sent event.Send
	for range 5 {
		var err error
		if sent, err = r.Send(t.Context(), requestOf(2)); !event.IsPaused(err) {
			t.Fatal(err)
		}
	}
	if writes != 1 {
		t.Errorf("it is written %d times", writes)
	}
	m := event.Person{Generation: 1, Sends: map[string]event.Send{requestOf(2).key(): sent}}.Messages()
	if len(m) != 1 || !strings.Contains(m[0].Says(), "waits for smtp, paused since ") || !strings.Contains(m[0].Says(), "because credentials, TLS, relaying or credit at the provider are wrong") {
		t.Errorf("%+v", m)
	}
	// Once it is tried, the line is gone.
	g := r.channels[event.ChannelEmail][0].gate
	g.leave(nil)
	r.channels[event.ChannelEmail][0].transport.(*smtpTransport).Username = ""
	if sent, err := r.Send(t.Context(), requestOf(2)); err != nil || sent.Waits != (event.Wait{}) || sent.MessageID == "" {
		t.Errorf("%+v, %v", sent, err)
	}
}
