package account

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher/event"
)

// modules is where .ci/run puts the library of the service.
const modules = "/opt/scimmy/node_modules"

// startScimmy runs a SCIM service of Node's, and returns its address.
func startScimmy(t *testing.T, env ...string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join(modules, "scimmy-routers")); err != nil || missing != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node and " + modules + " are needed: .ci/run installs them")
		}
		t.Skip("needs node, and npm install --prefix /opt/scimmy of the packages that .ci/run names")
	}
	dir := t.TempDir()
	program, err := os.ReadFile("testdata/scimmy.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scimmy.mjs"), program, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "scimmy.mjs")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), append(env, "TOKEN="+testToken)...), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/scim"
}

// accounts lists what a service holds of a user id.
func accounts(t *testing.T, at, userID string) (found []resource) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/Users?filter="+url.QueryEscape(`externalId eq "`+userID+`"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Resources []resource }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return list.Resources
}

// A service that others run, as a process: an account comes, goes, comes back and is
// deleted, and one that is deleted behind usher's back is no trouble.
func TestRealSCIMService(t *testing.T) {
	t.Parallel()
	at := startScimmy(t)
	target, _ := newTarget(t, Config{Kind: SCIM, URL: at, Token: testToken, Undo: UndoDelete})
	keeping, _ := newTarget(t, Config{Kind: SCIM, URL: at, Token: testToken})
	made, err := target.Activate(t.Context(), "k", ada)
	if err != nil || !made.Created {
		t.Fatalf("%+v, %v", made, err)
	}
	is := func(when string, usable ...bool) {
		t.Helper()
		found := accounts(t, at, ada.UserID)
		if len(found) != len(usable) || len(found) == 1 && (found[0].usable() != usable[0] || found[0].ID != made.ID) {
			t.Errorf("%s: %+v", when, found)
		}
	}
	is("made", true)
	if err := keeping.Deactivate(t.Context(), "k", ada.UserID, made); err != nil {
		t.Fatal(err)
	}
	is("taken back", false)
	if again, err := keeping.Activate(t.Context(), "k", ada); err != nil || again.Created {
		t.Fatalf("%+v, %v", again, err)
	}
	is("back again", true)
	for range 2 { // the second time it is gone
		if err := target.Deactivate(t.Context(), "k", ada.UserID, made); err != nil {
			t.Fatal(err)
		}
		is("deleted")
	}
	phone := event.User{UserID: "u-phone", Phone: "+4915112345678"}
	if _, err := target.Activate(t.Context(), "k", phone); err != nil {
		t.Error(err)
	}
	stranger, _ := newTarget(t, Config{Kind: SCIM, URL: at, Token: "wrong"})
	if _, err := stranger.Activate(t.Context(), "k", ada); err == nil || event.IsPermanent(err) || Reason(err) != ReasonConfig {
		t.Errorf("a wrong token: %v (%s)", err, Reason(err))
	}
	elsewhere, _ := newTarget(t, Config{Kind: SCIM, URL: strings.TrimSuffix(at, "/scim") + "/elsewhere", Token: testToken})
	if _, err := elsewhere.Activate(t.Context(), "k", ada); err == nil || event.IsPermanent(err) || Reason(err) != ReasonConfig {
		t.Errorf("a wrong address: %v (%s)", err, Reason(err))
	}
}

// A regression of issue 19: this service keeps names unique whatever their case, and
// searches by their case.
func TestRealSCIMServiceHidesWhoHasTheName(t *testing.T) {
	t.Parallel()
	target, _ := newTarget(t, Config{Kind: SCIM, URL: startScimmy(t), Token: testToken})
	if _, err := target.Activate(t.Context(), "k", event.User{UserID: "u-other", Email: "Taken@example.org"}); err != nil {
		t.Fatal(err)
	}
	for try := 1; try <= enoughTries; try++ {
		_, err := target.Activate(t.Context(), "k", event.User{UserID: "u-1", Email: "taken@example.org"})
		if Reason(err) != ReasonTaken || event.IsPermanent(err) != (try == enoughTries) {
			t.Fatalf("try %d: %v (%s)", try, err, Reason(err))
		}
	}
}

// A regression of issue 19: a service that wants the parts of a name refuses all who
// lack them, and fails none; who has them is taken.
func TestRealSCIMServiceWantsThePartsOfAName(t *testing.T) {
	t.Parallel()
	target, _ := newTarget(t, Config{Kind: SCIM, URL: startScimmy(t, "WANTS_PARTS=1"), Token: testToken})
	for i, id := range []string{"u-1", "u-2", "u-3", "u-1"} {
		_, err := target.Activate(t.Context(), "k", event.User{UserID: id, Email: id + "@example.org", Name: "Ada Lovelace"})
		want := ReasonRejected
		if i+1 >= enoughUsers {
			want = ReasonConfig
		}
		if err == nil || event.IsPermanent(err) || Reason(err) != want {
			t.Errorf("%s: %v (%s), want %s", id, err, Reason(err), want)
		}
	}
	if a, err := target.Activate(t.Context(), "k", ada); err != nil || !a.Created {
		t.Errorf("%+v, %v", a, err)
	}
}
