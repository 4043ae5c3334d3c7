package doctor

import (
	"strings"
	"time"

	"usher/event"
)

func mute(f *Facts) string {
	if f.Temporal.Problem != "" {
		return "Temporal does not answer"
	}
	return ""
}

// nowhere skips what rests on the namespace.
func nowhere(f *Facts) string {
	if why := mute(f); why != "" {
		return why
	}
	if f.Temporal.NoNamespace || f.Temporal.NamespaceProblem != "" {
		return "the namespace was not seen"
	}
	return ""
}

var executes = needs("bridge", "worker")

// attributes are the search attributes that usher sets.
var attributes = []string{event.AttributeImport, event.AttributeSource}

var temporalChecks = []Check{
	{
		Code: "DR0401", Category: "Temporal", Title: "Temporal answers",
		Do:    "Start Temporal's frontend, or mend `--temporal-address`. Nothing is lost meanwhile: events wait in the streams.",
		looks: []string{"Temporal"}, skip: executes,
		judge: func(f *Facts, l *lines) {
			if l.say("%s", f.Temporal.Address); f.Temporal.Problem != "" && !f.Temporal.Refused {
				l.bad("%s: %s", f.Temporal.Address, f.Temporal.Problem)
			}
		},
	},
	{
		Code: "DR0402", Category: "Temporal", Title: "Temporal lets usher in",
		Do:    "Give usher the certificate or the API key that Temporal expects, as Temporal's own tools take it (`TEMPORAL_TLS…`, `TEMPORAL_API_KEY`).",
		looks: []string{"Temporal"}, skip: executes,
		judge: func(f *Facts, l *lines) {
			switch {
			case f.Temporal.Refused:
				l.bad("%s", f.Temporal.Problem)
			case f.Temporal.Problem != "":
				l.cannot("Temporal does not answer")
			}
		},
	},
	{
		Code: "DR0403", Category: "Temporal", Title: "Temporal is new enough",
		Do:    "Update Temporal, one minor version after the other, each time the schema first. usher is tested with 1.32.",
		looks: []string{"Temporal"}, skip: first(executes, mute),
		judge: func(f *Facts, l *lines) {
			if l.say("%s", f.Temporal.Version); older(f.Temporal.Version, leastTemporal) {
				l.warn("it is %s, and usher is not tested below %s", f.Temporal.Version, leastTemporal)
			}
		},
	},
	{
		Code: "DR0404", Category: "Temporal", Title: "the namespace is there",
		Do:    "Make it with `usher setup`, or with `temporal operator namespace create --namespace NAME --retention 720h`, or mend `--temporal-namespace`.",
		looks: []string{"Temporal's namespace"}, skip: first(executes, mute),
		judge: func(f *Facts, l *lines) {
			switch t := f.Temporal; {
			case t.NoNamespace:
				l.bad("there is no namespace %s", t.Namespace)
			case t.NamespaceProblem != "":
				l.bad("%s: %s", t.Namespace, t.NamespaceProblem)
			default:
				l.say("%s", t.Namespace)
			}
		},
	},
	{
		Code: "DR0405", Category: "Temporal", Title: "finished onboardings are kept long enough to be looked at",
		Do:    "`temporal operator namespace update --namespace NAME --retention 30d`. usher itself needs none of it: PEOPLE outlives it.",
		looks: []string{"Temporal's namespace"}, skip: first(executes, nowhere),
		judge: func(f *Facts, l *lines) {
			days := strings.TrimSuffix(f.Temporal.Retention.String(), "0m0s")
			if l.say("%s", days); f.Temporal.Retention < 72*time.Hour {
				l.warn("Temporal forgets them after %s: what ended on a Friday cannot be looked at on Monday", days)
			}
		},
	},
	{
		Code: "DR0406", Category: "Temporal", Title: "the search attributes are there",
		Do:    "`usher setup`, or `temporal operator search-attribute create --namespace NAME --name UsherImport --type Keyword --name UsherSource --type Keyword`.",
		looks: []string{"Temporal's namespace"}, skip: first(executes, nowhere),
		judge: func(f *Facts, l *lines) {
			if f.Temporal.AttributeProblem != "" {
				l.cannot("%s", f.Temporal.AttributeProblem)
				return
			}
			for _, name := range attributes {
				switch kind, there := f.Temporal.Attributes[name]; {
				case !there:
					l.bad("%s is missing: no onboarding can start", name)
				case kind != "Keyword":
					l.bad("%s is of type %s, and usher needs Keyword", name, kind)
				}
			}
		},
	},
	{
		Code: "DR0407", Category: "Temporal", Title: "our clock agrees with Temporal's",
		Do:    "Run a time service (chrony, systemd-timesyncd) on every machine. Without `--probe` the polls of workers tell Temporal's time to within a minute.",
		looks: []string{"task queues", "Temporal's clock"}, skip: first(executes, running, nowhere),
		judge: func(f *Facts, l *lines) { l.clock(f.Temporal.Clock, "Temporal") },
	},
	{
		Code: "DR0408", Category: "Temporal", Title: "the way to Temporal is encrypted",
		Do:    "Configure TLS as Temporal's own tools do (`TEMPORAL_TLS…`): payloads are encrypted by usher, but ids of people are not.",
		looks: []string{"Temporal"}, skip: first(executes, mute),
		judge: func(f *Facts, l *lines) {
			switch t := f.Temporal; {
			case t.TLS:
				l.ends(t.Address, t.CertEnds, f.Taken)
			case !t.Local:
				l.warn("%s is another machine, and ids of people cross the network in clear", t.Address)
			}
		},
	},
}

// polls is a check of one task queue.
func polls(code, queue, does string) Check {
	return Check{
		Code: code, Category: "workers", Title: "workers poll " + queue + ", " + does,
		Do:    "Start a worker (`usher worker`, or `usher up`) in the same namespace. Until one runs, what is due waits in Temporal.",
		looks: []string{"task queues"}, skip: first(executes, running, nowhere),
		judge: func(f *Facts, l *lines) {
			seen := false
			for _, q := range f.Temporal.Queues {
				if q.Name != queue {
					continue
				}
				seen = true
				switch {
				case q.Problem != "":
					l.cannot("%s", q.Problem)
					return
				case q.Pollers == 0:
					l.bad("none asks for %s tasks", q.Kind)
				}
			}
			if !seen {
				l.cannot("the queue was not looked at")
			}
		},
	}
}

var workerChecks = []Check{
	polls("DR0501", event.QueueOnboard, "where onboardings run"),
	polls("DR0502", event.QueueNotify, "where messages go out"),
	polls("DR0503", event.QueueReports, "where reports are made"),
	{
		Code: "DR0504", Category: "workers", Title: "the usher of this machine says that it is ready",
		Do:    "`/readyz?verbose` names the part that waits and for what; docs/runbook.md, UsherDegraded and UsherFailed.",
		looks: []string{"usher's own word"}, skip: running,
		judge: func(f *Facts, l *lines) {
			parts := strings.Join(f.Ops.Parts, "; ")
			switch {
			case !f.Ops.Asked:
				l.cannot("none answers at its ops address")
			case f.Ops.Problem != "":
				l.bad("%s", f.Ops.Problem)
			case f.Ops.State == "ok":
			case f.Ops.State == "degraded":
				l.warn("%s", parts)
			default:
				l.bad("%s: %s", f.Ops.State, parts)
			}
		},
	},
}
