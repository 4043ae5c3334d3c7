//go:build !noembed

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/app"
	"usher/cmd"
	"usher/doctor"
)

// examine runs `usher doctor` with the test's own command line and returns its report.
func (u *usher) examine(args ...string) (code int, r doctor.Report) {
	u.Helper()
	var out, words bytes.Buffer
	args = append([]string{"doctor", "--json", "--data", u.dir}, args...)
	code = cmd.Run(u.Context(), cmd.Main{Version: "test"}, args, strings.NewReader(""), &out, &words)
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		u.Fatalf("%v\n%s%s", err, out.String(), words.String())
	}
	if want := map[bool]int{true: 0, false: 1}[r.Healthy]; code != want {
		u.Errorf("exit code %d, want %d", code, want)
	}
	return code, r
}

// marked are the codes that have a mark.
func marked(r doctor.Report, m doctor.Mark) (codes []string) {
	for _, c := range r.Checks {
		if c.Mark == m {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

func describe(r doctor.Report) string {
	var b strings.Builder
	_ = r.Text(&b) // into memory
	return b.String()
}

// The running product is healthy in every respect that one machine has, and each check
// that looks at the two servers was made.
func TestDoctorOfARunningUsher(t *testing.T) {
	u := newUsher(t)
	u.start("")
	u.drop("users.csv", list(1, 3, ""))
	for _, id := range ids(1, 3) {
		u.until(id+" is known", func() bool { p, err := u.status(id); return err == nil && p.Source != "" })
	}
	u.until("an open onboarding is seen", func() bool { // Temporal lists it a moment later
		_, r := u.examine()
		return slices.ContainsFunc(r.Checks, func(c doctor.Result) bool {
			return c.Code == "DR0105" && c.Mark == doctor.OK && strings.HasPrefix(c.Says, "3 ")
		})
	})
	if _, r := u.examine("--payload-key", "another key than that of this usher"); !slices.Equal(marked(r, doctor.Failed), []string{"DR0105"}) {
		t.Errorf("with another key for payloads:\n%s", describe(r))
	}
	if _, r := u.examine("--id-key", "another key than that of this usher"); !slices.Equal(marked(r, doctor.Failed), []string{"DR0103"}) {
		t.Errorf("with another key for ids:\n%s", describe(r))
	}
	code, r := u.examine("--wait", "30s", "--probe")
	if code != 0 || len(marked(r, doctor.Failed)) > 0 {
		t.Fatalf("exit code %d:\n%s", code, describe(r))
	}
	t.Log(describe(r))
	seen := marked(r, doctor.OK)
	for _, code := range []string{
		"DR0103", "DR0105", "DR0201", "DR0203", "DR0204", "DR0206", "DR0208", "DR0209", "DR0301", "DR0302", "DR0303", "DR0304", "DR0308",
		"DR0401", "DR0403", "DR0404", "DR0406", "DR0407", "DR0501", "DR0502", "DR0503", "DR0504", "DR0603", "DR0604", "DR0702", "DR0802",
	} {
		if !slices.Contains(seen, code) {
			t.Errorf("%s is not in order, or was not looked at", code)
		}
	}
	if _, again := u.examine(); len(marked(again, doctor.Failed)) > 0 || !slices.Contains(marked(again, doctor.OK), "DR0407") {
		t.Errorf("without --probe:\n%s", describe(again))
	}

	// What the doctor has tried left nothing.
	inbox, err := os.ReadDir(filepath.Join(u.dir, "inbox", ".usher"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, f := range inbox {
		if strings.Contains(f.Name(), "doctor") {
			t.Errorf("the probe left %s", f.Name())
		}
	}

	bundle := filepath.Join(t.TempDir(), "bundle.tar.gz")
	var out bytes.Buffer
	if code := cmd.Run(t.Context(), cmd.Main{Version: "test"}, []string{"doctor", "bundle", "--data", u.dir, bundle}, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	if code, r := u.examine("--from", bundle); code != 0 || !slices.Contains(marked(r, doctor.OK), "DR0407") {
		t.Errorf("read elsewhere, exit code %d:\n%s", code, describe(r))
	}
	text := unpack(t, bundle)
	for _, secret := range []string{"id.key", "payload.key"} {
		b, err := os.ReadFile(filepath.Join(u.dir, secret))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, strings.TrimSpace(string(b))) {
			t.Errorf("the bundle holds %s", secret)
		}
	}
	for _, personal := range []string{"u1@example.org", "u-1\"", "User 1", "+49300000001", "welcome@usher.example", u.dir} {
		if strings.Contains(text, personal) {
			t.Errorf("the bundle holds %q", personal)
		}
	}
}

// unpack is all that an archive holds.
func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(h.Name + "\n")
		if _, err := io.Copy(&b, r); err != nil {
			t.Fatal(err)
		}
	}
}

// Roles in processes of their own, each with the account that it has on NATS: none
// fails, and each account has the rights that its role needs.
func TestDoctorOfRolesApart(t *testing.T) {
	a := startApart(t)
	for _, user := range []string{"cli", "admin", "watch", "bridge", "worker", "console"} {
		args := []string{
			"--nats-url", a.config.NATSURL, "--nats-user", user, "--nats-password", "password-of-" + user, "--temporal-address", a.addr.Temporal,
			"--id-key", a.config.IDKey, "--payload-key-file", sharedKey(t, a.dir), "--smtp-addr", a.addr.CatcherSMTP, "--smtp-tls", "none", "--sms-url", "http://" + a.addr.CatcherHTTP,
			"--inbox", "hr=" + a.hr, "--data", a.data["watch"], "--ops-addr", a.ops["watch"],
			"--wait", "30s", // workers ask Temporal for work a moment after they are ready
		}
		if ops, is := a.ops[user]; is {
			args = append(args, "--role", user, "--ops-addr", ops)
		}
		code, r := a.examine(args...)
		if code != 0 || len(marked(r, doctor.Failed)) > 0 {
			t.Errorf("%s: exit code %d\n%s", user, code, describe(r))
		}
		if user == "cli" {
			for _, code := range []string{"DR0103", "DR0202", "DR0205", "DR0209", "DR0210", "DR0301", "DR0303", "DR0308", "DR0406", "DR0502", "DR0504", "DR0606", "DR0701"} {
				if !slices.Contains(marked(r, doctor.OK), code) {
					t.Errorf("%s is not in order, or was not looked at:\n%s", code, describe(r))
				}
			}
		}
	}
}

// Servers without roles: what is missing on a real Temporal and a real NATS is named.
func TestDoctorNamesWhatDoesNotRun(t *testing.T) {
	u := newUsher(t)
	u.config.Roles = app.Roles{}
	u.start("")
	code, r := u.examine()
	failed := marked(r, doctor.Failed)
	for _, want := range []string{"DR0308", "DR0501", "DR0502", "DR0503"} {
		if code != 1 || !slices.Contains(failed, want) {
			t.Errorf("exit code %d, failed are %q, want %s among them", code, failed, want)
		}
	}
	if _, r := u.examine("--temporal-namespace", "nowhere"); !slices.Contains(marked(r, doctor.Failed), "DR0404") {
		t.Errorf("a namespace that is not there:\n%s", describe(r))
	}

	// The wait is as long as it was told when what is missing does not come.
	began := time.Now()
	if _, r := u.examine("--role", "bridge", "--wait", "3s"); r.Healthy || time.Since(began) < 3*time.Second {
		t.Errorf("the wait ended after %s, healthy %t", time.Since(began), r.Healthy)
	}
}
