package console

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/console/logins"
	"usher/console/trail"
	"usher/event"
	"usher/streams"
)

// verdict reads the whole trail.
func (r *rig) verdict(heads ...trail.Head) trail.Verdict {
	r.Helper()
	v := trail.Verifier{Heads: heads}
	err := streams.Read(r.Context(), r.js, event.StreamAudit, streams.Selection{}, func(m streams.Message, _ uint64) error {
		v.Next(trail.Message{Seq: m.Seq, Subject: m.Subject, Data: m.Data})
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return v.End()
}

// Two consoles under load write one whole trail, and each says its head.
func TestTwoConsolesWriteOneTrail(t *testing.T) {
	r := newRig(t)
	r.run()
	one := r.console
	r.db = filepath.Join(t.TempDir(), "other.db")
	r.run()
	const each = 300
	var wg sync.WaitGroup
	for _, k := range []*Console{one, r.console} {
		for w := range 6 {
			wg.Go(func() {
				for i := range each / 6 {
					k.audit(context.Background(), "decision", "ann", map[string]string{"user_id": fmt.Sprint("u-", w, "-", i)})
				}
			})
		}
	}
	wg.Wait()
	r.eventually("all are stored", func() bool { return audits(t, r.js) == 2*each })
	v := r.verdict()
	if v.Entries != 2*each || v.Faulty > 0 {
		t.Errorf("%+v", v)
	}
	last := max(testutil.ToFloat64(one.Metrics.AuditHead), testutil.ToFloat64(r.console.Metrics.AuditHead))
	if last != 2*each {
		t.Errorf("the heads end at %v", last)
	}
	if !strings.Contains(r.log.String(), "head=") {
		t.Error("the log does not have the head")
	}
}

// When AUDIT is full, decisions take effect; that something is missed is counted, said,
// and stands in the next entry that there is room for.
func TestAFullTrailHoldsNothingUp(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	for _, id := range []string{"u-1", "u-2"} {
		r.user(id, "N")
		r.fact(event.Fact{Kind: event.FactStarted, UserID: id, Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
		r.await(id)
	}
	room := func(messages int64) {
		t.Helper()
		s, err := r.js.Stream(t.Context(), event.StreamAudit)
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		c.MaxMsgs = messages
		if _, err := r.js.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	r.console.audit(t.Context(), "signin", "ann", map[string]string{})
	room(1)
	if code := r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"approved"}`, nil); code != http.StatusOK {
		t.Errorf("a decision: %d", code)
	}
	r.eventually("it is counted", func() bool { return testutil.ToFloat64(r.console.Metrics.AuditFailures) == 1 })
	if !strings.Contains(r.log.String(), "the audit record was not stored") || !strings.Contains(r.log.String(), "action=decision") {
		t.Errorf("the log does not say what is missed:\n%s", r.log.String())
	}
	room(1000)
	if code := r.api("POST", "/api/v1/users/u-2/decision", `{"decision":"approved"}`, nil); code != http.StatusOK {
		t.Errorf("a decision: %d", code)
	}
	if v := r.verdict(); v.Entries != 2 || v.Missed != 1 || v.Faulty > 0 {
		t.Errorf("%+v", v)
	}
}

// The page shows who did what, by each of its filters, to those who may read the trail;
// and nothing in it is personal data of the people who are onboarded.
func TestTheTrailIsShown(t *testing.T) {
	r := newRig(t)
	r.run()
	r.playWorkflows(t.Context())
	r.user("u-1", "Ann Quill")
	r.fact(event.Fact{Kind: event.FactStarted, UserID: "u-1", Generation: 1, Status: event.StatusWaiting, Inbox: "inbox"})
	r.eventually("u-1 waits", func() bool { return r.statusOf("u-1") == event.StatusWaiting })
	r.login("vic", logins.Viewer)
	r.login("theo", logins.Auditor)
	page(t, r.signedAs("vic"), "POST", r.base+"/users/u-1/reveal", nil)
	if code := r.api("POST", "/api/v1/users/u-1/decision", `{"decision":"rejected","reason":"Quill has left","note":"Quill"}`, nil); code != http.StatusOK {
		t.Fatal(code)
	}
	c := r.signedAs("theo")
	var body string
	r.eventually("all are shown", func() bool {
		_, body = page(t, c, "GET", r.base+"/trail", nil)
		return strings.Count(body, "<tr>") == 5 // with the head: two sign-ins, a reveal, a decision
	})
	has(t, "the page", body, "vic", "theo", `<span class="status">reveal</span>`, `<span class="status">decision</span>`, `<a href="/users/u-1">u-1</a>`, "password")
	if strings.Contains(body, "Quill") || strings.Contains(body, "not chained") {
		t.Errorf("the page has personal data, or what is not chained:\n%s", body)
	}
	for q, want := range map[string]int{"actor=vic": 2, "action=signin": 2, "user=u-1": 2, "user=u-1&actor=vic": 1, "actor=none": 0, "day=2020-01-01": 0, "day=2999-01-01": 4, "before=2": 1, "before=1": 0} {
		if _, body := page(t, c, "GET", r.base+"/trail?"+q, nil); max(0, strings.Count(body, "<tr>")-1) != want {
			t.Errorf("%s shows %d, want %d", q, strings.Count(body, "<tr>")-1, want)
		}
	}
	for _, bad := range []string{"day=x", "before=-1", "before=x"} {
		if resp, _ := page(t, c, "GET", r.base+"/trail?"+bad, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, resp.StatusCode)
		}
	}
	if v := r.verdict(); v.Faulty > 0 || v.Entries != 4 {
		t.Errorf("%+v", v)
	}
	err := streams.Read(t.Context(), r.js, event.StreamAudit, streams.Selection{}, func(m streams.Message, _ uint64) error {
		if strings.Contains(string(m.Data), "Quill") {
			t.Errorf("an entry has personal data: %s", m.Data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
