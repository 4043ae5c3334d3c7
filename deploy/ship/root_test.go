//go:build heavy

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bareRoot is a Debian with systemd and little else, as an archive; one that was made
// before is named by USHER_BARE_ROOT.
var bareRoot = sync.OnceValues(func() (string, error) {
	if made := os.Getenv("USHER_BARE_ROOT"); made != "" {
		return made, nil
	}
	dir, err := os.MkdirTemp("", "usher-root")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "root.tar")
	out, err := exec.Command("mmdebstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,curl,procps", "bookworm", path).CombinedOutput()
	if err != nil {
		return "", &failure{out, err}
	}
	return path, nil
})

// newRoot unpacks a bare Debian, with both packages in /.
func newRoot(t *testing.T, older, newer string) string {
	t.Helper()
	tool(t, "mmdebstrap", "mmdebstrap")
	if os.Getuid() != 0 {
		t.Fatal("it needs root")
	}
	archive, err := bareRoot()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil { // it becomes the / of others
		t.Fatal(err)
	}
	command(t, "tar", "-C", root, "--exclude=./dev/*", "-xf", archive)
	command(t, "cp", ready(t, older), filepath.Join(root, "older.deb"))
	command(t, "cp", ready(t, newer), filepath.Join(root, "newer.deb"))
	return root
}

// The package is installed, upgraded with an edited settings file, removed and purged
// where no systemd runs, as while an image is built.
func TestInABareRoot(t *testing.T) {
	root := newRoot(t, "v0.1.0", "v0.2.0")
	in := func(args ...string) string { // with /proc, which systemd-tmpfiles needs
		return command(t, "systemd-nspawn", append([]string{"--register=no", "--keep-unit", "--quiet", "--pipe", "--directory=" + root}, args...)...)
	}
	sh := func(script string) string { return in("sh", "-ec", script) }
	there := func(path string) bool {
		_, err := os.Lstat(filepath.Join(root, path))
		return !errors.Is(err, os.ErrNotExist)
	}

	tool(t, "systemd-nspawn", "systemd-container")
	command(t, "chroot", root, "dpkg", "-i", "/older.deb") // there is no /proc, so its folders come later
	in("dpkg", "-P", "usher")

	in("dpkg", "-i", "/older.deb")
	if got := sh("stat -c '%U %G %a' /var/lib/usher /var/lib/usher/inbox /var/lib/usher/refused /etc/usher/keys"); got != "usher usher-inbox 710\nusher usher-inbox 2770\nusher usher-inbox 2750\nroot root 700\n" {
		t.Errorf("the folders are\n%s", got)
	}
	if got := in("usher", "version"); got != "v0.1.0\n" && os.Getenv("USHER_BINARY") == "" {
		t.Errorf("it says %q", got)
	}
	in("usher", "config", "check", "/etc/usher/usher.yaml")
	if out, err := exec.Command("chroot", root, "systemctl", "is-enabled", "usher.service").CombinedOutput(); err == nil {
		t.Errorf("the first install enables a unit: %s", out)
	}

	sh("echo '# ours' >> /etc/usher/usher.yaml; echo USHER_LOG_LEVEL=debug >> /etc/usher/watch.env; echo record > /var/lib/usher/inbox/a.csv; echo key > /etc/usher/keys/id.key")
	in("dpkg", "-i", "/newer.deb") // asks nothing, for the file that came is the one that was there
	if got := sh("tail -n 1 /etc/usher/usher.yaml /etc/usher/watch.env"); !strings.Contains(got, "# ours") || !strings.Contains(got, "USHER_LOG_LEVEL=debug") {
		t.Errorf("the upgrade changed our settings:\n%s", got)
	}
	in("dpkg", "-r", "usher")
	if !there("etc/usher/usher.yaml") || !there("var/lib/usher/inbox/a.csv") || there("usr/bin/usher") {
		t.Error("a removal takes the program only")
	}
	if out := in("dpkg", "-P", "usher"); !strings.Contains(out, "are kept") {
		t.Errorf("the purge does not say what it leaves:\n%s", out)
	}
	if there("etc/usher/usher.yaml") || !there("var/lib/usher/inbox/a.csv") || !there("etc/usher/keys/id.key") {
		t.Error("a purge takes the settings, and keeps data and keys")
	}
	in("dpkg", "-i", "/newer.deb")
	if !there("var/lib/usher/inbox/a.csv") {
		t.Error("the data are gone after another install")
	}
	in("env", "USHER_PURGE=data", "dpkg", "-P", "usher")
	if there("var/lib/usher") || there("etc/usher") {
		t.Error("a purge that is asked for the data leaves some")
	}
}

// The package under a systemd that boots: testdata/under-systemd.sh runs there, and says
// of each thing that it tries whether it holds.
func TestUnderSystemd(t *testing.T) {
	tool(t, "systemd-nspawn", "systemd-container")
	root := newRoot(t, "v0.1.0", "v0.2.0")
	c := exec.Command("go", "build", "-C", "../..", "-o", filepath.Join(root, "nats-server"), "github.com/nats-io/nats-server/v2")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nats-server: %v\n%s", err, out)
	}
	command(t, "install", "-m", "755", "testdata/under-systemd.sh", filepath.Join(root, "try.sh"))
	unit := "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/try.sh\nExecStopPost=/bin/systemctl --no-block poweroff\n"
	for name, text := range map[string]string{"try.service": unit, "try.target": "[Unit]\nRequires=try.service multi-user.target\n"} {
		if err := os.WriteFile(filepath.Join(root, "etc/systemd/system", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	boot := exec.Command("systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--quiet", "--boot", "--directory="+root, "--", "systemd.unit=try.target")
	boot.WaitDelay = time.Minute
	console, err := boot.CombinedOutput()
	said, readErr := os.ReadFile(filepath.Join(root, "try.log"))
	if readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, console)
	}
	passed := 0
	for line := range strings.Lines(string(said)) {
		switch {
		case strings.HasPrefix(line, "ok "):
			passed++
		case strings.HasPrefix(line, "FAILED "):
			t.Error(strings.TrimSpace(line))
		}
	}
	if !strings.Contains(string(said), "\nthe end\n") {
		t.Error("the script did not come to its end")
	}
	t.Logf("%d things hold", passed)
	if t.Failed() {
		journal, _ := os.ReadFile(filepath.Join(root, "try.journal"))
		t.Logf("%s\n%s", said, journal)
	}
}
