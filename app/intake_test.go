package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/console"
	"usher/event"
	"usher/ingest"
	"usher/streams/natstest"
)

const deskPassword = "a password for these tests"

// uploadDesk is a console and a watcher with folders of their own, each as its command
// runs it.
type uploadDesk struct {
	*testing.T
	js      jetstream.JetStream
	url     string
	data    string // of the watcher
	uploads string // of the console
	base    string
	log     natstest.Output
	client  *http.Client
}

// startDesk starts both. apart starts the watcher in a process of its own.
func startDesk(t *testing.T, apart bool, change func(watch, console *Config)) *uploadDesk {
	t.Helper()
	js, url := natstest.Start(t)
	d := &uploadDesk{T: t, js: js, url: url, data: t.TempDir()}
	watch := d.config(Roles{Watch: true})
	watch.Data = d.data
	web := d.config(Roles{Console: true})
	web.Data, web.WatchData, web.ConsoleAddr, web.ConsolePassword = t.TempDir(), d.data, "127.0.0.1:0", deskPassword
	d.uploads = filepath.Join(web.Data, "uploads")
	if change != nil {
		change(&watch, &web)
	}
	if apart {
		d.child(watch)
	} else {
		d.start(watch)
	}
	d.base = d.start(web).Local()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d.client = &http.Client{Jar: jar}
	if code, _ := d.page("POST", "/signin", url2("user", "admin", "password", deskPassword)); code != http.StatusOK {
		t.Fatalf("the sign-in: %d", code)
	}
	d.eventually("the watcher has its inbox", func() bool {
		return ingest.StandingOf(ingest.Inbox{Dir: filepath.Join(d.data, "inbox")}).Problem == ""
	})
	return d
}

func (d *uploadDesk) config(r Roles) Config {
	return Config{
		Base: Base{Data: d.TempDir(), OpsAddr: "127.0.0.1:0", LogLevel: "info", LogFormat: "text"}, External: External{NATSAccess: NATSAccess{NATSURL: d.url}, Replicas: 1},
		Servers: Servers{MaxStore: 64 << 20}, Intake: Intake{IDKey: oneKey}, Limits: DefaultLimits(), Roles: r,
	}
}

// start runs a role in this process until the test ends.
func (d *uploadDesk) start(c Config) Addresses {
	d.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan Addresses, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Env{Out: io.Discard, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Ready: func(a Addresses) { ready <- a }})
	}()
	d.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.Error(err)
		}
	})
	select {
	case a := <-ready:
		return a
	case err := <-done:
		d.Fatal(err)
	}
	return Addresses{}
}

// child runs the watcher in a process of its own; see TestWatchChild.
func (d *uploadDesk) child(c Config) {
	d.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWatchChild$")
	cmd.Env = append(os.Environ(), "APP_WATCH_DATA="+c.Data, "APP_WATCH_URL="+d.url)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			d.Errorf("the watcher's process: %v", err)
		}
	})
}

// TestWatchChild is the watcher of a test that has it in another process.
func TestWatchChild(t *testing.T) {
	data := os.Getenv("APP_WATCH_DATA")
	if data == "" {
		t.Skip("it is run by other tests")
	}
	d := &uploadDesk{T: t, url: os.Getenv("APP_WATCH_URL")}
	c := d.config(Roles{Watch: true})
	c.Data = data
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, c, Env{Out: io.Discard, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Ready: func(Addresses) {}}); err != nil {
		t.Error(err)
	}
}

func url2(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func (d *uploadDesk) eventually(what string, check func() bool) {
	d.Helper()
	for deadline := time.Now().Add(30 * time.Second); !check(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("it never came true: %s\n%s", what, d.log.String())
		}
	}
}

// page asks as the administrator, with a form when there is one.
func (d *uploadDesk) page(method, path string, form url.Values) (code int, body string) {
	d.Helper()
	code, body, _ = d.ask(method, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	return code, body
}

func (d *uploadDesk) ask(method, path, kind string, from io.Reader, header ...string) (code int, body string, at string) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), method, d.base+path, from)
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := d.client.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Request.URL.Path
}

