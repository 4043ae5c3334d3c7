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
	"time"

	"github.com/emersion/go-smtp"
)

// Config says where the catcher listens and keeps its store.
type Config struct {
	Dir                string // of the store
	SMTPAddr, HTTPAddr string // loopback; port 0 takes a free one
	Chaos              *Chaos // nil: every message is taken
	Log                *slog.Logger
}

// Catcher is an open catcher.
type Catcher struct {
	store *store
	smtp  *smtp.Server
	http  *http.Server
	mail  net.Listener
	web   net.Listener
}

const (
	maxMessage = 10 << 20 // bytes of one e-mail
	timeout    = time.Minute
)

// Open opens the store and binds both ports. Its error is one sentence.
func Open(c Config) (_ *Catcher, err error) {
	k := &Catcher{}
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
	k.smtp = newSMTP(k.store, c.Chaos, c.Log)
	k.mail = chaosListener{k.mail, c.Chaos}
	k.http = &http.Server{Handler: newHTTP(k.store, c.Chaos, k.HTTPAddr()), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: timeout}
	return k, nil
}

func listen(flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s %q: the catcher does not ask for credentials, so give a loopback address such as 127.0.0.1:0", flag, addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("%s %s: %w; give another address, port 0 takes a free one", flag, addr, err)
	}
	return l, nil
}

// SMTPAddr is where e-mail is taken, as host:port.
func (k *Catcher) SMTPAddr() string { return k.mail.Addr().String() }

// HTTPAddr is where text messages are taken and pages are served.
func (k *Catcher) HTTPAddr() string { return k.web.Addr().String() }

// Run serves until ctx ends, then lets what is in hand finish for a second.
func (k *Catcher) Run(ctx context.Context) error {
	done := make(chan error, 2)
	go func() { done <- k.smtp.Serve(k.mail) }()
	go func() { done <- k.http.Serve(k.web) }()
	running := 2
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-done:
		running--
		errs = append(errs, err)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if k.http.Shutdown(stop) != nil {
		_ = k.http.Close()
	}
	if k.smtp.Shutdown(stop) != nil {
		_ = k.smtp.Close()
	}
	// A stop that came before Serve took the listener is unknown to Serve.
	_, _ = k.mail.Close(), k.web.Close()
	for ; running > 0; running-- {
		<-done // says no more than that it was closed
	}
	return errors.Join(append(errs, k.store.close())...)
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
