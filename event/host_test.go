package event_test

import (
	"testing"

	"usher/event"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "0.0.0.0": false, "::": false, "localhost.example.org": false, "example.org": false, "127.0.0.1:80": false, "192.0.2.1": false,
	} {
		if got := event.Loopback(host); got != want {
			t.Errorf("%q is this machine: %v", host, got)
		}
	}
}
