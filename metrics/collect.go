package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// opts of a histogram: the classic buckets that every server and dashboard
// understands, and a native histogram beside them for servers that scrape it.
func (m Metric) histogram() prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: m.Name, Help: m.Help, Buckets: m.Buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}
}

// CounterVec registers the metric with its zeros.
func (m Metric) CounterVec(reg prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.labelNames())
	reg.MustRegister(v)
	for _, values := range m.zeros() {
		v.WithLabelValues(values...)
	}
	return v
}

// GaugeVec registers the metric with its zeros.
func (m Metric) GaugeVec(reg prometheus.Registerer) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.labelNames())
	reg.MustRegister(v)
	for _, values := range m.zeros() {
		v.WithLabelValues(values...)
	}
	return v
}

// HistogramVec registers the metric with its zeros.
func (m Metric) HistogramVec(reg prometheus.Registerer) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(m.histogram(), m.labelNames())
	reg.MustRegister(v)
	for _, values := range m.zeros() {
		v.WithLabelValues(values...)
	}
	return v
}

// one of a metric without labels.
func (m Metric) counter(reg prometheus.Registerer) prometheus.Counter {
	return m.CounterVec(reg).WithLabelValues()
}
func (m Metric) gauge(reg prometheus.Registerer) prometheus.Gauge {
	return m.GaugeVec(reg).WithLabelValues()
}
func (m Metric) observer(reg prometheus.Registerer) prometheus.Observer {
	return m.HistogramVec(reg).WithLabelValues()
}
