//go:build heavy

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// container is a bundle of the image for runc: the root is read-only, the user is the
// image's, there is no capability, and data is the only folder that lasts.
func container(t *testing.T, data string, args ...string) (run func() *exec.Cmd) {
	t.Helper()
	tool(t, "runc", "runc")
	if os.Getuid() != 0 {
		t.Fatal("it needs root")
	}
	img := of(t, sharedImage(t), runtime.GOARCH)
	bundle := t.TempDir()
	root := filepath.Join(bundle, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	unpack := exec.Command("tar", "-C", root, "-x", "--same-owner", "-p")
	files := mutate.Extract(img)
	defer files.Close()
	unpack.Stdin = files
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, uid, uid); err != nil {
		t.Fatal(err)
	}
	namespaces := []map[string]string{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}} // and the host's network
	spec := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user": map[string]any{"uid": uid, "gid": uid}, "args": append(c.Config.Entrypoint, args...), "env": c.Config.Env, "cwd": c.Config.WorkingDir, "noNewPrivileges": true,
		},
		"root": map[string]any{"path": "rootfs", "readonly": true},
		"mounts": []map[string]any{
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/data", "type": "bind", "source": data, "options": []string{"rbind", "rw"}},
			{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"mode=1777"}},
		},
		"linux": map[string]any{"namespaces": namespaces},
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() *exec.Cmd {
		return exec.Command("runc", "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, "usher-test-"+filepath.Base(filepath.Dir(bundle))+filepath.Base(bundle))
	}
}

// The image runs under a real runtime, as nobody and on a read-only root: a role starts,
// is ready, keeps what it takes in /data and stops at SIGTERM.
func TestImageUnderRunc(t *testing.T) {
	if out, err := container(t, t.TempDir(), "version")().CombinedOutput(); err != nil || os.Getenv("USHER_BINARY") == "" && string(out) != "v0.1.0\n" {
		t.Fatalf("version: %v\n%s", err, out)
	}
	if out, err := container(t, t.TempDir(), "catcher", "--data", "/elsewhere")().CombinedOutput(); err == nil || !strings.Contains(string(out), "read-only file system") {
		t.Errorf("outside of /data: %v\n%s", err, out)
	}
	data := t.TempDir()
	c := container(t, data, "catcher", "--ops-addr", "127.0.0.1:0", "--catcher-smtp-addr", "127.0.0.1:0", "--catcher-http-addr", "127.0.0.1:0")()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	line := func(form string) string {
		t.Helper()
		for {
			text, err := said.ReadString('\n')
			if m := regexp.MustCompile(form).FindStringSubmatch(text); m != nil {
				return m[1]
			}
			if err != nil {
				t.Fatalf("it ended without saying %q: %v", form, c.Wait())
			}
		}
	}
	ops, caught := line(`metrics at (http://[^/]*)/metrics`), line(`at (http://\S+)`)
	r, err := http.Get(ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if !strings.HasPrefix(string(body), "ok") {
		t.Errorf("/readyz says %s", body)
	}
	if r, err := http.PostForm(caught+"/2010-04-01/Accounts/ACusher/Messages.json", url.Values{"To": {"+4930123456"}, "From": {"+15005550006"}, "Body": {"Hello"}}); err != nil || r.StatusCode != http.StatusCreated {
		t.Errorf("a text message: %v %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(data, "catcher", "catcher.db")); err != nil {
		t.Error(err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil { // runc passes it on
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, _ = io.Copy(io.Discard, said); ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(time.Minute):
		_ = c.Process.Kill()
		t.Error("it does not stop")
	}
}
