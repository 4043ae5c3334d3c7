//go:build !noembed

package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"usher/event"
)

// raw reads a workflow's payloads as Temporal stores them.
func (u *usher) raw(id string) (out []*commonpb.Payload) {
	u.Helper()
	c, err := client.Dial(client.Options{HostPort: u.addr.Temporal})
	if err != nil {
		u.Fatal(err)
	}
	defer c.Close()
	for it := c.GetWorkflowHistory(u.Context(), event.WorkflowID(id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			u.Fatal(err)
		}
		out = append(out, e.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()...)
		out = append(out, e.GetWorkflowExecutionSignaledEventAttributes().GetInput().GetPayloads()...)
		out = append(out, e.GetActivityTaskScheduledEventAttributes().GetInput().GetPayloads()...)
	}
	return out
}

// The key changes while an onboarding waits; with both keys it goes on, and what
// is written then is under the new one. Without the old key it waits, says what
// is missing, and goes on when it is back. The console decrypts for the page of
// Temporal's web pages.
func TestThePayloadKeyChangesWhileOnboardingsWait(t *testing.T) {
	t.Parallel()
	u := newUsher(t)
	u.drop("a.csv", list(1, 2, ""))
	u.start("")
	u.waitIdle(2)
	first := string(u.raw("u-1")[0].Metadata["encryption-key-id"])
	u.stop()

	keys := filepath.Join(u.dir, "payload.key")
	older, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	const newer = "a newer key, made by an operator"
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(keys, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# for July", newer, string(older))
	u.start("")
	if err := u.decide(event.VerbApproved, "u-1"); err != nil {
		t.Fatal(err)
	}
	u.waitFinal(60*time.Second, "u-1")
	payloads := u.raw("u-1")
	ids := map[string]bool{}
	for _, p := range payloads {
		ids[string(p.Metadata["encryption-key-id"])] = true
	}
	if len(ids) != 2 || !ids[first] {
		t.Errorf("the payloads of u-1 are under %v, want the old key %s and a new one", ids, first)
	}
	u.decryptsInTheBrowser(payloads)
	u.stop()

	write(newer)
	u.start("")
	if err := u.decide(event.VerbApproved, "u-2"); err != nil {
		t.Fatal(err)
	}
	says := ""
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(says, first); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the missing key is not named: %s", says)
		}
		u.get("http://"+u.addr.Ops+"/readyz?verbose", &says)
	}
	if !strings.Contains(says, "--payload-key-file") {
		t.Errorf("it does not say what to do: %s", says)
	}
	u.stop()

	write(newer, string(older))
	u.start("")
	people := u.waitFinal(60*time.Second, "u-1", "u-2")
	u.eachOnce(people)
}

// decryptsInTheBrowser does what the page of Temporal's web pages does.
func (u *usher) decryptsInTheBrowser(payloads []*commonpb.Payload) {
	u.Helper()
	var settings struct {
		Codec struct {
			Endpoint           string
			IncludeCredentials bool
		}
	}
	u.get("http://"+u.addr.TemporalUI+"/api/v1/settings", &settings)
	if settings.Codec.Endpoint != "http://"+u.addr.Console+"/codec" || !settings.Codec.IncludeCredentials {
		u.Fatalf("the web pages are told %+v", settings.Codec)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		u.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	resp, err := browser.PostForm("http://"+u.addr.Console+"/signin", url.Values{"user": {"admin"}, "password": {u.config.ConsolePassword}})
	if err != nil {
		u.Fatal(err)
	}
	resp.Body.Close()
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: payloads})
	if err != nil {
		u.Fatal(err)
	}
	req, err := http.NewRequest("POST", settings.Codec.Endpoint+"/decode", bytes.NewReader(body))
	if err != nil {
		u.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "http://"+u.addr.TemporalUI)
	if resp, err = browser.Do(req); err != nil {
		u.Fatal(err)
	}
	defer resp.Body.Close()
	var decoded struct{ Payloads []struct{ Data []byte } }
	if err := json.NewDecoder(resp.Body).Decode(&decoded); err != nil || resp.StatusCode != http.StatusOK {
		u.Fatalf("%d %v", resp.StatusCode, err)
	}
	if len(decoded.Payloads) != len(payloads) || !strings.Contains(string(decoded.Payloads[0].Data), "u1@example.org") {
		u.Errorf("%d payloads came back", len(decoded.Payloads))
	}
}
