package event

import (
	"fmt"
	"time"
)

// Person is the one compact record per user that outlives everything else: the
// value of KV PEOPLE under the user id. Without it a nightly full export, or a
// replay from the start of the streams, would welcome everybody again. It holds
// no e-mail, phone or name.
type Person struct {
	Source     string          `json:"source"`     // the inbox that first brought the user
	Generation int             `json:"generation"` // 1, and one more each time it is reopened
	Status     Status          `json:"status"`     // waiting until final
	Opened     Opened          `json:"opened"`
	Decided    *Decided        `json:"decided,omitempty"`
	Sends      map[string]Send `json:"sends,omitempty"` // by SendKey
}

// Opened says which event opened the generation.
type Opened struct {
	Identity
	Seq    uint64    `json:"seq"`    // in the stream of that event
	Stored time.Time `json:"stored"` // a generation ignores decisions stored before
}

// Decided says which event decided about the generation.
type Decided struct {
	Identity
	Verb string    `json:"verb"`
	By   string    `json:"by"` // Verification.By
	At   time.Time `json:"at"` // stored in JetStream
}

// SendState is how far one message to one user has come.
type SendState string

// The states of a send. A send without an entry was never close to being taken
// by a provider.
const (
	SendSubmitting SendState = "submitting" // about to be handed over
	SendAccepted   SendState = "accepted"   // the provider took it
	SendFailed     SendState = "failed"     // it surely did not go out and will not
	SendUnknown    SendState = "unknown"    // handed over, no answer: it may have gone out
)

// Send is the ledger's entry of one message. What was pinned at the first
// attempt stays the same at each later one, so that copies can be recognised.
type Send struct {
	State      SendState `json:"state"`
	Token      string    `json:"token,omitempty"` // of the attempt that wrote `submitting`
	Attempts   int       `json:"attempts"`        // that came as far as `submitting`
	Copies     int       `json:"copies,omitempty"`
	MessageID  string    `json:"message_id,omitempty"`
	Date       time.Time `json:"date"`
	Template   string    `json:"template,omitempty"` // name and version
	Locale     string    `json:"locale,omitempty"`
	Provider   string    `json:"provider,omitempty"`
	ProviderID string    `json:"provider_id,omitempty"`
	Reason     string    `json:"reason,omitempty"` // of failed and unknown; bounded set
	At         time.Time `json:"at"`               // of the last change
}

// SendKey is the ledger's key of a message: the same one each time it is tried.
// ordinal is 1, and one more each time an operator asks for it to be sent again.
func SendKey(generation int, purpose, channel string, ordinal int) string {
	return fmt.Sprintf("%d.%s.%s.%d", generation, purpose, channel, ordinal)
}
