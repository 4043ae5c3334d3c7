package notify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jhillyerd/enmime/v2"

	"usher/event"
)

func TestHostileRecipients(t *testing.T) {
	srv := newSMTPServer(t, script{})
	r := newRig(t, srv.addr, "http://"+nowhere)
	q := request(event.ChannelEmail)
	q.Name = "Bobby\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\u202e" + strings.Repeat("x", 500)
	if _, err := r.Send(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(srv.messages()[0]))
	if err != nil {
		t.Fatal(err)
	}
	if e.GetHeader("Bcc") != "" || strings.Contains(e.HTML, "<script>") || strings.ContainsRune(e.GetHeader("Subject"), '\u202e') {
		t.Errorf("a hostile name got through: %q", e.GetHeader("Subject"))
	}
	if len(e.HTML) == 0 || len(e.Text) == 0 {
		t.Error("one of the two bodies is missing")
	}
	for i, address := range []string{"a@b\r\nRCPT TO:<x@y>", "a b@example.org", "@example.org", "a@exa mple.org"} {
		q := request(event.ChannelEmail)
		q.UserID, q.Email = fmt.Sprint("u-x", i), address
		if _, err := r.Send(t.Context(), q); !event.IsPermanent(err) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := len(srv.messages()); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}

func TestLanguages(t *testing.T) {
	tpl, err := loadTemplates(nil)
	if err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string]string{"de": "de", "de-AT": "de", "de_DE": "de", "en-GB": "en", "ja": "en", "": "en", "???": "en", "gsw": "de"} {
		if got := tpl.match("welcome", locale); got != want {
			t.Errorf("%q gets %s, want %s", locale, got, want)
		}
	}
}

func TestBrokenTemplatesAreRefusedWithTheirPlace(t *testing.T) {
	good := func() fstest.MapFS {
		return fstest.MapFS{
			"welcome/en/subject.txt": {Data: []byte("Hi")}, "welcome/en/mail.txt": {Data: []byte("Hi")},
			"welcome/en/mail.html": {Data: []byte("<p>Hi</p>")}, "welcome/en/sms.txt": {Data: []byte("Hi")},
		}
	}
	if _, err := loadTemplates(good()); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"welcome/en/mail.txt": "{{.Nmae}}", "welcome/en/sms.txt": "{{if}}", "welcome/en/mail.html": "<a href='{{.Name}}", "welcome/en/subject.txt": "a\nb",
	} {
		f := good()
		f[file] = &fstest.MapFile{Data: []byte(text)}
		name := file[strings.LastIndexByte(file, '/')+1:]
		if _, err := loadTemplates(f); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
