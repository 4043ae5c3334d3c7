package metrics

import (
	"slices"

	"usher/event"
)

// Buckets in seconds: machine time from 5 ms to a minute, the whole of a welcome
// from 50 ms to an hour because it contains retries, the human wait from a minute
// to two weeks.
var (
	machineBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	welcomeBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
	humanBuckets   = []float64{60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 3 * 86400, 7 * 86400, 14 * 86400}
)

// Stages are the steps whose time is measured and whose retries are counted.
var Stages = []string{"settle", "parse", "publish", "start", "signal", "activate", "email", "sms"}

// Outcomes are the ends that a message may find in the bridge.
var Outcomes = []string{"started", "signalled", "parked", "known", "malformed", "denied", "exhausted"}

// The bounded sets that several metrics share.
var (
	effects     = texts(event.Effects())
	statuses    = texts(event.Statuses())
	finals      = texts(slices.DeleteFunc(event.Statuses(), func(s event.Status) bool { return !s.Final() }))
	deadStreams = []string{event.StreamUsers, event.StreamVerifications}
	deadReasons = []string{event.ReasonMalformed, event.ReasonDenied, event.ReasonConflict, event.ReasonUnknownUser, event.ReasonExhausted, event.ReasonRefused, event.ReasonNoRecord}

	labelSource   = Label{Name: "source", By: "the inboxes of this process"}
	labelProvider = Label{Name: "provider", By: "the configured providers"}
	labelChannel  = Label{Name: "channel", Values: []string{event.ChannelEmail, event.ChannelSMS}}
	labelReason   = Label{Name: "reason", By: "the delivery reasons of docs/runbook.md"}
	labelStage    = Label{Name: "stage", Values: []string{string(event.StageIntake), string(event.StageBridge), string(event.StageDelivery)}}
	labelConsumer = Label{Name: "consumer", Values: []string{event.ConsumerUsers, event.ConsumerVerifications}}
)

func texts[T ~string](values []T) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// Intake.
var (
	filesTotal = Metric{
		Name: "usher_files_total", Kind: Counter, Unit: "files", Role: "watch",
		Help:   "Files taken from an inbox, by how they ended.",
		Labels: []Label{labelSource, {Name: "result", Values: []string{"archived", "refused", "duplicate"}}},
	}
	recordsTotal = Metric{
		Name: "usher_records_total", Kind: Counter, Unit: "records", Role: "watch",
		Help: "Records of finished files, by result; for refused records, reason is the error code.",
		Labels: []Label{labelSource, {Name: "result", Values: []string{"published", "refused", "skipped"}},
			{Name: "reason", By: "the row codes of docs/codes.md; empty when published or skipped"}},
		Zeros: [][]string{{"*", "published", ""}, {"*", "skipped", ""}, {"*", "refused", "*"}},
	}
	importRows = Metric{
		Name: "usher_import_rows", Kind: Gauge, Unit: "rows", Role: "watch",
		Help:   "Rows of the imports in work: how many there are, and how many are done.",
		Labels: []Label{labelSource, {Name: "state", Values: []string{"total", "done"}}},
	}
	importsInWork = Metric{
		Name: "usher_imports_in_work", Kind: Gauge, Unit: "imports", Role: "watch",
		Help:   "Imports that are being validated or published now, or wait to go on.",
		Labels: []Label{labelSource},
	}
	inboxWaiting = Metric{
		Name: "usher_inbox_waiting_files", Kind: Gauge, Unit: "files", Role: "watch",
		Help:   "Files in an inbox that are not claimed yet, at the last look.",
		Labels: []Label{labelSource},
	}
	inboxHeld = Metric{
		Name: "usher_inbox_held_files", Kind: Gauge, Unit: "files", Role: "watch",
		Help:   "Files that wait for a person because they may not be whole, at the last look; see usher release.",
		Labels: []Label{labelSource},
	}
	inboxOldest = Metric{
		Name: "usher_inbox_oldest_seconds", Kind: Gauge, Unit: "seconds", Role: "watch",
		Help:   "Age of the oldest unclaimed file, since it was first seen in its inbox; 0 when there is none.",
		Labels: []Label{labelSource},
	}
)

// PauseReasons say what an import waits for.
var PauseReasons = []string{"disk", "stream", "bridge", "operator", "other"}

// WatchCauses say why file events cannot be had.
var WatchCauses = []string{"overflow", "limit", "silent", "other"}

