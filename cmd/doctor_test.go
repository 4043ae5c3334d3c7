package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/doctor"
)

// doctors runs `usher doctor` and returns what it prints.
func doctors(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), Main{Version: "test"}, append([]string{"doctor"}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// on does something when a text is written.
type on struct {
	text string
	do   func()
}

func (o on) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(o.text)) {
		o.do()
	}
	return len(p), nil
}

func TestDoctorFromTheCommandLine(t *testing.T) {
	t.Setenv("NATS_URL", "")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	where := []string{"--data", data, "--ops-addr", "127.0.0.1:0", "--console-addr", "127.0.0.1:0", "--nats-addr", "127.0.0.1:0", "--temporal-addr", "127.0.0.1:0",
		"--temporal-ui-addr", "127.0.0.1:0", "--catcher-smtp-addr", "127.0.0.1:0", "--catcher-http-addr", "127.0.0.1:0"}
	if code, out, err := doctors(t, append(where, "--pre")...); code != exitDone || err != "" || !strings.Contains(out, "√ DR0102") {
		t.Errorf("before the first start: exit code %d\n%s%s", code, out, err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the data folder was made")
	}

	code, live, words := doctors(t, where...)
	if code != exitFailed || !strings.Contains(live, "× DR0201") || !strings.Contains(live, "see docs/doctor.md#dr0201") || words != "" {
		t.Errorf("without a running usher: exit code %d\n%s%s", code, live, words)
	}
	bundle := filepath.Join(dir, "bundle.tar.gz")
	if code, out, err := doctors(t, append([]string{"bundle", bundle, "--smtp-password", "correct horse battery", "--smtp-addr", "127.0.0.1:1"}, where...)...); code != exitDone {
		t.Errorf("bundle: exit code %d\n%s%s", code, out, err)
	}
	code, elsewhere, _ := doctors(t, "--from", bundle)
	if code != exitFailed || !strings.Contains(elsewhere, "× DR0201") || !strings.Contains(elsewhere, "× DR0603") {
		t.Errorf("elsewhere: exit code %d\n%s", code, elsewhere)
	}
	var r doctor.Report
	if code, out, _ := doctors(t, "--from", bundle, "--json"); code != exitFailed || json.Unmarshal([]byte(out), &r) != nil || r.Healthy || len(r.Checks) != len(doctor.Checks()) {
		t.Errorf("as JSON: exit code %d\n%s", code, out)
	}

	began := time.Now()
	if code, _, words := doctors(t, append(where, "--wait", "1s")...); code != exitFailed || time.Since(began) < time.Second || !strings.Contains(words, "waiting for DR0201") {
		t.Errorf("waiting: exit code %d after %s\n%s", code, time.Since(began), words)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	freed := on{"waiting for DR0805\n", func() { _ = port.Close() }}
	var out bytes.Buffer
	args := append([]string{"doctor"}, append(where, "--pre", "--ops-addr", port.Addr().String(), "--wait", "10m")...)
	if code := Run(t.Context(), Main{}, args, strings.NewReader(""), &out, freed); code != exitDone {
		t.Errorf("the port became free: exit code %d\n%s", code, out.String())
	}
	interrupted, stop := context.WithCancel(t.Context())
	out.Reset()
	args = append([]string{"doctor"}, append(where, "--wait", "10m")...)
	if code := Run(interrupted, Main{}, args, strings.NewReader(""), &out, on{"waiting for DR0201", stop}); code != exitFailed || out.Len() > 0 {
		t.Errorf("interrupted: exit code %d\n%s", code, out.String())
	}

	for _, args := range [][]string{{"bundle"}, {"--role", "cook"}, {"--wait", "long"}} {
		if code, out, err := doctors(t, args...); code != exitUsage {
			t.Errorf("%q: exit code %d\n%s%s", args, code, out, err)
		}
	}
	if code, _, err := doctors(t, "--from", filepath.Join(dir, "none")); code != exitFailed || !strings.Contains(err, "no such file") {
		t.Errorf("no bundle: exit code %d %s", code, err)
	}
}
