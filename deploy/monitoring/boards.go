package monitoring

// Boards lists the dashboards in the order in which an incident is read: is it
// flowing, what fails, are people deciding, do messages arrive, does the engine
// hold.
func Boards() []Board {
	return []Board{overview(), failures(), verification(), delivery(), engine()}
}

func people(status string) string { return `max(usher_people{status="` + status + `"})` }

func overview() Board {
	return Board{"usher-overview", "usher / Overview", "From a dropped file to a welcomed user: what flows, what waits, what is stuck.", []Row{
		{"Now", []Panel{
			{Kind: Stat, Title: "Waiting for a decision", Unit: "short", Width: 4, About: "Users whose onboarding waits for an upstream system or a person.", Queries: []Query{{people("waiting"), "waiting"}}},
			{Kind: Stat, Title: "Longest wait", Unit: "s", Width: 4, Red: 604800, About: "How long the user who waits longest has waited. Red after a week.", Queries: []Query{{`max(usher_people_oldest_seconds{status="waiting"})`, "waiting"}}},
			{Kind: Stat, Title: "Dead letters", Unit: "short", Width: 4, Red: 1, About: "Messages that could not be used and wait for an operator: `usher deadletters ls`.", Queries: []Query{{"sum(max by (stream, reason) (usher_deadletters))", "kept"}}},
			{Kind: Stat, Title: "Held, outcome unknown", Unit: "short", Width: 4, Red: 1, About: "Messages in the shown time with an unknown outcome, held for a person.", Queries: []Query{{inRange(`usher_notify_messages_total{outcome="unknown"}`), "held"}}},
			{Kind: Stat, Title: "Parts that wait or fail", Unit: "short", Width: 4, Red: 1, About: "Components that /readyz calls degraded or failed.", Queries: []Query{{"count(usher_component_state < 2) or vector(0)", "parts"}}},
			{Kind: Stat, Title: "Since the last canary", Unit: "s", Width: 4, Red: 1200, About: "Time since a canary user went the whole way; 0 where none is sent (`--canary`).", Queries: []Query{{orZero("time() - max(usher_canary_last_success_timestamp_seconds)"), "canary"}}},
		}},
		{"The way of a user", []Panel{
			{Kind: BarGauge, Title: "Funnel", Unit: "short", Width: 12, About: "Users at each step, in the shown time. A step may be ahead of an earlier one: those who came before the shown time are decided in it.", Queries: []Query{
				{inRange(`usher_records_total{result="published"}`), "1 published"},
				{inRange(`usher_events_total{kind="user",effect="applied"}`), "2 started"},
				{inRange(`usher_events_total{kind="verification",effect="applied"}`), "3 decided"},
				{inRange(`usher_finished_total{status=~"welcomed|partly_welcomed"}`), "4 welcomed"},
				{inRange(`usher_finished_total{status!~"welcomed|partly_welcomed"}`), "5 ended otherwise"},
			}},
			{Kind: TimeSeries, Title: "Throughput", Unit: "ops", Width: 12, About: "Users per second at each step. A step that falls to zero while the one before it goes on is stuck.", Queries: []Query{
				{perSecond(`usher_records_total{result="published"}`), "published"},
				{perSecond(`usher_events_total{kind="user",effect="applied"}`), "started"},
				{perSecond(`usher_events_total{kind="verification",effect="applied"}`), "decided"},
				{perSecond("usher_finished_total"), "finished"},
			}},
			{Kind: TimeSeries, Title: "Users by status", Unit: "short", Width: 12, About: "How many users have each status, from the console's read model.", Queries: []Query{{"max by (status) (usher_people)", "{{status}}"}}},
			{Kind: TimeSeries, Title: "Oldest by status", Unit: "s", Width: 12, About: "How long the oldest has been in each status that is not final. Approved and active should stay at seconds: longer means that activation or delivery is stuck.", Queries: []Query{{"max by (status) (usher_people_oldest_seconds)", "{{status}}"}}},
		}},
		{"Intake", []Panel{
			{Kind: TimeSeries, Title: "Files", Unit: "short", About: "Files that ended in the shown interval, by result.", Queries: []Query{{"sum by (source, result) (increase(usher_files_total" + window + "))", "{{source}} {{result}}"}}},
			{Kind: TimeSeries, Title: "Imports in work", Unit: "short", About: "Rows of the imports in work, and how many are done. Flat while JetStream is away or full.", Queries: []Query{
				{`sum by (source) (usher_import_rows{state="total"})`, "{{source}} rows"}, {`sum by (source) (usher_import_rows{state="done"})`, "{{source}} done"},
				{"sum by (source) (usher_imports_in_work)", "{{source}} imports"},
			}},
			{Kind: TimeSeries, Title: "Files that are not taken yet", Unit: "short", About: "Files in the inboxes that are still written, or not quiet for long enough.", Queries: []Query{{"sum by (source) (usher_inbox_waiting_files)", "{{source}}"}}},
			{Kind: TimeSeries, Title: "From file to workflow", Unit: "s", About: "Time from a file being complete to a user's workflow being started; 0 while nothing is imported. A huge file's last rows count too.", Queries: []Query{
				{quantile(0.5, "usher_intake_latency_seconds", ""), "median"}, {quantile(0.99, "usher_intake_latency_seconds", ""), "99 %"},
			}},
			{Kind: TimeSeries, Title: "Backlog of the bridge", Unit: "short", About: "Messages that the bridge has not dealt with.", Queries: []Query{{"max by (consumer) (usher_consumer_pending)", "{{consumer}}"}}},
			{Kind: TimeSeries, Title: "Lag of the bridge", Unit: "s", Red: 60, About: "Age of the oldest message that the bridge has not dealt with.", Queries: []Query{{"max by (consumer) (usher_consumer_lag_seconds)", "{{consumer}}"}}},
		}},
		{"Welcome", []Panel{
			{Kind: TimeSeries, Title: "From approval to welcome", Unit: "s", Width: 12, About: "Time from an approval being stored to the last channel's acceptance; 0 while no one is welcomed.", Queries: []Query{
				{quantile(0.5, "usher_welcome_latency_seconds", ""), "median"}, {quantile(0.99, "usher_welcome_latency_seconds", ""), "99 %"},
			}},
			{Kind: TimeSeries, Title: "Canary users", Unit: "short", Width: 12, About: "Runs in the shown interval, by where a failed one stopped; none where no canary is sent.", Queries: []Query{{orZero("sum by (result, step) (increase(usher_canary_runs_total" + window + "))"), "{{result}} {{step}}"}}},
			{Kind: TimeSeries, Title: "Time of a canary user", Unit: "s", Width: 12, About: "From file to welcome; 0 while none is sent.", Queries: []Query{{orZero(quantile(0.9, "usher_canary_seconds", "")), "90 %"}}},
			{Kind: TimeSeries, Title: "Ends", Unit: "short", Width: 12, About: "Onboardings that ended in the shown interval, by status.", Queries: []Query{{"sum by (status) (increase(usher_finished_total" + window + "))", "{{status}}"}}},
		}},
	}}
}

