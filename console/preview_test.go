package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

type previews struct{}

func (previews) Messages() map[string][]string { return map[string][]string{"welcome": {"en", "de"}} }

func (previews) Preview(purpose, locale, name string) (Message, error) {
	if purpose != "welcome" || name == "broken" {
		return Message{}, errors.New("welcome/en/mail.txt:3:7: it has no such field")
	}
	if locale == "" {
		locale = "en"
	}
	return Message{Purpose: purpose, Locale: locale, Version: "welcome/" + locale + "@1", Subject: "Hi " + name, Text: "Hi", HTML: "<p style='color:red'>Hi " + locale + "</p><script>alert(1)</script>", SMS: "Hi 😀", Segments: 1, Units: 5, Encoding: "ucs2", Odd: "😀"}, nil
}

// The page shows a message in a frame that may do nothing, and says what a broken
// template lacks.
func TestPreviewPage(t *testing.T) {
	r := newRig(t)
	r.change = func(c *Config) { c.Previews = previews{} }
	r.run()
	c := browser(t)
	page(t, c, "POST", r.base+"/signin", url.Values{"user": {"admin"}, "password": {password}})
	resp, body := page(t, c, "GET", r.base+"/preview?locale=de&name="+url.QueryEscape(`<b>"x`), nil)
	for _, want := range []string{"Hi &lt;b&gt;", `<iframe class="mail" sandbox title=`, "/preview/html?locale=de&amp;name=%3Cb%3E%22x&amp;purpose=welcome", "welcome/de@1", "Charged as 1 message: 5 units of ucs2", "😀", `<option selected>de</option>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-src 'self'") || !strings.Contains(csp, "default-src 'none'") {
		t.Error(csp)
	}
	resp, body = page(t, c, "GET", r.base+"/preview/html?purpose=welcome&locale=de&name=x", nil)
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox; default-src 'none'") || strings.Contains(csp, "script-src") || !strings.Contains(body, "Hi de") {
		t.Error(csp, body)
	}
	if _, body = page(t, c, "GET", r.base+"/preview?name=broken", nil); !strings.Contains(body, "welcome/en/mail.txt:3:7") {
		t.Error(body)
	}
	if resp, _ = page(t, c, "GET", r.base+"/preview/html?purpose=none", nil); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.Status)
	}
	if resp, _ = page(t, browser(t), "GET", r.base+"/preview", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("without signing in: %s", resp.Status)
	}
}