// uploadForm is a form with a file.
func (d *uploadDesk) uploadForm(inbox, do, name, content string) (kind string, body []byte) {
	d.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range [][2]string{{"inbox", inbox}, {"do", do}} {
		if err := w.WriteField(f[0], f[1]); err != nil {
			d.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		d.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// upload sends a file, and returns the page that comes of it and where it is.
func (d *uploadDesk) upload(do, name, content string) (page, at string) {
	d.Helper()
	kind, b := d.uploadForm("inbox", do, name, content)
	_, page, at = d.ask("POST", "/uploads", kind, bytes.NewReader(b))
	return page, at
}

// imports are all that the console knows.
func (d *uploadDesk) imports() map[string]console.Import {
	d.Helper()
	var all struct{ Imports []console.Import }
	_, body := d.page("GET", "/api/v1/imports", nil)
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		d.Fatalf("%v: %s", err, body)
	}
	out := map[string]console.Import{}
	for _, i := range all.Imports { // the newest first
		if _, there := out[i.File]; !there {
			out[i.File] = i
		}
	}
	return out
}

// imported waits until the import of a file has ended.
func (d *uploadDesk) imported(file string) (i console.Import) {
	d.Helper()
	d.eventually(file+" is imported", func() bool {
		i = d.imports()[file]
		return i.Done && i.Next != "" // the end was told
	})
	return i
}

// audits are the records of who did what, by action.
func (d *uploadDesk) audits() map[string]string {
	d.Helper()
	out := map[string]string{}
	s, err := d.js.Stream(d.Context(), event.StreamAudit)
	if err != nil {
		d.Fatal(err)
	}
	for _, action := range []string{"upload", "upload-import", "upload-discard", "columns", "download", "mend", "redrop"} {
		if m, err := s.GetLastMsgForSubject(d.Context(), "audit.v1."+action); err == nil {
			out[action] = string(m.Data)
		}
	}
	return out
}

// left are the names below a folder, without what is usher's own.
func (d *uploadDesk) left(dir string) (names []string) {
	d.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".usher" {
			names = append(names, e.Name())
		}
	}
	return names
}

// A file is uploaded in one process and imported in another, its refused rows are
// mended and sent again, and what stays of it names who did that and no person of the
// lists. Regressions of issue 16.
func TestUploadsReachAWatcherInAnotherProcess(t *testing.T) {
	d := startDesk(t, true, nil)
	d.upload("import", "people.csv", "user_id,email,Team\nu-1,ann@example.org,A\nu-2,ben example.org,=HYPERLINK(1)\n")
	i := d.imported("people.csv")
	if i.Published != 1 || i.Refused != 1 || i.UploadedBy != "admin" {
		t.Errorf("%+v", i)
	}
	_, body := d.page("GET", "/imports/"+i.ID, nil)
	for _, want := range []string{"uploaded by admin", "E_EMAIL_SYNTAX", "line 3, email", "Mend the refused rows", "user_id"} {
		if !strings.Contains(body, want) {
			t.Errorf("the report does not show %q\n%s", want, body)
		}
	}
	resp, err := d.client.Get(d.base + "/imports/" + i.ID + "/rows/refused.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	rows, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(rows), "'=HYPERLINK(1)") || strings.Contains(string(rows), ",=HYPERLINK") {
		t.Errorf("a formula in the download: %s %v", rows, err)
	}
	if at := resp.Header.Get("Content-Disposition"); at != `attachment; filename="people.csv.refused.csv"; filename*=UTF-8''people.csv.refused.csv` {
		t.Errorf("the download is named by %s", at)
	}
	if _, body := d.page("GET", "/imports/"+i.ID+"/mend", nil); !strings.Contains(body, `value="ben example.org"`) || !strings.Contains(body, `value="=HYPERLINK(1)"`) {
		t.Errorf("the fields:\n%s", body)
	}
	d.page("POST", "/imports/"+i.ID+"/mend", url2("r0c1", "ben@example.org"))
	m := d.imported("people-mended.csv")
	if m.Published != 1 || m.Refused != 0 || m.UploadedBy != "admin" {
		t.Errorf("the mended rows: %+v", m)
	}
	var u console.User
	for deadline := time.Now().Add(20 * time.Second); u.Email != "ben@example.org"; time.Sleep(10 * time.Millisecond) {
		_, body := d.page("GET", "/api/v1/users/u-2", nil)
		if err := json.Unmarshal([]byte(body), &u); err != nil || time.Now().After(deadline) {
			t.Fatalf("the mended user: %v %s", err, body)
		}
	}
	if u.Attributes["Team"] != "=HYPERLINK(1)" {
		t.Errorf("the cell that was not changed: %q", u.Attributes)
	}

	d.page("POST", "/imports/"+i.ID+"/again", nil)
	d.eventually("the file is imported again", func() bool {
		n := d.imports()["people.csv"]
		return n.ID != i.ID && n.Done && n.State == event.ImportArchived && n.Next != ""
	})
	if n := d.imports()["people.csv"]; n.Published != 1 || n.DuplicateOf != "" || n.UploadedBy != "admin" {
		t.Errorf("again: %+v", n)
	}
	audits := d.audits()
	for _, action := range []string{"upload", "download", "mend", "redrop"} {
		if a := audits[action]; !strings.Contains(a, `"actor":"admin"`) || strings.Contains(a, "people") || strings.Contains(a, "example.org") {
			t.Errorf("the record of %s: %s", action, a)
		}
	}
	for _, personal := range []string{"ann@example.org", "ben", "people.csv"} {
		if strings.Contains(d.log.String(), personal) {
			t.Errorf("the log names %q:\n%s", personal, d.log.String())
		}
	}
}

// Columns that are not certain come before the import; what is said about them counts,
// and is kept when that is asked for.
func TestColumnsAreAskedForWhenTheyAreUnsure(t *testing.T) {
	d := startDesk(t, false, nil)
	const list = "Kontakt,Wer\nann@example.org,Ann\n"
	body, at := d.upload("import", "first.csv", list)
	if !strings.HasPrefix(at, "/uploads/") || !strings.Contains(body, "E_HEADER") || !strings.Contains(body, `name="c0"`) || len(d.imports()) > 0 {
		t.Fatalf("at %s:\n%s", at, body)
	}
	if _, body = d.page("POST", at, url2("do", "check", "columns", "yes", "c0", "email", "c1", "name")); !strings.Contains(body, "<b>1</b> would be published") {
		d.eventually("it is checked", func() bool {
			_, body = d.page("GET", at, nil)
			return strings.Contains(body, "<b>1</b> would be published")
		})
	}
	if _, body = d.page("POST", at, url2("do", "import", "columns", "yes", "c0", "email", "c1", "name", "keep", "yes")); strings.Contains(body, "role=\"alert\"") {
		t.Errorf("%s", body)
	}
	if i := d.imported("first.csv"); i.Published != 1 {
		t.Errorf("%+v", i)
	}
	d.upload("import", "second.csv", strings.Replace(list, "ann", "ben", 1))
	if i := d.imported("second.csv"); i.Published != 1 {
		t.Errorf("with what was kept: %+v", i)
	}
	if a := d.audits(); !strings.Contains(a["columns"], `"actor":"admin"`) || !strings.Contains(a["upload-import"], `"actor":"admin"`) {
		t.Errorf("%v", a)
	}
	// The same bytes again are shown as such, and are imported when that is meant.
	body, at = d.upload("import", "third.csv", list)
	if !strings.Contains(body, "The same content was imported before") {
		t.Fatalf("at %s:\n%s", at, body)
	}
	d.page("POST", at, url2("do", "discard"))
	if code, _ := d.page("GET", at, nil); code != http.StatusBadRequest {
		t.Errorf("a discarded upload: %d", code)
	}
	if left := d.left(d.uploads); len(left) > 2 { // the folders of the two that were given
		t.Errorf("uploads are left: %v", left)
	}
}

// An upload that ends in the middle leaves nothing, in the inbox and beside it, and no
// name of a file leads anywhere else. What is imported is kept under one safe name.
func TestUploadsLeaveNothingElsewhere(t *testing.T) {
	d := startDesk(t, false, func(watch, web *Config) {
		watch.Complete, web.Complete = []string{"marker"}, []string{"marker"}
	})
	kind, whole := d.uploadForm("inbox", "import", "half.csv", "email\n"+strings.Repeat("a@example.org\n", 10000))
	pr, pw := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", d.base+"/uploads", pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, err := d.client.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("half an upload was answered: %d", resp.StatusCode)
		}
	})
	if _, err := pw.Write(whole[:len(whole)/2]); err != nil {
		t.Fatal(err)
	}
	d.eventually("the first half is there", func() bool { return len(d.left(d.uploads)) == 1 })
	cancel()
	_ = pw.CloseWithError(context.Canceled) // the client waits for what it was sending
	wg.Wait()
	d.eventually("nothing is left", func() bool { return len(d.left(d.uploads)) == 0 && len(d.left(filepath.Join(d.data, "inbox"))) == 0 })

	for n, name := range []string{"../../../etc/cron.d/x.csv", `..\..\evil.csv`, ".hidden.csv", "..", "/", "~$lock.csv", "-rf.csv", "x.csv.part", "a\x00b\r\nc.csv", strings.Repeat("long", 200) + ".csv"} {
		content := fmt.Sprintf("email\nn%d@example.org\n", n)
		kind, b := d.uploadForm("inbox", "import", "NAME", content)
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", "%00", "\r", "%0D", "\n", "%0A").Replace(name)
		if code, body, at := d.ask("POST", "/uploads", kind, bytes.NewReader(bytes.Replace(b, []byte("NAME"), []byte(quoted), 1))); code != http.StatusOK || strings.Contains(body, `role="alert"`) {
			t.Errorf("%q: %d at %s\n%s", name, code, at, body)
		}
	}
	d.eventually("all are imported", func() bool {
		n := 0
		for _, i := range d.imports() {
			if i.Done {
				n++
			}
		}
		return n == 9 // two of the names say nothing
	})
	safe := regexp.MustCompile(`^[\pL\pN_][\pL\pN_.~$%-]*$`)
	for name, i := range d.imports() {
		if !safe.MatchString(name) || len(name) > 200 || i.Published != 1 {
			t.Errorf("%q: %+v", name, i)
		}
	}
	kind, b := d.uploadForm("inbox", "import", "people.csv.done", "x")
	if _, body, _ := d.ask("POST", "/uploads", kind, bytes.NewReader(b)); !strings.Contains(body, "this is a sign that belongs to a file") {
		t.Errorf("a marker:\n%s", body)
	}
	for what, header := range map[string]string{"another site": "cross-site", "another port": "same-site"} {
		kind, b := d.uploadForm("inbox", "import", "csrf.csv", "email\ncsrf@example.org\n")
		if code, _, _ := d.ask("POST", "/uploads", kind, bytes.NewReader(b), "Sec-Fetch-Site", header); code != http.StatusForbidden {
			t.Errorf("a form of %s: %d", what, code)
		}
	}
	kind, b = d.uploadForm("other", "import", "x.csv", "email\nx@example.org\n")
	if _, body, _ := d.ask("POST", "/uploads", kind, bytes.NewReader(b)); !strings.Contains(body, "does not know the folder of that inbox") {
		t.Errorf("an inbox that is not there:\n%s", body)
	}
}
