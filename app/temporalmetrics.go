package app

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"usher/metrics"
)

// sdkMetrics exports the figures of the Temporal SDK under the names that its
// Prometheus users know: counters end in _total, timers are histograms in
// _seconds. The bridges that exist name them otherwise, and dashboards stay
// empty.
type sdkMetrics struct {
	reg  prometheus.Registerer
	tags map[string]string

	known *sdkKnown // shared by all handlers that come from one
}

// sdkKnown are the collectors made so far, by name.
type sdkKnown struct {
	mu         sync.Mutex
	labels     map[string][]string
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
}

func newSDKMetrics(reg prometheus.Registerer) *sdkMetrics {
	return &sdkMetrics{reg: reg, known: &sdkKnown{
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
	return &sdkMetrics{h.reg, all, h.known}
}

// Counter implements client.MetricsHandler.
func (h *sdkMetrics) Counter(name string) client.MetricsCounter {
	name = strings.TrimSuffix(name, "_total") + "_total" // some have it already
	v, values := find(h, h.known.counters, name, metrics.Counter, metrics.Metric.CounterVec)
	return sdkCounter{v.WithLabelValues(values...)}
}

// Gauge implements client.MetricsHandler.
func (h *sdkMetrics) Gauge(name string) client.MetricsGauge {
	v, values := find(h, h.known.gauges, name, metrics.Gauge, metrics.Metric.GaugeVec)
	return sdkGauge{v.WithLabelValues(values...)}
}

// Timer implements client.MetricsHandler.
func (h *sdkMetrics) Timer(name string) client.MetricsTimer {
	name += "_seconds"
	v, values := find(h, h.known.histograms, name, metrics.Histogram, metrics.Metric.HistogramVec)
	return sdkTimer{v.WithLabelValues(values...)}
}

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
	sdkCounter struct{ prometheus.Counter }
	sdkGauge   struct{ prometheus.Gauge }
	sdkTimer   struct{ prometheus.Observer }
)

func (c sdkCounter) Inc(n int64)          { c.Counter.Add(float64(n)) }
func (g sdkGauge) Update(f float64)       { g.Set(f) }
func (t sdkTimer) Record(d time.Duration) { t.Observe(d.Seconds()) }
