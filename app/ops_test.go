package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/metrics"
	"usher/serve"
)

// Waiting goes on by itself, so it must not make anybody restart the process;
// failing does.
func TestReadyzTellsDegradedFromFailed(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := &ops{registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1")}
	var nats, bridge error
	o.need("nats", func() error { return nats })
	o.add("bridge", func() error { return bridge })
	h := o.handler()
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask("/readyz"); code != 503 || body != "starting\n" {
		t.Errorf("before the start: %d %q", code, body)
	}
	o.started()
	away := errors.New("a server is away")
	for _, tc := range []struct {
		nats, bridge error
		path         string
		code         int
		body         string
	}{
		{nil, nil, "/readyz", 200, "ok\n"},
		{nil, nil, "/readyz?verbose", 200, "ok\nnats: ok\nbridge: ok\n"},
		{nil, away, "/readyz", 200, "degraded\nbridge: degraded: a server is away\n"},
		{away, away, "/readyz", 503, "failed\nnats: failed: a server is away\nbridge: degraded: a server is away\n"},
		{away, nil, "/livez", 200, "ok\n"},
	} {
		nats, bridge = tc.nats, tc.bridge
		if code, body := ask(tc.path); code != tc.code || body != tc.body {
			t.Errorf("%s: %d %q, want %d %q", tc.path, code, body, tc.code, tc.body)
		}
	}
	nats, bridge = nil, nil
	var model error
	o.serve("console", func() error { return model })
	for _, tc := range []struct {
		model, bridge error
		path          string
		code          int
		body          string
	}{
		{away, nil, "/readyz", 200, "degraded\nconsole: degraded: a server is away\n"},
		{away, nil, "/readyz?traffic", 503, "degraded\nconsole: degraded: a server is away\n"},
		{nil, away, "/readyz?traffic", 200, "degraded\nbridge: degraded: a server is away\n"},
		{nil, nil, "/readyz?traffic", 200, "ok\n"},
	} {
		model, bridge = tc.model, tc.bridge
		if code, body := ask(tc.path); code != tc.code || body != tc.body {
			t.Errorf("%s: %d %q, want %d %q", tc.path, code, body, tc.code, tc.body)
		}
	}
	model, bridge = nil, nil
	o.notes = func() []string { return []string{"intake is paused by an operator"} }
	if code, body := ask("/readyz"); code != 200 || body != "ok\npaused: intake is paused by an operator\n" {
		t.Errorf("in a pause: %d %q", code, body)
	}
	nats, bridge = away, away
	ask("/metrics")
	for component, want := range map[string]float64{"nats": stateFailed, "bridge": stateDegraded} {
		if got := testutil.ToFloat64(o.metrics.Components.WithLabelValues(component)); got != want {
			t.Errorf("%s is shown as %v, want %v", component, got, want)
		}
	}
}

func TestProfilesAreServedOnRequestOnly(t *testing.T) {
	for _, on := range []bool{false, true} {
		reg := prometheus.NewRegistry()
		o := &ops{registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1"), profiles: on}
		w := httptest.NewRecorder()
		o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/goroutine?debug=1", nil))
		if got := w.Code == http.StatusOK && strings.Contains(w.Body.String(), "goroutine profile"); got != on {
			t.Errorf("profiles %v: %d", on, w.Code)
		}
	}
}

// A component whose check panics makes its look fail, and neither the listener nor
// the process.
func TestAPanicInALookAtTheProcess(t *testing.T) {
	reg := prometheus.NewRegistry()
	shared := metrics.NewShared(reg)
	l, err := serve.Listen("--ops-addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &ops{listener: l, registry: reg, metrics: metrics.NewProcess(reg, "v1", "go1"), guard: shared.Guard("app", slog.New(slog.DiscardHandler))}
	o.add("broken", func() error { panic("ann@example.org") })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.run(ctx) }()
	for path, want := range map[string]int{"/readyz": http.StatusInternalServerError, "/metrics": http.StatusInternalServerError, "/livez": http.StatusOK} {
		r, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	if n := testutil.ToFloat64(shared.Panics.WithLabelValues("app")); n != 3 {
		t.Errorf("%v panics are counted", n)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