func failures() Board {
	return Board{"usher-failures", "usher / Retries and failures", "What did not go through at once, by stage and reason.", []Row{
		{"Now", []Panel{
			{Kind: Stat, Title: "Rows refused", Unit: "short", Width: 6, About: "In the shown time; each is in a refused file with its reason.", Queries: []Query{{inRange(`usher_records_total{result="refused"}`), "rows"}}},
			{Kind: Stat, Title: "Dead letters", Unit: "short", Width: 6, Red: 1, About: "Kept now.", Queries: []Query{{"sum(max by (stream, reason) (usher_deadletters))", "kept"}}},
			{Kind: Stat, Title: "Oldest dead letter", Unit: "s", Width: 6, Red: 86400, About: "Its age. Red after a day: it was overlooked.", Queries: []Query{{"max(usher_deadletters_oldest_seconds)", "age"}}},
			{Kind: Stat, Title: "Copies", Unit: "short", Width: 6, Red: 1, About: "Messages sent again in the shown time because the outcome of the first try is not known.", Queries: []Query{{inRange("usher_notify_copies_total"), "copies"}}},
		}},
		{"Intake", []Panel{
			{Kind: TimeSeries, Title: "Refused rows by code", Unit: "short", Width: 12, About: "Errors of rows by code, in the shown interval; docs/codes.md says how each is mended.", Queries: []Query{{`sum by (reason) (increase(usher_records_total{result="refused"}` + window + "))", "{{reason}}"}}},
			{Kind: TimeSeries, Title: "Files refused or known", Unit: "short", Width: 12, About: "Files that were refused whole, or whose content was imported before.", Queries: []Query{{`sum by (source, result) (increase(usher_files_total{result!="archived"}` + window + "))", "{{source}} {{result}}"}}},
		}},
		{"Steps", []Panel{
			{Kind: TimeSeries, Title: "Retries by stage", Unit: "ops", Width: 12, About: "Steps that failed and are tried again. A retry that helps is no failure.", Queries: []Query{{perSecond("usher_retries_total", "stage", "reason"), "{{stage}} {{reason}}"}}},
			{Kind: TimeSeries, Title: "Messages that became dead letters", Unit: "short", Width: 12, About: "By outcome, in the shown interval. docs/runbook.md has a page for each.", Queries: []Query{{`sum by (stream, outcome) (increase(usher_bridge_messages_total{outcome=~"malformed|denied|exhausted"}` + window + "))", "{{stream}} {{outcome}}"}}},
			{Kind: TimeSeries, Title: "Dead letters kept", Unit: "short", Width: 12, About: "By the stream they came from and why.", Queries: []Query{{"max by (stream, reason) (usher_deadletters)", "{{stream}} {{reason}}"}}},
			{Kind: TimeSeries, Title: "Attempts that failed", Unit: "ops", Width: 12, About: "Attempts to hand a message over that were not accepted, by reason.", Queries: []Query{{perSecond(`usher_notify_attempts_total{result!="accepted"}`, "channel", "result", "reason"), "{{channel}} {{result}} {{reason}}"}}},
			{Kind: TimeSeries, Title: "Activities and workflow tasks that failed", Unit: "ops", Width: 12, About: "Attempts. Workflow tasks that fail with NonDeterminismError stop until code and history agree again.", Queries: []Query{
				{orZero("sum by (activity_type) (rate(temporal_activity_execution_failed_total" + window + "))"), "{{activity_type}}"},
				{orZero("sum by (failure_reason) (rate(temporal_workflow_task_execution_failed_total" + window + "))"), "workflow task {{failure_reason}}"},
			}},
			{Kind: TimeSeries, Title: "Breaker and components", Unit: "short", Width: 12, About: "State of each component: 2 ok, 1 degraded, 0 failed; whether the bridge's breaker is open, and how often it closed again.", Queries: []Query{
				{"min by (component) (usher_component_state)", "{{component}}"}, {"max(usher_bridge_breaker_open)", "breaker open"},
				{"sum(increase(usher_bridge_breaker_closed_total" + window + "))", "breaker closed again"},
			}},
			{Kind: TimeSeries, Title: "Panics", Unit: "short", Width: 12, About: "Faults of usher's own that were stopped, in the shown interval. The log has the stack of each.", Queries: []Query{{`sum by (stage) (increase(usher_panics_total` + window + "))", "{{stage}}"}}},
		}},
		reconciliation(),
	}}
}

