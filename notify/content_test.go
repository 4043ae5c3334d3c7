package notify

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jhillyerd/enmime/v2"
)

// A report comes as it was written, with its file, and a copy of it is the same.
func TestAReportIsSentAsItWasWritten(t *testing.T) {
	smtp, err := newSMTP(SMTPConfig{Name: "smtp", Addr: "127.0.0.1:25", TLS: "none", From: "usher <usher@example.org>"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer smtp.close()
	for name, c := range map[string]Content{
		"with a file": {Subject: "Tagesbericht für Köln", Text: "inbox  imported\nhr     9\n", Attachments: []Attachment{{Name: "day.csv", MediaType: "text/csv", Data: []byte("inbox,imported\r\nhr,9\r\n")}}},
		"with HTML":   {Subject: "3 people wait", Text: "hr: 3 people wait\n", HTML: "<pre>hr: 3 people wait</pre>"},
	} {
		m := message{to: "ops@example.org", messageID: "abc@example.org", date: time.Unix(1790000000, 0), content: c.rendered()}
		raw, err := smtp.build(m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := smtp.build(m); err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%s: a copy differs (%v)", name, err)
		}
		got, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err != nil || len(got.Errors) > 0 {
			t.Fatalf("%s: %v %v", name, err, got.Errors)
		}
		text := strings.ReplaceAll(got.Text, "\r\n", "\n")
		if d := cmp.Diff([]string{c.Subject, c.Text, c.HTML}, []string{got.GetHeader("Subject"), text, got.HTML}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if len(got.Attachments) != len(c.Attachments) {
			t.Fatalf("%s: %d files", name, len(got.Attachments))
		}
		for i, a := range got.Attachments {
			if a.FileName != c.Attachments[i].Name || a.ContentType != c.Attachments[i].MediaType || !bytes.Equal(a.Content, c.Attachments[i].Data) {
				t.Errorf("%s: %s %s %q", name, a.FileName, a.ContentType, a.Content)
			}
		}
	}
}
