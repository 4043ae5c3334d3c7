package metrics

import (
	"maps"
	"slices"
	"strings"

	"usher/event"
)

// Figures that usher exports under the names that others gave them, so that
// their dashboards work too.

var (
	labelStream   = Label{Name: "stream_name", Values: []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters, event.StreamAudit, "KV_" + event.BucketPeople, "KV_" + event.BucketConsole}}
	labelsDurable = []Label{{Name: "stream_name", By: "the stream of the consumer"}, {Name: "consumer_name", Values: []string{event.ConsumerUsers, event.ConsumerVerifications}}}
	durables      = [][]string{{event.StreamUsers, event.ConsumerUsers}, {event.StreamVerifications, event.ConsumerVerifications}}
)

// natsMetrics have the names of prometheus-nats-exporter. The jetstream_ ones
// come from a sampler that asks JetStream every few seconds, the gnatsd_ ones
// from the embedded server itself.
var natsMetrics = []Metric{
	{Name: "jetstream_server_max_storage", Kind: Gauge, Unit: "bytes", Role: "bridge", Help: "Room that JetStream may use on disk; -1 without a limit."},
	{Name: "jetstream_server_total_message_bytes", Kind: Gauge, Unit: "bytes", Role: "bridge", Help: "Room that JetStream uses on disk."},
	{Name: "jetstream_stream_total_messages", Kind: Gauge, Unit: "messages", Role: "bridge", Help: "Messages that a stream holds.", Labels: []Label{labelStream}},
	{Name: "jetstream_stream_total_bytes", Kind: Gauge, Unit: "bytes", Role: "bridge", Help: "Bytes that a stream holds.", Labels: []Label{labelStream}},
	{Name: "jetstream_stream_limit_bytes", Kind: Gauge, Unit: "bytes", Role: "bridge", Help: "Bytes that a stream may hold; -1 without a limit.", Labels: []Label{labelStream}},
	{Name: "jetstream_consumer_num_pending", Kind: Gauge, Unit: "messages", Role: "bridge", Help: "Messages that a consumer was not given yet.", Labels: labelsDurable, Zeros: durables},
	{Name: "jetstream_consumer_num_ack_pending", Kind: Gauge, Unit: "messages", Role: "bridge", Help: "Messages that a consumer was given and did not ack yet.", Labels: labelsDurable, Zeros: durables},
	{Name: "jetstream_consumer_num_redelivered", Kind: Gauge, Unit: "messages", Role: "bridge", Help: "Messages that are being delivered again now.", Labels: labelsDurable, Zeros: durables},
	{Name: "gnatsd_varz_connections", Kind: Gauge, Unit: "connections", Role: "up", Help: "Connections to the embedded NATS server."},
	{Name: "gnatsd_varz_slow_consumers", Kind: Gauge, Unit: "connections", Role: "up", Help: "Connections that the embedded NATS server dropped because they were too slow."},
	{Name: "gnatsd_varz_in_msgs", Kind: Gauge, Unit: "messages", Role: "up", Help: "Messages that the embedded NATS server received since its start."},
	{Name: "gnatsd_varz_out_msgs", Kind: Gauge, Unit: "messages", Role: "up", Help: "Messages that the embedded NATS server sent since its start."},
	{Name: "gnatsd_varz_in_bytes", Kind: Gauge, Unit: "bytes", Role: "up", Help: "Bytes that the embedded NATS server received since its start."},
	{Name: "gnatsd_varz_out_bytes", Kind: Gauge, Unit: "bytes", Role: "up", Help: "Bytes that the embedded NATS server sent since its start."},
}

// Labels that every metric of the Temporal SDK has.
var sdkLabels = []Label{
	{Name: "namespace", By: "the Temporal namespace"},
	{Name: "client_name", Values: []string{"temporal_go"}},
	{Name: "worker_type", By: "the SDK"},
	{Name: "workflow_type", By: "the registered workflows"},
	{Name: "activity_type", By: "the registered activities"},
	{Name: "task_queue", Values: []string{event.QueueOnboard, event.QueueNotify, "none"}},
}

func sdk(kind Kind, name, help string, more ...string) Metric {
	m := Metric{Name: "temporal_" + name, Kind: kind, Unit: "events", Role: "bridge, worker", Help: help, Labels: sdkLabels, Zeros: [][]string{}}
	for _, l := range more {
		m.Labels = append(m.Labels[:len(m.Labels):len(m.Labels)], Label{Name: l, By: "the SDK"})
	}
	if kind == Histogram {
		m.Unit, m.Buckets = "seconds", machineBuckets
	}
	return m
}

