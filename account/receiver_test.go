package account

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a webhook as docs/accounts.md describes it: it checks the
// signature with the public library and carries out each key once.
type receiver struct {
	verify *standardwebhooks.Webhook

	mu     sync.Mutex
	done   map[string][]byte // body by key
	active map[string]bool
	times  map[string]int // how often a step of a user was carried out
	bodies [][]byte
}

func newReceiver(t *testing.T, f *faults) (*receiver, string) {
	v, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{verify: v, done: map[string][]byte{}, active: map[string]bool{}, times: map[string]int{}}
	f.next = r
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return r, s.URL + "/hook?tenant=1"
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	if r.verify.Verify(body, req.Header) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
	key := req.Header.Get("Idempotency-Key")
	if before, ok := r.done[key]; ok && string(before) != string(body) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	} else if !ok {
		var m struct {
			Type string
			Data struct {
				UserID string `json:"user_id"`
			}
		}
		if err := json.Unmarshal(body, &m); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.done[key] = body
		r.times[m.Type]++
		if m.Type == "account.delete" {
			delete(r.active, m.Data.UserID)
		} else {
			r.active[m.Data.UserID] = m.Type == "account.activate"
		}
	}
	_, _ = io.WriteString(w, `{"id":"a-1","created":true}`)
}

func (r *receiver) usable(userID string) (usable, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	active, there := r.active[userID]
	if active {
		usable = 1
	}
	if there {
		all = 1
	}
	return usable, all
}
