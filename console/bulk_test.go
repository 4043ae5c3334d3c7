package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console/bulk"
	"usher/event"
)

// crowd lets people wait for a decision, u-0 and so on, as fast as the streams take them.
func (r *rig) crowd(n int) (ids []string) {
	r.Helper()
	var told []jetstream.PubAckFuture
	for i := range n {
		id := fmt.Sprintf("u-%d", i)
		ids = append(ids, id)
		body, err := json.Marshal(event.User{UserID: id, Name: fmt.Sprint("Person ", i), Email: id + "@example.org", Import: event.Import{ID: fmt.Sprint("imp-", i%2), File: fmt.Sprint(i%2, ".csv"), Line: 2 + i}})
		if err != nil {
			r.Fatal(err)
		}
		f := event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, N: 1, Status: event.StatusWaiting, Inbox: "inbox", At: time.Now().UTC()}.WithID()
		fact, err := json.Marshal(f)
		if err != nil {
			r.Fatal(err)
		}
		for subject, data := range map[string][]byte{event.ImportedSubject("inbox"): body, event.FactSubject(f.Kind, id): fact} {
			p, err := r.js.PublishAsync(subject, data)
			if err != nil {
				r.Fatal(err)
			}
			told = append(told, p)
		}
	}
	for _, p := range told {
		select {
		case <-p.Ok():
		case err := <-p.Err():
			r.Fatal(err)
		}
	}
	return ids
}

