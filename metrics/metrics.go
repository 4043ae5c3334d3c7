// Package metrics holds the catalogue of every metric of usher and the
// collectors made from it, one struct per stage.
//
// A metric is declared once, with its meaning, unit, labels and their bounded
// values. The collectors here, the dashboards and alert rules in deploy, their
// tests and docs/metrics.md all come from that declaration or are checked
// against it, so names cannot drift apart.
//
// No label carries a user, an address, a file name or an error's text. Two sets
// fit in one process: nothing is registered globally.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/event"
)

// Shared are the collectors that more than one stage moves.
type Shared struct {
	EventsPublished *prometheus.CounterVec   // stream
	Retries         *prometheus.CounterVec   // stage, reason
	StageSeconds    *prometheus.HistogramVec // stage
	Events          *prometheus.CounterVec   // kind = user, verification; effect
	Panics          *prometheus.CounterVec   // stage, of Parts
	Chores          *prometheus.CounterVec   // do, result
}

// NewShared registers the shared collectors; once per registry.
func NewShared(reg prometheus.Registerer) *Shared {
	return &Shared{
		EventsPublished: eventsPublished.CounterVec(reg),
		Retries:         retriesTotal.CounterVec(reg),
		StageSeconds:    stageSeconds.HistogramVec(reg),
		Events:          eventsTotal.CounterVec(reg),
		Panics:          panicsTotal.CounterVec(reg),
		Chores:          choreItems.CounterVec(reg),
	}
}

// Ingest are the collectors of the watch role.
type Ingest struct {
	*Shared
	Files         *prometheus.CounterVec // source, result = archived, refused, duplicate
	Records       *prometheus.CounterVec // source, result = published, refused, skipped; reason = "" or a code
	ImportRows    *prometheus.GaugeVec   // source, state = total, done
	ImportsInWork *prometheus.GaugeVec   // source
	Waiting       *prometheus.GaugeVec   // source
	OldestSeconds *prometheus.GaugeVec   // source
	Held          *prometheus.GaugeVec   // source
	Away          *prometheus.GaugeVec   // source
	Paused        *prometheus.GaugeVec   // source, reason
	WatchLost     *prometheus.CounterVec // source, cause
}

// NewIngest registers the collectors of the watch role for the given inboxes and
// the codes that a row may be refused with.
func NewIngest(reg prometheus.Registerer, shared *Shared, codes []string, sources ...string) *Ingest {
	return &Ingest{
		Shared:        shared,
		Files:         filesTotal.with("source", sources...).CounterVec(reg),
		Records:       recordsTotal.with("source", sources...).with("reason", codes...).CounterVec(reg),
		ImportRows:    importRows.with("source", sources...).GaugeVec(reg),
		ImportsInWork: importsInWork.with("source", sources...).GaugeVec(reg),
		Waiting:       inboxWaiting.with("source", sources...).GaugeVec(reg),
		OldestSeconds: inboxOldest.with("source", sources...).GaugeVec(reg),
		Held:          inboxHeld.with("source", sources...).GaugeVec(reg),
		Away:          inboxAway.with("source", sources...).GaugeVec(reg),
		Paused:        importsPaused.with("source", sources...).GaugeVec(reg),
		WatchLost:     watchLost.with("source", sources...).CounterVec(reg),
	}
}

// Bridge are the collectors of the bridge role.
type Bridge struct {
	*Shared
	Messages      *prometheus.CounterVec // stream, outcome
	IntakeLatency prometheus.Observer
	BreakerOpen   prometheus.Gauge
	BreakerClosed prometheus.Counter
	Aside         *prometheus.GaugeVec // consumer
}

// NewBridge registers the collectors of the bridge role.
func NewBridge(reg prometheus.Registerer, shared *Shared) *Bridge {
	return &Bridge{
		Shared:        shared,
		Messages:      bridgeMessages.CounterVec(reg),
		IntakeLatency: intakeLatency.observer(reg),
		BreakerOpen:   breakerOpen.gauge(reg),
		BreakerClosed: breakerClosed.counter(reg),
		Aside:         bridgeAside.GaugeVec(reg),
	}
}

// Streams are what a sampler of JetStream sets.
type Streams struct {
	MaxStorage, UsedStorage                   prometheus.Gauge
	Messages, Bytes, Limit                    *prometheus.GaugeVec // stream_name
	NumPending, NumAckPending, NumRedelivered *prometheus.GaugeVec // stream_name, consumer_name
	Pending, LagSeconds                       *prometheus.GaugeVec // consumer
	DeadLetters                               *prometheus.GaugeVec // stream, reason
	DeadLettersOldest                         prometheus.Gauge
	Purged                                    *prometheus.CounterVec // stream
}

