package doctor_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	rights "usher/deploy/nats"
	"usher/doctor"
	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// result is what became of a check.
func result(r doctor.Report, code string) doctor.Result {
	i := slices.IndexFunc(r.Checks, func(c doctor.Result) bool { return c.Code == code })
	if i < 0 {
		return doctor.Result{Code: code, Mark: "gone"}
	}
	return r.Checks[i]
}

func text(r doctor.Report) string {
	var b strings.Builder
	_ = r.Text(&b) // into memory
	return b.String()
}

// A system in good order has no failure and no warning, and no mail is begun.
func TestHealthy(t *testing.T) {
	c := newClinic(t)
	for _, c.Probe = range []bool{false, true} {
		r := c.report()
		for _, x := range r.Checks {
			if x.Mark == doctor.Failed || x.Mark == doctor.Warning {
				t.Errorf("probe %t: %s %s: %q", c.Probe, x.Mark, x.Code, x.Problems)
			}
		}
		if !r.Healthy {
			t.Error("it is not called healthy")
		}
		if x := result(r, "DR0105"); x.Says != "1 onboarding looked at" { // it is in both lists
			t.Errorf("the one open onboarding: %s", x.Says)
		}
	}
	if c.mail.mail != 0 {
		t.Errorf("%d messages were begun", c.mail.mail)
	}
	if left, err := filepath.Glob(filepath.Join(c.Data, "*", ".usher*", "*")); err != nil || len(left) > 0 {
		t.Errorf("the probe left %q, %v", left, err)
	}
}

// Before the first start nothing is there, and nothing is wrong.
func TestBeforeTheFirstStart(t *testing.T) {
	c := newClinic(t)
	c.IDKey, c.Pre = "", true
	c.NATSURL, c.TemporalAddress, c.PayloadKey, c.Doctor.Providers = "", "", "", ""
	c.Data = filepath.Join(t.TempDir(), "not", "yet")
	if r := c.report(); !r.Healthy || len(r.Checks) != len(doctor.Checks()) {
		t.Errorf("it is not healthy:\n%s", text(r))
	}
	if _, err := os.Stat(c.Data); err == nil {
		t.Error("the data folder was made")
	}
	c.NATSURL = natsOf(t, "") // without streams
	if r := c.report(); slices.Contains(r.Failing(), "DR0301") || result(r, "DR0201").Mark != doctor.OK {
		t.Errorf("NATS before the first start:\n%s", text(r))
	}
}

// What the watcher never takes does not wait for it.
func TestWhatNoWatcherTakesDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"list.csv", "Thumbs.db", "big.csv.filepart", "~lock.csv", "list.csv.done", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	facts, err := doctor.Examine(t.Context(), doctor.System{Roles: []string{"watch"}, Inboxes: []doctor.InboxTarget{{Source: "inbox", Dir: dir}}})
	if err != nil || len(facts.Inboxes) != 1 || facts.Inboxes[0].Waiting != 1 {
		t.Errorf("%+v, %v, want one file that waits", facts.Inboxes, err)
	}
}

// state is what an account's streams and consumers are.
func state(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	var b strings.Builder
	for _, name := range streams.Names() {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		i := s.CachedInfo()
		fmt.Fprintf(&b, "%s %+v %d-%d %d bytes\n", name, i.Config, i.State.FirstSeq, i.State.LastSeq, i.State.Bytes)
		consumers := s.ListConsumers(t.Context())
		for c := range consumers.Info() {
			fmt.Fprintf(&b, "  %s %+v %d %d\n", c.Name, c.Config, c.Delivered.Stream, c.NumAckPending)
		}
		if consumers.Err() != nil {
			t.Fatal(consumers.Err())
		}
	}
	return b.String()
}

// guarded runs NATS with the accounts of deploy/nats.
func guarded(t *testing.T) (url func(user string) string) {
	t.Helper()
	server := natstest.Guarded(t, "../"+rights.File)
	return func(user string) string {
		return strings.Replace(server, "nats://", "nats://"+user+":password-of-"+user+"@", 1)
	}
}

