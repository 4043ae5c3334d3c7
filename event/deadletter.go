package event

import "time"

// Headers that a dead letter carries beside its original ones.
const (
	HeaderStream   = "Usher-Stream"
	HeaderSequence = "Usher-Sequence"
	HeaderSubject  = "Usher-Subject"
	HeaderReason   = "Usher-Reason"
	HeaderCause    = "Usher-Cause"
	HeaderTime     = "Usher-Time"
	HeaderEventID  = "Usher-Event-Id"

	// HeaderOriginal stands before the name of an original header that JetStream
	// or a client would act on if the dead letter had it.
	HeaderOriginal = "Usher-Original-"
)

// Reasons of dead letters: the last token of their subject.
const (
	ReasonMalformed   = "malformed"        // cannot be read
	ReasonDenied      = "denied"           // this source may not say this
	ReasonConflict    = "user_id_conflict" // the user_id belongs to another inbox
	ReasonUnknownUser = "unknown_user"     // the user never came
	ReasonExhausted   = "exhausted"        // gave up after the last delivery
	ReasonRefused     = "refused"          // Temporal will not take it
	ReasonNoRecord    = "no_record"        // the user's record is no longer kept
)

// ReplayPrefix begins the Nats-Msg-Id of a dead letter that is sent again.
const ReplayPrefix = "replay-"

// Reasons lists them.
func Reasons() []string {
	return []string{ReasonMalformed, ReasonDenied, ReasonConflict, ReasonUnknownUser, ReasonExhausted, ReasonRefused, ReasonNoRecord}
}

// DeadLetter is a message that cannot be used, and why.
type DeadLetter struct {
	Stream   string
	Consumer string // who gave up on it
	Sequence uint64
	EventID  string // of its identity; "" when that is not known
	Subject  string
	Header   map[string][]string
	Data     []byte
	Stored   time.Time
	Reason   string
	Cause    string // a sentence for a person, without personal data
}
