package app

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"usher/event"
	"usher/metrics"
)

// sdkMetrics exports the figures of the Temporal SDK under the names that its
// Prometheus users know: counters end in _total, timers are histograms in
// _seconds. The bridges that exist name them otherwise, and dashboards stay
// empty.
//
// The SDK asks for handlers and figures anew for each call and task, so those that
// were made once are remembered.
type sdkMetrics struct {
	reg  prometheus.Registerer
	tags map[string]string

	known *sdkKnown   // shared by all handlers that come from one
	guard event.Guard // the SDK counts on goroutines of its own, and some of them stop no panic

	mu       sync.RWMutex
	children map[string]*sdkMetrics
	counters map[string]client.MetricsCounter
	gauges   map[string]client.MetricsGauge
	timers   map[string]client.MetricsTimer
}

// mostSDKHandlers are remembered: the SDK's tags have few values, and what has more is
// made anew each time.
const mostSDKHandlers = 2000

// sdkKnown are the collectors made so far, by name.
type sdkKnown struct {
	mu         sync.Mutex
	labels     map[string][]string
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
	handlers   atomic.Int64
}

func newSDKMetrics(reg prometheus.Registerer, guard event.Guard) *sdkMetrics {
	return (&sdkMetrics{reg: reg, guard: guard, known: &sdkKnown{
		labels: map[string][]string{}, counters: map[string]*prometheus.CounterVec{},
		gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}}).with(nil)
}

// with is a handler with more tags.
func (h *sdkMetrics) with(tags map[string]string) *sdkMetrics {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return &sdkMetrics{
		reg: h.reg, tags: all, known: h.known, guard: h.guard,
		children: map[string]*sdkMetrics{}, counters: map[string]client.MetricsCounter{}, gauges: map[string]client.MetricsGauge{}, timers: map[string]client.MetricsTimer{},
	}
}

// WithTags implements client.MetricsHandler.
func (h *sdkMetrics) WithTags(tags map[string]string) client.MetricsHandler {
	return recall(h, h.children, joinTags(tags), func(string) (*sdkMetrics, bool) {
		return h.with(tags), h.known.handlers.Add(1) <= mostSDKHandlers
	})
}

// joinTags is one text for tags that are the same.
func joinTags(tags map[string]string) string {
	var room [8]string
	names := room[:0]
	for name := range tags {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(tags[name])
		b.WriteByte(0)
	}
	return b.String()
}

// recall returns what was made under a name, or makes it. What make does not vouch for is
// made again the next time.
func recall[V any](h *sdkMetrics, made map[string]V, name string, make func(string) (V, bool)) V {
	h.mu.RLock()
	v, ok := made[name]
	h.mu.RUnlock()
	if ok {
		return v
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if v, ok = made[name]; ok {
		return v
	}
	v, keep := make(name)
	if keep {
		made[name] = v
	}
	return v
}

// Counter implements client.MetricsHandler.
func (h *sdkMetrics) Counter(name string) client.MetricsCounter {
	return recall(h, h.counters, name, func(name string) (out client.MetricsCounter, ok bool) {
		out = client.MetricsNopHandler.Counter(name)
		h.make(func() {
			v, values := find(h, h.known.counters, strings.TrimSuffix(name, "_total")+"_total", metrics.Counter, metrics.Metric.CounterVec) // some have it already
			out, ok = sdkCounter{v.WithLabelValues(values...), h.guard}, true
		})
		return out, ok
	})
}

// Gauge implements client.MetricsHandler.
func (h *sdkMetrics) Gauge(name string) client.MetricsGauge {
	return recall(h, h.gauges, name, func(name string) (out client.MetricsGauge, ok bool) {
		out = client.MetricsNopHandler.Gauge(name)
		h.make(func() {
			v, values := find(h, h.known.gauges, name, metrics.Gauge, metrics.Metric.GaugeVec)
			out, ok = sdkGauge{v.WithLabelValues(values...)}, true
		})
		return out, ok
	})
}

// Timer implements client.MetricsHandler.
func (h *sdkMetrics) Timer(name string) client.MetricsTimer {
	return recall(h, h.timers, name, func(name string) (out client.MetricsTimer, ok bool) {
		out = client.MetricsNopHandler.Timer(name)
		h.make(func() {
			v, values := find(h, h.known.histograms, name+"_seconds", metrics.Histogram, metrics.Metric.HistogramVec)
			out, ok = sdkTimer{v.WithLabelValues(values...)}, true
		})
		return out, ok
	})
}

// make makes a collector; the figures of one that cannot be made are dropped, because
// the SDK cannot be told.
func (h *sdkMetrics) make(f func()) { h.guard.Func("making a metric of the Temporal SDK", f)() }

// find returns the collector of a name and the values of its labels.
func find[V any](h *sdkMetrics, made map[string]V, name string, kind metrics.Kind, register func(metrics.Metric, prometheus.Registerer) V) (V, []string) {
	k := h.known
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := made[name]
	if !ok {
		m := metrics.SDK(kind, name, h.tags)
		v = register(m, h.reg)
		made[name] = v
		for _, l := range m.Labels {
			k.labels[name] = append(k.labels[name], l.Name)
		}
	}
	values := make([]string, len(k.labels[name]))
	for i, l := range k.labels[name] {
		values[i] = h.tags[l]
	}
	return v, values
}

type (
	sdkCounter struct {
		prometheus.Counter
		guard event.Guard
	}
	sdkGauge struct{ prometheus.Gauge }
	sdkTimer struct{ prometheus.Observer }
)

// Inc adds n. Prometheus panics when it is below 0.
func (c sdkCounter) Inc(n int64) {
	if n >= 0 {
		c.Counter.Add(float64(n))
		return
	}
	c.guard.Func("counting for the Temporal SDK", func() { c.Counter.Add(float64(n)) })()
}
func (g sdkGauge) Update(f float64)       { g.Set(f) }
func (t sdkTimer) Record(d time.Duration) { t.Observe(d.Seconds()) }
