package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// Accounts are kept with NATS's account admin, and with no other one for people; what
// is printed can be used by a script, and no password or hash is.
func TestAccount(t *testing.T) {
	server := natstest.Guarded(t, "../deploy/nats/usher.conf")
	nc, err := nats.Connect(server, nats.UserInfo("admin", "password-of-admin"), nats.CustomInboxPrefix("_INBOX_admin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	key := event.Key("a key of this test, long enough")
	if err := streams.Ensure(t.Context(), js, streams.Options{MaxBytes: 64 << 20, KeyFingerprint: key.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), event.BucketConsole)
	if err != nil {
		t.Fatal(err)
	}
	store := logins.NewStore(kv)
	if err := store.Ensure(t.Context(), "the password of admin", nil); err != nil {
		t.Fatal(err)
	}
	// Settings of roles have an --inbox of another meaning, which is not meant here.
	t.Setenv("USHER_INBOX", "hr=/somewhere")
	settings := filepath.Join(t.TempDir(), "usher.yaml")
	if err := os.WriteFile(settings, []byte("inbox:\n  hr: /somewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	account := func(user, args string) (code int, out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		all := append([]string{"--config", settings, "account"}, strings.Fields(args)...)
		all = append(all, "--nats-url", server, "--nats-user", user, "--nats-password", "password-of-"+user, "--data", t.TempDir())
		code = Run(t.Context(), Main{}, all, strings.NewReader("a long new password\n"), &o, &e)
		if strings.Contains(o.String()+e.String(), "$argon2id") || strings.Contains(o.String()+e.String(), "a long new password") {
			t.Errorf("%s prints a password", args)
		}
		return code, o.String(), e.String()
	}
	const at = " --console-url https://usher.example/base/"
	link := regexp.MustCompile(`^https://usher\.example/base/invite/[A-Za-z0-9_-]{43}\n$`)
	for _, tc := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"ls", 0, "admin  admin  all inboxes  active", ""},
		{"add ann --role verifier", 2, "", "--console-url"},
		{"add ann --role boss" + at, 1, "", `there is no role "boss"; it is one of viewer, verifier, operator, auditor, admin`},
		{"add Ann! --role viewer" + at, 1, "", `"Ann!" cannot be a name`},
		{"add ben --role viewer --inbox HR/.." + at, 1, "", "cannot be the name of an inbox"},
		{"add ann --role verifier --inbox hr --inbox crm" + at, 0, "https://", "Give ann this link. It works once, and ends in 3 days."},
		{"add ann --role viewer" + at, 1, "", "there is an account of that name already"},
		{"ls --json", 0, `{"by":"cli","called":"ann","inboxes":["crm","hr"],"name":"ann","role":"verifier","since":"`, ""},
		{"role ann --role viewer", 0, "ann is viewer for all inboxes now", ""},
		{"role none --role viewer", 1, "", "there is no such account"},
		{"role admin --role viewer", 1, "", "the last account that can manage the others"},
		{"disable admin", 1, "", "the last account"},
		{"rm admin", 1, "", "the last account"},
		{"passwd ann" + at, 0, "https://", "works once"},
		{"passwd ann --password-file -", 0, "the password of ann is set", ""},
		{"disable ann", 0, "cannot sign in any more", ""},
		{"ls", 0, "disabled", ""},
		{"disable ann --enable", 0, "can sign in again", ""},
		{"rm ann", 0, "removed", ""},
		{"ls", 0, "admin", ""},
	} {
		code, out, errs := account("admin", tc.args)
		if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.err) || tc.out == "https://" && !link.MatchString(out) {
			t.Errorf("account %s: exit code %d\n%s%s", tc.args, code, out, errs)
		}
	}
	if err := store.SetDoors(t.Context(), logins.Doors{NoLocal: true, Issuer: "https://id.example.org"}); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := account("admin", "add pat --role viewer"+at); code != 0 || !link.MatchString(out) || !strings.Contains(errs, "opens nothing now") {
		t.Errorf("where passwords open nothing: exit code %d\n%s%s", code, out, errs)
	}
	if _, err := store.Admit(t.Context(), logins.Voucher{By: "https://id.example.org", Subject: "s-1", Called: "vera"}, logins.Verifier, []string{"hr"}); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := account("admin", "ls"); code != 0 || !regexp.MustCompile(`(?m)^oidc\.s-1 +verifier +hr +active +[0-9-]+ +vera$`).MatchString(out) {
		t.Errorf("with one of a sign-on: exit code %d\n%s%s", code, out, errs)
	}
	for _, args := range []string{"disable vera", "rm vera"} {
		if code, out, errs := account("admin", args); code != 1 || out != "" || !strings.Contains(errs, "there is no such account; vera is oidc.s-1") {
			t.Errorf("%s: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	{
		const user = "cli"
		code, out, errs := account(user, "add eve --role admin"+at)
		if code != 1 || out != "" || !strings.Contains(errs, "the administrator's account of NATS is needed") {
			t.Errorf("as %s: exit code %d\n%s%s", user, code, out, errs)
		}
	}
	// Each change is in the trail, which is whole, and is shown to no other account.
	audit := func(user, args string) (code int, out string) {
		t.Helper()
		var both bytes.Buffer
		all := append([]string{"audit"}, strings.Fields(args)...)
		all = append(all, "--nats-url", server, "--nats-user", user, "--nats-password", "password-of-"+user, "--data", t.TempDir())
		code = Run(t.Context(), Main{}, all, strings.NewReader(""), &both, &both)
		return code, both.String()
	}
	if code, out := audit("admin", "export --since 1h"); code != 0 || strings.Count(out, "\n") != 10 ||
		!strings.Contains(out, `"account":"ann","action":"account-add"`) || !strings.Contains(out, `"action":"account-rm"`) || strings.Contains(out, "boss") {
		t.Errorf("export: exit code %d\n%s", code, out)
	}
	code, out := audit("admin", "verify")
	head := regexp.MustCompile(`(?m)^head (10:[0-9a-f]{64})$`).FindStringSubmatch(out)
	if code != 0 || head == nil || !strings.HasSuffix(out, "the trail is whole\n") {
		t.Fatalf("verify: exit code %d\n%s", code, out)
	}
	stream, err := js.Stream(t.Context(), event.StreamAudit)
	if err == nil {
		err = stream.DeleteMsg(t.Context(), 10)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, out := audit("admin", "verify"); code != 0 { // a cut tail shows with a head alone
		t.Errorf("without a head: exit code %d\n%s", code, out)
	}
	if code, out := audit("admin", "verify --head "+head[1]); code != 1 || !strings.Contains(out, "the trail was cut off behind 9") {
		t.Errorf("a cut tail: exit code %d\n%s", code, out)
	}
	if code, _ := audit("admin", "verify --head 9:no"); code != 2 {
		t.Errorf("a head that is none: exit code %d", code)
	}
	if code, out := audit("cli", "verify"); code != 1 || !strings.Contains(out, "the administrator's account of NATS is needed") {
		t.Errorf("as cli: exit code %d\n%s", code, out)
	}
	all, err := store.Read(t.Context())
	if err != nil || len(all.Logins) != 3 { // admin, pat and vera
		t.Errorf("left: %+v (%v)", all.Logins, err)
	}
}