// Each role has the rights of the table, which is tried without any effect.
func TestRightsAreTriedWithoutEffect(t *testing.T) {
	url := guarded(t)
	c := newClinic(t)
	c.useNATS(url("admin"))
	for _, subject := range []string{"users.v1.imported.inbox", "verifications.v1.cli.approved", "deadletters.v1.USERS.malformed"} {
		if _, err := c.js.Publish(t.Context(), subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	before := state(t, c.js)
	c.NATSURL = strings.Replace(url(""), ":password-of-@", "", 1)
	for _, role := range rights.Roles() {
		c.NATSUser, c.NATSPassword = role.Name, "password-of-"+role.Name
		r := c.report()
		if x := result(r, "DR0209"); x.Mark != doctor.OK || !strings.HasSuffix(x.Says, "as "+role.Name) || strings.HasPrefix(x.Says, "0") {
			t.Errorf("%s: %s %s %q", role.Name, x.Mark, x.Says, x.Problems)
		}
		if x := result(r, "DR0210"); x.Mark != doctor.OK {
			t.Errorf("%s may speak as an upstream: %s %q", role.Name, x.Mark, x.Problems)
		}
		for _, code := range []string{"DR0205", "DR0308"} {
			if x := result(r, code); role.Name == "cli" && x.Mark == doctor.Skipped {
				t.Errorf("the account of the commands does not see %s: %s", code, x.Says)
			}
		}
		if x := result(r, "DR0301"); x.Mark == doctor.Failed || x.Mark == doctor.Skipped {
			t.Errorf("%s does not see the streams: %s %q", role.Name, x.Mark, x.Problems)
		}
	}
	if after := state(t, c.js); after != before {
		t.Errorf("the doctor changed\n%sinto\n%s", before, after)
	}
}

// A look that hangs is told as such, within its limit, and the others tell what they
// saw.
func TestHanging(t *testing.T) {
	c := newClinic(t)
	hangs := make(chan struct{})
	defer close(hangs)
	c.temporal.mu.Lock()
	c.temporal.hangs = hangs
	c.temporal.mu.Unlock()
	c.Doctor.Limit = time.Second
	began := time.Now()
	r := c.report()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if x := result(r, "DR0401"); x.Mark != doctor.Failed || !strings.Contains(strings.Join(x.Problems, ""), "hangs") {
		t.Errorf("%s %q", x.Mark, x.Problems)
	}
	for _, code := range []string{"DR0404", "DR0501"} {
		if x := result(r, code); x.Mark != doctor.Skipped || x.Says == "" {
			t.Errorf("%s: %s %s", code, x.Mark, x.Says)
		}
	}
	if x := result(r, "DR0302"); x.Mark != doctor.OK {
		t.Errorf("NATS was not judged: %s %q", x.Mark, x.Problems)
	}
}

// A look that does not even end when it is told to delays no other, and has no hand on
// what is judged.
func TestHangingForGood(t *testing.T) {
	hangs := make(chan struct{})
	ended := make(chan struct{})
	facts, err := doctor.Examine(t.Context(), doctor.System{
		Roles: []string{"worker"}, Limit: 100 * time.Millisecond,
		Providers: []doctor.ProviderTarget{
			{Provider: doctor.Provider{Name: "dead", Channel: "email"}, Probe: func(context.Context, *doctor.Provider) { defer close(ended); <-hangs }},
			{Provider: doctor.Provider{Name: "broken", Channel: "email"}, Probe: func(context.Context, *doctor.Provider) { panic("with somebody@example.org") }},
			{Provider: doctor.Provider{Name: "good", Channel: "email", Addr: "good:25"}, Probe: func(_ context.Context, p *doctor.Provider) { p.SignsIn = true }},
		},
	})
	close(hangs)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Providers) != 1 || facts.Providers[0].Name != "good" {
		t.Errorf("seen are %+v", facts.Providers)
	}
	x := result(doctor.Judge(facts), "DR0606")
	if said := strings.Join(x.Problems, "; "); x.Mark != doctor.Failed || !strings.Contains(said, "provider email dead hangs") || strings.Contains(text(doctor.Judge(facts)), "somebody") {
		t.Errorf("%s %q", x.Mark, x.Problems)
	}
}

// A bundle gives the same lines elsewhere, and holds nothing that is private:
// neither what the settings hold, nor what servers say, nor what the streams have.
func TestBundle(t *testing.T) {
	c := newClinic(t)
	anna := filepath.Join(t.TempDir(), "home", "Anna Quist", "inbox")
	if err := os.MkdirAll(anna, 0o750); err != nil {
		t.Fatal(err)
	}
	c.Inbox = map[string]string{"hr": anna, "gone": anna + "-not-mounted"}
	for _, in := range []string{anna, filepath.Join(c.Data, "inbox")} {
		if err := os.WriteFile(filepath.Join(in, "Layoffs of Bertil Holm.csv"), []byte("email\nholm@example.org\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Errors that quote secrets and people: a wrong password, a server that names the user.
	c.mail.quote = "no Cecilia <cecilia@example.net> +46701234567, and not with sms-token-of-the-test"
	c.SMSToken, c.ConsolePassword, c.NATSPassword, c.SMTPPassword = "sms-token-of-the-test", "console-password-of-test", "nats-password-of-test", "smtp-password-of-test"
	c.ReportTo, c.CanaryEmail, c.Deciders = []string{"boss@example.org"}, "canary@example.org", map[string]string{"hr": "decider@example.org"}
	c.AllowRecipients, c.MailFrom = []string{"@example.com", "allowed@example.org"}, "Dagmar <dagmar@example.org>"
	c.ExpireAfter = -1
	if _, err := c.js.Publish(t.Context(), event.ImportedSubject("inbox"), []byte(`{"user_id":"u-emil","email":"emil@example.org"}`)); err != nil {
		t.Fatal(err)
	}
	facts, hide, err := c.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := doctor.WriteBundle(file, facts, hide, doctor.File{Name: "settings.txt", Text: "sms-token-of-the-test is " + anna}); err != nil {
		t.Fatal(err)
	}
	again, err := doctor.ReadBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	here, there := doctor.Judge(facts), doctor.Judge(again)
	if text(here) != text(there) || here.Healthy != there.Healthy || here.Healthy {
		t.Errorf("elsewhere the lines are\n%s\nand here\n%s", text(there), text(here))
	}
	var one, other bytes.Buffer
	if err := here.JSON(&one); err != nil {
		t.Fatal(err)
	}
	if err := there.JSON(&other); err != nil || !bytes.Equal(one.Bytes(), other.Bytes()) || !json.Valid(one.Bytes()) {
		t.Errorf("the documents differ: %v", err)
	}
	if x := result(here, "DR0606"); x.Mark != doctor.Failed || !strings.Contains(x.Problems[0], "[address]") {
		t.Errorf("the server's words are not there: %q", x.Problems)
	}
	all := unpack(t, file)
	for _, secret := range []string{
		clinicKey, clinicPayload, mailPassword, mailUser, "sms-token-of-the-test", "console-password-of-test", "nats-password-of-test", "smtp-password-of-test",
		"@example", "holm", "Holm", "Quist", "Layoffs", "emil", "+4670", c.Data, anna, "dagmar", "decider", "boss",
	} {
		if strings.Contains(all, secret) {
			at := strings.Index(all, secret)
			t.Errorf("the bundle holds %q: …%s…", secret, all[max(0, at-100):min(len(all), at+100)])
		}
	}
	if _, err := doctor.ReadBundle(filepath.Join(c.Data, "inbox", "Layoffs of Bertil Holm.csv")); err == nil {
		t.Error("something else is taken for a bundle")
	}
	if err := doctor.WriteBundle(file, facts, hide); err == nil {
		t.Error("a file that is there is written over")
	}
}

// A bundle may come from anywhere: whatever it holds, it is judged or refused.
func TestStrangeBundles(t *testing.T) {
	for _, facts := range []string{
		``, `null`, `[]`, `{"format":2,"version":"9"}`, `{"format":1}`, `{"format":1,"looks":[{"name":"NATS","hung":true}]}`,
		`{"format":1,"nats":{"servers":[{}],"streams":{"USERS":null,"KV_PEOPLE":{}},"consumers":{"bridge-users":null,"x":{}}}}`,
		`{"format":1,"up":true,"roles":["watch","bridge","worker","console"],"nats":{"servers":[{"version":"v"}],"streams":{"USERS":{"cluster":{"leader":"n1","replicas":[null]}}}},"providers":[{}],"inboxes":[{"oldest":"x"}],"temporal":{"queues":[{}]}}`,
	} {
		file := filepath.Join(t.TempDir(), "bundle.tar.gz")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: "facts.json", Mode: 0o600, Size: int64(len(facts))}), second(w.Write([]byte(facts))), w.Close(), z.Close(), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		f, err := doctor.ReadBundle(file)
		if taken := strings.Contains(facts, `"format":1`); taken != (err == nil) {
			t.Errorf("%s: %v", facts, err)
		}
		if r := doctor.Judge(f); len(r.Checks) != len(doctor.Checks()) || strings.Contains(text(r), "usher failed") {
			t.Errorf("%s:\n%s", facts, text(r))
		}
	}
}

func second(_ int, err error) error { return err }
