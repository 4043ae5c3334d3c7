package app

import (
	"strings"
	"sync"
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
type sdkMetrics struct {
	reg  prometheus.Registerer
	tags map[string]string

	known *sdkKnown   // shared by all handlers that come from one
	guard event.Guard // the SDK counts on goroutines of its own, and some of them stop no panic
}

// sdkKnown are the collectors made so far, by name.
type sdkKnown struct {
	mu         sync.Mutex
	labels     map[string][]string
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
}

func newSDKMetrics(reg prometheus.Registerer, guard event.Guard) *sdkMetrics {
	return &sdkMetrics{reg: reg, guard: guard, known: &sdkKnown{
		labels: map[string][]string{}, counters: map[string]*prometheus.CounterVec{},
		gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}}
}

// WithTags implements client.MetricsHandler.
func (h *sdkMetrics) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(map[string]string, len(h.tags)+len(tags))
	for k, v := range h.tags {
		all[k] = v
	}
	for k, v := range tags {
		all[k] = v
	}
	return &sdkMetrics{h.reg, all, h.known, h.guard}
}

// Counter implements client.MetricsHandler.
func (h *sdkMetrics) Counter(name string) client.MetricsCounter {
	name = strings.TrimSuffix(name, "_total") + "_total" // some have it already
	out := client.MetricsCounter(client.MetricsNopHandler.Counter(name))
	h.make(func() {
		v, values := find(h, h.known.counters, name, metrics.Counter, metrics.Metric.CounterVec)
		out = sdkCounter{v.WithLabelValues(values...), h.guard}
	})
	return out
}

// Gauge implements client.MetricsHandler.
func (h *sdkMetrics) Gauge(name string) client.MetricsGauge {
	out := client.MetricsGauge(client.MetricsNopHandler.Gauge(name))
	h.make(func() {
		v, values := find(h, h.known.gauges, name, metrics.Gauge, metrics.Metric.GaugeVec)
		out = sdkGauge{v.WithLabelValues(values...)}
	})
	return out
}

// Timer implements client.MetricsHandler.
func (h *sdkMetrics) Timer(name string) client.MetricsTimer {
	name += "_seconds"
	out := client.MetricsTimer(client.MetricsNopHandler.Timer(name))
	h.make(func() {
		v, values := find(h, h.known.histograms, name, metrics.Histogram, metrics.Metric.HistogramVec)
		out = sdkTimer{v.WithLabelValues(values...)}
	})
	return out
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
	c.guard.Func("counting for the Temporal SDK", func() { c.Counter.Add(float64(n)) })()
}
func (g sdkGauge) Update(f float64)       { g.Set(f) }
func (t sdkTimer) Record(d time.Duration) { t.Observe(d.Seconds()) }