// Trouble of the intake.
var (
	importsPaused = Metric{
		Name: "usher_imports_paused", Kind: Gauge, Unit: "imports", Role: "watch",
		Help:   "Paused imports: a disk or the stream is full, the bridge lags, an operator has paused intake, or a server is down.",
		Labels: []Label{labelSource, {Name: "reason", Values: PauseReasons}},
	}
	inboxAway = Metric{
		Name: "usher_inbox_away", Kind: Gauge, Unit: "0 or 1", Role: "watch",
		Help:   "1 while an inbox is not there, or another watcher serves it.",
		Labels: []Label{labelSource},
	}
	watchLost = Metric{
		Name: "usher_watch_lost_total", Kind: Counter, Unit: "times", Role: "watch",
		Help:   "Times that file events were lost or could not be had, so that files were found by looking.",
		Labels: []Label{labelSource, {Name: "cause", Values: WatchCauses}},
	}
)

// Events and stages.
var (
	eventsPublished = Metric{
		Name: "usher_events_published_total", Kind: Counter, Unit: "events", Role: "all",
		Help:   "Events published and acknowledged, by stream.",
		Labels: []Label{{Name: "stream", Values: []string{event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters}}},
	}
	stageSeconds = Metric{
		Name: "usher_stage_seconds", Kind: Histogram, Unit: "seconds", Role: "all", Buckets: machineBuckets,
		Help:   "Time that one step took when it succeeded: settle and parse of a file, publish of a batch, start and signal of a workflow, activation, one message.",
		Labels: []Label{{Name: "stage", Values: Stages}},
	}
	retriesTotal = Metric{
		Name: "usher_retries_total", Kind: Counter, Unit: "retries", Role: "all",
		Help:   "Steps that failed and are tried again, by stage and reason.",
		Labels: []Label{{Name: "stage", Values: Stages}, {Name: "reason", By: "transient, for messages the delivery reasons of docs/runbook.md, for activate also those of docs/accounts.md", Values: []string{"transient"}}},
	}
)

// Parts are the parts of usher whose panics are counted, each under its name as a
// stage.
var Parts = []string{"account", "app", "bridge", "catcher", "console", "ingest", "notify", "report", "streams", "workflows"}

// panicsTotal is a fault of usher's own, whatever set it off.
var panicsTotal = Metric{
	Name: "usher_panics_total", Kind: Counter, Unit: "panics", Role: "all",
	Help:   "Panics that were stopped, by the part of usher that they were in; the log has the stack, and the rest goes on.",
	Labels: []Label{{Name: "stage", Values: Parts}},
}

// choreItems is what a console may not do itself.
var choreItems = Metric{
	Name: "usher_chore_items_total", Kind: Counter, Unit: "items", Role: "bridge, worker",
	Help:   "What people asked for at a console and another role does: dead letters that are sent again or dropped, addresses that are taken off the list, messages that are sent again or arrived, by what became of each.",
	Labels: []Label{{Name: "do", Values: event.Chores()}, {Name: "result", Values: []string{"done", "gone", "failed"}}},
}

// Bridge.
var (
	bridgeMessages = Metric{
		Name: "usher_bridge_messages_total", Kind: Counter, Unit: "messages", Role: "bridge",
		Help:   "Messages that this process acked or terminated, by outcome; each exactly once.",
		Labels: []Label{{Name: "stream", Values: []string{event.StreamUsers, event.StreamVerifications}}, {Name: "outcome", Values: Outcomes}},
	}
	consumerPending = Metric{
		Name: "usher_consumer_pending", Kind: Gauge, Unit: "messages", Role: "bridge",
		Help:   "Messages that a consumer has not dealt with: not delivered yet, or delivered and not acked.",
		Labels: []Label{labelConsumer},
	}
	consumerLag = Metric{
		Name: "usher_consumer_lag_seconds", Kind: Gauge, Unit: "seconds", Role: "bridge",
		Help:   "Age of the oldest message that a consumer has not dealt with, by JetStream's clock; 0 when there is none.",
		Labels: []Label{labelConsumer},
	}
	purgedTotal = Metric{
		Name: "usher_purged_total", Kind: Counter, Unit: "messages", Role: "bridge",
		Help:   "Old messages that were not needed any more and were purged because their stream was nearly full.",
		Labels: []Label{{Name: "stream", Values: []string{event.StreamUsers, event.StreamVerifications}}},
	}
	intakeLatency = Metric{
		Name: "usher_intake_latency_seconds", Kind: Histogram, Unit: "seconds", Role: "bridge", Buckets: machineBuckets,
		Help: "Time from a file being complete to the workflow of one of its users being started.",
	}
	breakerOpen = Metric{
		Name: "usher_bridge_breaker_open", Kind: Gauge, Unit: "0 or 1", Role: "bridge",
		Help: "1 while the bridge takes no messages because a server that it needs is away, or because all of the last ones failed alike.",
	}
	bridgeAside = Metric{
		Name: "usher_bridge_aside", Kind: Gauge, Unit: "messages", Role: "bridge",
		Help:   "Messages that wait, by design, for what is being done for their user, such as a reopening while messages to the user are still tried.",
		Labels: []Label{labelConsumer},
	}
	breakerClosed = Metric{
		Name: "usher_bridge_breaker_closed_total", Kind: Counter, Unit: "times", Role: "bridge",
		Help: "Times that the bridge went on after it had taken no messages; the log says for how long that was.",
	}
)

