package console

import (
	"slices"

	"usher/console/export"
	"usher/event"
)

const aboutKeys = "Any text of your own, as in the draft of the IETF. The same request with the same key of the same account is one request, on whichever console it comes; another request with it is refused (422)."

// pageOfUsers, and the types below, are answers that are no more than a list.
type pageOfUsers struct {
	Users      []User `json:"users"`
	NextCursor string `json:"next_cursor"`
}

type pageOfImports struct {
	Imports []Import `json:"imports"`
}

type pageOfOperations struct {
	Operations []BulkStanding `json:"operations"`
}

type pageOfResults struct {
	Users    []Result `json:"users"`
	NextFrom *int     `json:"next_from,omitempty"`
}

// bulkBegun is the answer to an operation that was taken, bulkDry to one that was not
// meant.
type bulkBegun struct {
	ID      string `json:"id"`
	Matched int    `json:"matched"`
}

type bulkDry struct {
	Matched  int            `json:"matched"`
	ByInbox  map[string]int `json:"by_inbox"`
	ByImport map[string]int `json:"by_import"`
}

// filterParameters are those of lists of people; a test holds them to filterOf.
func filterParameters() []parameter {
	statuses, ages := []string{}, []string{}
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, b := range ageBands {
		ages = append(ages, b.Name)
	}
	return []parameter{
		{name: "status", about: "only who has it", of: "", values: statuses},
		{name: "inbox", about: "only who came by it first", of: ""},
		{name: "import", about: "only who is in it", of: ""},
		{name: "age", about: "for how long they have had their status", of: "", values: ages},
		{name: "language", about: "of the locale; - is none", of: ""},
		{name: "by", about: "who decided, as SOURCE:ACTOR", of: ""},
		{name: "bulk", about: "id of an operation that was about them", of: ""},
		{name: "q", about: "each word begins a word of the person, or all of it is the id of an event; at most 10,000 people are listed", of: ""},
		{name: "sort", about: aboutSort, of: "", values: sorts},
		{name: "cursor", about: "next_cursor of the page before, with the same filters and sort", of: ""},
	}
}

// exportParameters are the filters of lists, and what a file has besides.
func exportParameters() []parameter {
	filters := slices.DeleteFunc(filterParameters(), func(p parameter) bool { return p.name == "sort" || p.name == "cursor" })
	return append([]parameter{
		{name: "format", about: "csv, with an apostrophe before what a spreadsheet would take for a formula, or jsonl", of: "", values: export.Formats},
		{name: "since", about: "only who has the status since then or later: a time such as 2026-11-30T09:00:00Z, or a day as YYYY-MM-DD in UTC", of: ""},
		{name: "after", about: "goes on behind this user_id, without titles: the last one of a file that broke off", of: ""},
	}, filters...)
}

// missedParameters are those of lists of messages.
func missedParameters(unknown bool) []parameter {
	ages := []string{}
	for _, b := range ageBands {
		ages = append(ages, b.Name)
	}
	out := []parameter{
		{name: "inbox", about: "only to people who came by it first", of: ""},
		{name: "import", about: "only to people who are in it", of: ""},
		{name: "channel", about: "only by it", of: "", values: []string{event.ChannelEmail, event.ChannelSMS}},
		{name: "age", about: "how long ago it ended so", of: "", values: ages},
		{name: "cursor", about: "next_cursor of the page before, with the same filters", of: ""},
	}
	if unknown {
		return out
	}
	reasons := []string{}
	for _, r := range event.DeliveryReasons {
		reasons = append(reasons, r.Name)
	}
	return append(out, parameter{name: "reason", about: "only those that failed for it", of: "", values: reasons}, parameter{name: "whose", about: "only those whose failure is the fault of so", of: "", values: faults()})
}

const aboutMissed = "Each is the latest welcome on its channel, of a person to whom it can be sent again."

// choreAnswers are those to what another role carries out.
func choreAnswers() map[int]answer {
	return map[int]answer{
		200: {about: "it is over", of: ChoreStanding{}},
		202: {about: "it goes on by itself", of: ChoreStanding{}},
	}
}

// exportTypes are the types of files.
var exportTypes = []string{"text/csv", "application/jsonl"}

const aboutExport = "In the order of user_id, and as it is when each row is written: who matches all the while is in it once. Each is in the trail."

