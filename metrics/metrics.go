// Package metrics holds every collector of usher, one struct per stage, made
// from a prometheus.Registerer. Names and labels are those of docs/contract.md.
//
// Labels are bounded sets, and combinations known beforehand exist at zero, so
// that rate() and alerts see the first failure. No label carries a user, an
// address, a file name or an error's text. Two sets fit in one process: nothing
// is registered globally.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"usher/event"
)

// Buckets in seconds: machine time from 5 ms to a minute, the human wait from a
// minute to two weeks.
var (
	machineBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	humanBuckets   = []float64{60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 3 * 86400, 7 * 86400, 14 * 86400}
)

// Shared are the collectors that more than one stage moves.
type Shared struct {
	EventsPublished *prometheus.CounterVec   // stream
	Retries         *prometheus.CounterVec   // stage, reason
	StageSeconds    *prometheus.HistogramVec // stage
}

// NewShared registers the shared collectors; once per registry.
func NewShared(reg prometheus.Registerer) *Shared {
	f := promauto.With(reg)
	s := &Shared{
		EventsPublished: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_events_published_total", Help: "Events published and acknowledged, by stream.",
		}, []string{"stream"}),
		Retries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_retries_total", Help: "Steps tried again, by stage and reason.",
		}, []string{"stage", "reason"}),
		StageSeconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_stage_seconds", Help: "Time one step took, by stage.", Buckets: machineBuckets,
		}, []string{"stage"}),
	}
	for _, stream := range []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters} {
		s.EventsPublished.WithLabelValues(stream)
	}
	for _, stage := range []string{"settle", "parse", "publish", "start", "signal", "activate", "email", "sms"} {
		s.StageSeconds.WithLabelValues(stage)
		s.Retries.WithLabelValues(stage, "transient")
	}
	return s
}

// Ingest are the collectors of the watch role.
type Ingest struct {
	*Shared
	Files   *prometheus.CounterVec // source, result = archived, refused, duplicate
	Records *prometheus.CounterVec // source, result = published, refused; reason = "" or a code
}

// NewIngest registers the collectors of the watch role for the given inboxes.
func NewIngest(reg prometheus.Registerer, shared *Shared, sources ...string) *Ingest {
	f := promauto.With(reg)
	m := &Ingest{
		Shared: shared,
		Files: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_files_total", Help: "Files taken from an inbox, by how they ended.",
		}, []string{"source", "result"}),
		Records: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_records_total", Help: "Records of files, by result; reason is the code of the first error.",
		}, []string{"source", "result", "reason"}),
	}
	for _, source := range sources {
		for _, result := range []string{"archived", "refused", "duplicate"} {
			m.Files.WithLabelValues(source, result)
		}
		m.Records.WithLabelValues(source, "published", "")
	}
	return m
}

// Bridge are the collectors of the bridge role.
type Bridge struct {
	*Shared
	Messages      *prometheus.CounterVec // stream, outcome
	Pending       *prometheus.GaugeVec   // consumer
	LagSeconds    *prometheus.GaugeVec   // consumer
	IntakeLatency prometheus.Histogram
}

// Outcomes are the ends that a message may find in the bridge.
var Outcomes = []string{"started", "signalled", "parked", "known", "malformed", "denied", "exhausted"}

// NewBridge registers the collectors of the bridge role.
func NewBridge(reg prometheus.Registerer, shared *Shared) *Bridge {
	f := promauto.With(reg)
	m := &Bridge{
		Shared: shared,
		Messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_bridge_messages_total", Help: "Messages that this process acked or terminated, by outcome.",
		}, []string{"stream", "outcome"}),
		Pending: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "usher_consumer_pending", Help: "Messages that a consumer has not been given yet.",
		}, []string{"consumer"}),
		LagSeconds: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "usher_consumer_lag_seconds", Help: "Age of the message that a consumer was given last; 0 when nothing is pending.",
		}, []string{"consumer"}),
		IntakeLatency: f.NewHistogram(prometheus.HistogramOpts{
			Name: "usher_intake_latency_seconds", Help: "Time from a file being complete to a user's workflow being started.", Buckets: machineBuckets,
		}),
	}
	for _, stream := range []string{event.StreamUsers, event.StreamVerifications} {
		for _, outcome := range Outcomes {
			m.Messages.WithLabelValues(stream, outcome)
		}
	}
	for _, c := range []string{event.ConsumerUsers, event.ConsumerVerifications} {
		m.Pending.WithLabelValues(c)
		m.LagSeconds.WithLabelValues(c)
	}
	return m
}

// Worker are the collectors of the worker role.
type Worker struct {
	*Shared
	Events         *prometheus.CounterVec // kind = user, verification; effect
	Finished       *prometheus.CounterVec // status
	Attempts       *prometheus.CounterVec // channel, provider, result, reason
	Messages       *prometheus.CounterVec // channel, provider, outcome
	WelcomeLatency prometheus.Histogram
	Wait           prometheus.Histogram
}

// NewWorker registers the collectors of the worker role.
func NewWorker(reg prometheus.Registerer, shared *Shared) *Worker {
	f := promauto.With(reg)
	m := &Worker{
		Shared: shared,
		Events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_events_total", Help: "Events that reached a workflow, by what it made of them.",
		}, []string{"kind", "effect"}),
		Finished: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_finished_total", Help: "Onboardings that ended, by status.",
		}, []string{"status"}),
		Attempts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_notify_attempts_total", Help: "Attempts to send a message, by result.",
		}, []string{"channel", "provider", "result", "reason"}),
		Messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_notify_messages_total", Help: "Messages that came to an end, by outcome.",
		}, []string{"channel", "provider", "outcome"}),
		WelcomeLatency: f.NewHistogram(prometheus.HistogramOpts{
			Name: "usher_welcome_latency_seconds", Help: "Time from a decision being stored to the last channel's acceptance.", Buckets: machineBuckets,
		}),
		Wait: f.NewHistogram(prometheus.HistogramOpts{
			Name: "usher_verification_wait_seconds", Help: "Time that a user waited for the decision.", Buckets: humanBuckets,
		}),
	}
	for _, kind := range []string{"user", "verification"} {
		for _, effect := range []event.Effect{event.EffectApplied, event.EffectUpdated, event.EffectUnchanged, event.EffectDuplicate, event.EffectLate} {
			m.Events.WithLabelValues(kind, string(effect))
		}
	}
	for _, status := range event.Statuses() {
		if status.Final() {
			m.Finished.WithLabelValues(string(status))
		}
	}
	return m
}

// Console are the collectors of the console role, set from its read model.
type Console struct {
	People      *prometheus.GaugeVec // status
	DeadLetters *prometheus.GaugeVec // stream, reason
}

// NewConsole registers the collectors of the console role.
func NewConsole(reg prometheus.Registerer) *Console {
	f := promauto.With(reg)
	m := &Console{
		People: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "usher_people", Help: "Users by status. Several consoles each export it: take the max.",
		}, []string{"status"}),
		DeadLetters: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "usher_deadletters", Help: "Dead letters kept, by the stream they came from and why.",
		}, []string{"stream", "reason"}),
	}
	for _, status := range event.Statuses() {
		m.People.WithLabelValues(string(status))
	}
	return m
}