// Worker.
var (
	eventsTotal = Metric{
		Name: "usher_events_total", Kind: Counter, Unit: "events", Role: "worker",
		Help:   "Events that reached a workflow, by what it made of them.",
		Labels: []Label{{Name: "kind", Values: []string{event.AnswersUser, event.AnswersVerification}}, {Name: "effect", Values: effects}},
	}
	finishedTotal = Metric{
		Name: "usher_finished_total", Kind: Counter, Unit: "users", Role: "worker",
		Help:   "Onboardings that ended, by status.",
		Labels: []Label{{Name: "status", Values: finals}},
	}
	verificationWait = Metric{
		Name: "usher_verification_wait_seconds", Kind: Histogram, Unit: "seconds", Role: "worker", Buckets: humanBuckets,
		Help: "Time that a user waited for the decision.",
	}
	welcomeLatency = Metric{
		Name: "usher_welcome_latency_seconds", Kind: Histogram, Unit: "seconds", Role: "worker", Buckets: welcomeBuckets,
		Help: "Time from an approval being stored, or its user's record if that came later, to the last channel's acceptance.",
	}
	notifyAttempts = Metric{
		Name: "usher_notify_attempts_total", Kind: Counter, Unit: "attempts", Role: "worker",
		Help:   "Attempts to hand a message over, by result; a retry that helps is no failure.",
		Labels: []Label{labelChannel, labelProvider, {Name: "result", Values: []string{"accepted", "retry", "failed", "unknown"}}, labelReason},
	}
	notifyMessages = Metric{
		Name: "usher_notify_messages_total", Kind: Counter, Unit: "messages", Role: "worker",
		Help:   "Messages that came to an end, by outcome; unknown is held for a person.",
		Labels: []Label{labelChannel, labelProvider, {Name: "outcome", Values: []string{"accepted", "failed", "unknown"}}},
	}
	notifyReceipts = Metric{
		Name: "usher_notify_receipts_total", Kind: Counter, Unit: "receipts", Role: "worker",
		Help:   "What providers said later of messages that they took, by what became of it; forged and malformed ones are refused.",
		Labels: []Label{labelChannel, {Name: "result", Values: []string{"applied", "known", "unmatched", "ignored", "malformed", "forged"}}},
	}
	notifySuppressed = Metric{
		Name: "usher_notify_suppressed_total", Kind: Counter, Unit: "addresses", Role: "worker",
		Help:   "Addresses that were put on the suppression list because a provider said that they are no good.",
		Labels: []Label{labelChannel, {Name: "reason", Values: []string{"recipient_invalid", "recipient_blocked"}}},
	}
	notifyCopies = Metric{
		Name: "usher_notify_copies_total", Kind: Counter, Unit: "messages", Role: "worker",
		Help:   "Messages sent again because it is not known whether the first try went out: the user may have two.",
		Labels: []Label{labelChannel, labelProvider},
	}
	notifyPaused = Metric{
		Name: "usher_notify_provider_paused", Kind: Gauge, Unit: "0 or 1", Role: "worker",
		Help:   "1 while a provider is not asked because of its own trouble; its messages wait, and none of their attempts is used up.",
		Labels: []Label{labelChannel, labelProvider, {Name: "reason", Values: Troubles}},
	}
	smsSegments = Metric{
		Name: "usher_sms_segments_total", Kind: Counter, Unit: "segments", Role: "worker",
		Help:   "Text messages as providers charge them: a long one, or one with a character beyond GSM 03.38, is several.",
		Labels: []Label{labelProvider, {Name: "encoding", Values: []string{"gsm7", "ucs2"}}},
	}
)

// Troubles are the troubles that pause a provider.
var Troubles = []string{"refused", "config", "sender_rejected", "quota", "reputation", "rate_limited", "transient"}

