package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
)

// A catcher is a role that needs no server: it is ready, takes what workers send, shows
// it and stops.
func TestCatcherAlone(t *testing.T) {
	t.Setenv("NATS_URL", "nats://127.0.0.1:1") // where nothing is
	c := Config{
		Base: Base{Data: t.TempDir(), OpsAddr: "127.0.0.1:0", LogLevel: "info", LogFormat: "text"}, Limits: DefaultLimits(),
		Servers: Servers{Catching: Catching{CatcherSMTPAddr: "127.0.0.1:0", CatcherHTTPAddr: "127.0.0.1:0"}}, Roles: Roles{Catcher: true},
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	up, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, c, Env{Version: "v0", Out: io.Discard, Log: slog.New(slog.DiscardHandler), Ready: func(a Addresses) { up <- a }})
	}()
	var at Addresses
	select {
	case at = <-up:
	case err := <-ended:
		t.Fatal(err)
	}
	if err := smtp.SendMail(at.CatcherSMTP, nil, "welcome@usher.example", []string{"ada@example.org"}, []byte("Subject: Welcome\r\n\r\nHello Ada\r\n")); err != nil {
		t.Error(err)
	}
	r, err := http.PostForm("http://"+at.CatcherHTTP+"/2010-04-01/Accounts/ACusher/Messages.json", url.Values{"To": {"+4930123456"}, "From": {"+15005550006"}, "Body": {"Hello Ada"}})
	if err != nil || r.StatusCode != http.StatusCreated {
		t.Errorf("the text message: %v %v", r, err)
	}
	for address, want := range map[string]string{
		at.CatcherHTTP + "/api/v1/messages": "ada@example.org", at.CatcherHTTP + "/2010-04-01/Accounts/ACusher/Messages.json": "+4930123456",
		at.Ops + "/readyz": "ok", at.Ops + "/metrics": "usher_disk_free_bytes",
	} {
		r, err := http.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s does not say %q: %s", address, want, body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	c.CatcherSMTPAddr = "0.0.0.0:0"
	if err := Run(t.Context(), c, Env{Out: io.Discard, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "--catcher-smtp-addr 0.0.0.0:0: the catcher asks for no credentials") {
		t.Errorf("on an address that others reach: %v", err)
	}
}
