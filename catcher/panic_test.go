package catcher

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"usher/event"
)

// brokenCatcher runs a catcher after broken has spoilt it, and returns it with what
// its guard is told.
func brokenCatcher(t *testing.T, broken func(*Catcher, *Chaos)) (k *Catcher, told func() string) {
	t.Helper()
	chaos, err := ParseChaos("smtp.connect 421 1%")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var where []string
	k, err = Open(Config{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Chaos: chaos, Log: slog.New(slog.DiscardHandler), Guard: func(p *event.PanicError) {
		mu.Lock()
		defer mu.Unlock()
		where = append(where, p.Where)
	}})
	if err != nil {
		t.Fatal(err)
	}
	broken(k, chaos)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return k, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(where, ", ")
	}
}

func status(t *testing.T, k *Catcher, path string) int {
	t.Helper()
	r, err := http.Get("http://" + k.HTTPAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode
}

// A panic on a message or a page is answered and told of, and the next one is too.
func TestAPanicOnAMessageEndsNoServer(t *testing.T) {
	k, told := brokenCatcher(t, func(k *Catcher, _ *Chaos) {
		db := k.store.db
		k.store.db = nil     // each message and each page panics
		k.store = &store{db} // for the end
	})
	for range 2 {
		if got := status(t, k, "/"); got != http.StatusInternalServerError {
			t.Errorf("the page is answered %d", got)
		}
		if err := send(k, "s", "h"); err == nil || !strings.HasPrefix(err.Error(), "451 ") {
			t.Errorf("the mail is answered %v", err)
		}
	}
	if got := told(); got != strings.TrimSuffix(strings.Repeat("answering a request to the catcher, answering a mail server, ", 2), ", ") {
		t.Errorf("told: %s", got)
	}
}

// A panic outside of what go-smtp guards, while a reply is written, ends the
// connection only.
func TestAPanicOfAFaultEndsNoServer(t *testing.T) {
	k, told := brokenCatcher(t, func(_ *Catcher, c *Chaos) { c.rules = []*rule{nil} })
	for range 2 {
		if err := send(k, "s", "h"); err == nil {
			t.Error("a mail without a greeting was taken")
		}
	}
	if got := status(t, k, "/api/v1/messages"); got != http.StatusOK {
		t.Errorf("another request is answered %d", got)
	}
	if got := told(); got != "making a fault of SMTP, making a fault of SMTP" {
		t.Errorf("told: %s", got)
	}
}
