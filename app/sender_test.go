package app

import (
	"strings"
	"testing"
)

// Mail without text messages, and text messages without mail, are whole set-ups.
func TestProvidersOfOneChannel(t *testing.T) {
	mail, text := Delivery{SMTPAddr: "mx.example.org:587", MailFrom: "a@example.org"}, Delivery{SMSURL: "https://sms.example.org"}
	catcher := Addresses{CatcherSMTP: "127.0.0.1:1025", CatcherHTTP: "127.0.0.1:8025"}
	for name, tc := range map[string]struct {
		Delivery
		a          Addresses
		mail, text int
		err        string
	}{
		"mail":                        {mail, Addresses{}, 1, 0, ""},
		"text messages":               {text, Addresses{}, 0, 1, ""},
		"mail, the catcher for texts": {mail, catcher, 1, 1, ""},
		"the catcher":                 {Delivery{}, catcher, 1, 1, ""},
		"nothing":                     {Delivery{}, Addresses{}, 0, 0, "--smtp-addr, --sms-url or --providers is needed"},
	} {
		p, err := tc.providers(tc.a)
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v", name, err)
		}
		if len(p.Email) != tc.mail || len(p.SMS) != tc.text {
			t.Errorf("%s: %d for e-mail and %d for text messages", name, len(p.Email), len(p.SMS))
		}
	}
}