// temporalMetrics are those of the Temporal SDK, with the suffixes that its
// Prometheus users know: _total for counters, _seconds for timers.
var temporalMetrics = []Metric{
	sdk(Counter, "request_total", "Calls to Temporal.", "operation"),
	sdk(Counter, "request_failure_total", "Calls to Temporal that failed.", "operation", "status_code"),
	sdk(Counter, "request_resource_exhausted_total", "Calls that Temporal refused because of a limit.", "operation", "cause"),
	sdk(Histogram, "request_latency_seconds", "Time of calls to Temporal.", "operation"),
	sdk(Counter, "request_attempt_total", "Calls to Temporal, each try counted.", "operation"),
	sdk(Counter, "request_failure_attempt_total", "Tries of calls to Temporal that failed.", "operation", "status_code"),
	sdk(Histogram, "request_latency_attempt_seconds", "Time of each try of a call to Temporal.", "operation"),
	sdk(Counter, "long_request_total", "Long polls.", "operation"),
	sdk(Counter, "long_request_attempt_total", "Long polls, each try counted.", "operation"),
	sdk(Counter, "long_request_failure_attempt_total", "Tries of long polls that failed.", "operation", "status_code"),
	sdk(Histogram, "long_request_latency_attempt_seconds", "Time of each try of a long poll.", "operation"),
	sdk(Counter, "long_request_failure_total", "Long polls that failed.", "operation", "status_code"),
	sdk(Counter, "long_request_resource_exhausted_total", "Long polls that Temporal refused because of a limit.", "operation", "cause"),
	sdk(Histogram, "long_request_latency_seconds", "Time of long polls, most of it waiting for work.", "operation"),

	sdk(Counter, "workflow_completed_total", "Workflows that completed."),
	sdk(Counter, "workflow_failed_total", "Workflows that failed: parked ones whose user never came."),
	sdk(Counter, "workflow_canceled_total", "Workflows that were cancelled."),
	sdk(Counter, "workflow_continue_as_new_total", "Workflows that went on as a new run."),
	sdk(Histogram, "workflow_endtoend_latency_seconds", "Time from the start of a workflow to its end, human wait included."),
	sdk(Counter, "workflow_task_queue_poll_empty_total", "Polls that found no workflow task.", "poller_type"),
	sdk(Counter, "workflow_task_queue_poll_succeed_total", "Polls that found a workflow task.", "poller_type"),
	sdk(Histogram, "workflow_task_schedule_to_start_latency_seconds", "Time that workflow tasks waited for a worker.", "poller_type"),
	sdk(Histogram, "workflow_task_execution_latency_seconds", "Time of workflow tasks."),
	sdk(Histogram, "workflow_task_replay_latency_seconds", "Time that replaying a history took."),
	sdk(Counter, "workflow_task_execution_failed_total", "Workflow tasks that failed; NonDeterminismError means that code and history differ.", "failure_reason"),
	sdk(Counter, "workflow_task_no_completion_total", "Workflow tasks that were not completed."),

	sdk(Counter, "activity_poll_no_task_total", "Polls that found no activity task.", "poller_type"),
	sdk(Histogram, "activity_schedule_to_start_latency_seconds", "Time that activities waited for a worker.", "poller_type"),
	sdk(Histogram, "activity_execution_latency_seconds", "Time of activities, attempt by attempt."),
	sdk(Counter, "activity_execution_failed_total", "Attempts of activities that failed."),
	sdk(Counter, "activity_execution_cancelled_total", "Activities that were cancelled."),
	sdk(Histogram, "activity_succeed_endtoend_latency_seconds", "Time from scheduling an activity to its success, retries included."),
	sdk(Counter, "activity_task_error_total", "Activity tasks that the SDK could not handle."),
	sdk(Counter, "unregistered_activity_invocation_total", "Activities that no worker knows."),

	sdk(Counter, "local_activity_total", "Local activities."),
	sdk(Counter, "local_activity_execution_failed_total", "Attempts of local activities that failed."),
	sdk(Counter, "local_activity_execution_cancelled_total", "Local activities that were cancelled."),
	sdk(Counter, "local_activity_failed_total", "Attempts of local activities that failed; the old name."),
	sdk(Counter, "local_activity_canceled_total", "Local activities that were cancelled; the old name."),
	sdk(Counter, "local_activity_error_total", "Local activities that the SDK could not handle."),
	sdk(Histogram, "local_activity_execution_latency_seconds", "Time of local activities, attempt by attempt."),
	sdk(Histogram, "local_activity_succeed_endtoend_latency_seconds", "Time of local activities, retries included."),

	sdk(Counter, "worker_start_total", "Workers started."),
	sdk(Counter, "poller_start_total", "Pollers started."),
	sdk(Gauge, "num_pollers", "Pollers that wait for work.", "poller_type"),
	sdk(Gauge, "worker_task_slots_available", "Tasks that a worker could take on at once."),
	sdk(Gauge, "worker_task_slots_used", "Tasks that a worker has in hand."),
	sdk(Counter, "corrupted_signals_total", "Signals that could not be decoded."),
	sdk(Counter, "sticky_cache_hit_total", "Workflow tasks whose run was in the cache."),
	sdk(Counter, "sticky_cache_miss_total", "Workflow tasks whose history had to be replayed."),
	sdk(Counter, "sticky_cache_total_forced_eviction_total", "Runs that fell out of the cache."),
	sdk(Gauge, "sticky_cache_size", "Runs in the cache."),
	sdk(Gauge, "workflow_active_thread_count", "Coroutines of cached runs."),
}

