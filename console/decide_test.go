package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// await makes a user who waits.
func (r *rig) await(id string) {
	r.Helper()
	r.user(id, "Ann")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually(id+" waits", func() bool { return r.statusOf(id) == event.StatusWaiting })
}

// stored counts the messages of a stream.
func (r *rig) stored(stream string) uint64 {
	r.Helper()
	s, err := r.js.Stream(context.Background(), stream)
	if err != nil {
		r.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// A person who clicks Approve and then Reject, on one page, is told what became of
// each: the rejection is an event of its own, and it is late.
func TestAnotherDecisionOfTheSameFormIsAnotherEvent(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	key := event.NewID()
	approve, reject := Decision{Decision: event.VerbApproved}, Decision{Decision: event.VerbRejected, Reason: "a mistake"}
	first, err := r.console.decide(t.Context(), "admin", "u-1", key, approve, 0)
	if err != nil || first.Result != "applied" || first.Message != "Done: approved." {
		t.Fatalf("the approval: %+v %v", first, err)
	}
	second, err := r.console.decide(t.Context(), "admin", "u-1", key, reject, 0)
	if err != nil || second.Result != "late" || !strings.HasPrefix(second.Message, "Already approved by console:admin at ") {
		t.Errorf("the rejection: %+v %v", second, err)
	}
	if n := r.stored(event.StreamVerifications); n != 2 {
		t.Errorf("%d events are stored, want both", n)
	}
	if n := r.stored(event.StreamAudit); n != 2 {
		t.Errorf("%d audit records, want one for each", n)
	}
	again, err := r.console.decide(t.Context(), "admin", "u-1", key, approve, 0)
	if err != nil || again.Result != "applied" || again.EventID != first.EventID {
		t.Errorf("the approval once more: %+v %v", again, err)
	}
}

// A client's retry under its own kind of key gets the answer of its first try.
func TestAnyIdempotencyKeyIsHonoured(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.await("u-1")
	decide := func(user, body string) (int, Answer) {
		req, err := http.NewRequest("POST", r.base+"/api/v1/users/"+user+"/decision", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		req.Header.Set("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a Answer
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, a
	}
	for range 2 {
		if code, a := decide("u-1", `{"decision":"approved"}`); code != http.StatusOK {
			t.Errorf("the approval of u-1: %d %+v", code, a)
		}
	}
	if n := r.stored(event.StreamVerifications); n != 1 {
		t.Errorf("%d events are stored", n)
	}
}

// A browser that sends a form again gives up the first request.
func TestARequestThatIsGivenUpLeavesTheOthersWaiting(t *testing.T) {
	w := newWaiters(nil, nil)
	_, endFirst := w.expect("e")
	second, endSecond := w.expect("e")
	endFirst()
	w.factArrived(event.Fact{EventID: "e", Effect: event.EffectApplied})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, ok := decided(ctx, second.facts); !ok {
		t.Error("the second waiter was not told")
	}
	endSecond()
	if len(w.byID) != 0 {
		t.Errorf("%d waiters are kept", len(w.byID))
	}
}

func TestADecisionWhoseClientLeftIsStoredAndRecorded(t *testing.T) {
	r := newRig(t)
	r.run()
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := r.console.decide(gone, "admin", "u-1", event.NewID(), Decision{Decision: event.VerbApproved}, 0)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if v, a := r.stored(event.StreamVerifications), r.stored(event.StreamAudit); v != 1 || a != 1 {
		t.Errorf("%d events and %d audit records, want one each", v, a)
	}
}