func verification() Board {
	return Board{"usher-verification", "usher / Verification", "Are decisions keeping up with arrivals?", []Row{
		{"Now", []Panel{
			{Kind: Stat, Title: "Waiting", Unit: "short", Width: 6, About: "Users who wait for a decision.", Queries: []Query{{people("waiting"), "waiting"}}},
			{Kind: Stat, Title: "Longest wait", Unit: "s", Width: 6, Red: 604800, About: "Of those who wait now.", Queries: []Query{{`max(usher_people_oldest_seconds{status="waiting"})`, "age"}}},
			{Kind: Stat, Title: "Parked", Unit: "short", Width: 6, Red: 100, About: "Decisions about users who are not there yet. Many of them: an upstream system uses other ids.", Queries: []Query{{people("parked"), "parked"}}},
			{Kind: Stat, Title: "Decided", Unit: "short", Width: 6, About: "In the shown time.", Queries: []Query{{inRange(`usher_events_total{kind="verification",effect="applied"}`), "decided"}}},
		}},
		{"Flow", []Panel{
			{Kind: TimeSeries, Title: "Arrivals and decisions", Unit: "ops", Width: 12, About: "When arrivals stay above decisions, the queue grows.", Queries: []Query{
				{perSecond(`usher_events_total{kind="user",effect="applied"}`), "arrivals"}, {perSecond(`usher_events_total{kind="verification",effect="applied"}`), "decisions"},
			}},
			{Kind: TimeSeries, Title: "What decisions became", Unit: "short", Width: 12, About: "Verification events in the shown interval by effect. Late: another decision came first. Duplicate: the same event again.", Queries: []Query{{`sum by (effect) (increase(usher_events_total{kind="verification"}` + window + "))", "{{effect}}"}}},
			{Kind: TimeSeries, Title: "Age of the oldest", Unit: "s", Width: 12, About: "Who waits longest, and the oldest decision without a user.", Queries: []Query{{`max by (status) (usher_people_oldest_seconds{status=~"waiting|parked"})`, "{{status}}"}}},
			{Kind: TimeSeries, Title: "Wait until the decision", Unit: "s", Width: 12, About: "Of those decided in the shown interval; 0 while there are no decisions.", Queries: []Query{
				{quantile(0.5, "usher_verification_wait_seconds", ""), "median"}, {quantile(0.9, "usher_verification_wait_seconds", ""), "90 %"},
			}},
			{Kind: TimeSeries, Title: "Decisions about many", Unit: "short", Width: 12, About: "Operations that are not over, and what they sent in the shown interval. Errors: NATS did not take decisions; they are sent again.", Queries: []Query{
				{"max by (state) (usher_bulk_operations)", "{{state}}"}, {"sum(increase(usher_bulk_decisions_total" + window + "))", "decisions"},
				{"sum(increase(usher_bulk_errors_total" + window + "))", "errors"}, {"sum by (state) (increase(usher_bulk_ended_total" + window + "))", "ended {{state}}"},
			}},
			{Kind: TimeSeries, Title: "Verification events at the bridge", Unit: "ops", Width: 12, About: "By outcome. Denied: a source that may not say this. Known: the onboarding was over.", Queries: []Query{{perSecond(`usher_bridge_messages_total{stream="VERIFICATIONS"}`, "outcome"), "{{outcome}}"}}},
			{Kind: TimeSeries, Title: "From event to workflow", Unit: "s", Width: 12, About: "Time that the bridge takes to start or signal a workflow.", Queries: []Query{
				{quantile(0.5, "usher_stage_seconds", `{stage=~"start|signal"}`, "stage"), "{{stage}} median"}, {quantile(0.99, "usher_stage_seconds", `{stage=~"start|signal"}`, "stage"), "{{stage}} 99 %"},
			}},
		}},
	}}
}

