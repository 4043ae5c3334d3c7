package console

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/event"
)

// A held file is let go or refused from the page and by programs; what was shown is
// what is released, and each answer is in the record of who did what.
func TestAHeldFileIsReleased(t *testing.T) {
	r := newRig(t)
	r.run()
	at := time.Now().UTC()
	word := func(id, state, digest string) {
		r.publish(event.ProgressSubject("crm", id), event.Progress{Import: id, File: id + ".csv", Source: "crm", State: state, Digest: digest, Rows: 9, Reason: "it may have been cut off", StartedAt: at, At: at})
	}
	word("i1", event.ImportHeld, "d1")
	word("i2", event.ImportHeld, "d2")
	word("i3", event.ImportArchived, "")
	r.eventually("the imports are there", func() bool {
		imports, err := r.console.model.imports(t.Context(), 10)
		return err == nil && len(imports) == 3
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	_, body := page(t, c, "GET", r.base+"/imports", nil)
	for _, want := range []string{`action="/imports/i1/release"`, `value="d1"`, "it may have been cut off", ">Release<", ">Refuse<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(body, "/imports/i3/release") {
		t.Error("an import that has ended can be released")
	}
	released := func(id string) (out event.Release) {
		t.Helper()
		s, err := r.js.Stream(t.Context(), event.StreamUsers)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := s.GetLastMsgForSubject(t.Context(), event.ReleaseSubject("crm", id)); err == nil {
			if err := json.Unmarshal(m.Data, &out); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	if _, body := page(t, c, "POST", r.base+"/imports/i1/release", url.Values{"sha256": {"older"}}); !strings.Contains(body, "has changed since") || released("i1").Import != "" {
		t.Errorf("other bytes than those that were shown: %+v\n%s", released("i1"), body)
	}
	if _, body := page(t, c, "POST", r.base+"/imports/i1/release", url.Values{"sha256": {"d1"}}); !strings.Contains(body, "Released") {
		t.Errorf("released:\n%s", body)
	}
	if rel := released("i1"); rel.Digest != "d1" || rel.Refuse || rel.Actor != "admin" || rel.Source != "crm" {
		t.Errorf("%+v", rel)
	}
	api := func(id, body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.base+"/api/v1/imports/"+id+"/release", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return codeOf(t, resp)
	}
	for _, tc := range []struct {
		id, body string
		code     int
	}{
		{"i2", `{"refuse":true}`, http.StatusOK}, {"i3", `{}`, http.StatusConflict}, {"i9", `{}`, http.StatusNotFound}, {"i2", `no`, http.StatusBadRequest},
	} {
		if code := api(tc.id, tc.body); code != tc.code {
			t.Errorf("%s %s: %d, want %d", tc.id, tc.body, code, tc.code)
		}
	}
	if rel := released("i2"); rel.Digest != "d2" || !rel.Refuse {
		t.Errorf("%+v", rel)
	}
	audit, err := r.js.Stream(t.Context(), event.StreamAudit)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := audit.GetLastMsgForSubject(t.Context(), "audit.v1.release"); err != nil || !strings.Contains(string(m.Data), `"import":"i2"`) {
		t.Errorf("the record of who did what: %v", err)
	}
}

// codeOf closes the answer and returns its code.
func codeOf(t *testing.T, resp *http.Response) int {
	t.Helper()
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}
