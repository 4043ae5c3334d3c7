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