func reconciliation() Row {
	return Row{"Is everything accounted for", []Panel{
		{Kind: Stat, Title: "Not accounted for", Unit: "short", Width: 6, Red: 1, About: "What the last reconciliation missed; docs/runbook.md, UsherLost, says what to do for each kind.", Queries: []Query{{"sum(max by (kind) (usher_lost))", "lost"}}},
		{Kind: Stat, Title: "Records checked", Unit: "short", Width: 6, About: "Since the first reconciliation.", Queries: []Query{{"max(usher_reconciled_records)", "records"}}},
		{Kind: Stat, Title: "Last checked", Unit: "s", Width: 6, Red: 21600, About: "How long ago imports were compared with what became of them.", Queries: []Query{{"time() - max(usher_reconciled_timestamp_seconds)", "ago"}}},
	}}
}

func delivery() Board {
	return Board{"usher-delivery", "usher / Delivery", "Messages per provider: accepted means that the provider took it, not that it was read.", []Row{
		{"Now", []Panel{
			{Kind: Stat, Title: "Accepted", Unit: "short", Width: 6, About: "Messages in the shown time.", Queries: []Query{{inRange(`usher_notify_messages_total{outcome="accepted"}`), "accepted"}}},
			{Kind: Stat, Title: "Failed", Unit: "short", Width: 6, Red: 1, About: "Messages in the shown time that did not go out and will not.", Queries: []Query{{inRange(`usher_notify_messages_total{outcome="failed"}`), "failed"}}},
			{Kind: Stat, Title: "Held, outcome unknown", Unit: "short", Width: 6, Red: 1, About: "Messages in the shown time that a person has to look at.", Queries: []Query{{inRange(`usher_notify_messages_total{outcome="unknown"}`), "held"}}},
			{Kind: Stat, Title: "Users reached", Unit: "percentunit", Width: 6, About: "Of those who were approved and came to an end in the shown time: welcomed on every channel. 100 % while there are none.", Queries: []Query{{
				`(sum(increase(usher_finished_total{status="welcomed"}[$__range])) / sum(increase(usher_finished_total{status=~"welcomed|partly_welcomed|unreached"}[$__range])) >= 0) or vector(1)`, "reached"}}},
		}},
		{"Accounts", []Panel{
			{Kind: TimeSeries, Title: "Accounts made usable, and undone", Unit: "ops", Width: 12, About: "Attempts at the system that holds the accounts, by result; 0 without one.", Queries: []Query{{perSecond("usher_account_attempts_total", "target", "step", "result"), "{{target}} {{step}} {{result}}"}}},
			{Kind: TimeSeries, Title: "Why accounts were not changed", Unit: "ops", Width: 12, About: "By reason; docs/accounts.md says what happens for each.", Queries: []Query{{perSecond(`usher_account_attempts_total{result!="done"}`, "target", "reason"), "{{target}} {{reason}}"}}},
		}},
		{"Per provider", []Panel{
			{Kind: TimeSeries, Title: "Messages", Unit: "ops", Width: 12, About: "Messages that came to an end, by provider and outcome.", Queries: []Query{{perSecond("usher_notify_messages_total", "channel", "provider", "outcome"), "{{channel}} {{provider}} {{outcome}}"}}},
			{Kind: TimeSeries, Title: "Attempts", Unit: "ops", Width: 12, About: "Attempts by provider and result.", Queries: []Query{{perSecond("usher_notify_attempts_total", "channel", "provider", "result"), "{{channel}} {{provider}} {{result}}"}}},
			{Kind: TimeSeries, Title: "Why attempts failed", Unit: "ops", Width: 12, About: "By provider and reason; docs/runbook.md says what to do for each.", Queries: []Query{{perSecond(`usher_notify_attempts_total{result!="accepted"}`, "provider", "reason"), "{{provider}} {{reason}}"}}},
			{Kind: TimeSeries, Title: "Paused providers", Unit: "short", Width: 12, About: "1 while a provider is not asked because of its own trouble; docs/delivery.md says what to do for each reason.", Queries: []Query{{"max by (channel, provider, reason) (usher_notify_provider_paused)", "{{channel}} {{provider}} {{reason}}"}}},
			{Kind: TimeSeries, Title: "Segments of text messages", Unit: "ops", Width: 12, About: "Text messages as providers charge them; ucs2 are those with a character beyond GSM 03.38.", Queries: []Query{{perSecond("usher_sms_segments_total", "provider", "encoding"), "{{provider}} {{encoding}}"}}},
			{Kind: TimeSeries, Title: "Time of a message", Unit: "s", Width: 12, About: "From rendering to the provider's acceptance, with the ledger; 0 while nothing is sent.", Queries: []Query{
				{quantile(0.5, "usher_stage_seconds", `{stage=~"email|sms"}`, "stage"), "{{stage}} median"}, {quantile(0.99, "usher_stage_seconds", `{stage=~"email|sms"}`, "stage"), "{{stage}} 99 %"},
			}},
			{Kind: TimeSeries, Title: "Receipts", Unit: "short", Width: 12, About: "What providers said later of messages that they took, and addresses suppressed because of it or of a refusal, in the shown interval.", Queries: []Query{
				{`sum by (channel, result) (increase(usher_notify_receipts_total` + window + "))", "{{channel}} {{result}}"}, {"sum by (channel) (increase(usher_notify_suppressed_total" + window + "))", "{{channel}} suppressed"},
			}},
			{Kind: TimeSeries, Title: "Copies and unknown outcomes", Unit: "short", Width: 12, About: "Attempts without an answer, and messages sent again because of that, in the shown interval.", Queries: []Query{
				{`sum by (channel) (increase(usher_notify_attempts_total{result="unknown"}` + window + "))", "{{channel}} unknown"}, {"sum by (channel) (increase(usher_notify_copies_total" + window + "))", "{{channel}} copies"},
			}},
			{Kind: TimeSeries, Title: "From approval to welcome", Unit: "s", Width: 12, About: "Retries included; 0 while no one is welcomed.", Queries: []Query{
				{quantile(0.5, "usher_welcome_latency_seconds", ""), "median"}, {quantile(0.99, "usher_welcome_latency_seconds", ""), "99 %"},
			}},
		}},
	}}
}

