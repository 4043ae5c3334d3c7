//go:build !noembed

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/app"
	"usher/event"
)

// holder is a system of accounts behind a webhook. It carries out each key once,
// and hangs up without an answer after the first one.
type holder struct {
	verify *standardwebhooks.Webhook

	mu     sync.Mutex
	bodies map[string]string // by key
	calls  int
	usable map[string]bool
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || h.verify.Verify(body, r.Header) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var m struct {
		Type string
		Data struct {
			UserID string `json:"user_id"`
		}
	}
	if json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	switch before, known := h.bodies[key]; {
	case known && before != string(body):
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	case !known:
		h.bodies[key] = string(body)
		h.usable[m.Data.UserID] = m.Type == "account.activate"
	}
	if h.calls++; h.calls == 1 {
		panic(http.ErrAbortHandler)
	}
}

func (h *holder) state(user string) (usable bool, keys, calls int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.usable[user], len(h.bodies), h.calls
}

// An account is made usable once although an answer gets lost, and is taken back
// when the user is withdrawn; the next generation gets it again.
func TestAccountsFollowTheOnboarding(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{verify: verify, bodies: map[string]string{}, usable: map[string]bool{}}
	accounts := httptest.NewServer(h)
	defer accounts.Close()
	u := newUsher(t)
	u.config.Accounts = app.Accounts{AccountTarget: "webhook", AccountURL: accounts.URL, AccountSecret: secret, AccountUndo: "deactivate"}
	u.drop("a.csv", list(1, 1, ""))
	u.start("")
	u.waitIdle(1)
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	u.eachOnce(u.waitFinal(60*time.Second, "u-1"))
	if usable, keys, calls := h.state("u-1"); !usable || keys != 1 || calls < 2 {
		t.Errorf("usable %v after %d calls with %d keys, want it after the lost one and another, with one key", usable, calls, keys)
	}

	u.order("w1", event.VerbWithdrawn, "u-1")
	u.reaches("u-1", "withdrawn", has(event.StatusWithdrawn))
	if usable, keys, _ := h.state("u-1"); usable || keys != 2 {
		t.Errorf("withdrawn, and usable %v with %d keys", usable, keys)
	}

	u.order("r1", event.VerbReopened, "u-1")
	u.reaches("u-1", "waiting again", func(p event.Person) bool { return p.Generation == 2 && p.Status == event.StatusWaiting })
	u.order("a2", event.VerbApproved, "u-1")
	u.reaches("u-1", "welcomed again", func(p event.Person) bool { return p.Generation == 2 && p.Status.Final() })
	if usable, keys, _ := h.state("u-1"); !usable || keys != 3 {
		t.Errorf("reopened and approved, and usable %v with %d keys", usable, keys)
	}
}
