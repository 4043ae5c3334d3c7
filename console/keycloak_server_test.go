//go:build keycloak

package console

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/streams/natstest"
)

// The program comes from where Maven's settings say, is built once, and stays in the cache
// folder of the user.
const (
	keycloakVersion = "26.7.3" // USHER_KEYCLOAK names another one
	mavenCopy       = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

	realm         = "staff"
	adminPassword = "of the admin in this test"
)

// keycloak is a server with the realm of testdata/keycloak.
type keycloak struct {
	*testing.T
	URL   string // as people see it: of a proxy, which stays when the server comes and goes
	home  string
	port  string
	keys  atomic.Int64 // how often they were fetched
	log   natstest.Output
	stops func()
}

// distribution is the folder of a program that has been built; nothing is written to it.
func distribution(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("it needs %s: apt-get install openjdk-17-jre-headless maven", tool)
		}
	}
	version := cmp.Or(os.Getenv("USHER_KEYCLOAK"), keycloakVersion)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "usher-tests")
	to := filepath.Join(cache, "keycloak-"+version)
	if _, err := os.Stat(to); err == nil {
		return to
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	part, err := os.MkdirTemp(cache, "part")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(part)
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("mvn", "-B", "-q", mavenCopy, "-Dartifact=org.keycloak:keycloak-quarkus-dist:"+version+":zip", "-DoutputDirectory="+part)
	packed, err := zip.OpenReader(filepath.Join(part, "keycloak-quarkus-dist-"+version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	if err := os.CopyFS(part, packed); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(part, "keycloak-"+version)
	run(filepath.Join(home, "bin/kc.sh"), "build", "--db=dev-file")
	if err := os.Rename(home, to); err != nil && !errors.Is(err, os.ErrExist) { // another test was faster
		t.Fatal(err)
	}
	return to
}

// startKeycloak starts one that stops with the test, and knows the client of the docs for
// the console at home.
func startKeycloak(t *testing.T, home string) (k *keycloak, secret string) {
	t.Helper()
	k = &keycloak{T: t, home: t.TempDir()}
	if err := os.CopyFS(k.home, os.DirFS(distribution(t))); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, k.port, _ = net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	to, _ := url.Parse("http://127.0.0.1:" + k.port)
	pass := httputil.NewSingleHostReverseProxy(to)
	pass.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/protocol/openid-connect/certs") {
			k.keys.Add(1)
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	k.URL = front.URL
	written, err := os.ReadFile("testdata/keycloak/realm.json")
	if err == nil {
		err = os.MkdirAll(filepath.Join(k.home, "data/import"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(k.home, "data/import/realm.json"), written, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.start()
	t.Cleanup(func() {
		k.stops()
		if t.Failed() {
			t.Log(k.log.String())
		}
	})
	client, err := os.ReadFile("../docs/examples/keycloak/client.json")
	if err != nil {
		t.Fatal(err)
	}
	k.admin("POST", "/clients", json.RawMessage(bytes.ReplaceAll(client, []byte("https://usher.example.org"), []byte(home))), nil)
	var s struct{ Value string }
	k.admin("GET", "/clients/"+k.client()+"/client-secret", nil, &s)
	return k, s.Value
}

// start starts the server on what is there, and waits for it.
func (k *keycloak) start() {
	k.Helper()
	cmd := exec.Command(filepath.Join(k.home, "bin/kc.sh"), "start", "--optimized", "--import-realm", "--cache=local",
		"--hostname="+k.URL, "--http-enabled=true", "--http-host=127.0.0.1", "--http-port="+k.port)
	cmd.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD="+adminPassword)
	cmd.Stdout, cmd.Stderr = &k.log, &k.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // of a script, which starts Java
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	k.stops = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get(k.issuer() + "/.well-known/openid-configuration"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			k.Fatalf("Keycloak has ended:\n%s", k.log.String())
		default:
		}
		if time.Now().After(deadline) {
			k.stops()
			k.Fatalf("Keycloak does not come:\n%s", k.log.String())
		}
	}
}

func (k *keycloak) issuer() string { return k.URL + "/realms/" + realm }

// admin calls the admin API of the realm.
func (k *keycloak) admin(method, path string, body, into any) {
	k.Helper()
	resp, err := http.PostForm(k.URL+"/realms/master/protocol/openid-connect/token",
		url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {adminPassword}})
	if err != nil {
		k.Fatal(err)
	}
	var token struct {
		Access string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	resp.Body.Close()
	if err != nil || token.Access == "" {
		k.Fatalf("a token of the admin: %s %v", resp.Status, err)
	}
	sent, err := json.Marshal(body)
	if err != nil {
		k.Fatal(err)
	}
	req, err := http.NewRequestWithContext(k.Context(), method, k.URL+"/admin/realms/"+realm+path, bytes.NewReader(sent))
	if err != nil {
		k.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "application/json")
	if resp, err = http.DefaultClient.Do(req); err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || resp.StatusCode >= 300 {
		k.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
}

type named struct{ ID, Name, Path string }

// client is usher's id there.
func (k *keycloak) client() string {
	k.Helper()
	return k.one("/clients?clientId=usher")
}

// person is the id of one, which is the subject as well.
func (k *keycloak) person(name string) string {
	k.Helper()
	return k.one("/users?exact=true&username=" + name)
}

func (k *keycloak) one(path string) string {
	k.Helper()
	var found []named
	if k.admin("GET", path, nil, &found); len(found) != 1 {
		k.Fatalf("%s: %+v", path, found)
	}
	return found[0].ID
}

// join puts a person into a group that is not below another one.
func (k *keycloak) join(name, group string) {
	k.Helper()
	k.admin("PUT", fmt.Sprintf("/users/%s/groups/%s", k.person(name), k.one("/groups?exact=true&search="+group)), nil, nil)
}

// leave takes a person out of all groups.
func (k *keycloak) leave(name string) {
	k.Helper()
	var of []named
	k.admin("GET", "/users/"+k.person(name)+"/groups", nil, &of)
	for _, g := range of {
		k.admin("DELETE", fmt.Sprintf("/users/%s/groups/%s", k.person(name), g.ID), nil, nil)
	}
}

// sessions are those that a person has there.
func (k *keycloak) sessions(name string) (out []named) {
	k.Helper()
	k.admin("GET", "/users/"+k.person(name)+"/sessions", nil, &out)
	return out
}

// change changes one thing of usher's client.
func (k *keycloak) change(what func(client map[string]any)) {
	k.Helper()
	var client map[string]any
	k.admin("GET", "/clients/"+k.client(), nil, &client)
	what(client)
	k.admin("PUT", "/clients/"+k.client(), client, nil)
}

// fullPaths has groups be named with what is above them, or without.
func (k *keycloak) fullPaths(yes bool) {
	k.Helper()
	at := "/clients/" + k.client() + "/protocol-mappers/models"
	var mappers []map[string]any
	k.admin("GET", at, nil, &mappers)
	for _, m := range mappers {
		m["config"].(map[string]any)["full.path"] = fmt.Sprint(yes)
		k.admin("PUT", at+"/"+m["id"].(string), m, nil)
	}
}

// enable enables or disables a person.
func (k *keycloak) enable(name string, yes bool) {
	k.Helper()
	var u map[string]any
	id := k.person(name)
	k.admin("GET", "/users/"+id, nil, &u)
	u["enabled"] = yes
	k.admin("PUT", "/users/"+id, u, nil)
}

// key is what makes the key that tokens are signed with.
func (k *keycloak) key() map[string]any {
	k.Helper()
	var all []map[string]any
	k.admin("GET", "/components?type=org.keycloak.keys.KeyProvider", nil, &all)
	i := slices.IndexFunc(all, func(c map[string]any) bool { return c["providerId"] == "rsa-generated" })
	if i < 0 {
		k.Fatalf("the realm has no key: %v", all)
	}
	return all[i]
}
