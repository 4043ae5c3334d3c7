package monitoring

func one(selector, values string) [][2]string { return [][2]string{{selector, values}} }

// histogramSeries are a histogram of which `good` samples a minute lie below le
// and `all` come in all.
func histogramSeries(name, le, good, all string) [][2]string {
	return [][2]string{{name + `_bucket{le="` + le + `"}`, good}, {name + `_bucket{le="+Inf"}`, all}, {name + "_count", all}}
}

// unlessPaused keeps a rule quiet about what waits because operators have paused a
// stage, of which UsherPaused speaks.
func unlessPaused(stages string) string {
	return ` unless on () max(usher_paused{stage=~"` + stages + `"}) == 1`
}

// Rules lists the alerts: what must never happen first, then what is slow or
// stuck, then what will run out.
func Rules() []Rule {
	return []Rule{
		{
			Name: "UsherDown", Severity: Page, For: "2m", Summary: "A process of usher cannot be scraped.",
			Expr:  `up{job="usher"} == 0`,
			Fires: Scenario{Series: one(`up{job="usher",instance="a:9464"}`, "0x10"), At: "5m", Labels: map[string]string{"job": "usher", "instance": "a:9464"}},
			Quiet: Scenario{Series: one(`up{job="usher",instance="a:9464"}`, "1 1 0 1 1 1"), At: "5m"},
		},
		{
			Name: "UsherAbsent", Severity: Page, For: "5m", Summary: "No process of usher is scraped at all.",
			Expr:  `absent(usher_build_info)`,
			Fires: Scenario{Series: one(`up{job="other"}`, "1x10"), At: "6m"},
			Quiet: Scenario{Series: one(`usher_build_info{version="1"}`, "1x10"), At: "6m"},
		},
		{
			Name: "UsherFailed", Severity: Page, For: "2m", Summary: "A part of usher without which nothing goes on has failed.",
			Expr:  `max_over_time(usher_component_state[1m]) == 0`,
			Fires: Scenario{Series: one(`usher_component_state{component="nats"}`, "2 2 0x10"), At: "8m", Labels: map[string]string{"component": "nats"}},
			Quiet: Scenario{Series: one(`usher_component_state{component="nats"}`, "2 0 2 2 2 2 2 2 2"), At: "8m"},
		},
		{
			Name: "UsherDegraded", Severity: Ticket, For: "15m", Summary: "A part of usher has waited for a quarter of an hour.",
			Expr:  `max_over_time(usher_component_state[1m]) == 1`,
			Fires: Scenario{Series: one(`usher_component_state{component="watch"}`, "1x30"), At: "20m", Labels: map[string]string{"component": "watch"}},
			Quiet: Scenario{Series: one(`usher_component_state{component="watch"}`, "1x10 2x20"), At: "20m"},
		},
		{
			Name: "UsherDeadLetters", Severity: Ticket, Summary: "Messages could not be used and wait as dead letters.",
			Expr:  `sum by (stream, reason) (max by (stream, reason) (max_over_time(usher_deadletters[5m]))) > 0`,
			Fires: Scenario{Series: one(`usher_deadletters{stream="USERS",reason="malformed"}`, "0 0 1 1 1 1"), At: "5m", Labels: map[string]string{"stream": "USERS", "reason": "malformed"}},
			Quiet: Scenario{Series: one(`usher_deadletters{stream="USERS",reason="malformed"}`, "3 0 0 0 0 0 0 0 0 0"), At: "9m"},
		},
		{
			Name: "UsherDeadLettersGrow", Severity: Page, Summary: "Messages become dead letters by the dozen: a sender has changed.",
			Expr:  `sum by (stream) (increase(usher_bridge_messages_total{outcome=~"malformed|denied|exhausted"}[15m])) > 50`,
			Fires: Scenario{Series: one(`usher_bridge_messages_total{stream="USERS",outcome="malformed"}`, "0+10x20"), At: "15m", Labels: map[string]string{"stream": "USERS"}},
			Quiet: Scenario{Series: one(`usher_bridge_messages_total{stream="USERS",outcome="malformed"}`, "0+2x20"), At: "15m"},
		},
		{
			Name: "UsherUnknownOutcome", Severity: Ticket, Summary: "A message is held because it is not known whether it went out.",
			Expr:  `sum by (channel, provider) (increase(usher_notify_messages_total{outcome="unknown"}[1h])) > 0`,
			Fires: Scenario{Series: one(`usher_notify_messages_total{channel="email",provider="smtp",outcome="unknown"}`, "0 0 0 1x10"), At: "10m", Labels: map[string]string{"channel": "email", "provider": "smtp"}},
			Quiet: Scenario{Series: one(`usher_notify_messages_total{channel="email",provider="smtp",outcome="unknown"}`, "4x20"), At: "10m"},
		},
		{
			Name: "UsherCopies", Severity: Ticket, Summary: "Messages were sent again after an unknown outcome; users may have two.",
			Expr:  `sum by (channel, provider) (increase(usher_notify_copies_total[1h])) > 0`,
			Fires: Scenario{Series: one(`usher_notify_copies_total{channel="sms",provider="twilio"}`, "0 0 2x10"), At: "10m", Labels: map[string]string{"channel": "sms", "provider": "twilio"}},
			Quiet: Scenario{Series: one(`usher_notify_copies_total{channel="sms",provider="twilio"}`, "2x20"), At: "10m"},
		},
		{
			Name: "UsherAuditBreak", Severity: Page, Summary: "A record of who did what was not stored.",
			Expr:  `sum(increase(usher_audit_failures_total[1h])) > 0`,
			Fires: Scenario{Series: one(`usher_audit_failures_total`, "0 0 1x10"), At: "8m"},
			Quiet: Scenario{Series: one(`usher_audit_failures_total`, "2x20"), At: "8m"},
		},
		{
			Name: "UsherNondeterminism", Severity: Page, Summary: "Workflow code does not agree with the history of open runs; those users stand still.",
			Expr:  `sum(increase(temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"}[15m])) > 0`,
			Fires: Scenario{Series: one(`temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"}`, "0 0 1 2 3 4 5"), At: "6m"},
			Quiet: Scenario{Series: one(`temporal_workflow_task_execution_failed_total{failure_reason="WorkflowError"}`, "0 0 1 2 3 4 5"), At: "6m"},
		},

		{
			Name: "UsherWelcomeSlowFast", Severity: Page, Summary: "More than 14 % of the welcomes of the last hour took longer than five minutes.",
			Expr:  slow("usher_welcome_latency_seconds", "300", 0.01, 14.4, "1h", "5m", 20),
			Fires: Scenario{Series: histogramSeries("usher_welcome_latency_seconds", "300", "0+5x90", "0+10x90"), At: "80m"},
			Quiet: Scenario{Series: histogramSeries("usher_welcome_latency_seconds", "300", "0x90", "0x60 1x30"), At: "80m"},
		},
		{
			Name: "UsherWelcomeSlow", Severity: Ticket, Summary: "More than 3 % of the welcomes of the last day took longer than five minutes.",
			Expr:  slow("usher_welcome_latency_seconds", "300", 0.01, 3, "1d", "2h", 50),
			Fires: Scenario{Series: histogramSeries("usher_welcome_latency_seconds", "300", "0+9x1500", "0+10x1500"), At: "1450m"},
			Quiet: Scenario{Series: histogramSeries("usher_welcome_latency_seconds", "300", "0+99x1500", "0+100x1500"), At: "1450m"},
		},
		{
			Name: "UsherIntakeSlow", Severity: Ticket, Summary: "More than 1.4 % of the records of the last hour waited longer than a minute for their workflow; so do the last rows of a huge file.",
			Expr:  slow("usher_intake_latency_seconds", "60", 0.001, 14.4, "1h", "5m", 100),
			Fires: Scenario{Series: histogramSeries("usher_intake_latency_seconds", "60", "0+50x90", "0+100x90"), At: "80m"},
			Quiet: Scenario{Series: histogramSeries("usher_intake_latency_seconds", "60", "0+999x90", "0+1000x90"), At: "80m"},
		},
		{
			Name: "UsherUnreached", Severity: Ticket, Summary: "More than 5 % of the approved users of the last six hours were not reached on every channel.",
			Expr:  burn(`usher_finished_total{status=~"unreached|partly_welcomed"}[W]`, `usher_finished_total{status=~"welcomed|unreached|partly_welcomed"}[W]`, 0.01, 5, "6h", "30m", 20),
			Fires: Scenario{Series: [][2]string{{`usher_finished_total{status="welcomed"}`, "0+9x400"}, {`usher_finished_total{status="unreached"}`, "0+1x400"}}, At: "390m"},
			Quiet: Scenario{Series: [][2]string{{`usher_finished_total{status="welcomed"}`, "0+99x400"}, {`usher_finished_total{status="unreached"}`, "0+1x400"}}, At: "390m"},
		},
		{
			Name: "UsherStuckAfterApproval", Severity: Page, For: "5m", Summary: "A user was approved a quarter of an hour ago and is not welcomed yet.",
			Expr:  `max by (status) (usher_people_oldest_seconds{status=~"approved|active"}) > 900` + unlessPaused("delivery"),
			Fires: Scenario{Series: one(`usher_people_oldest_seconds{status="active"}`, "0+60x40"), At: "30m", Labels: map[string]string{"status": "active"}},
			Quiet: Scenario{Series: one(`usher_people_oldest_seconds{status="waiting"}`, "0+60x40"), At: "30m"},
		},
		{
			Name: "UsherBridgeStuck", Severity: Page, For: "5m", Summary: "Messages wait for the bridge and none gets through.",
			Expr: `(max by (consumer) (usher_consumer_lag_seconds{consumer="bridge-users"}) > 300 and on () sum(increase(usher_bridge_messages_total{stream="USERS"}[5m])) == 0
or max by (consumer) (usher_consumer_lag_seconds{consumer="bridge-verifications"}) > 300 and on () sum(increase(usher_bridge_messages_total{stream="VERIFICATIONS"}[5m])) == 0
  and on () (max(usher_consumer_pending{consumer="bridge-verifications"}) > sum(usher_bridge_aside{consumer="bridge-verifications"}) or absent(usher_bridge_aside)))` + unlessPaused("bridge"),
			Fires: Scenario{Series: [][2]string{
				{`usher_consumer_lag_seconds{consumer="bridge-users"}`, "0+60x30"}, {`usher_bridge_messages_total{stream="USERS",outcome="started"}`, "7x30"},
			}, At: "20m", Labels: map[string]string{"consumer": "bridge-users"}},
			Quiet: Scenario{Series: [][2]string{ // a huge file is being worked off, and a reopening waits for the end of its user's run
				{`usher_consumer_lag_seconds{consumer="bridge-users"}`, "0+60x30"}, {`usher_bridge_messages_total{stream="USERS",outcome="started"}`, "7+500x30"},
				{`usher_consumer_lag_seconds{consumer="bridge-verifications"}`, "0+60x30"}, {`usher_bridge_messages_total{stream="VERIFICATIONS",outcome="signalled"}`, "3x30"},
				{`usher_consumer_pending{consumer="bridge-verifications"}`, "1x30"}, {`usher_bridge_aside{consumer="bridge-verifications"}`, "1x30"},
			}, At: "20m"},
		},
		{
			Name: "UsherBreakerOpen", Severity: Page, For: "5m", Summary: "The bridge takes no messages because a server that it needs is away.",
			Expr:  `max(usher_bridge_breaker_open) == 1`,
			Fires: Scenario{Series: one(`usher_bridge_breaker_open`, "1x10"), At: "8m"},
			Quiet: Scenario{Series: one(`usher_bridge_breaker_open`, "1 1 0 1 1 0 0 1 1"), At: "8m"},
		},
		{
			Name: "UsherPanics", Severity: Ticket, Summary: "A part of usher panicked; the rest keeps running.",
			Expr:  `sum by (stage) (increase(usher_panics_total[15m])) > 0`,
			Fires: Scenario{Series: one(`usher_panics_total{stage="bridge"}`, "0 0 1x10"), At: "5m", Labels: map[string]string{"stage": "bridge"}},
			Quiet: Scenario{Series: one(`usher_panics_total{stage="bridge"}`, "3x20"), At: "15m"},
		},
		{
			Name: "UsherFileStuck", Severity: Ticket, For: "5m", Summary: "A file has been in an inbox for ten minutes without being taken.",
			Expr:  `max by (source) (usher_inbox_oldest_seconds) > 600` + unlessPaused("intake"),
			Fires: Scenario{Series: one(`usher_inbox_oldest_seconds{source="hr"}`, "0+60x20"), At: "18m", Labels: map[string]string{"source": "hr"}},
			Quiet: Scenario{Series: one(`usher_inbox_oldest_seconds{source="hr"}`, "0 60 120 0 0 60 120 180 240"), At: "8m"},
		},
		{
			Name: "UsherFileHeld", Severity: Ticket, For: "15m", Summary: "A file waits for a person, because it may not be whole.",
			Expr:  `max by (source) (usher_inbox_held_files) > 0`, // one of two watchers counts it
			Fires: Scenario{Series: [][2]string{{`usher_inbox_held_files{source="hr",instance="a"}`, "0 1x30"}, {`usher_inbox_held_files{source="hr",instance="b"}`, "0x31"}}, At: "25m", Labels: map[string]string{"source": "hr"}},
			Quiet: Scenario{Series: one(`usher_inbox_held_files{source="hr"}`, "0 1x10 0x20"), At: "25m"},
		},
		{
			Name: "UsherImportStuck", Severity: Page, For: "10m", Summary: "An import is in work and no record of it is published.",
			Expr:  `sum by (source) (usher_imports_in_work) > 0 and on () sum(increase(usher_events_published_total{stream="USERS"}[10m])) == 0` + unlessPaused("intake"),
			Fires: Scenario{Series: [][2]string{{`usher_imports_in_work{source="inbox"}`, "1x40"}, {`usher_events_published_total{stream="USERS"}`, "5x40"}}, At: "30m", Labels: map[string]string{"source": "inbox"}},
			Quiet: Scenario{Series: [][2]string{{`usher_imports_in_work{source="inbox"}`, "1x40"}, {`usher_events_published_total{stream="USERS"}`, "5+10x40"}}, At: "30m"},
		},
		{
			Name: "UsherInboxAway", Severity: Page, For: "2m", Summary: "An inbox is not there, so its files are not taken.",
			Expr:  `min by (source) (usher_inbox_away) == 1`, // one of two watchers stands by
			Fires: Scenario{Series: one(`usher_inbox_away{source="hr"}`, "1x10"), At: "5m", Labels: map[string]string{"source": "hr"}},
			Quiet: Scenario{Series: [][2]string{{`usher_inbox_away{source="hr",instance="a"}`, "1x10"}, {`usher_inbox_away{source="hr",instance="b"}`, "0x10"}}, At: "5m"},
		},
		{
			Name: "UsherImportsPaused", Severity: Page, For: "5m", Summary: "Imports stand still because a disk or the stream is full, or something is away.",
			Expr:  `sum by (source, reason) (usher_imports_paused{reason!~"bridge|operator"}) > 0`, // keeping pace with the bridge is no trouble, nor is a pause
			Fires: Scenario{Series: one(`usher_imports_paused{source="hr",reason="disk"}`, "1x20"), At: "10m", Labels: map[string]string{"source": "hr", "reason": "disk"}},
			Quiet: Scenario{Series: one(`usher_imports_paused{source="hr",reason="bridge"}`, "1x20"), At: "10m"},
		},
		{
			Name: "UsherPaused", Severity: Ticket, For: "1h", Summary: "A stage has been paused for an hour, and nothing says when it goes on.",
			Expr:  `max by (stage) (usher_paused) == 1 unless max by (stage) (usher_pause_ends_timestamp_seconds) > 0`,
			Fires: Scenario{Series: [][2]string{{`usher_paused{stage="bridge"}`, "0 1x90"}, {`usher_pause_ends_timestamp_seconds{stage="bridge"}`, "0x91"}}, At: "70m", Labels: map[string]string{"stage": "bridge"}},
			Quiet: Scenario{Series: [][2]string{{`usher_paused{stage="bridge"}`, "0 1x90"}, {`usher_pause_ends_timestamp_seconds{stage="bridge"}`, "0 7200x90"}}, At: "70m"}, // usher pause --for 2h
		},
		{
			Name: "UsherDecisionsOverdue", Severity: Ticket, For: "1h", Summary: "A user has waited for a decision for more than a week.",
			Expr:  `max(usher_people_oldest_seconds{status="waiting"}) > 604800`,
			Fires: Scenario{Series: one(`usher_people_oldest_seconds{status="waiting"}`, "604900+60x90"), At: "70m"},
			Quiet: Scenario{Series: one(`usher_people_oldest_seconds{status="waiting"}`, "500000+60x90"), At: "70m"},
		},
		{
			Name: "UsherParkedFlood", Severity: Ticket, For: "10m", Summary: "Many decisions name users who are not there: an upstream system uses other ids.",
			Expr:  `max(usher_people{status="parked"}) > 100`,
			Fires: Scenario{Series: one(`usher_people{status="parked"}`, "500x20"), At: "15m"},
			Quiet: Scenario{Series: one(`usher_people{status="parked"}`, "90x20"), At: "15m"},
		},
		{
			Name: "UsherProviderFails", Severity: Page, For: "5m", Summary: "More than half of the attempts at a provider fail.",
			Expr: `sum by (channel, provider) (increase(usher_notify_attempts_total{result!="accepted",reason!~"recipient_.*|mailbox_full|deferred|no_route|needs_smtputf8"}[15m]))
/ (sum by (channel, provider) (increase(usher_notify_attempts_total[15m])) >= 10) > 0.5`,
			Fires: Scenario{Series: [][2]string{
				{`usher_notify_attempts_total{channel="email",provider="smtp",result="retry",reason="transient"}`, "0+5x40"}, {`usher_notify_attempts_total{channel="email",provider="smtp",result="accepted",reason=""}`, "0+1x40"},
			}, At: "30m", Labels: map[string]string{"channel": "email", "provider": "smtp"}},
			Quiet: Scenario{Series: [][2]string{
				{`usher_notify_attempts_total{channel="email",provider="smtp",result="failed",reason="recipient_invalid"}`, "0+5x40"}, {`usher_notify_attempts_total{channel="email",provider="smtp",result="accepted",reason=""}`, "0+1x40"},
			}, At: "30m"},
		},
		{
			Name: "UsherProviderRefusesUs", Severity: Page, Summary: "A provider refuses usher itself: credentials, TLS, sender, credit or reputation.",
			Expr:  `max by (channel, provider, reason) (usher_notify_provider_paused{reason=~"config|sender_rejected|reputation"}) > 0`,
			Fires: Scenario{Series: one(`usher_notify_provider_paused{channel="sms",provider="twilio",reason="config"}`, "0 0 1x10"), At: "8m", Labels: map[string]string{"channel": "sms", "provider": "twilio", "reason": "config"}},
			Quiet: Scenario{Series: one(`usher_notify_provider_paused{channel="sms",provider="twilio",reason="rate_limited"}`, "0 0 1x10"), At: "8m"},
		},
		{
			Name: "UsherProviderRefusesAll", Severity: Page, Summary: "A provider refuses different recipients alike and accepts none: it is probably its own trouble, and not theirs.",
			Expr:  `max by (channel, provider) (usher_notify_provider_paused{reason="refused"}) > 0`,
			Fires: Scenario{Series: one(`usher_notify_provider_paused{channel="email",provider="smtp",reason="refused"}`, "0 0 1x10"), At: "8m", Labels: map[string]string{"channel": "email", "provider": "smtp"}},
			Quiet: Scenario{Series: one(`usher_notify_provider_paused{channel="email",provider="smtp",reason="transient"}`, "0 0 1x10"), At: "8m"},
		},
		{
			Name: "UsherNoRoute", Severity: Ticket, Summary: "A provider does not send to some recipients for us: a country, a route or SMTPUTF8 is missing.",
			Expr:  `sum by (channel, provider, reason) (increase(usher_notify_attempts_total{reason=~"no_route|needs_smtputf8"}[1h])) > 0`,
			Fires: Scenario{Series: one(`usher_notify_attempts_total{channel="sms",provider="twilio",result="failed",reason="no_route"}`, "0 0 0 1x10"), At: "10m", Labels: map[string]string{"channel": "sms", "provider": "twilio", "reason": "no_route"}},
			Quiet: Scenario{Series: one(`usher_notify_attempts_total{channel="sms",provider="twilio",result="failed",reason="recipient_invalid"}`, "0 0 0 1x10"), At: "10m"},
		},
		{
			Name: "UsherProviderPaused", Severity: Ticket, For: "15m", Summary: "A provider has taken no messages for a quarter of an hour: it is away, or its quota is used up.",
			Expr:  `max by (channel, provider, reason) (usher_notify_provider_paused{reason=~"rate_limited|transient|quota"}) > 0`,
			Fires: Scenario{Series: one(`usher_notify_provider_paused{channel="email",provider="smtp",reason="transient"}`, "1x40"), At: "20m", Labels: map[string]string{"channel": "email", "provider": "smtp", "reason": "transient"}},
			Quiet: Scenario{Series: one(`usher_notify_provider_paused{channel="email",provider="smtp",reason="transient"}`, "1 1 1 0x40"), At: "20m"},
		},
		{
			Name: "UsherLost", Severity: Page, Summary: "Something that was imported is not accounted for.",
			Expr:  `max by (kind) (usher_lost) > 0`,
			Fires: Scenario{Series: one(`usher_lost{kind="record"}`, "0 0 2x10"), At: "8m", Labels: map[string]string{"kind": "record"}},
			Quiet: Scenario{Series: one(`usher_lost{kind="record"}`, "0x20"), At: "8m"},
		},
		{
			Name: "UsherReconciliationStale", Severity: Ticket, For: "10m", Summary: "Imports were not compared with what became of them for six hours.",
			Expr:  `time() - max(usher_reconciled_timestamp_seconds) > 21600`,
			Fires: Scenario{Series: one(`usher_reconciled_timestamp_seconds`, "0x480"), At: "7h"},
			Quiet: Scenario{Series: one(`usher_reconciled_timestamp_seconds`, "0+60x480"), At: "7h"},
		},
		{
			Name: "UsherAccountsRefused", Severity: Page, Summary: "The account service is misconfigured; no user is activated.",
			Expr:  `sum by (target, step) (increase(usher_account_attempts_total{reason="config"}[15m])) > 0`,
			Fires: Scenario{Series: one(`usher_account_attempts_total{target="scim",step="activate",result="retry",reason="config"}`, "0 0 1x10"), At: "8m", Labels: map[string]string{"target": "scim", "step": "activate"}},
			Quiet: Scenario{Series: one(`usher_account_attempts_total{target="scim",step="activate",result="failed",reason="rejected"}`, "0 0 1x10"), At: "8m"},
		},
		{
			Name: "UsherCanaryStale", Severity: Page, For: "5m", Summary: "No canary user was welcomed for twenty minutes.",
			Expr:  `time() - max(usher_canary_last_success_timestamp_seconds) > 1200` + unlessPaused("intake|bridge|delivery"),
			Fires: Scenario{Series: one(`usher_canary_last_success_timestamp_seconds`, "0x60"), At: "40m"},
			Quiet: Scenario{Series: one(`usher_canary_last_success_timestamp_seconds`, "0+60x60"), At: "40m"},
		},
		{
			Name: "UsherTemporalLimits", Severity: Ticket, For: "5m", Summary: "Temporal refuses calls because of a limit.",
			Expr:  `sum by (cause) (rate(temporal_request_resource_exhausted_total[5m])) > 0.1`,
			Fires: Scenario{Series: one(`temporal_request_resource_exhausted_total{cause="RpsLimit"}`, "0+60x20"), At: "15m", Labels: map[string]string{"cause": "RpsLimit"}},
			Quiet: Scenario{Series: one(`temporal_request_resource_exhausted_total{cause="RpsLimit"}`, "0+1x20"), At: "15m"},
		},
		{
			Name: "UsherBlind", Severity: Ticket, For: "2m", Summary: "The gauges about NATS or the disk stand still.",
			// A look every five seconds: an election fails two of them. It ends two minutes
			// after looking works again.
			Expr:  `max by (instance) (increase(usher_sampler_errors_total[2m])) > 4`,
			Fires: Scenario{Series: one(`usher_sampler_errors_total{instance="a"}`, "0x5 10+10x30"), At: "10m", Labels: map[string]string{"instance": "a"}},
			Quiet: Scenario{Series: one(`usher_sampler_errors_total{instance="a"}`, "0 0 2x10 4x30"), At: "13m"},
			Over:  Scenario{Series: one(`usher_sampler_errors_total{instance="a"}`, "0+10x10 100x20"), At: "13m"},
		},

		{
			Name: "UsherStreamNearFull", Severity: Page, For: "5m", Summary: "A stream has used more than 80 % of its room; intake pauses when USERS is full.",
			Expr:  `max by (stream_name) (jetstream_stream_total_bytes / (jetstream_stream_limit_bytes > 0)) > 0.8`,
			Fires: Scenario{Series: [][2]string{{`jetstream_stream_total_bytes{stream_name="USERS"}`, "90x20"}, {`jetstream_stream_limit_bytes{stream_name="USERS"}`, "100x20"}}, At: "10m", Labels: map[string]string{"stream_name": "USERS"}},
			Quiet: Scenario{Series: [][2]string{{`jetstream_stream_total_bytes{stream_name="USERS"}`, "90x20"}, {`jetstream_stream_limit_bytes{stream_name="USERS"}`, "-1x20"}}, At: "10m"},
		},
		{
			Name: "UsherDiskNearFull", Severity: Page, For: "5m", Summary: "Less than a tenth of the disk of the data folder is free.",
			Expr:  `min by (instance) (usher_disk_free_bytes / (usher_disk_size_bytes > 0)) < 0.1`,
			Fires: Scenario{Series: [][2]string{{`usher_disk_free_bytes{instance="a"}`, "5x20"}, {`usher_disk_size_bytes{instance="a"}`, "100x20"}}, At: "10m", Labels: map[string]string{"instance": "a"}},
			Quiet: Scenario{Series: [][2]string{{`usher_disk_free_bytes{instance="a"}`, "50x20"}, {`usher_disk_size_bytes{instance="a"}`, "100x20"}}, At: "10m"},
		},
		{
			Name: "UsherCertificateEnds", Severity: Ticket, Summary: "A certificate ends within two weeks.",
			Expr:  `min by (peer) (usher_certificate_expiry_timestamp_seconds) - time() < 1209600`,
			Fires: Scenario{Series: one(`usher_certificate_expiry_timestamp_seconds{peer="smtp"}`, "864000x10"), At: "5m", Labels: map[string]string{"peer": "smtp"}},
			Quiet: Scenario{Series: one(`usher_certificate_expiry_timestamp_seconds{peer="smtp"}`, "8640000x10"), At: "5m"},
		},
	}
}
