package ingest

import "usher/metrics"

// progress shows the rows of one import in the gauges of its inbox, which add up
// over all imports in work, and takes them out again at the end.
type progress struct {
	m           *metrics.Ingest
	source      string
	total, done int
}

func (w *Watcher) work(in Inbox) *progress {
	return &progress{m: w.Metrics, source: in.Source}
}

// of says how many rows there are.
func (p *progress) of(rows int) {
	p.m.ImportRows.WithLabelValues(p.source, "total").Add(float64(rows - p.total))
	p.total = rows
}

// at says how many of them are done.
func (p *progress) at(row int) {
	p.m.ImportRows.WithLabelValues(p.source, "done").Add(float64(row - p.done))
	p.done = row
}

func (p *progress) end() {
	p.of(0)
	p.at(0)
}
