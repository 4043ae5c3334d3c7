package notify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"usher/event"
)

// An operator who tries a provider reads its own words; no log has them.
func TestAProvidersOwnWordsAreHeard(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Authenticate with token please"}`)
	}))
	defer s.Close()
	var mu sync.Mutex
	var heard []string
	hear := func(words string) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, words)
	}
	r := newRig(t, newSMTPServer(t, script{"RCPT": "504 5.5.2 Helo command rejected"}).addr, s.URL, func(c *Config) {
		c.Providers.Email[0].Said, c.Providers.SMS[0].Said = hear, hear
	})
	for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
		if _, err := r.Send(t.Context(), request(channel)); err == nil || strings.Contains(err.Error(), "Helo command") || strings.Contains(err.Error(), "please") {
			t.Errorf("%s: the error is %v", channel, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(heard, "; "); !strings.Contains(got, "504 5.5.2 Helo command rejected") || !strings.Contains(got, "HTTP 403 Forbidden") || !strings.Contains(got, "with ******** please") {
		t.Errorf("heard %q", got)
	}
	if log := r.log.String(); strings.Contains(log, "Helo command") || strings.Contains(log, "please") {
		t.Errorf("the log holds a provider's words:\n%s", log)
	}
}