// accountAttempts is about the target of accounts; its zeros are made when it is
// known, and stay zeros when it is none.
var accountAttempts = Metric{
	Name: "usher_account_attempts_total", Kind: Counter, Unit: "attempts", Role: "worker",
	Help: "Attempts to make an account usable or to undo that, by result; a retry that helps is no failure.",
	Labels: []Label{{Name: "target", Values: []string{"none", "scim", "webhook"}}, {Name: "step", Values: []string{"activate", "deactivate"}},
		{Name: "result", Values: []string{"done", "retry", "failed"}}, {Name: "reason", By: "the reasons of docs/accounts.md; empty when done"}},
	Zeros: [][]string{},
}

// LostKinds are the kinds of findings of a reconciliation.
var LostKinds = []string{"record", "file", "run", "stream"}

// The reconciliation of imports, as the last run in any process left it. Several
// workers each export it: take the max.
var (
	lost = Metric{
		Name: "usher_lost", Kind: Gauge, Unit: "records, people or messages", Role: "worker",
		Help:   "What the last reconciliation missed: unknown records, records gone from a file, open onboardings without a workflow, messages of a stream that was made anew.",
		Labels: []Label{{Name: "kind", Values: LostKinds}},
	}
	reconciledRecords = Metric{
		Name: "usher_reconciled_records", Kind: Gauge, Unit: "records", Role: "worker",
		Help: "Imported records that were checked since the first reconciliation.",
	}
	reconciledLast = Metric{
		Name: "usher_reconciled_timestamp_seconds", Kind: Gauge, Unit: "seconds since 1970", Role: "worker",
		Help: "When imports were last compared with what became of them; the start of the process before the first time.",
	}
)

// Canary.
var (
	canaryRuns = Metric{
		Name: "usher_canary_runs_total", Kind: Counter, Unit: "runs", Role: "up",
		Help:   "Canary users that went the whole way, or did not; step is where a failed one stopped.",
		Labels: []Label{{Name: "result", Values: []string{"welcomed", "failed"}}, {Name: "step", Values: CanarySteps}},
		Zeros:  [][]string{{"welcomed", ""}, {"failed", "*"}},
	}
	canarySeconds = Metric{
		Name: "usher_canary_seconds", Kind: Histogram, Unit: "seconds", Role: "up", Buckets: machineBuckets,
		Help: "Time of a canary user from the dropped file to the welcome.",
	}
	canaryLast = Metric{
		Name: "usher_canary_last_success_timestamp_seconds", Kind: Gauge, Unit: "seconds since 1970", Role: "up",
		Help: "When a canary user was welcomed last; the start of the process before the first one.",
	}
)

// CanarySteps are the steps of a canary user.
var CanarySteps = []string{"drop", "start", "decide", "welcome", "clean"}

// The process and what it stands on.
var (
	componentState = Metric{
		Name: "usher_component_state", Kind: Gauge, Unit: "0, 1 or 2", Role: "all",
		Help:   "What /readyz says of a component: 2 ok, 1 degraded (it waits and goes on by itself), 0 failed.",
		Labels: []Label{{Name: "component", By: "the parts of this process"}},
	}
	stagePaused = Metric{
		Name: "usher_paused", Kind: Gauge, Unit: "0 or 1", Role: "all",
		Help:   "Whether operators have paused a stage (usher pause), as this process knows it.",
		Labels: []Label{labelStage},
	}
	pauseEnds = Metric{
		Name: "usher_pause_ends_timestamp_seconds", Kind: Gauge, Unit: "seconds since 1970", Role: "all",
		Help:   "When a paused stage goes on by itself (usher pause --for); 0 when it is not paused, or waits for usher resume.",
		Labels: []Label{labelStage},
	}
	buildInfo = Metric{
		Name: "usher_build_info", Kind: Gauge, Unit: "always 1", Role: "all",
		Help:   "The version of this process.",
		Labels: []Label{{Name: "version", By: "the build"}, {Name: "goversion", By: "the build"}},
	}
	diskFree = Metric{
		Name: "usher_disk_free_bytes", Kind: Gauge, Unit: "bytes", Role: "all",
		Help: "Room that is left on the disk of the data folder.",
	}
	diskSize = Metric{
		Name: "usher_disk_size_bytes", Kind: Gauge, Unit: "bytes", Role: "all",
		Help: "Size of the disk of the data folder.",
	}
	certificateExpiry = Metric{
		Name: "usher_certificate_expiry_timestamp_seconds", Kind: Gauge, Unit: "seconds since 1970", Role: "all",
		Help:   "When the certificate that a peer showed last ends.",
		Labels: []Label{{Name: "peer", By: "nats, and the configured providers of e-mail"}}, Zeros: [][]string{},
	}
	samplerErrors = Metric{
		Name: "usher_sampler_errors_total", Kind: Counter, Unit: "samples", Role: "all",
		Help: "Looks at JetStream or the disk that failed; gauges keep what they had.",
	}
)
