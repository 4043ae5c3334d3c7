package event

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Streams, buckets and consumers on JetStream. docs/contract.md lists them.
const (
	StreamUsers         = "USERS"
	StreamVerifications = "VERIFICATIONS"
	StreamOnboarding    = "ONBOARDING"
	StreamDeadLetters   = "DEADLETTERS"
	StreamAudit         = "AUDIT"

	BucketPeople  = "PEOPLE"
	BucketConsole = "CONSOLE"
	BucketReports = "REPORTS"

	BucketDelivery = "DELIVERY"

	BucketControl = "CONTROL"

	ConsumerUsers         = "bridge-users"
	ConsumerVerifications = "bridge-verifications"
)

// MetaBirth is the metadata of a stream that says when it was made (RFC 3339). The
// time that a server says changes when the stream is restored from a backup.
const MetaBirth = "usher-born"

// Birth is when a stream was made, of its metadata and of when its server says that
// it was created.
func Birth(metadata map[string]string, created time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, metadata[MetaBirth]); err == nil {
		return at
	}
	return created
}

// SourceCanary is the inbox of canary users: they go the whole way, and no figure
// about people counts them.
const SourceCanary = "canary"

// CanaryKept is how long streams keep what is about a canary user.
const CanaryKept = time.Hour

// NewCanaryID is a user id for a canary user. No other has one that begins so, and a
// server can tell by the subject of its record that it is one.
func NewCanaryID() string { return SourceCanary + "." + NewID() }

// IsCanary tells whether a user is a canary.
func IsCanary(userID string) bool { return strings.HasPrefix(userID, SourceCanary+".") }

// Names on Temporal.
const (
	WorkflowOnboard = "Onboard"

	QueueOnboard = "usher-onboard"
	QueueNotify  = "usher-notify"
	QueueReports = "usher-reports"

	SignalVerification = "verification"
	SignalUser         = "user"
	SignalWithdraw     = "withdraw"
	QueryStatus        = "status"

	AttributeImport = "UsherImport"
	AttributeSource = "UsherSource"
)

// Channels a welcome goes out on.
const (
	ChannelEmail = "email"
	ChannelSMS   = "sms"
)

// Purposes of messages to a user.
const (
	PurposeWelcome  = "welcome"
	PurposeRejected = "rejected" // says so politely, when the inbox asks for it
)

// Sources that usher itself speaks as.
const (
	SourceInbox    = "inbox"
	SourceConsole  = "console"
	SourceCLI      = "cli"
	SourceTemporal = "temporal" // a run that was cancelled there; no subject has it
)

// Verbs of a verification event: the last token of its subject.
const (
	VerbApproved  = "approved"
	VerbRejected  = "rejected"
	VerbWithdrawn = "withdrawn"
	VerbReopened  = "reopened"
	VerbResend    = "resend"
	VerbUndone    = "undone" // of a decision that has not taken effect yet
)

// WorkflowID is the id of the one workflow of a user.
func WorkflowID(userID string) string { return "onboard-" + userID }

// ImportedSubject is where the records of an inbox are published.
func ImportedSubject(source string) string { return "users.v1.imported." + source }

// CheckpointSubject is where the progress of one file is kept. digest is the
// lower-case hexadecimal SHA-256 of the file's bytes.
func CheckpointSubject(source, digest string) string {
	return "users.v1.checkpoint." + source + "." + digest
}

// VerificationSubject is where source says verb about a user.
func VerificationSubject(source, verb string) string {
	return "verifications.v1." + source + "." + verb
}

// FactSubject is where facts of one kind about a user are published. Its last token
// is one of 256, so that the facts of one user are found without reading all, and
// the server need not know a subject for each user.
func FactSubject(kind, userID string) string { return factSubject + kind + "." + shard(userID) }

const factSubject = "onboarding.v1."

// shard is the first byte of the SHA-256 of a user id, in lower-case hexadecimal.
func shard(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return hex.EncodeToString(sum[:1])
}

// FactsOf selects the facts about a user, among those of some others. Facts that
// were published before their subjects told the shard are selected all.
func FactsOf(userID string) []string {
	return []string{factSubject + "*", factSubject + "*." + shard(userID)}
}

// FactsOfKind selects the facts of one kind, also from before their subjects told
// the shard.
func FactsOfKind(kind string) []string {
	return []string{factSubject + kind, factSubject + kind + ".*"}
}

// DeadLetterSubject is where messages of stream that cannot be used are kept.
func DeadLetterSubject(stream, reason string) string {
	return "deadletters.v1." + stream + "." + reason
}

// ParseDeadLetterSubject tells where a dead letter came from and why it is one;
// ok is false for any other subject.
func ParseDeadLetterSubject(subject string) (stream, reason string, ok bool) {
	rest, ok := strings.CutPrefix(subject, "deadletters.v1.")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}
