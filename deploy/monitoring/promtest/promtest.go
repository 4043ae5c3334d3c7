// Package promtest runs PromQL with Prometheus's own engine over metrics that a
// test has scraped. The engine needs only a small part of Prometheus; the store
// is a slice in memory instead of its database.
package promtest

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Store keeps scrapes. It is not safe for concurrent use.
type Store struct {
	job, instance string
	series        map[string]*series
	last          time.Time
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// NewStore returns an empty store whose series get the labels that a scrape
// would give them.
func NewStore(job, instance string) *Store {
	return &Store{job: job, instance: instance, series: map[string]*series{}}
}

// Scrape adds metrics in the text format as they were at that time.
func (s *Store) Scrape(at time.Time, text io.Reader) error {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(text)
	if err != nil {
		return err
	}
	s.add("up", nil, at, 1)
	for name, f := range families {
		for _, m := range f.GetMetric() {
			s.metric(name, f.GetType(), m, at)
		}
	}
	s.last = at
	return nil
}

func (s *Store) metric(name string, kind dto.MetricType, m *dto.Metric, at time.Time) {
	pairs := m.GetLabel()
	with := func(k, v string) []*dto.LabelPair {
		return append(slices.Clone(pairs), &dto.LabelPair{Name: &k, Value: &v})
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch kind {
	case dto.MetricType_COUNTER:
		s.add(name, pairs, at, m.GetCounter().GetValue())
	case dto.MetricType_GAUGE:
		s.add(name, pairs, at, m.GetGauge().GetValue())
	case dto.MetricType_UNTYPED:
		s.add(name, pairs, at, m.GetUntyped().GetValue())
	case dto.MetricType_SUMMARY:
		for _, q := range m.GetSummary().GetQuantile() {
			s.add(name, with("quantile", number(q.GetQuantile())), at, q.GetValue())
		}
		s.add(name+"_sum", pairs, at, m.GetSummary().GetSampleSum())
		s.add(name+"_count", pairs, at, float64(m.GetSummary().GetSampleCount()))
	case dto.MetricType_HISTOGRAM:
		h := m.GetHistogram()
		for _, b := range h.GetBucket() {
			le := "+Inf"
			if !math.IsInf(b.GetUpperBound(), 1) {
				le = number(b.GetUpperBound())
			}
			s.add(name+"_bucket", with("le", le), at, float64(b.GetCumulativeCount()))
		}
		s.add(name+"_sum", pairs, at, h.GetSampleSum())
		s.add(name+"_count", pairs, at, float64(h.GetSampleCount()))
	}
}

func (s *Store) add(name string, pairs []*dto.LabelPair, at time.Time, v float64) {
	b := labels.NewBuilder(labels.FromStrings(model.MetricNameLabel, name, "job", s.job, "instance", s.instance))
	for _, p := range pairs {
		b.Set(p.GetName(), p.GetValue())
	}
	l := b.Labels()
	key := l.String()
	if s.series[key] == nil {
		s.series[key] = &series{labels: l}
	}
	s.series[key].samples = append(s.series[key].samples, sample{at.UnixMilli(), v})
}

// Names lists the metrics that were scraped.
func (s *Store) Names() []string {
	var names []string
	for _, x := range s.series {
		names = append(names, x.labels.Get(model.MetricNameLabel))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Len is the number of series.
func (s *Store) Len() int { return len(s.series) }

// Query evaluates expr at the last scrape. Grafana's variables stand for this:
// $__rate_interval for rate, $__range for span, $job for every job.
func (s *Store) Query(ctx context.Context, expr string, rate, span time.Duration) (promql.Vector, error) {
	expr = strings.NewReplacer("$__rate_interval", model.Duration(rate).String(), "$__range", model.Duration(span).String(), "$job", ".+").Replace(expr)
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1 << 20, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	defer engine.Close()
	q, err := engine.NewInstantQuery(ctx, s, nil, expr, s.last)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return nil, r.Err
	}
	switch v := r.Value.(type) {
	case promql.Vector:
		return slices.Clone(v), nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, fmt.Errorf("%s: a %s is neither vector nor scalar", expr, r.Value.Type())
}

// Querier implements storage.Queryable.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) {
	return querier{s, mint, maxt}, nil
}

type querier struct {
	store      *Store
	mint, maxt int64
}

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{at: -1}
	for _, x := range q.store.series {
		matches := true
		for _, m := range matchers {
			matches = matches && m.Matches(x.labels.Get(m.Name))
		}
		var in []chunks.Sample
		for _, sample := range x.samples {
			if sample.T() >= q.mint && sample.T() <= q.maxt {
				in = append(in, sample)
			}
		}
		if matches && len(in) > 0 {
			set.series = append(set.series, storage.NewListSeries(x.labels, in))
		}
	}
	slices.SortFunc(set.series, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set
}

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) Close() error { return nil }

type seriesSet struct {
	series []storage.Series
	at     int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *seriesSet) At() storage.Series                { return s.series[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
