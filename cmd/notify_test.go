package cmd

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/catcher/catchertest"
)

func caught(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An operator tries a provider before users need it: what is shown is what goes
// out, and no secret is shown.
func TestNotifyTest(t *testing.T) {
	c := catchertest.Start(t)
	mails, texts := "http://"+c.HTTPAddr()+"/api/v1/messages", "http://"+c.HTTPAddr()+"/2010-04-01/Accounts/AC1/Messages.json"
	files := map[string]string{
		"secret": "s3cret-s3cret\n",
		"providers.yaml": `
email:
  - {name: main, smtp: "` + c.SMTPAddr() + `", tls: none, from: Welcome <w@example.org>}
  - {name: away, smtp: "127.0.0.1:1", tls: none, username: u, password_file: secret, from: w@example.org}
sms:
  - {name: twilio, preset: twilio, base: "http://` + c.HTTPAddr() + `", account: AC1, secret_file: secret, from: "+15005550006"}
`,
	}
	for _, tc := range []struct {
		args, out, errs string
		code            int
	}{
		{"--to ann@example.org --dry-run", "RCPT TO:<ann@example.org>", "", 0},
		{"--to ann@example.org --dry-run", "AUTH as u with the password ********", "", 0},
		{"--to +4930123456 --dry-run", "Body=Hello+Chlo%C3%A9+Martin", "", 0},
		{"--to +4930123456 --dry-run", "Authorization: ********", "", 0},
		{"--to ann@example.org --dry-run --provider main --locale de", "Content-Language: de", "", 0},
		{"--to +4930123456 --dry-run --name Ольга-Александра-Константинопольская-Мещерякова", "the text takes 2 segments", "", 0},
		{"--to ann@example.org --provider none", "", "none of the 2 providers for email is called none", 1},
		{"--to ann@example.org --provider away", "away says: dial tcp 127.0.0.1:1: connect: connection refused", "transient", 1},
		{"--to ann@example.org --allow-recipients @test.example", "", "not_allowed", 1},
	} {
		code, out, errs := run(t, files, append(strings.Fields("notify test --providers providers.yaml"), strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) || strings.Contains(out+errs, "s3cret") {
			t.Errorf("%s: %d\n%s%s", tc.args, code, out, errs)
		}
	}
	if m := caught(t, mails) + caught(t, texts); strings.Contains(m, "ann@") || strings.Contains(m, "+4930") {
		t.Errorf("a dry run sent something: %s", m)
	}
	for _, tc := range []struct{ to, list string }{{"ann@example.org", mails}, {"+4930123456", texts}} {
		code, out, errs := run(t, files, "notify", "test", "--providers", "providers.yaml", "--to", tc.to)
		if code != 0 || !strings.Contains(out, "accepted by ") || !strings.Contains(caught(t, tc.list), tc.to) {
			t.Errorf("%d\n%s%s", code, out, errs)
		}
	}
	if code, _, errs := run(t, files, "notify", "test", "--to", "ann@example.org"); code != 1 || !strings.Contains(errs, "--smtp-addr") {
		t.Errorf("without a provider: %d %s", code, errs)
	}
}

// What would become of a message is asked of every provider of a channel, also with
// that channel alone, and nothing is sent.
func TestNotifyProbe(t *testing.T) {
	c := catchertest.Start(t)
	files := map[string]string{
		"secret": "s3cret-s3cret\n",
		"providers.yaml": `
email:
  - {name: main, smtp: "` + c.SMTPAddr() + `", tls: none, from: Welcome <w@example.org>}
  - {name: away, smtp: "127.0.0.1:1", tls: none, username: u, password_file: secret, from: w@example.org}
`,
	}
	for _, tc := range []struct {
		args, out, errs string
		code            int
	}{
		{"--to ann@example.org", "RCPT TO:<ann@example.org>\n    250 ", "1 of 2 providers would refuse a message", 1},
		{"--to ann@example.org", "away: dial tcp 127.0.0.1:1: connect: connection refused", "", 1},
		{"--provider main", "RCPT TO:<w@example.org>\n    250 ", "", 0},
		{"--provider main", "main: it would take a message", "", 0},
		{"--provider main", "nothing was sent", "", 0},
		{"--to +4930123456", "", "there is no such provider", 1},
		{"--provider main --dry-run", "", "give one of them", 2},
	} {
		code, out, errs := run(t, files, append(strings.Fields("notify test --probe --providers providers.yaml"), strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) || strings.Contains(out+errs, "s3cret") {
			t.Errorf("%s: %d\n%s%s", tc.args, code, out, errs)
		}
	}
	if m := caught(t, "http://"+c.HTTPAddr()+"/api/v1/messages"); strings.Contains(m, "@example.org") {
		t.Errorf("a probe sent something: %s", m)
	}
	code, out, errs := run(t, nil, "notify", "test", "--probe", "--sms-url", "http://"+c.HTTPAddr(), "--sms-account", "AC1", "--sms-token", "s3cret", "--sms-from", "+15005550006")
	if !strings.Contains(out, "/2010-04-01/Accounts/AC1.json") || strings.Contains(out+errs, "s3cret") {
		t.Errorf("text messages alone: %d\n%s%s", code, out, errs)
	}
	if code, _, errs := run(t, files, "notify", "test", "--providers", "providers.yaml"); code != 2 || !strings.Contains(errs, "--probe") {
		t.Errorf("neither a recipient nor a probe: %d %s", code, errs)
	}
}

// The built-in messages can be written out, changed, and used; one that is broken
// is refused with file and line.
func TestTemplatesOfADeployment(t *testing.T) {
	code, out, errs := run(t, nil, "notify", "templates", "mine")
	if code != 0 {
		t.Fatal(out, errs)
	}
	mine, err := filepath.Abs("mine")
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, nil, "notify", "templates", mine); code != 1 || !strings.Contains(errs, "holds templates already") {
		t.Errorf("a second time: %d %s", code, errs)
	}
	change := func(file, text string) {
		if err := os.WriteFile(filepath.Join(mine, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("welcome/en/sms.txt", "Hi {{.Name}}, ACME is ready 🎉")
	code, out, errs = run(t, nil, "notify", "preview", "--templates", mine, "--name", "Ann")
	if code != 0 || !strings.Contains(out, "Hi Ann, ACME is ready 🎉") || !strings.Contains(out, "Text message (1 to pay, 24 units of ucs2)") || !strings.Contains(out, `'🎉' is not in`) {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if _, out, _ = run(t, nil, "notify", "preview", "--templates", mine, "--locale", "de-AT", "--html"); !strings.HasPrefix(out, "<!doctype html>") || !strings.Contains(out, `lang="de"`) {
		t.Error(out)
	}
	change("welcome/de/mail.txt", "Guten Tag\n{{.Nmae}}\n")
	for _, args := range [][]string{{"notify", "preview"}, {"notify", "test", "--to", "a@example.org", "--smtp-addr", "127.0.0.1:1", "--sms-url", "http://127.0.0.1:1"}} {
		if code, _, errs := run(t, nil, append(args, "--templates", mine)...); code != 1 || !strings.Contains(errs, "welcome/de/mail.txt:2:") || !strings.Contains(errs, "Nmae") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}

// Mail alone is a whole set-up, and can be tried.
func TestMailAlone(t *testing.T) {
	mailOnly := map[string]string{"usher.yaml": "smtp-addr: 127.0.0.1:1\n"}
	if code, out, errs := run(t, mailOnly, "notify", "test", "--dry-run", "--to", "a@example.org"); code != 0 || !strings.Contains(out, "RCPT TO") {
		t.Errorf("mail alone: %s%s", out, errs)
	}
	if code, _, errs := run(t, mailOnly, "notify", "test", "--dry-run", "--to", "+15551234567"); code != 1 || !strings.Contains(errs, "--sms-url") {
		t.Errorf("no text messages: %s", errs)
	}
}

func TestListsInTheSettingsFile(t *testing.T) {
	files := map[string]string{"usher.yaml": "allow-recipients: ['@test.example', '+1555*']\nsmtp-addr: 127.0.0.1:1\nsms-url: http://127.0.0.1:1\n"}
	for to, want := range map[string]string{"a@test.example": "RCPT TO", "+15551234567": "POST http", "ann@example.org": "not_allowed", "+4930123456": "not_allowed"} {
		_, out, errs := run(t, files, "notify", "test", "--dry-run", "--to", to)
		if !strings.Contains(out+errs, want) {
			t.Errorf("%s: %s%s", to, out, errs)
		}
	}
}