const aboutSort = "age: who has had the status longest comes first; -age: last; name; id. The default is age with a status, else id: in these a person who matches all the while is listed once, whatever happens to others. A person whose status changes during a list by age without a status, or whose name during one by name, may be listed twice or not at all."

// operations has one for each route of the API. A document cannot be made without.
var operations = map[string]operation{
	"GET " + documentPath: {
		id: "getDocument", summary: "This document", about: "Needs no sign-in; it is the same at every installation of a version.",
		answers: map[int]answer{200: {about: "the document"}},
	},
	"GET /api/v1/users": {
		id: "listUsers", summary: "List people", query: filterParameters(),
		answers:  map[int]answer{200: {about: "50 people at most", of: pageOfUsers{}}},
		problems: []code{codeFilter, codeCursor, codeMasked},
	},
	"GET /api/v1/users/{user_id}": {
		id: "getUser", summary: "One person, with timeline and messages",
		answers:  map[int]answer{200: {about: "the person", of: User{}}},
		problems: []code{codeNoUser},
	},
	"POST /api/v1/users/{user_id}/decision": {
		id: "decide", summary: "Approve or reject", about: "Takes effect at once, without the window for undo of the pages.",
		keyed: true, body: Decision{},
		answers: map[int]answer{
			200: {about: "applied: it had its effect; or half: another person has to say the same", of: Answer{}},
			202: {about: "stored: it is durable, and was not answered yet", of: Answer{}},
			409: {about: "late: another decision was first; or refused: two others have to make it", of: Answer{}},
		},
		problems: []code{codeNoUser, codeDecision, codeSameRequest, codeKey},
	},
	"POST /api/v1/users/{user_id}/reveal": {
		id: "reveal", summary: "One person with all data, for a role that sees masked forms", about: "Each time is in the trail.",
		answers:  map[int]answer{200: {about: "the person", of: User{}}},
		problems: []code{codeNoUser},
	},
	"GET /api/v1/export": {
		id: "export", summary: "People as a file, without personal data", about: aboutExport, query: exportParameters(),
		answers:  map[int]answer{200: {about: "the file, streamed; one that broke off ends the connection", files: exportTypes}},
		problems: []code{codeFilter, codeSince, codeFormat},
	},
	"GET /api/v1/export/data": {
		id: "exportData", summary: "People as a file, with personal data", about: aboutExport, query: exportParameters(),
		answers:  map[int]answer{200: {about: "the file, streamed; one that broke off ends the connection", files: exportTypes}},
		problems: []code{codeFilter, codeSince, codeFormat},
	},
	"GET /api/v1/bulk": {
		id: "listOperations", summary: "List the newest decisions about many",
		answers: map[int]answer{200: {about: "the newest first", of: pageOfOperations{}}},
	},
	"POST /api/v1/bulk": {
		id: "decideMany", summary: "Approve or reject many", about: "Without status, user_ids or bulk it is about those who are not decided yet. It waits for the window for undo.",
		keyed: true, body: bulkRequest{},
		answers: map[int]answer{
			200: {about: "with dry_run: whom it would be about", of: bulkDry{}},
			202: {about: "the operation has begun", of: bulkBegun{}},
		},
		problems: []code{codeFilter, codeChoice, codeDecision, codeTooManyPeople, codeOtherNumber, codeTooManyOpen, codeNoRoom, codeSameRequest, codeKey},
	},
	"GET /api/v1/bulk/{id}": {
		id: "getOperation", summary: "How a decision about many stands",
		answers:  map[int]answer{200: {about: "how it stands", of: BulkStanding{}}},
		problems: []code{codeNoOperation},
	},
	"GET /api/v1/bulk/{id}/users": {
		id: "listResults", summary: "What became of each", query: []parameter{
			{name: "result", about: "only those; none: not answered yet", of: ""},
			{name: "from", about: "next_from of the page before", of: 0},
		},
		answers:  map[int]answer{200: {about: "1000 at most", of: pageOfResults{}}},
		problems: []code{codeNoOperation, codeCursor},
	},
	"POST /api/v1/bulk/{id}/cancel": {
		id: "cancelOperation", summary: "Leave out what is not sent yet",
		answers:  map[int]answer{200: {about: "how it stands", of: BulkStanding{}}},
		problems: []code{codeNoOperation, codeOver},
	},
	"POST /api/v1/bulk/{id}/undo": {
		id: "undoOperation", summary: "Take all back, while nothing is sent",
		answers:  map[int]answer{200: {about: "how it stands", of: BulkStanding{}}},
		problems: []code{codeNoOperation, codeOver, codeSends},
	},
	"GET /api/v1/deadletters": {
		id: "listDeadLetters", summary: "List messages that could not be used", query: []parameter{
			{name: "stream", about: "only those of it", of: "", values: []string{event.StreamUsers, event.StreamVerifications}},
			{name: "reason", about: "only those with it", of: "", values: event.Reasons()},
			{name: "cursor", about: "next_cursor of the page before", of: ""},
		},
		answers:  map[int]answer{200: {about: "200 at most, the newest first", of: pageOfLetters{}}},
		problems: []code{codeCursor},
	},
	"POST /api/v1/deadletters": {
		id: "doWithDeadLetters", summary: "Send dead letters again, or drop them", about: "The bridge does it. The same request with the same key tells how far it is.",
		keyed: true, body: lettersRequest{}, answers: choreAnswers(),
		problems: []code{codeNoLetter, codeChore, codeKey, codeTooMuch},
	},
	"GET /api/v1/failed": {
		id: "listFailed", summary: "List messages that failed", about: aboutMissed, query: missedParameters(false),
		answers:  map[int]answer{200: {about: "200 at most, the oldest first", of: pageOfMissed{}}},
		problems: []code{codeFilter, codeCursor},
	},
	"POST /api/v1/failed": {
		id: "resendFailed", summary: "Send failed messages again", about: "The bridge orders it. A message after which another one was sent, or whose person was withdrawn or reopened, is left out when it is done. The same request with the same key tells how far it is.",
		keyed: true, body: missedRequest{}, answers: choreAnswers(), problems: []code{codeNoUser, codeChore, codeKey, codeTooMuch},
	},
	"GET /api/v1/unknown": {
		id: "listUnknown", summary: "List messages of which it is not known whether they went out", about: aboutMissed, query: missedParameters(true),
		answers:  map[int]answer{200: {about: "200 at most, the oldest first", of: pageOfMissed{}}},
		problems: []code{codeFilter, codeCursor},
	},
	"POST /api/v1/unknown": {
		id: "resolveUnknown", summary: "Say that messages arrived, or send them again", about: "A person may get a message twice that is sent again. The bridge or the worker does it. The same request with the same key tells how far it is.",
		keyed: true, body: missedRequest{}, answers: choreAnswers(), problems: []code{codeNoUser, codeChore, codeKey, codeTooMuch},
	},
	"GET /api/v1/stuck": {
		id: "listStuck", summary: "List people whose onboarding does not go on", about: "Decisions that came before their user, and runs that have been making an account or sending for more than ten minutes; 100 of each at most, the longest first.",
		answers: map[int]answer{200: {about: "both kinds", of: pageOfStuck{}}},
	},
	"GET /api/v1/imports": {
		id: "listImports", summary: "List the newest files",
		answers: map[int]answer{200: {about: "1000 at most, the newest first", of: pageOfImports{}}},
	},
	"POST /api/v1/imports/{import}/release": {
		id: "release", summary: "Let a held file go, or give it back", body: releaseRequest{},
		answers:  map[int]answer{200: {about: "it goes on in a moment", of: released{}}},
		problems: []code{codeNoImport, codeNotHeld, codeFileChanged},
	},
}

