package catcher

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// run starts a catcher on dir and returns it with a function that stops it.
func run(t *testing.T, dir string) (*Catcher, func()) {
	t.Helper()
	k, err := Open(Config{Dir: dir, SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return k, stop
}

func send(k *Catcher, subject, html string) error {
	body := "Message-ID: <" + subject + "@x>\r\nSubject: " + subject + "\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "\r\n"
	return smtp.SendMail(k.SMTPAddr(), nil, "a@example.org", []string{"b@example.org"}, []byte(body))
}

func get(t *testing.T, k *Catcher, path string, into any) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + k.HTTPAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, b)
		}
	}
	return r.StatusCode, string(b)
}

type mails struct {
	Total    int
	Messages []struct {
		ID, MessageID, Subject string
		To                     []struct{ Address string }
	}
}

type texts struct {
	Messages []struct{ Sid, To, Body, Status string }
	Next     string `json:"next_page_uri"`
}

// A text is read in the character set that it names, however much its bytes look
// like those of another.
func TestATextIsReadAsItSays(t *testing.T) {
	k, _ := run(t, t.TempDir())
	for set, text := range map[string]struct{ bytes, want string }{
		"utf-8":        {"Grüße aus Köln, schöne Übung", "Grüße aus Köln, schöne Übung"},
		"iso-8859-1":   {"Gr\xfc\xdfe", "Grüße"},
		"windows-1252": {strings.Repeat("\xc3\xbcber ", 40), strings.TrimSpace(strings.Repeat("Ã¼ber ", 40))},
	} {
		body := "Message-ID: <" + set + "@x>\r\nSubject: s\r\nContent-Type: text/plain; charset=" + set + "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text.bytes + "\r\n"
		if err := smtp.SendMail(k.SMTPAddr(), nil, "a@example.org", []string{"b@example.org"}, []byte(body)); err != nil {
			t.Fatal(err)
		}
		var m mails
		get(t, k, "/api/v1/messages?limit=1", &m)
		var one struct{ Text string }
		get(t, k, "/api/v1/message/"+m.Messages[0].ID, &one)
		if strings.TrimSpace(one.Text) != text.want {
			t.Errorf("%s: %q, want %q", set, one.Text, text.want)
		}
	}
}

func TestEveryAcceptedMessageIsThereAfterARestart(t *testing.T) {
	const senders = 20
	dir := t.TempDir()
	k, stop := run(t, dir)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			if err := send(k, fmt.Sprint("m", i), "<b>hello</b>"); err != nil {
				t.Error(err)
			}
			r, err := http.PostForm("http://"+k.HTTPAddr()+"/2010-04-01/Accounts/AC1/Messages.json", url.Values{"To": {fmt.Sprintf("+4930%07d", i)}, "From": {"x"}, "Body": {"hi"}})
			if err != nil || r.StatusCode != http.StatusCreated {
				t.Error(r, err)
				return
			}
			r.Body.Close()
		})
	}
	wg.Wait()
	stop()
	k, _ = run(t, dir)
	var m mails
	get(t, k, "/api/v1/messages?limit=5&start=15", &m)
	if m.Total != senders || len(m.Messages) != 5 {
		t.Errorf("%d e-mails, %d on the last page", m.Total, len(m.Messages))
	}
	var one struct{ HTML, Text, MessageID string }
	get(t, k, "/api/v1/message/"+m.Messages[0].ID, &one)
	if !strings.Contains(one.HTML, "<b>hello</b>") || one.MessageID != m.Messages[0].MessageID {
		t.Errorf("got %+v", one)
	}
	seen := map[string]bool{}
	for path := "/2010-04-01/Accounts/AC1/Messages.json?PageSize=7"; path != ""; {
		var page texts
		get(t, k, path, &page)
		for _, s := range page.Messages {
			seen[s.To] = true
		}
		path = page.Next
	}
	if len(seen) != senders {
		t.Errorf("%d different text messages, want %d", len(seen), senders)
	}
}

// A stop ends the catcher at whatever moment it comes.
func TestStopAtOnce(t *testing.T) {
	for range 50 {
		_, stop := run(t, t.TempDir())
		stop()
	}
}

// Who asks whether an account is known learns that it is, as `usher notify test --probe`
// and `usher doctor` do. A regression of issue 20.
func TestEveryAccountIsKnown(t *testing.T) {
	k, _ := run(t, t.TempDir())
	var account struct{ SID, Status string }
	get(t, k, "/2010-04-01/Accounts/AC1.json", &account)
	if account.SID != "AC1" || account.Status != "active" {
		t.Errorf("the account is %+v", account)
	}
}

func TestTwilioRefusals(t *testing.T) {
	k, _ := run(t, t.TempDir())
	for name, tc := range map[string]struct {
		form url.Values
		code int
	}{
		"no recipient":  {url.Values{"Body": {"x"}}, 21604},
		"bad recipient": {url.Values{"To": {"12"}, "Body": {"x"}}, 21211},
		"no text":       {url.Values{"To": {"+49301234567"}}, 21602},
	} {
		r, err := http.PostForm("http://"+k.HTTPAddr()+"/2010-04-01/Accounts/AC1/Messages.json", tc.form)
		if err != nil {
			t.Fatal(err)
		}
		var a struct{ Code int }
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a.Code != tc.code || r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d, code %d, %v", name, r.StatusCode, a.Code, err)
		}
		r.Body.Close()
	}
}

func TestHostileMessagesStayText(t *testing.T) {
	k, _ := run(t, t.TempDir())
	if err := send(k, "<script>alert(1)</script>", "<script>alert(2)</script>"); err != nil {
		t.Fatal(err)
	}
	if err := smtp.SendMail(k.SMTPAddr(), nil, "a@x", []string{"b@x"}, []byte("Content-Type: multipart/mixed; boundary=\"\xff\r\n\r\n--\r\n\x00\xfe")); err != nil {
		t.Errorf("broken MIME is refused: %v", err)
	}
	_, list := get(t, k, "/", nil)
	if strings.Contains(list, "<script>") || !strings.Contains(list, "&lt;script&gt;") {
		t.Error("the list shows a script as it came")
	}
	r, err := http.Get("http://" + k.HTTPAddr() + "/message/1/html")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if csp := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox;") {
		t.Errorf("the HTML part is served with %q", csp)
	}
	if err := send(k, "big", strings.Repeat("x\r\n", maxMessage/3+10)); err == nil || !strings.Contains(err.Error(), "552") {
		t.Errorf("an e-mail over the limit: %v", err)
	}
}

func TestForeignHostsAreRefused(t *testing.T) {
	k, _ := run(t, t.TempDir())
	req, _ := http.NewRequest(http.MethodGet, "http://"+k.HTTPAddr()+"/", nil)
	req.Host = "evil.example"
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host name gets %d", r.StatusCode)
	}
	req, _ = http.NewRequest(http.MethodDelete, "http://"+k.HTTPAddr()+"/api/v1/messages", nil)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if r, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("a cross-site DELETE gets %d", r.StatusCode)
	}
}

func TestBadPlacesAreSaidPlainly(t *testing.T) {
	k, _ := run(t, t.TempDir())
	for addr, want := range map[string]string{k.SMTPAddr(): "address already in use", "0.0.0.0:0": "loopback", "x": "HOST:PORT"} {
		_, err := Open(Config{Dir: t.TempDir(), SMTPAddr: addr, HTTPAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", addr, err, want)
		}
	}
}
