package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"usher/event"
	"usher/metrics"
	"usher/serve"
)

// ops serves /metrics, /livez and /readyz, and /debug/pprof/ on request.
type ops struct {
	listener net.Listener
	registry *prometheus.Registry
	metrics  *metrics.Process
	profiles bool
	guard    event.Guard
	alive    alive
	notes    func() []string // what is so by an operator's wish, and no trouble; nil: nothing yet

	mu      sync.Mutex
	checks  []check
	waiting map[string]error // for what the start waits
	up      bool
}

// check is one component's readiness: nil, or why it waits. A component that is
// vital makes the process unfit when it waits; any other one is degraded: it
// goes on by itself, and taking the process out would not help. Checks only
// look at memory.
type check struct {
	name   string
	vital  bool
	serves bool // requests of people are answered wrongly while it waits
	ready  func() error
}

// Values of usher_component_state.
const (
	stateFailed = iota
	stateDegraded
	stateOK
)

var stateNames = []string{"failed", "degraded", "ok"}

const stateStarting = "starting" // of a process

func (c check) state() (int, error) {
	err := c.ready()
	switch {
	case err == nil:
		return stateOK, nil
	case c.vital:
		return stateFailed, err
	}
	return stateDegraded, err
}

// add names a component that /readyz reports.
func (o *ops) add(name string, ready func() error) { o.put(check{name: name, ready: ready}) }

// serve names a component without which a process that people reach, through whatever
// spreads their requests, should get none: others are to have them meanwhile.
func (o *ops) serve(name string, ready func() error) {
	o.put(check{name: name, serves: true, ready: ready})
}

// need names a component without which this process is no use.
func (o *ops) need(name string, ready func() error) {
	o.put(check{name: name, vital: true, ready: ready})
}

func (o *ops) put(c check) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checks = append(o.checks, c)
	o.metrics.Components.WithLabelValues(c.name).Set(stateOK)
}

// waits says that the start waits for something, or with nil that it does not.
func (o *ops) waits(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.waiting, what)
		return
	}
	if o.waiting == nil {
		o.waiting = map[string]error{}
	}
	o.waiting[what] = err
}

// started marks the end of the start: until then nothing is ready.
func (o *ops) started() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up = true
}

func (o *ops) run(ctx context.Context) error {
	return serve.Until(ctx, o.guard, o.listener, serve.Web(serve.HTTP(o.guard, "answering a look at the process", o.handler())))
}

func (o *ops) handler() http.Handler {
	mux := http.NewServeMux()
	scrape := promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{Registry: o.registry, EnableOpenMetrics: true})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		for _, c := range o.components() {
			state, _ := c.state() // the reason is for /readyz
			o.metrics.Components.WithLabelValues(c.name).Set(float64(state))
		}
		scrape.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /livez", o.livez)
	mux.HandleFunc("GET /readyz", o.readyz)
	if o.profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	}
	return mux
}

func (o *ops) components() []check {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.checks
}

// livez answers 200 unless the process hangs: then 503, or nothing at all. Whatever a
// component waits for, asking it reads memory only, so it answers at once; one that
// panics does not hang.
func (o *ops) livez(w http.ResponseWriter, _ *http.Request) {
	_, _ = o.standing()
	if err := o.alive.hangs(); err != nil {
		http.Error(w, "hangs: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// readyz answers 200 with ok or degraded, and 503 with starting or failed. With
// ?verbose there is a line for each component; without, for each that waits. What
// operators have paused is said too, and is no trouble. With ?traffic it answers 503
// also while a component waits without which requests of people are answered wrongly.
func (o *ops) readyz(w http.ResponseWriter, r *http.Request) {
	_, verbose := r.URL.Query()["verbose"]
	word, lines, _ := o.stands(verbose)
	code := http.StatusOK
	_, traffic := r.URL.Query()["traffic"]
	if word == stateStarting || word == stateNames[stateFailed] || traffic && !o.serving() {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s\n%s", word, lines)
}

// serving tells whether requests of people are answered rightly.
func (o *ops) serving() bool {
	return !slices.ContainsFunc(o.components(), func(c check) bool { return c.serves && c.ready() != nil })
}

// standing is stands, whatever panics.
func (o *ops) standing() (line string, up bool) {
	err := o.guard.Do("looking how the process stands", func() error {
		word, lines, is := o.stands(false)
		line, up = word+"\n"+lines, is
		return nil
	})
	if err != nil {
		line, up = "a look at it failed", true
	}
	return line, up
}

// stands is how the process stands in a word, and in lines for what waits, or for all
// components; up tells whether its start is over.
func (o *ops) stands(verbose bool) (word, lines string, up bool) {
	o.mu.Lock()
	up = o.up
	for _, what := range slices.Sorted(maps.Keys(o.waiting)) {
		lines += fmt.Sprintf("%s: waiting: %v\n", what, o.waiting[what])
	}
	o.mu.Unlock()
	worst := stateOK
	for _, c := range o.components() {
		state, err := c.state()
		worst = min(worst, state)
		switch {
		case err != nil:
			lines += fmt.Sprintf("%s: %s: %v\n", c.name, stateNames[state], err)
		case verbose:
			lines += fmt.Sprintf("%s: ok\n", c.name)
		}
	}
	if !up {
		return stateStarting, lines, false
	}
	if o.notes != nil {
		for _, note := range o.notes() {
			lines += fmt.Sprintf("paused: %s\n", note)
		}
	}
	return stateNames[worst], lines, true
}
