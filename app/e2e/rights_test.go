//go:build !noembed

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/app"
	"usher/cmd"
	rights "usher/deploy/nats"
	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// apart is usher whose roles run in processes of their own, each with the shipped
// account that may do just what it needs, behind a proxy that notes what each asks.
type apart struct {
	*usher
	proxy   *natstest.Proxy
	roles   []*exec.Cmd
	hr      string // the inbox
	ops     map[string]string
	console string
	data    map[string]string // folders of the roles
}

// startApart sets the servers up and starts the roles in an order in which nothing
// is there yet.
func startApart(t *testing.T) *apart {
	t.Helper()
	servers := newUsher(t)
	url := natstest.Guarded(t, "../../"+rights.File)
	a := &apart{usher: servers, proxy: natstest.Between(t, url), hr: filepath.Join(t.TempDir(), "hr"), ops: map[string]string{}, data: map[string]string{}, console: freePort(t)}
	servers.config.Roles = app.Roles{}
	servers.config.NATSURL, servers.config.NATSUser, servers.config.NATSPassword = url, "admin", "password-of-admin"
	servers.config.IDKey = "the key of this test, long enough"
	a.mustRun("admin", "setup", "--max-store", "200MB", "--id-key", servers.config.IDKey)
	servers.start("")
	a.data["watch"] = t.TempDir()
	key := sharedKey(t, servers.dir) // once: a role that starts must not find it half written
	for _, name := range []string{"worker", "bridge", "console", "watch"} {
		c := servers.config
		if a.ops[name] = freePort(t); name != "watch" {
			a.data[name] = t.TempDir()
		}
		c.Data, c.OpsAddr, c.NATSURL, c.TemporalAddress = a.data[name], a.ops[name], a.proxy.URL(), servers.addr.Temporal
		c.NATSUser, c.NATSPassword = name, "password-of-"+name
		c.PayloadKeyFile = key
		c.SMTPAddr, c.SMSURL = servers.addr.CatcherSMTP, "http://"+servers.addr.CatcherHTTP
		c.ReconcileEvery, c.ConsoleAddr, c.Verifiers = time.Minute, a.console, map[string]string{"hr": "crm"}
		switch name {
		case "worker":
			c.Roles, c.ReceiptsSMTPAddr, c.ReturnPath = app.Roles{Worker: true}, "127.0.0.1:0", "bounces@usher.example"
			c.ReportTo, c.ReportAt, c.TimeZone = []string{"ops@example.org"}, "03:00", "Europe/Berlin"
			c.AuditMail, c.AuditMailAt = []string{"audit@example.org"}, "03:00"
		case "bridge":
			c.Roles = app.Roles{Bridge: true}
		case "console":
			c.Roles, c.WatchData, c.Inbox = app.Roles{Console: true}, a.data["watch"], map[string]string{"hr": a.hr}
		case "watch":
			c.Roles, c.Inbox, c.MostWaiting = app.Roles{Watch: true}, map[string]string{"hr": a.hr}, 1000
			c.Rules.LastLine = []string{"hr=hold"}
		}
		a.roles = append(a.roles, servers.startRole(c))
	}
	t.Cleanup(func() { a.stopRoles() })
	if err := os.MkdirAll(a.hr, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, ops := range a.ops {
		a.waitReady(ops)
	}
	return a
}

func (a *apart) stopRoles() {
	a.Helper()
	for _, r := range a.roles {
		if err := r.Process.Signal(syscall.SIGTERM); err != nil {
			a.Error(err)
		}
		if err := r.Wait(); err != nil {
			a.Errorf("a role ended with %v, want exit code 0", err)
		}
	}
	a.roles = nil
}

// mustRun executes a command line under the account of a user, and returns what it
// prints.
func (a *apart) mustRun(user string, args ...string) string {
	a.Helper()
	code, out := a.run(user, args...)
	if code != 0 {
		a.Fatalf("usher %s as %s: exit code %d\n%s", strings.Join(args, " "), user, code, out)
	}
	return out
}

func (a *apart) run(user string, args ...string) (code int, out string) {
	a.Helper()
	var both bytes.Buffer
	args = append(args, "--nats-url", a.proxy.URL(), "--nats-user", user, "--nats-password", "password-of-"+user)
	code = cmd.Run(a.Context(), cmd.Main{Version: "test"}, args, strings.NewReader(""), &both, &both)
	return code, both.String()
}

// imports drops a list into the inbox of the watch role, and waits until the bridge
// has dealt with it.
func (a *apart) imports(name string, first, n int) {
	a.Helper()
	a.put(name, list(first, n, ""))
	for _, id := range ids(first, n) {
		a.until(id+" is known", func() bool {
			p, err := a.status(id)
			return err == nil && p.Source == "hr"
		})
	}
}

// put renames a file into the inbox.
func (a *apart) put(name, content string) {
	a.Helper()
	if err := os.WriteFile(filepath.Join(a.hr, "."+name), []byte(content), 0o640); err != nil {
		a.Fatal(err)
	}
	if err := os.Rename(filepath.Join(a.hr, "."+name), filepath.Join(a.hr, name)); err != nil {
		a.Fatal(err)
	}
}

// ask sends a request to the console as its admin.
func (a *apart) ask(method, path, body string) string {
	a.Helper()
	req, err := http.NewRequestWithContext(a.Context(), method, "http://"+a.console+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.SetBasicAuth("admin", a.config.ConsolePassword)
	req.Header.Set("Idempotency-Key", event.NewID())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 && resp.StatusCode != http.StatusConflict {
		a.Fatalf("%s %s: %s %v\n%s", method, path, resp.Status, err, b)
	}
	return string(b)
}

// signedIn is a browser in which the console's admin has signed in.
func (a *apart) signedIn() *http.Client {
	a.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	resp, err := c.PostForm("http://"+a.console+"/signin", url.Values{"user": {"admin"}, "password": {a.config.ConsolePassword}})
	if err != nil {
		a.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		a.Fatalf("sign in: %s", resp.Status)
	}
	return c
}

// uploadWithColumns uploads a list at the console, says what its columns are, and keeps
// that for the inbox.
func (a *apart) uploadWithColumns() {
	a.Helper()
	c := a.signedIn()
	post := func(path, kind, body string) (at string) {
		resp, err := c.Post("http://"+a.console+path, kind, strings.NewReader(body))
		if err != nil {
			a.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			a.Fatalf("%s: %s %v\n%s", path, resp.Status, err, b)
		}
		return resp.Request.URL.Path
	}
	const form = "application/x-www-form-urlencoded"
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	err := errors.Join(w.WriteField("inbox", "hr"), w.WriteField("do", "import"))
	part, err2 := w.CreateFormFile("file", "uploaded.csv")
	if err = errors.Join(err, err2); err == nil {
		_, err = io.WriteString(part, "Durchwahl,Ansprache\nzoe@example.org,Zoe\n")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		a.Fatal(err)
	}
	at := post("/uploads", w.FormDataContentType(), b.String())
	post(at, form, "do=import&columns=yes&keep=yes&c0=email&c1=name")
	a.until("the upload is imported", func() bool {
		_, out := a.run("cli", "status", "uploaded.csv")
		return strings.Contains(out, "uploaded.csv: archived")
	})
}

// takeOffTheList takes an address off the list of suppressed ones at the console, and
// looks at a dead letter there.
func (a *apart) takeOffTheList() {
	a.Helper()
	entry := strings.Fields(a.mustRun("cli", "suppress", "add", "y@example.org", "--id-key", a.config.IDKey))[0]
	a.publishRaw("verifications.v1.crm.approved", "poison to look at")
	var number []string
	a.until("the console knows the dead letter", func() bool {
		number = letterOf.FindStringSubmatch(a.ask("GET", "/api/v1/deadletters", ""))
		return number != nil
	})
	c := a.signedIn()
	for path, form := range map[string]url.Values{"/deadletters/" + number[1] + "/reveal": {}, "/suppressed": {"entry": {entry}}} {
		resp, err := c.PostForm("http://"+a.console+path, form)
		if err != nil {
			a.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := map[bool]string{true: "Done: 1 of 1 taken off the list.", false: "poison to look at"}[path == "/suppressed"]; err != nil || !strings.Contains(string(b), want) {
			a.Errorf("%s: %s, %v, without %q:\n%s", path, resp.Status, err, want, b)
		}
	}
}

// headByMail has the head of the trail sent, and verifies the trail with what the mail says.
func (a *apart) headByMail() {
	a.Helper()
	a.ask("GET", "/api/v1/imports", "")
	a.signedIn()
	a.trigger("usher-trail-head")
	l := a.waitLetters("audit@example.org", 1)[0]
	command := regexp.MustCompile(`(?m)^  usher (audit verify --head [0-9]+:[0-9a-f]{64})\r?$`).FindStringSubmatch(l.Text)
	if command == nil {
		a.Fatalf("%s\n%s", l.Subject, l.Text)
	}
	if out := a.mustRun("admin", strings.Fields(command[1])...); !strings.Contains(out, "the trail is whole") {
		a.Errorf("usher %s: %s", command[1], out)
	}
	other := strings.Replace(command[1], "--head ", "--head 9", 1) // of a longer trail
	if code, out := a.run("admin", strings.Fields(other)...); code != 1 || !strings.Contains(out, "the trail was cut off behind") {
		a.Errorf("usher %s: exit code %d\n%s", other, code, out)
	}
}

// nearlyFull leaves a stream as much room as makes it 85 % full, as an administrator
// might have sized it.
func (a *apart) nearlyFull(js jetstream.JetStream, stream string) {
	a.Helper()
	s, err := js.Stream(a.Context(), stream)
	if err != nil {
		a.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.MaxBytes = int64(float64(s.CachedInfo().State.Bytes) / 0.85)
	if _, err := js.UpdateStream(a.Context(), c); err != nil {
		a.Fatal(err)
	}
}

func firstSeq(a *apart, js jetstream.JetStream, stream string) uint64 {
	a.Helper()
	s, err := js.Stream(a.Context(), stream)
	if err != nil {
		a.Fatal(err)
	}
	return s.CachedInfo().State.FirstSeq
}

var letterOf = regexp.MustCompile(`"deadletters":\[\{"seq":(\d+),`)

var letterNumber = regexp.MustCompile(`(?m)^ *(\d+) `)

// Every role and every command does its work from end to end under the accounts that
// are shipped, with streams so full that they are purged; and what each asked of the
// server is what the table of rights says, no less and no more.
func TestRolesAskForWhatTheyMay(t *testing.T) {
	a := startApart(t)
	admin, err := a.client()
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()

	// People are welcomed; one decision comes before its user, from a system that may
	// not decide there, so a worker makes a dead letter of it.
	a.publishRaw("verifications.v1.erp.approved", `{"user_id":"u-4"}`)
	a.imports("a.csv", 1, 5)
	a.mustRun("cli", "verify", "u-1", "u-2", "--approve")
	a.until("the console knows u-3", func() bool { return strings.Contains(a.ask("GET", "/api/v1/users", ""), "u-3") })
	a.ask("POST", "/api/v1/users/u-3/decision", `{"decision":"approved"}`)
	a.ask("GET", "/api/v1/users/u-3", "")
	if err := a.decide(event.VerbApproved, "u-4"); err != nil {
		t.Fatal(err)
	}
	a.mustRun("cli", "withdraw", "u-5")
	people := a.waitFinal(60*time.Second, ids(1, 5)...)
	for id, p := range people {
		if want := map[bool]event.Status{true: event.StatusWithdrawn, false: event.StatusWelcomed}[id == "u-5"]; p.Status != want {
			t.Errorf("%s is %s, want %s", id, p.Status, want)
		}
	}
	delete(people, "u-5")
	a.eachOnce(people)
	a.trigger("usher-end-of-day")
	a.waitLetters("ops@example.org", 1)
	a.headByMail()

	// What its watcher told is known away from its folder.
	a.until("the import is over", func() bool { return strings.Contains(a.mustRun("cli", "status", "a.csv"), "a.csv: archived") })

	// Files that may have been cut off wait until a person answers.
	for i, name := range []string{"cut-1.csv", "cut-2.csv"} {
		a.put(name, fmt.Sprintf("user_id,email\nu-6%d,u6%d@example.org", i, i))
		a.until(name+" is held", func() bool { return strings.Contains(a.mustRun("cli", "status"), name+": held") })
	}
	a.mustRun("cli", "release", "cut-1.csv", "--refuse")
	list := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("Erreichbar,Wer\nann@example.org,Ann\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.mustRun("cli", "columns", list, "Erreichbar=email", "--source", "hr")
	a.uploadWithColumns()
	held := regexp.MustCompile(`"import":"(\w+)","file":"cut-2\.csv"`)
	var found []string
	a.until("the console knows the held file", func() bool {
		found = held.FindStringSubmatch(a.ask("GET", "/api/v1/imports", ""))
		return found != nil
	})
	a.ask("POST", "/api/v1/imports/"+found[1]+"/release", `{"refuse":true}`)
	for _, name := range []string{"cut-1.csv", "cut-2.csv"} {
		a.until(name+" is refused", func() bool { return strings.Contains(a.mustRun("cli", "status", name), name+": refused") })
	}

	// Orders, and what cannot be used.
	a.mustRun("cli", "resend", "u-1", "--channel", "email")
	if out := a.mustRun("cli", "resend", "--status", "welcomed", "--dry-run"); !strings.Contains(out, "4 users") {
		t.Errorf("the people of a status: %s", out)
	}
	a.mustRun("cli", "reopen", "u-5")
	a.until("u-5 waits again", func() bool { p, err := a.status("u-5"); return err == nil && p.Generation == 2 })
	a.mustRun("cli", "verify", "u-5", "--reject", "--reason", "test")
	a.waitFinal(60*time.Second, "u-5")
	a.publishRaw("verifications.v1.crm.approved", "poison")
	strange := nats.NewMsg(event.ImportedSubject("hr"))
	strange.Header.Set("ce-id", "from-the-future")
	strange.Header.Set("ce-specversion", "9.0")
	strange.Data = []byte(`{"user_id":"u-50","email":"u50@example.org","import":{"id":"none","record":1}}`)
	if _, err := admin.JetStream.PublishMsg(t.Context(), strange); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"verifications.v1.crm.approved", event.ImportedSubject("hr")} { // no client can take these
		m := nats.NewMsg(subject)
		m.Header.Set("Status", "409")
		if _, err := admin.JetStream.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var letters string
	a.until("what cannot be used is a dead letter", func() bool {
		letters = a.mustRun("cli", "deadletters", "ls")
		return len(letterNumber.FindAllString(letters, -1)) == 5
	})
	a.checked(7, 2)

	// A decision about many, through the console.
	a.imports("b.csv", 70, 2)
	many := []string{"verify", "--query", "u-7", "--console-url", "http://" + a.console, "--console-password", a.config.ConsolePassword}
	var matched string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("who waits, as the console said last: %s", matched)
		}
	})
	a.until("the console knows who waits", func() bool {
		matched = a.mustRun("cli", append(many, "--approve", "--dry-run")...)
		return strings.Contains(matched, "2 people: inbox hr 2")
	})
	if out := a.mustRun("cli", append(many, "--reject", "--reason", "left")...); !strings.Contains(out, "done: 2 of 2 people sent, 2 rejected, 0 late, 0 failed") {
		t.Errorf("a decision about many: %s", out)
	}
	a.waitFinal(60*time.Second, ids(70, 2)...)

	// Commands.
	number := letterNumber.FindStringSubmatch(letters)[1]
	a.mustRun("cli", "deadletters", "show", number)
	a.mustRun("admin", "deadletters", "replay", "--reason", "denied")
	a.mustRun("admin", "deadletters", "drop", "--all")
	for _, what := range []string{"", "u-1", "decision-u-4"} {
		a.mustRun("cli", append([]string{"status"}, strings.Fields(what)...)...)
	}
	if code, out := a.run("cli", "status", "nothing-of-ours"); code != 1 || !strings.Contains(out, "knows no file, import, user or event") {
		t.Errorf("the status of nothing: %d %s", code, out)
	}
	a.mustRun("cli", "suppress", "add", "x@example.org", "--id-key", a.config.IDKey)
	a.mustRun("cli", "suppress", "ls", "--id-key", a.config.IDKey)
	a.mustRun("cli", "suppress", "rm", "x@example.org", "--id-key", a.config.IDKey)

	// What the console only asks for: sent again each becomes a new dead letter, which is
	// dropped.
	for stream, subject := range map[string]string{event.StreamVerifications: "verifications.v1.crm.approved", event.StreamUsers: event.ImportedSubject("hr")} {
		a.publishRaw(subject, "poison again")
		for _, do := range []string{event.ChoreReplay, event.ChoreDrop} {
			a.until("a dead letter of "+stream+": "+do, func() bool {
				number := letterOf.FindStringSubmatch(a.ask("GET", "/api/v1/deadletters?stream="+stream, ""))
				return number != nil && strings.Contains(a.ask("POST", "/api/v1/deadletters", fmt.Sprintf(`{"do":%q,"deadletters":[%s]}`, do, number[1])), `"done":1`)
			})
		}
	}
	a.takeOffTheList()
	a.mustRun("cli", "pause", "intake", "bridge", "delivery", "--reason", "a test")
	for name, ops := range a.ops {
		a.until(name+" has heard of it", func() bool {
			var text string
			a.get("http://"+ops+"/readyz", &text)
			return strings.Contains(text, "paused: delivery is paused")
		})
	}
	if out := a.mustRun("cli", "status"); !strings.Contains(out, "PAUSED bridge, since ") {
		t.Errorf("the status in a pause: %s", out)
	}
	a.mustRun("cli", "resume", "intake", "bridge", "delivery")
	a.mustRun("admin", "forget", "u-2", "--temporal-address", a.addr.Temporal)
	// The trail names who was decided about at the console. It has no personal data, so it
	// stays whole when that person is forgotten (issue 17).
	a.mustRun("admin", "forget", "u-3", "--temporal-address", a.addr.Temporal)
	if out := a.mustRun("admin", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("the trail after somebody was forgotten: %s", out)
	}
	if out := a.mustRun("admin", "audit", "export"); !strings.Contains(out, `"user_id":"u-3"`) || strings.Contains(out, "u3@example.org") || strings.Contains(out, "User 3") {
		t.Errorf("the trail: %s", out)
	}

	a.mustRun("cli", "canary", "--inbox", filepath.Join(a.data["watch"], event.SourceCanary), "--email", "sink@example.org")
	if left, going := canariesLeft(t, admin.JetStream); len(left) > 0 || going < 8 {
		t.Errorf("%d messages of a canary go by themselves, and it leaves for good:\n  %s", going, strings.Join(left, "\n  "))
	}

	// Streams that are nearly full lose what is not needed.
	for _, stream := range []string{event.StreamUsers, event.StreamVerifications} {
		before := firstSeq(a, admin.JetStream, stream)
		a.nearlyFull(admin.JetStream, stream)
		a.until(stream+" is purged", func() bool { return firstSeq(a, admin.JetStream, stream) > before })
	}
	a.stopRoles()
	a.compareWithRights()
}

// canariesLeft are the messages about canary users that do not go by themselves, and
// how many do: record and checkpoint, decision, facts, the mark in PEOPLE.
func canariesLeft(t testing.TB, js jetstream.JetStream) (left []string, going int) {
	t.Helper()
	for _, stream := range streams.Names() {
		err := streams.Read(t.Context(), js, stream, streams.Selection{}, func(m streams.Message, _ uint64) error {
			about := strings.Contains(m.Subject, event.SourceCanary) || strings.Contains(string(m.Data), event.SourceCanary+".")
			switch ttl := m.Header.Get("Nats-TTL"); {
			case about && (ttl == "" || ttl == "never"):
				left = append(left, fmt.Sprintf("%s %d: %s", stream, m.Seq, m.Subject))
			case about:
				going++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return left, going
}

// compareWithRights holds what was asked against the table, in both directions.
func (a *apart) compareWithRights() {
	a.Helper()
	for _, role := range rights.Roles() {
		published, listened := a.proxy.Published(role.Name), a.proxy.Subscribed(role.Name)
		for _, s := range published {
			if _, may := role.May(s); !may {
				a.Errorf("%s asks for %s, and the table has no right for it", role.Name, s)
			}
		}
		for _, s := range a.proxy.Denied(role.Name) {
			a.Errorf("%s is denied: %s", role.Name, s)
		}
		for _, s := range role.Unused(published, listened) {
			a.Errorf("%s may use %s and nothing asked for it: take it out of the table, or say why it stays", role.Name, s)
		}
		if testing.Verbose() {
			a.Logf("%s asked for\n  %s", role.Name, strings.Join(append(published, listened...), "\n  "))
		}
	}
}

// sharedKey is the key that all roles of the test encrypt with.
func sharedKey(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "shared.key")
	if err := os.WriteFile(path, []byte("one key for all roles of this test"), 0o600); err != nil {
		t.Fatal(fmt.Errorf("the key: %w", err))
	}
	return path
}