// NewStreams registers what a sampler of JetStream sets.
func NewStreams(reg prometheus.Registerer) *Streams {
	return &Streams{
		MaxStorage:        named("jetstream_server_max_storage").gauge(reg),
		UsedStorage:       named("jetstream_server_total_message_bytes").gauge(reg),
		Messages:          named("jetstream_stream_total_messages").GaugeVec(reg),
		Bytes:             named("jetstream_stream_total_bytes").GaugeVec(reg),
		Limit:             named("jetstream_stream_limit_bytes").GaugeVec(reg),
		NumPending:        named("jetstream_consumer_num_pending").GaugeVec(reg),
		NumAckPending:     named("jetstream_consumer_num_ack_pending").GaugeVec(reg),
		NumRedelivered:    named("jetstream_consumer_num_redelivered").GaugeVec(reg),
		Pending:           consumerPending.GaugeVec(reg),
		LagSeconds:        consumerLag.GaugeVec(reg),
		DeadLetters:       deadLetters.GaugeVec(reg),
		DeadLettersOldest: deadLettersOldest.gauge(reg),
		Purged:            purgedTotal.CounterVec(reg),
	}
}

// SetDeadLetters shows how many there are by stream and reason; what is not in
// counts is 0.
func (s *Streams) SetDeadLetters(counts map[[2]string]int) {
	for _, stream := range deadStreams {
		for _, reason := range deadReasons {
			s.DeadLetters.WithLabelValues(stream, reason).Set(float64(counts[[2]string{stream, reason}]))
		}
	}
}

// Worker are the collectors of the worker role.
type Worker struct {
	*Shared
	Finished       *prometheus.CounterVec // status
	WelcomeLatency prometheus.Observer
	Wait           prometheus.Observer

	Attempts *prometheus.CounterVec // channel, provider, result, reason
	Messages *prometheus.CounterVec // channel, provider, outcome
	Copies   *prometheus.CounterVec // channel, provider
	Paused   *prometheus.GaugeVec   // channel, provider, reason
	Segments *prometheus.CounterVec // provider, encoding

	Receipts   *prometheus.CounterVec // channel, result
	Suppressed *prometheus.CounterVec // channel, reason

	AccountAttempts *prometheus.CounterVec // target, step, result, reason
}

// NewWorker registers the collectors of the worker role.
func NewWorker(reg prometheus.Registerer, shared *Shared) *Worker {
	later := func(m Metric) Metric { m.Zeros = [][]string{}; return m } // see Provider
	return &Worker{
		Shared:         shared,
		Finished:       finishedTotal.CounterVec(reg),
		WelcomeLatency: welcomeLatency.observer(reg),
		Wait:           verificationWait.observer(reg),
		Attempts:       later(notifyAttempts).CounterVec(reg),
		Messages:       later(notifyMessages).CounterVec(reg),
		Copies:         later(notifyCopies).CounterVec(reg),
		Paused:         later(notifyPaused).GaugeVec(reg),
		Segments:       later(smsSegments).CounterVec(reg),
		Receipts:       notifyReceipts.CounterVec(reg),
		Suppressed:     notifySuppressed.CounterVec(reg),

		AccountAttempts: accountAttempts.CounterVec(reg),
	}
}

// Account makes the zeros of the target of accounts, whose failures have the
// given reasons.
func (w *Worker) Account(target string, reasons []string) {
	for _, step := range []string{"activate", "deactivate"} {
		w.AccountAttempts.WithLabelValues(target, step, "done", "")
		for _, reason := range reasons {
			w.AccountAttempts.WithLabelValues(target, step, "retry", reason)
			w.AccountAttempts.WithLabelValues(target, step, "failed", reason)
			w.Retries.WithLabelValues("activate", reason)
		}
	}
}

// Provider makes the zeros of one provider, whose failures have the given
// reasons.
func (w *Worker) Provider(channel, provider string, reasons []string) {
	for _, reason := range reasons {
		for _, result := range []string{"retry", "failed", "unknown"} {
			w.Attempts.WithLabelValues(channel, provider, result, reason)
		}
		w.Retries.WithLabelValues(channel, reason)
	}
	w.Attempts.WithLabelValues(channel, provider, "accepted", "")
	for _, outcome := range []string{"accepted", "failed", "unknown"} {
		w.Messages.WithLabelValues(channel, provider, outcome)
	}
	w.Copies.WithLabelValues(channel, provider)
	for _, reason := range Troubles {
		w.Paused.WithLabelValues(channel, provider, reason)
	}
	if channel == event.ChannelSMS {
		w.Segments.WithLabelValues(provider, "gsm7")
		w.Segments.WithLabelValues(provider, "ucs2")
	}
}

