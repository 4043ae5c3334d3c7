package cmd

import (
	"bytes"
	"strings"
	"testing"

	"usher/app"
)

func TestWelcomeNamesTheCatcherOnlyWhenThereIsOne(t *testing.T) {
	for catcher, want := range map[string]bool{"127.0.0.1:8025": true, "": false} {
		var out bytes.Buffer
		(&session{stdout: &out}).welcome(app.Config{}, app.Addresses{Console: "127.0.0.1:8080", CatcherHTTP: catcher}, true)
		if got := strings.Contains(out.String(), "Read what was sent"); got != want {
			t.Errorf("with the catcher at %q:\n%s", catcher, out.String())
		}
	}
}

func TestWelcomeSaysHowPeopleSignIn(t *testing.T) {
	const id = "https://id.example.org/realms/staff"
	for _, tc := range []struct {
		c    app.SignOn
		says string
	}{
		{app.SignOn{}, "asks for a password."},
		{app.SignOn{OIDCIssuer: id}, "asks for a password, or a sign-in by " + id + "."},
		{app.SignOn{OIDCIssuer: id, NoLocalAccounts: true}, "asks for a sign-in by " + id + "."},
		{app.SignOn{TrustedHeader: "X-Remote-User"}, "asks for a password where the proxy names no one."},
		{app.SignOn{TrustedHeader: "X-Remote-User", NoLocalAccounts: true}, "believes the proxy."},
	} {
		var out bytes.Buffer
		c := app.Config{}
		c.SignOn = tc.c
		(&session{stdout: &out}).welcome(c, app.Addresses{Console: "127.0.0.1:8080"}, true)
		if !strings.Contains(out.String(), "; the console "+tc.says+"\n") {
			t.Errorf("with %+v:\n%s", tc.c, out.String())
		}
	}
}