// SDK describes a metric of the Temporal SDK: as the catalogue does, or, when a
// newer SDK brings it, with the tags that it came with.
func SDK(kind Kind, name string, tags map[string]string) Metric {
	if m, ok := Find(name); ok && m.Kind == kind {
		return m
	}
	m := sdk(kind, strings.TrimPrefix(name, "temporal_"), "Of the Temporal SDK.")
	m.Name, m.Labels = name, nil
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		m.Labels = append(m.Labels, Label{Name: tag, By: "the SDK"})
	}
	return m
}

func runtimeMetric(kind Kind, name, unit, help string, labels ...Label) Metric {
	return Metric{Name: name, Kind: kind, Unit: unit, Role: "all", Help: help, Labels: labels, Zeros: [][]string{}}
}

// runtimeMetrics are those of client_golang's own collectors and of Prometheus
// which the dashboards and alerts use, or which a scrape shows.
var runtimeMetrics = []Metric{
	runtimeMetric(Gauge, "up", "0 or 1", "Whether Prometheus could scrape; made by Prometheus.", Label{Name: "job", By: "Prometheus"}, Label{Name: "instance", By: "Prometheus"}),
	runtimeMetric(Gauge, "go_goroutines", "goroutines", "Goroutines of the process."),
	runtimeMetric(Gauge, "go_threads", "threads", "Threads of the process."),
	runtimeMetric(Gauge, "go_info", "always 1", "Version of Go.", Label{Name: "version", By: "the build"}),
	runtimeMetric(Histogram, "go_gc_duration_seconds", "seconds", "Pauses of the garbage collector (a summary).", Label{Name: "quantile", Values: []string{"0", "0.25", "0.5", "0.75", "1"}}),
	runtimeMetric(Gauge, "go_gc_gogc_percent", "percent", "Target of the garbage collector."),
	runtimeMetric(Gauge, "go_gc_gomemlimit_bytes", "bytes", "Memory limit of the garbage collector."),
	runtimeMetric(Gauge, "go_sched_gomaxprocs_threads", "threads", "Threads that run Go code at once."),
	runtimeMetric(Gauge, "go_memstats_alloc_bytes", "bytes", "Bytes of live and not yet collected objects."),
	runtimeMetric(Counter, "go_memstats_alloc_bytes_total", "bytes", "Bytes allocated since the start."),
	runtimeMetric(Gauge, "go_memstats_heap_inuse_bytes", "bytes", "Bytes of heap in use."),
	runtimeMetric(Gauge, "process_start_time_seconds", "seconds since 1970", "Start of the process."),
	runtimeMetric(Counter, "process_cpu_seconds_total", "seconds", "CPU time of the process."),
	runtimeMetric(Gauge, "process_resident_memory_bytes", "bytes", "Memory of the process."),
	runtimeMetric(Gauge, "process_virtual_memory_bytes", "bytes", "Address space of the process."),
	runtimeMetric(Gauge, "process_open_fds", "files", "Open file descriptors."),
	runtimeMetric(Gauge, "process_max_fds", "files", "File descriptors that may be open."),
	runtimeMetric(Counter, "promhttp_metric_handler_errors_total", "errors", "Scrapes that failed.", Label{Name: "cause", Values: []string{"encoding", "gathering"}}),
}
