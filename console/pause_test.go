package console

import (
	"strings"
	"testing"
	"time"

	"usher/event"
)

// Issue 20: every page says what is paused, since when, by whom and why, and how it
// goes on.
func TestEveryPageSaysWhatIsPaused(t *testing.T) {
	r := newRig(t)
	at := time.Now().Add(-time.Minute)
	paused := []event.PausedStage{
		{Stage: event.StageBridge, Pause: event.Pause{Paused: true, Actor: "ann", Reason: "a <new> database", At: at}},
		{Stage: event.StageDelivery, Pause: event.Pause{Paused: true, Actor: "bob", For: time.Hour, At: at}},
	}
	r.change = func(c *Config) { c.Paused = func() []event.PausedStage { return paused } }
	r.run()
	c := r.signed()
	for _, path := range []string{"/users", "/imports", "/deadletters", "/figures", "/keys", "/decisions"} {
		_, body := page(t, c, "GET", r.base+path, nil)
		has(t, path, body, "the bridge is paused", "by ann: a &lt;new&gt; database", "with <code>usher resume bridge</code>", "delivery is paused", "It goes on by itself")
	}
	paused = nil
	if _, body := page(t, c, "GET", r.base+"/users", nil); strings.Contains(body, `class="paused"`) {
		t.Error("it is said when nothing is paused")
	}
}
