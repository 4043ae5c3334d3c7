package console

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/event"
)

// keyed decides with a key, until that is answered.
func (r *rig) keyed(user, key, body string) (status int, a Answer, p Problem) {
	r.Helper()
	r.eventually("it is answered", func() bool {
		resp, answer := r.send("POST", "/api/v1/users/"+user+"/decision", body, "Idempotency-Key", key)
		status = resp.StatusCode
		into := any(&a)
		if resp.Header.Get("Content-Type") == problemType {
			into = &p
		}
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			r.Fatal(err)
		}
		return status != http.StatusAccepted && p.Code != string(codeSameRequest)
	})
	return status, a, p
}

const approve = `{"decision":"approved"}`

// A request that comes again with its key is one decision and has one answer: by another
// console, and long after JetStream has forgotten its id. Another request with the key is
// refused, and the same key of another account is another key.
func TestAKeyIsOneDecision(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	r.await("u-2")
	status, first, _ := r.keyed("u-1", `"a key"`, approve)
	if status != http.StatusOK || first.Result != "applied" {
		t.Fatalf("%d %+v", status, first)
	}
	check := func(when string) {
		t.Helper()
		for _, key := range []string{"a key", `"a key"`} { // the draft writes it in quotes
			if status, again, _ := r.keyed("u-1", key, `{"note":"","decision":"approved","reason":""}`); status != http.StatusOK || again != first {
				t.Errorf("%s: %d %+v, want %+v", when, status, again, first)
			}
		}
		for user, body := range map[string]string{"u-2": approve, "u-1": `{"decision":"rejected","reason":"no"}`} {
			if status, _, p := r.keyed(user, "a key", body); status != http.StatusUnprocessableEntity || p.Code != "key_reused" {
				t.Errorf("%s: another request with the key: %d %+v", when, status, p)
			}
		}
		if status, _, p := r.keyed("u-1", "a key", `{"decision":"approved","note":"n"}`); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: another note with the key: %d %+v", when, status, p)
		}
		if n := r.stored(event.StreamVerifications); n != 1 {
			t.Errorf("%s: %d events are stored, want 1", when, n)
		}
	}
	check("at once")
	other, here := r.other(), r.base
	other.run()
	r.base = other.base
	check("at another console")
	r.base = here

	s, err := r.js.Stream(t.Context(), event.StreamVerifications)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.Duplicates = 100 * time.Millisecond
	if _, err := r.js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	probe := 0
	r.eventually("JetStream forgets ids", func() bool {
		ack, err := r.js.Publish(t.Context(), event.VerificationSubject("probe", event.VerbApproved), []byte("{}"), jetstream.WithMsgID(first.EventID))
		if err == nil && !ack.Duplicate {
			probe++
		}
		return probe == 1
	})
	if err := s.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	check("after JetStream has forgotten it")

	r.login("ann", logins.Verifier)
	a := &asked{r, theContract(t), map[string]bool{}}
	status, text := a.call("ann", "POST", "/api/v1/users/u-2/decision", approve, "Idempotency-Key", "a key")
	var answer Answer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if status == http.StatusUnprocessableEntity || answer.EventID == first.EventID || answer.EventID == "" {
		t.Errorf("the key of another account: %d %+v", status, answer)
	}
}

// An operation that comes again with its key is the first one, however its JSON is
// written, and another one with the key is refused.
func TestAKeyIsOneOperation(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.UndoWindow = time.Hour }
	r.run()
	r.await("u-1")
	r.await("u-2")
	begin := func(body string) (int, string, string) {
		resp, answer := r.send("POST", "/api/v1/bulk", body, "Idempotency-Key", "k")
		var p Problem
		_ = json.Unmarshal([]byte(answer), &p)
		return resp.StatusCode, id(answer), p.Code
	}
	status, first, _ := begin(`{"user_ids":["u-1"],"decision":"approved"}`)
	if status != http.StatusAccepted {
		t.Fatal(status)
	}
	if status, again, _ := begin(`{"decision":"approved", "q":"", "user_ids":["u-1"]}`); status != http.StatusAccepted || again != first {
		t.Errorf("the same once more: %d %s, want %s", status, again, first)
	}
	if status, _, code := begin(`{"user_ids":["u-2"],"decision":"approved"}`); status != http.StatusUnprocessableEntity || code != "key_reused" {
		t.Errorf("another one with the key: %d %s", status, code)
	}
}