func engine() Board {
	return Board{"usher-engine", "usher / Engine", "NATS, Temporal and Go under usher.", []Row{
		{"NATS", []Panel{
			{Kind: TimeSeries, Title: "Room in the streams", Unit: "percentunit", Red: 0.8, About: "Used part of each stream's limit. Intake pauses when USERS is full.", Queries: []Query{{"max by (stream_name) (jetstream_stream_total_bytes / (jetstream_stream_limit_bytes > 0))", "{{stream_name}}"}}},
			{Kind: TimeSeries, Title: "Messages in the streams", Unit: "short", About: "What each stream holds.", Queries: []Query{{"max by (stream_name) (jetstream_stream_total_messages)", "{{stream_name}}"}}},
			{Kind: TimeSeries, Title: "Published", Unit: "ops", About: "Events published and acknowledged, by stream.", Queries: []Query{{perSecond("usher_events_published_total", "stream"), "{{stream}}"}}},
			{Kind: TimeSeries, Title: "Consumers", Unit: "short", About: "Not given yet, in hand, and being delivered again. In hand at its limit while nothing moves: handlers are stuck.", Queries: []Query{
				{"max by (consumer_name) (jetstream_consumer_num_pending)", "{{consumer_name}} pending"}, {"max by (consumer_name) (jetstream_consumer_num_ack_pending)", "{{consumer_name}} in hand"},
				{"max by (consumer_name) (jetstream_consumer_num_redelivered)", "{{consumer_name}} again"},
			}},
			{Kind: TimeSeries, Title: "Store", Unit: "bytes", About: "What JetStream uses on disk.", Queries: []Query{{"max(jetstream_server_total_message_bytes)", "used"}}},
			{Kind: TimeSeries, Title: "Looks that failed", Unit: "ops", About: "The gauges about NATS and the disk stand still while these fail.", Queries: []Query{{perSecond("usher_sampler_errors_total"), "failed"}}},
		}},
		{"Temporal", []Panel{
			{Kind: TimeSeries, Title: "Calls", Unit: "ops", About: "Calls by operation.", Queries: []Query{{perSecond("temporal_request_total", "operation"), "{{operation}}"}}},
			{Kind: TimeSeries, Title: "Time of calls", Unit: "s", About: "99 % by operation.", Queries: []Query{{quantile(0.99, "temporal_request_latency_seconds", "", "operation"), "{{operation}}"}}},
			{Kind: TimeSeries, Title: "Calls that failed", Unit: "ops", About: "By operation and code; refused because of a limit apart.", Queries: []Query{
				{orZero("sum by (operation, status_code) (rate(temporal_request_failure_total" + window + "))"), "{{operation}} {{status_code}}"},
				{orZero("sum by (cause) (rate(temporal_request_resource_exhausted_total" + window + "))"), "limit {{cause}}"},
			}},
			{Kind: TimeSeries, Title: "Workflow tasks wait for a worker", Unit: "s", About: "99 % of the time from scheduling to a worker. Rising: too few workers.", Queries: []Query{{orZero(quantile(0.99, "temporal_workflow_task_schedule_to_start_latency_seconds", "")), "workflow tasks"}, {orZero(quantile(0.99, "temporal_activity_schedule_to_start_latency_seconds", "", "task_queue")), "{{task_queue}}"}}},
			{Kind: TimeSeries, Title: "Free slots", Unit: "short", About: "Tasks that workers could take on at once. Zero: workers are full.", Queries: []Query{{"sum by (worker_type, task_queue) (temporal_worker_task_slots_available)", "{{task_queue}} {{worker_type}}"}}},
			{Kind: TimeSeries, Title: "Cache of runs", Unit: "short", About: "Runs in the cache, and histories replayed per second because they were not.", Queries: []Query{{"sum(temporal_sticky_cache_size)", "runs"}, {orZero("sum(rate(temporal_sticky_cache_miss_total" + window + "))"), "replays/s"}}},
		}},
		{"Process", []Panel{
			{Kind: TimeSeries, Title: "CPU", Unit: "short", About: "Cores in use, by process.", Queries: []Query{{"sum by (instance) (rate(process_cpu_seconds_total" + window + "))", "{{instance}}"}}},
			{Kind: TimeSeries, Title: "Memory", Unit: "bytes", About: "Resident memory, and the heap in use.", Queries: []Query{{"sum by (instance) (process_resident_memory_bytes)", "{{instance}} resident"}, {"sum by (instance) (go_memstats_heap_inuse_bytes)", "{{instance}} heap"}}},
			{Kind: TimeSeries, Title: "Goroutines and files", Unit: "short", About: "A steady rise is a leak.", Queries: []Query{{"sum by (instance) (go_goroutines)", "{{instance}} goroutines"}, {"sum by (instance) (process_open_fds)", "{{instance}} files"}}},
			{Kind: TimeSeries, Title: "Disk", Unit: "percentunit", Red: 0.9, About: "Used part of the disk of the data folder.", Queries: []Query{{"1 - min by (instance) (usher_disk_free_bytes / (usher_disk_size_bytes > 0))", "{{instance}}"}}},
			{Kind: TimeSeries, Title: "Garbage collector", Unit: "s", About: "Longest pause.", Queries: []Query{{`max by (instance) (go_gc_duration_seconds{quantile=~"1(.0)?"})`, "{{instance}}"}}},
			{Kind: TimeSeries, Title: "Time of steps", Unit: "s", About: "99 % of each stage; 0 while it rests.", Queries: []Query{{quantile(0.99, "usher_stage_seconds", "", "stage"), "{{stage}}"}}},
		}},
	}}
}
