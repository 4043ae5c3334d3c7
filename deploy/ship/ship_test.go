package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// commitTime is the time that packages of tests have.
var commitTime = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

var slimBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "usher-slim")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "usher")
	c := exec.Command("go", "build", "-C", "../..", "-trimpath", "-tags", "noembed,disable_grpc_modules", "-ldflags", "-s -w -X main.version=v0.1.0", "-o", path, "./cmd/usher")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", &failure{out, err}
	}
	return path, nil
})

type failure struct {
	out []byte
	err error
}

func (f *failure) Error() string { return f.err.Error() + "\n" + string(f.out) }

// usherBinary is what USHER_BINARY names, otherwise usher without servers.
func usherBinary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("USHER_BINARY"); given != "" {
		return given
	}
	path, err := slimBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("USHER_BINARY") == "" {
		if path, err := slimBinary(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
	for _, name := range made {
		_ = os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// tool skips the test where a program is missing; not in CI.
func tool(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing; Debian's package %s has it", program, debian)
	}
	t.Skipf("%s is missing; Debian's package %s has it", program, debian)
}

// packed is a package of a version, made anew.
func packed(t *testing.T, version, dir string) string {
	t.Helper()
	bin := usherBinary(t)
	b := build{Root: "../..", Version: version, Time: commitTime}
	name, err := b.deb(bin, bin, runtime.GOARCH, dir)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var made = map[string]string{} // packages by version, and the image, each in a folder that TestMain removes

// ready is a package of a version that tests share.
func ready(t *testing.T, version string) string {
	t.Helper()
	if made[version] == "" {
		dir, err := os.MkdirTemp("", "usher-packages")
		if err != nil {
			t.Fatal(err)
		}
		made[version] = packed(t, version, dir)
	}
	return made[version]
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// dpkg orders packages as they were made.
func TestVersionsOfDebian(t *testing.T) {
	tool(t, "dpkg", "dpkg")
	at := commitTime
	var last string
	for _, tc := range []struct{ describe, want string }{
		{"01f3487", "0~20261129120000.g01f3487"},
		{"02aaaaa-dirty", "0~20261129120100.g02aaaaa.dirty"},
		{"v0.1.0-rc.1", "0.1.0~rc.1"},
		{"v0.1.0-rc.1-3-g01f3487", "0.1.0~rc.1+3.g01f3487"},
		{"v0.1.0", "0.1.0"},
		{"v0.1.0-2-g01f3487-dirty", "0.1.0+2.g01f3487.dirty"},
		{"0.1.1", "0.1.1"},
	} {
		got, err := debianVersion(tc.describe, at)
		if err != nil || got != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.describe, got, err, tc.want)
		}
		if last != "" {
			if err := exec.Command("dpkg", "--compare-versions", last, "lt", got).Run(); err != nil {
				t.Errorf("%s is not before %s", last, got)
			}
		}
		last, at = got, at.Add(time.Minute)
	}
	for _, bad := range []string{"", "unknown", "release-1", "v1"} {
		if v, err := debianVersion(bad, at); err == nil {
			t.Errorf("%q is taken for %s", bad, v)
		}
	}
}

// Two builds are equal, whenever and wherever they run.
func TestTwoPackagesAreEqual(t *testing.T) {
	tool(t, "dpkg-deb", "dpkg")
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := ready(t, "v0.1.0")
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("LANG", "tr_TR.UTF-8")
	if again := packed(t, "v0.1.0", t.TempDir()); !bytes.Equal(read(first), read(again)) {
		t.Error("two packages of one version differ")
	}
	for line := range strings.Lines(command(t, "dpkg-deb", "-c", first)) {
		if !strings.Contains(line, " root/root ") || !strings.Contains(line, "2026-11-2") && !strings.Contains(line, "2026-11-30") {
			t.Errorf("an owner or a time of this machine: %s", line)
		}
	}
}

func TestLintian(t *testing.T) {
	tool(t, "lintian", "lintian")
	// What it says as information, such as misspellings in strings of libraries, does not count.
	out := command(t, "lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", ready(t, "v0.1.0"))
	if strings.TrimSpace(out) != "" {
		t.Error(out)
	}
}

// What systemd says about how open the units are that the package has.
func TestUnitsAreClosed(t *testing.T) {
	tool(t, "systemd-analyze", "systemd")
	root := t.TempDir()
	command(t, "dpkg-deb", "-x", ready(t, "v0.1.0"), root)
	for _, unit := range []string{"usher.service", "usher@watch.service", "usher@bridge.service", "usher@worker.service", "usher@console.service"} {
		command(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", "--root="+root, unit)
		// verify says much about units that an empty root lacks; what is said of ours counts.
		out, _ := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, unit).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "usher") && !strings.Contains(line, "not found") {
				t.Errorf("%s: %s", unit, line)
			}
		}
	}
}
