package notify

import (
	"strings"
	"testing"

	"usher/event"
)

// A system may have no provider of a channel; what is asked of it is refused for good,
// with a reason of its own, and the other channel goes on.
func TestAChannelWithoutAProvider(t *testing.T) {
	r := newRig(t, newSMTPServer(t, nil).addr, "", func(c *Config) { c.Providers.SMS = nil })
	sent, err := r.Send(t.Context(), request(event.ChannelSMS))
	if !event.IsPermanent(err) || sent.Reason != ReasonNoProvider || !strings.Contains(err.Error(), "sms") {
		t.Errorf("%+v, %v", sent, err)
	}
	if sent, err := r.Send(t.Context(), request(event.ChannelEmail)); err != nil || sent.State != event.SendAccepted {
		t.Errorf("by e-mail: %+v, %v", sent, err)
	}
}
