package console

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Payloads are decrypted for people who signed in, on pages of the named origin
// and on no other.
func TestPayloadsAreReadOnlyByThoseWhoSignedIn(t *testing.T) {
	const ui, stranger = "http://127.0.0.1:8233", "http://127.0.0.1:6666"
	r := newRig(t)
	asked := 0
	r.change = func(c *Config) {
		c.PayloadOrigins = []string{ui}
		c.Payloads = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			b, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			_, _ = w.Write(append([]byte("clear:"), b[:4]...))
		})
	}
	r.run()
	endpoint := r.base + payloadsPath
	someone, nobody := browser(t), browser(t)
	if resp, _ := page(t, someone, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-in: %d", resp.StatusCode)
	}
	for name, tc := range map[string]struct {
		client         *http.Client
		method, origin string
		size           int
		basic          string
		want           int
	}{
		"signed in":            {someone, "POST", ui, 100, "", 200},
		"a whole history":      {someone, "POST", ui, 1 << 20, "", 200},
		"too large":            {someone, "POST", ui, mostPayloads + 1, "", 413},
		"not signed in":        {nobody, "POST", ui, 100, "", 401},
		"another origin":       {someone, "POST", stranger, 100, "", 403},
		"no origin, signed in": {someone, "POST", "", 100, "", 200},
		"a program":            {nobody, "POST", "", 100, password, 200},
		"a wrong password":     {nobody, "POST", "", 100, "guess", 401},
		"asked before":         {nobody, "OPTIONS", ui, 0, "", 204},
		"asked by a stranger":  {someone, "OPTIONS", stranger, 0, "", 403},
		"by address":           {someone, "GET", ui, 0, "", 405},
	} {
		req, err := http.NewRequest(tc.method, endpoint, strings.NewReader(strings.Repeat("x", tc.size)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
			req.Header.Set("Sec-Fetch-Site", "same-site")
		}
		if tc.basic != "" {
			req.SetBasicAuth("admin", tc.basic)
		}
		before := asked
		resp, err := tc.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tc.want)
		}
		if reached := asked > before; reached != (tc.want == 200 || tc.want == 413) {
			t.Errorf("%s: the payloads were reached: %v", name, reached)
		}
		allowed := resp.Header.Get("Access-Control-Allow-Origin")
		if tc.origin == ui && (allowed != ui || resp.Header.Get("Access-Control-Allow-Credentials") != "true") || tc.origin != ui && allowed != "" {
			t.Errorf("%s: allowed for %q", name, allowed)
		}
	}
	// The page that may read payloads may not decide.
	if resp, _ := page(t, someone, "POST", r.base+"/users/u-1/decision", url.Values{"decision": {"approved"}}, "Origin", ui, "Sec-Fetch-Site", "same-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a decision from Temporal's page: %d", resp.StatusCode)
	}
	s, err := r.js.Stream(t.Context(), "AUDIT")
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(t.Context(), "audit.v1.payloads-read")
	if err != nil || !strings.Contains(string(m.Data), "admin") {
		t.Errorf("the audit: %v %v", m, err)
	}
}

func TestWithoutAKeyThereIsNoEndpoint(t *testing.T) {
	r := newRig(t)
	r.run()
	if resp, _ := page(t, browser(t), "POST", r.base+payloadsPath, nil); resp.StatusCode == http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// What is written of who is seen is written again after a while, for another one, and when
// too many others came meanwhile.
func TestLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLastSeen(seenDay)
		if !l.longAgo("ann") || l.longAgo("ann") || !l.longAgo("ben") {
			t.Error("each is written once")
		}
		time.Sleep(seenDay - time.Second)
		if l.longAgo("ann") {
			t.Error("written again too early")
		}
		time.Sleep(time.Second)
		if !l.longAgo("ann") || l.longAgo("ann") {
			t.Error("written once more after the time")
		}
		for n := range 2 * mostSeen {
			l.longAgo(fmt.Sprint(n))
		}
		if l.at.Len() != mostSeen || !l.longAgo("ann") {
			t.Errorf("%d are remembered", l.at.Len())
		}
	})
}
