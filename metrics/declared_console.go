package metrics

import "usher/event"

// Console.
var (
	people = Metric{
		Name: "usher_people", Kind: Gauge, Unit: "users", Role: "console",
		Help:   "Users by status. Several consoles each export it: take the max.",
		Labels: []Label{{Name: "status", Values: statuses}},
	}
	peopleOldest = Metric{
		Name: "usher_people_oldest_seconds", Kind: Gauge, Unit: "seconds", Role: "console",
		Help:   "Longest time any user has spent in a non-final status so far; 0 when there is none.",
		Labels: []Label{{Name: "status", Values: []string{string(event.StatusParked), string(event.StatusWaiting), string(event.StatusApproved), string(event.StatusActive)}}},
	}
	deadLetters = Metric{
		Name: "usher_deadletters", Kind: Gauge, Unit: "messages", Role: "bridge",
		Help:   "Dead letters kept, by the stream they came from and why.",
		Labels: []Label{{Name: "stream", Values: deadStreams}, {Name: "reason", Values: deadReasons}},
	}
	deadLettersOldest = Metric{
		Name: "usher_deadletters_oldest_seconds", Kind: Gauge, Unit: "seconds", Role: "bridge",
		Help: "Age of the oldest dead letter kept; 0 when there is none.",
	}
)

// auditFailures is a gap in the record of who did what.
var auditFailures = Metric{
	Name: "usher_audit_failures_total", Kind: Counter, Unit: "records", Role: "console",
	Help: "Records of who did what that could not be stored; what was done stays done.",
}

// Decisions about many.
var (
	bulkOpen = Metric{
		Name: "usher_bulk_operations", Kind: Gauge, Unit: "operations", Role: "console",
		Help:   "Decisions about many people that are not over. Several consoles each export it: take the max.",
		Labels: []Label{{Name: "state", Values: []string{"waiting", "running"}}},
	}
	bulkEnded = Metric{
		Name: "usher_bulk_ended_total", Kind: Counter, Unit: "operations", Role: "console",
		Help:   "Decisions about many people that ended, by how.",
		Labels: []Label{{Name: "state", Values: []string{"done", "cancelled", "undone"}}},
	}
	bulkDecisions = Metric{
		Name: "usher_bulk_decisions_total", Kind: Counter, Unit: "events", Role: "console",
		Help: "Decisions that operations about many people have sent.",
	}
	bulkErrors = Metric{
		Name: "usher_bulk_errors_total", Kind: Counter, Unit: "tries", Role: "console",
		Help: "Times that NATS did not take the decisions of an operation; they are sent again.",
	}
)

// The head of the trail, to be kept apart from it.
var (
	auditHead = Metric{
		Name: "usher_audit_head_seq", Kind: Gauge, Unit: "entries", Role: "console",
		Help: "Place of the last entry of the trail of who did what that this console has written or seen at its start.",
	}
	auditHeadHash = Metric{
		Name: "usher_audit_head_hash", Kind: Gauge, Unit: "none", Role: "console",
		Help: "First 48 bits of the hash of that entry, as a number: the first 12 hexadecimal digits.",
	}
)

// Files that people bring to the console.
var (
	uploadsTotal = Metric{
		Name: "usher_uploads_total", Kind: Counter, Unit: "files", Role: "console",
		Help:   "Files that people brought to the console, by what was done with them; failed ones broke off or had no room.",
		Labels: []Label{{Name: "result", Values: []string{"received", "failed", "checked", "imported", "discarded", "expired"}}},
	}
	uploadBytes = Metric{
		Name: "usher_upload_bytes_total", Kind: Counter, Unit: "bytes", Role: "console",
		Help: "Size of the files that were received.",
	}
	uploadsWaiting = Metric{
		Name: "usher_uploads_waiting", Kind: Gauge, Unit: "files", Role: "console",
		Help: "Files that were received and are not given to an inbox yet; each is removed after an hour.",
	}
)
