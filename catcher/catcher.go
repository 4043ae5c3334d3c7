package catcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"usher/event"
	"usher/serve"
)

// Config says where the catcher listens and keeps its store.
type Config struct {
	Dir                string      // of the store
	SMTPAddr, HTTPAddr string      // loopback; port 0 takes a free one
	Chaos              *Chaos      // nil: every message is taken
	Guard              event.Guard // told of panics; nil: of none
	Log                *slog.Logger
}

// Catcher is an open catcher.
type Catcher struct {
	store *store
	smtp  *smtp.Server
	http  *http.Server
	mail  net.Listener
	web   net.Listener
	guard event.Guard
}

const (
	maxMessage = 10 << 20 // bytes of one e-mail
	timeout    = time.Minute
)

// Open opens the store and binds both ports. Its error is one sentence.
func Open(c Config) (_ *Catcher, err error) {
	k := &Catcher{guard: c.Guard}
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	for _, a := range []struct {
		flag, addr string
		l          *net.Listener
	}{{"--catcher-smtp-addr", c.SMTPAddr, &k.mail}, {"--catcher-http-addr", c.HTTPAddr, &k.web}} {
		if *a.l, err = listen(a.flag, a.addr); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("the catcher's folder cannot be made: %w", err)
	}
	if k.store, err = openStore(filepath.Join(c.Dir, "catcher.db")); err != nil {
		return nil, fmt.Errorf("the catcher's store cannot be opened: %w", err)
	}
	k.smtp = newSMTP(k.store, c.Chaos, c.Guard, c.Log)
	k.mail = chaosListener{k.mail, c.Chaos, c.Guard}
	k.http = serve.Web(serve.HTTP(c.Guard, "answering a request to the catcher", newHTTP(k.store, c.Chaos, k.HTTPAddr())))
	return k, nil
}

func listen(flag, addr string) (net.Listener, error) {
	if err := serve.CheckLoopback(flag, addr, "the catcher asks for no credentials, so it listens on loopback only"); err != nil {
		return nil, err
	}
	return serve.Listen(flag, addr)
}

// SMTPAddr is where e-mail is taken, as host:port.
func (k *Catcher) SMTPAddr() string { return k.mail.Addr().String() }

// HTTPAddr is where text messages are taken and pages are served.
func (k *Catcher) HTTPAddr() string { return k.web.Addr().String() }

// Run serves until ctx ends, then lets what is in hand finish for a second.
func (k *Catcher) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var both sync.WaitGroup
	var mail, web error
	both.Go(func() { defer stop(); mail = serve.Until(ctx, k.guard, k.mail, k.smtp) })
	both.Go(func() { defer stop(); web = serve.Until(ctx, k.guard, k.web, k.http) })
	both.Wait()
	return errors.Join(mail, web, k.store.close())
}

func (k *Catcher) close() {
	for _, l := range []net.Listener{k.mail, k.web} {
		if l != nil {
			_ = l.Close()
		}
	}
	if k.store != nil {
		_ = k.store.close()
	}
}