// waiting is how many people wait as the console knows it.
func (r *rig) waiting() (n int) {
	r.Helper()
	f, err := r.console.model.figures(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return f.people[event.StatusWaiting]
}

func (r *rig) standing(id string) (s BulkStanding) {
	r.Helper()
	if code := r.api("GET", "/api/v1/bulk/"+id, "", &s); code != http.StatusOK {
		r.Fatalf("the operation %s: %d", id, code)
	}
	return s
}

// bulk begins an operation over the API.
func (r *rig) bulk(body string) (id string) {
	r.Helper()
	var made struct{ ID string }
	if code := r.api("POST", "/api/v1/bulk", body, &made); code != http.StatusAccepted {
		r.Fatalf("%s: %d", body, code)
	}
	return made.ID
}

// said counts the decisions that each person got in VERIFICATIONS, by event.
func (r *rig) said() map[string]map[string]int {
	r.Helper()
	out := map[string]map[string]int{}
	s, err := r.js.Stream(r.Context(), event.StreamVerifications)
	if err != nil {
		r.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(r.Context(), seq)
		if err != nil {
			r.Fatal(err)
		}
		var b event.VerificationBody
		if err := json.Unmarshal(m.Data, &b); err != nil {
			r.Fatal(err)
		}
		if out[b.UserID] == nil {
			out[b.UserID] = map[string]int{}
		}
		out[b.UserID][m.Header.Get("ce-id")]++
	}
	return out
}

// A decision about many goes its way by the API: it is looked at, expected, made, and
// each person has a result. Someone who was decided about meanwhile is late (issue 16).
func TestBulkOverTheAPI(t *testing.T) {
	r := newRig(t)
	r.run()
	r.crowd(30)
	r.eventually("all wait", func() bool { return r.waiting() == 30 })

	var dry struct {
		Matched  int
		ByInbox  map[string]int `json:"by_inbox"`
		ByImport map[string]int `json:"by_import"`
	}
	if code := r.api("POST", "/api/v1/bulk", `{"status":"waiting","dry_run":true}`, &dry); code != http.StatusOK || dry.Matched != 30 || dry.ByInbox["inbox"] != 30 || dry.ByImport["imp-1"] != 15 {
		t.Errorf("a dry run: %d %+v", code, dry)
	}
	for body, want := range map[string]int{
		`{"status":"waiting","decision":"approved","expect":29}`:  http.StatusConflict,
		`{"status":"waiting","dry_run":true,"expect":31}`:         http.StatusConflict,
		`{"decision":"approved"}`:                                 http.StatusBadRequest,
		`{"status":"waiting","decision":"maybe"}`:                 http.StatusBadRequest,
		`{"status":"waiting","decision":"rejected"}`:              http.StatusBadRequest,
		`{"status":"waiting","age":"soon","decision":"approved"}`: http.StatusBadRequest,
		`nonsense`: http.StatusBadRequest,
	} {
		if code := r.api("POST", "/api/v1/bulk", body, nil); code != want {
			t.Errorf("%s: %d, want %d", body, code, want)
		}
	}
	if code := r.api("GET", "/api/v1/bulk/none", "", nil); code != http.StatusNotFound {
		t.Errorf("an operation that there is not: %d", code)
	}
	if n := r.stored(event.StreamVerifications); n != 0 {
		t.Errorf("%d decisions were made by looking", n)
	}

	// Another person decides about one of them before the workflows are there to answer.
	r.api("POST", "/api/v1/users/u-3/decision", `{"decision":"rejected","reason":"left"}`, nil)
	id := r.bulk(`{"import":"imp-1","decision":"approved","note":"all checked","expect":15}`)
	r.eventually("all are sent", func() bool { return r.standing(id).Sent == 15 })
	if s := r.standing(id); s.State != bulk.Running || s.Matched != 15 || s.Applied+s.Late+s.Failed != 0 {
		t.Errorf("without an answer: %+v", s)
	}
	r.playWorkflows(t.Context())
	r.eventually("it is done", func() bool { return r.standing(id).State == bulk.Done })
	if s := r.standing(id); s.Applied != 14 || s.Late != 1 || s.Failed != 0 || s.Sent != 15 {
		t.Errorf("done: %+v", s)
	}
	var late struct{ Users []Result }
	r.api("GET", "/api/v1/bulk/"+id+"/users?result=late", "", &late)
	if len(late.Users) != 1 || late.Users[0].UserID != "u-3" || late.Users[0].Why == "" {
		t.Errorf("who was late: %+v", late.Users)
	}
	var u User
	r.api("GET", "/api/v1/users/u-5", "", &u)
	if u.Status != event.StatusApproved || u.Timeline[1].Note != "all checked" || u.Timeline[1].Actor != "admin" {
		t.Errorf("one of them: %+v", u)
	}
	var list struct{ Users []User }
	r.api("GET", "/api/v1/users?bulk="+id, "", &list)
	if len(list.Users) != 15 {
		t.Errorf("%d people by the filter, want 15", len(list.Users))
	}
	var all struct{ Operations []BulkStanding }
	r.api("GET", "/api/v1/bulk", "", &all)
	if len(all.Operations) != 1 || all.Operations[0].ID != id || all.Operations[0].Applied != 14 {
		t.Errorf("the operations: %+v", all.Operations)
	}

	// People by their ids, one of them decided already and one who is not there.
	id = r.bulk(`{"user_ids":["u-0","u-5","u-0","nobody"],"decision":"rejected","reason":"left"}`)
	r.eventually("it is done", func() bool { return r.standing(id).State == bulk.Done })
	if s := r.standing(id); s.Matched != 2 || s.Applied != 1 || s.Late != 1 {
		t.Errorf("by ids: %+v", s)
	}
	if code := r.api("POST", "/api/v1/bulk/"+id+"/cancel", "", nil); code != http.StatusConflict {
		t.Errorf("cancel what is done: %d", code)
	}
	id = r.bulk(`{"status":"parked","decision":"approved"}`)
	r.eventually("one about no one is done", func() bool { return r.standing(id).State == bulk.Done })
}

// The same request with the same key is one operation.
func TestBulkIsIdempotent(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.crowd(3)
	r.eventually("all wait", func() bool { return r.waiting() == 3 })
	ask := func(key string) (id string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.base+"/api/v1/bulk", strings.NewReader(`{"status":"waiting","decision":"approved"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		req.Header.Set("Idempotency-Key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var made struct{ ID string }
		if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s, %v", resp.Status, err)
		}
		return made.ID
	}
	first := ask("a")
	r.eventually("it is done", func() bool { return r.standing(first).State == bulk.Done })
	if again, other := ask("a"), ask("b"); again != first || other == first || r.standing(other).Matched != 0 {
		t.Errorf("%s, again %s, with another key %s", first, again, other)
	}
	if n := r.stored(event.StreamVerifications); n != 3 {
		t.Errorf("%d decisions, want 3", n)
	}
}

// Within the window an operation can be taken back, and then nothing was sent. A cancel
// stops what is not sent yet (issue 16).
func TestBulkUndoAndCancel(t *testing.T) {
	r := newRig(t)
	r.change = undoWindow(time.Hour)
	r.run()
	r.crowd(5)
	r.eventually("all wait", func() bool { return r.waiting() == 5 })
	id := r.bulk(`{"status":"waiting","decision":"approved"}`)
	if s := r.standing(id); s.State != bulk.Waiting || s.Starts.Sub(s.Begun) != time.Hour {
		t.Errorf("in the window: %+v", s)
	}
	for range 2 {
		var s BulkStanding
		if code := r.api("POST", "/api/v1/bulk/"+id+"/undo", "", &s); code != http.StatusOK || s.State != bulk.Undone || s.Sent != 0 {
			t.Errorf("undone: %d %+v", code, s)
		}
	}
	if code := r.api("POST", "/api/v1/bulk/"+id+"/cancel", "", nil); code != http.StatusConflict {
		t.Errorf("cancel what is undone: %d", code)
	}
	id = r.bulk(`{"status":"waiting","decision":"approved"}`)
	var s BulkStanding
	if code := r.api("POST", "/api/v1/bulk/"+id+"/cancel", "", &s); code != http.StatusOK || s.State != bulk.Cancelled {
		t.Errorf("cancelled in the window: %d %+v", code, s)
	}
	r.eventually("the end is on record", func() bool {
		o, _, err := r.console.bulks.store.Get(t.Context(), id)
		return err == nil && o.Final != nil && o.Final.Sent == 0
	})
	if n := r.stored(event.StreamVerifications); n != 0 {
		t.Errorf("%d decisions were sent", n)
	}
	want := []string{"audit.v1.bulk", "audit.v1.bulk-undo", "audit.v1.bulk", "audit.v1.bulk-cancel", "audit.v1.bulk-end"}
	if got := r.audited(); !slices.Equal(got, want) {
		t.Errorf("the audit has %v, want %v", got, want)
	}
}

// audited are the subjects of the audit records, but those of sign-ins.
func (r *rig) audited() (out []string) {
	r.Helper()
	c, err := r.js.OrderedConsumer(r.Context(), event.StreamAudit, jetstream.OrderedConsumerConfig{})
	if err != nil {
		r.Fatal(err)
	}
	b, err := c.FetchNoWait(100)
	if err != nil {
		r.Fatal(err)
	}
	for m := range b.Messages() {
		if m.Subject() != "audit.v1.signin" {
			out = append(out, m.Subject())
		}
	}
	return out
}

// While no one answers, no more is sent than may wait; the rest can be cancelled, and
// what was sent has its result.
func TestBulkCancelledOnItsWay(t *testing.T) {
	r := newRig(t)
	r.run()
	r.crowd(mostUnanswered + 500)
	r.eventually("all wait", func() bool { return r.waiting() == mostUnanswered+500 })
	id := r.bulk(`{"status":"waiting","decision":"approved"}`)
	r.eventually("it holds back", func() bool { return r.standing(id).Sent > mostUnanswered-perBatch })
	if code := r.api("POST", "/api/v1/bulk/"+id+"/cancel", "", nil); code != http.StatusOK {
		t.Fatalf("cancel: %d", code)
	}
	r.playWorkflows(t.Context())
	var o bulk.Operation
	r.eventually("all that was sent is answered", func() bool {
		var err error
		o, _, err = r.console.bulks.store.Get(context.Background(), id)
		return err == nil && o.Final != nil
	})
	sent := int(r.stored(event.StreamVerifications))
	if c := *o.Final; o.State != bulk.Cancelled || c.Sent != sent || c.Applied != sent || sent > mostUnanswered {
		t.Errorf("%d were sent: %s %+v", sent, o.State, c)
	}
	if s := r.standing(id); s.State != bulk.Cancelled || s.Sent != sent {
		t.Errorf("over the API: %+v", s)
	}
}
