package metrics

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what a metric is to Prometheus.
type Kind string

// The kinds that usher uses.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Label is one label of a metric. Its values are a bounded set: either Values,
// or what the configuration says, which By names.
type Label struct {
	Name   string
	Values []string
	By     string // where the values come from, when they are not in Values
}

// Metric is one entry of the catalogue: the only place where a name, a meaning
// or a label is written down. Collectors, dashboards, alert rules, tests and
// docs/metrics.md are made from it or checked against it.
type Metric struct {
	Name    string
	Kind    Kind
	Unit    string // as people read it
	Help    string // the meaning, one sentence
	Labels  []Label
	Buckets []float64 // of the classic histogram
	Role    string    // which role exports it

	// Zeros are the label values that exist from the start, so that rate() and
	// alerts see the first event; "*" stands for each value of that label. Nil
	// means every combination.
	Zeros [][]string
}

// Catalogue lists every metric that a process of usher may export.
func Catalogue() []Metric {
	return slices.Concat(ours(), natsMetrics, temporalMetrics, runtimeMetrics)
}

// ours lists what declared*.go declare; a test fails for one that is exported and not
// here.
func ours() []Metric {
	return []Metric{
		filesTotal, recordsTotal, importRows, importsInWork, inboxWaiting, inboxOldest, inboxHeld, inboxAway, importsPaused, watchLost,
		eventsPublished, stageSeconds, retriesTotal, panicsTotal, choreItems,
		bridgeMessages, consumerPending, consumerLag, purgedTotal, intakeLatency, breakerOpen, breakerClosed, bridgeAside,
		eventsTotal, finishedTotal, verificationWait, welcomeLatency,
		notifyAttempts, notifyMessages, notifyCopies, notifyPaused, smsSegments, notifyReceipts, notifySuppressed, accountAttempts,
		lost, reconciledRecords, reconciledLast,
		people, peopleOldest, deadLetters, deadLettersOldest,
		bulkOpen, bulkEnded, bulkDecisions, bulkErrors,
		auditFailures, auditHead, auditHeadHash,
		uploadsTotal, uploadBytes, uploadsWaiting,
		canaryRuns, canarySeconds, canaryLast,
		componentState, stagePaused, pauseEnds, buildInfo, diskFree, diskSize, certificateExpiry, samplerErrors,
	}
}

// Find looks a metric up by its name, or by the name of one of a histogram's
// series.
func Find(name string) (Metric, bool) {
	for _, m := range Catalogue() {
		if m.Name == name {
			return m, true
		}
		if m.Kind == Histogram && slices.Contains([]string{"_bucket", "_sum", "_count"}, strings.TrimPrefix(name, m.Name)) && strings.HasPrefix(name, m.Name) {
			return m, true
		}
	}
	return Metric{}, false
}

func (m Metric) labelNames() []string {
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return names
}

// with returns the metric with the values that the configuration gives a label.
func (m Metric) with(label string, values ...string) Metric {
	m.Labels = slices.Clone(m.Labels)
	for i := range m.Labels {
		if m.Labels[i].Name == label {
			m.Labels[i].Values = values
			return m
		}
	}
	panic(fmt.Sprintf("%s has no label %s", m.Name, label))
}

// zeros lists the combinations of label values that exist from the start.
func (m Metric) zeros() [][]string {
	patterns := m.Zeros
	if patterns == nil {
		all := make([]string, len(m.Labels))
		for i := range all {
			all[i] = "*"
		}
		patterns = [][]string{all}
	}
	var out [][]string
	for _, p := range patterns {
		combos := [][]string{nil}
		for i, want := range p {
			values := []string{want}
			if want == "*" {
				values = m.Labels[i].Values
			}
			var longer [][]string
			for _, c := range combos {
				for _, v := range values {
					longer = append(longer, append(slices.Clone(c), v))
				}
			}
			combos = longer
		}
		out = append(out, combos...)
	}
	return out
}