// Reports are what the reconciliation of imports found.
type Reports struct {
	Lost    *prometheus.GaugeVec // kind
	Records prometheus.Gauge
	Last    prometheus.Gauge
}

// NewReports registers what the reconciliation of imports found.
func NewReports(reg prometheus.Registerer) *Reports {
	r := &Reports{lost.GaugeVec(reg), reconciledRecords.gauge(reg), reconciledLast.gauge(reg)}
	r.Last.SetToCurrentTime()
	return r
}

// Console are the collectors of the console role, set from its read model.
type Console struct {
	*Shared
	People        *prometheus.GaugeVec // status
	PeopleOldest  *prometheus.GaugeVec // status
	AuditFailures prometheus.Counter
	BulkOpen      *prometheus.GaugeVec   // state
	BulkEnded     *prometheus.CounterVec // state
	BulkDecisions prometheus.Counter
	BulkErrors    prometheus.Counter
	AuditHead     prometheus.Gauge
	AuditHeadHash prometheus.Gauge // as trail.Head.Short has it

	Uploads        *prometheus.CounterVec // result
	UploadBytes    prometheus.Counter
	UploadsWaiting prometheus.Gauge
}

// NewConsole registers the collectors of the console role.
func NewConsole(reg prometheus.Registerer, shared *Shared) *Console {
	return &Console{
		Shared:        shared,
		People:        people.GaugeVec(reg),
		PeopleOldest:  peopleOldest.GaugeVec(reg),
		AuditFailures: auditFailures.counter(reg),
		BulkOpen:      bulkOpen.GaugeVec(reg),
		BulkEnded:     bulkEnded.CounterVec(reg),
		BulkDecisions: bulkDecisions.counter(reg),
		BulkErrors:    bulkErrors.counter(reg),
		AuditHead:     auditHead.gauge(reg),
		AuditHeadHash: auditHeadHash.gauge(reg),

		Uploads:        uploadsTotal.CounterVec(reg),
		UploadBytes:    uploadBytes.counter(reg),
		UploadsWaiting: uploadsWaiting.gauge(reg),
	}
}

// Canary are the collectors of canary runs.
type Canary struct {
	Runs    *prometheus.CounterVec // result, step
	Seconds prometheus.Observer
	Last    prometheus.Gauge
}

// NewCanary registers the collectors of canary runs.
func NewCanary(reg prometheus.Registerer) *Canary {
	c := &Canary{canaryRuns.CounterVec(reg), canarySeconds.observer(reg), canaryLast.gauge(reg)}
	c.Last.SetToCurrentTime()
	return c
}

// Process are the collectors that every process has.
type Process struct {
	Components        *prometheus.GaugeVec // component
	Paused            *prometheus.GaugeVec // stage
	PauseEnds         *prometheus.GaugeVec // stage
	DiskFree          prometheus.Gauge
	DiskSize          prometheus.Gauge
	CertificateExpiry *prometheus.GaugeVec // peer
	SamplerErrors     prometheus.Counter
}

// NewProcess registers the collectors that every process has.
func NewProcess(reg prometheus.Registerer, version, goversion string) *Process {
	buildInfo.with("version", version).with("goversion", goversion).GaugeVec(reg).WithLabelValues(version, goversion).Set(1)
	return &Process{
		Components:        componentState.GaugeVec(reg),
		Paused:            stagePaused.GaugeVec(reg),
		PauseEnds:         pauseEnds.GaugeVec(reg),
		DiskFree:          diskFree.gauge(reg),
		DiskSize:          diskSize.gauge(reg),
		CertificateExpiry: certificateExpiry.GaugeVec(reg),
		SamplerErrors:     samplerErrors.counter(reg),
	}
}

// Server are what the embedded NATS server says of itself.
type Server struct {
	Connections, SlowConsumers         prometheus.Gauge
	InMsgs, OutMsgs, InBytes, OutBytes prometheus.Gauge
}

// NewServer registers the figures of the embedded NATS server.
func NewServer(reg prometheus.Registerer) *Server {
	return &Server{
		Connections:   named("gnatsd_varz_connections").gauge(reg),
		SlowConsumers: named("gnatsd_varz_slow_consumers").gauge(reg),
		InMsgs:        named("gnatsd_varz_in_msgs").gauge(reg),
		OutMsgs:       named("gnatsd_varz_out_msgs").gauge(reg),
		InBytes:       named("gnatsd_varz_in_bytes").gauge(reg),
		OutBytes:      named("gnatsd_varz_out_bytes").gauge(reg),
	}
}

func named(name string) Metric {
	m, ok := Find(name)
	if !ok {
		panic("the catalogue has no " + name)
	}
	return m
}
