package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ops serves /metrics, /livez and /readyz.
type ops struct {
	listener net.Listener
	registry *prometheus.Registry

	mu     sync.Mutex
	checks []check
	up     bool
}

// check is one component's readiness: nil, or why it waits.
type check struct {
	name  string
	ready func() error
}

func (o *ops) add(name string, ready func() error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checks = append(o.checks, check{name, ready})
}

// started marks the end of the start: until then nothing is ready.
func (o *ops) started() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up = true
}

func (o *ops) run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{Registry: o.registry}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", o.readyz)
	return serve(ctx, o.listener, mux)
}

// readyz answers 200 when every component is ready and 503 otherwise, with one
// line each.
func (o *ops) readyz(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	up, checks := o.up, o.checks
	o.mu.Unlock()
	code, body := http.StatusOK, ""
	if !up {
		code, body = http.StatusServiceUnavailable, "starting\n"
	}
	for _, c := range checks {
		if err := c.ready(); err != nil {
			code = http.StatusServiceUnavailable
			body += fmt.Sprintf("%s: degraded: %v\n", c.name, err)
		} else {
			body += fmt.Sprintf("%s: ok\n", c.name)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

// serve answers on l until ctx ends, then lets requests in hand finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := s.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	<-done
	return err
}