// abouts says what properties mean.
var abouts = map[string]string{
	"User.status":        "where the onboarding is; empty before anything is known of it",
	"User.since":         "when that status began",
	"User.source":        "the inbox that first brought the person",
	"User.line":          "in the file",
	"User.generation":    "1, and one more each time the onboarding is reopened; 0 before it began",
	"User.decided_by":    "as SOURCE:ACTOR",
	"User.timeline":      "of one person only",
	"User.messages":      "of one person only: what became of each message",
	"User.messages_away": "why messages cannot be told now",
	"User.trouble":       "why the account cannot be used yet",
	"User.half":          "decisions that wait for a second person's",
	"User.masked":        "personal data is shown as masked forms",

	"Entry.id":     "the same each time the fact is told",
	"Entry.n":      "the place among the facts of a generation; 0 moves nothing",
	"Entry.reason": "of the decision, else of the fact",
	"Entry.why":    "of a decision that does not count, and of a record that made one void",
	"Entry.actor":  "who decided, as the sender says",
	"Entry.via":    "how the actor signed in at the console",

	"Decision.decision": "approved or rejected",
	"Decision.reason":   "which a rejection needs: free text, or one of the codes of the installation",
	"Decision.note":     "free text",

	"Answer.result":       "applied, half (one of the two that are needed), refused (it does not count), late, stored, pending or undone",
	"Answer.status":       "of the user",
	"Answer.undo_seconds": "for how long a pending decision can be taken back; never of the API",

	"BulkRequest.status":   "of whom it is about; also q, inbox, import, age, language, by as in the list of users",
	"BulkRequest.bulk":     "an earlier operation",
	"BulkRequest.user_ids": "people one by one",
	"BulkRequest.dry_run":  "only count",
	"BulkRequest.expect":   "refuse when another number matches",

	"BulkStanding.matched":  "how many people it is about",
	"BulkStanding.sent":     "decisions that are published",
	"BulkStanding.applied":  "those that had their effect",
	"BulkStanding.half":     "those that are one of the two that are needed",
	"BulkStanding.late":     "those before which another decision was made",
	"BulkStanding.failed":   "those that can have no effect",
	"BulkStanding.starts":   "until then it can be undone",
	"BulkStanding.ended_by": "who cancelled it or took it back",
	"BulkStanding.trouble":  "why it does not go on now",

	"BulkDry.by_inbox":  "how many of each inbox",
	"BulkDry.by_import": "how many of each import",

	"Result.n":       "the place in the operation",
	"Result.user_id": "left out when the person was forgotten",
	"Result.result":  "applied, half, late, failed; parked or empty while there is none",

	"PageOfUsers.next_cursor": "empty on the last page",
	"PageOfResults.next_from": "left out on the last page",

	"Import.import":       "its id",
	"Import.record":       "the last one that was dealt with",
	"Import.done":         "nothing more happens",
	"Import.percent":      "of the step that state says",
	"Import.rate":         "rows a second",
	"Import.left_seconds": "until that step is done",
	"Import.code":         "of a file that was refused whole",
	"Import.reason":       "why it waits, or was refused",
	"Import.errors":       "refused rows by code",
	"Import.next":         "what the operator does now",
	"Import.sha256":       "of a file that is held",
	"Import.uploaded_by":  "who gave it at the console",

	"PageOfStuck.parked":     "decisions without their user, and people reopened without a record",
	"PageOfStuck.parked_all": "how many there are",
	"PageOfStuck.runs":       "runs that wait",
	"PageOfStuck.runs_all":   "how many there are",
	"Stuck.since":            "when the status began",
	"Stuck.why":              "a sentence, without personal data",
	"Stuck.do":               "what helps",
	"Stuck.next":             "when it is tried again",

	"Missed.message":           "its name, with the user_id; 1.welcome.email.1 is the first welcome by e-mail",
	"Missed.at":                "when it ended so",
	"Missed.status":            "of the user",
	"PageOfMissed.matched":     "how many match, on all pages",
	"PageOfMissed.by_channel":  "how many of these on each channel",
	"PageOfMissed.by_inbox":    "how many of these of each inbox",
	"PageOfMissed.next_cursor": "empty on the last page",
	"MissedRequest.do":         "resend; of an unknown outcome also arrived",
	"MissedRequest.messages":   "1000 at most",
	"About.message":            "its name, as the list has it",

	"DeadLetter.sequence":        "of the message in its stream",
	"DeadLetter.cause":           "a sentence, without personal data",
	"PageOfLetters.next_cursor":  "empty on the last page",
	"LettersRequest.do":          "replay or drop",
	"LettersRequest.deadletters": "their numbers, 1000 at most",
	"ChoreStanding.items":        "how many it is about",
	"ChoreStanding.gone":         "those that were there no more",
	"ChoreStanding.unable":       "those that cannot be done",
	"ChoreStanding.failed":       "why, by number or name, of the first 20 of these",
	"ChoreStanding.over":         "nothing is left to do",

	"ReleaseRequest.sha256": "of the bytes that were looked at; 409 when others are held now",
	"ReleaseRequest.refuse": "give the file back",
	"Released.result":       "released or refused",

	"Problem.type":     "urn:usher:problem: and the code",
	"Problem.instance": "the path of the request",
	"Problem.code":     "of the kind of problem; it stays",
	"Problem.error":    "detail once more, as before there were problem details",
	"Problem.matched":  "of other_number: how many match now",
}
