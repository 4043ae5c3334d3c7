package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Suppression says why an address gets no more messages. It is kept under the
// address's hash and holds no address.
type Suppression struct {
	Channel string    `json:"channel"`
	Reason  string    `json:"reason"`            // recipient_invalid, recipient_blocked or operator
	By      string    `json:"by"`                // "provider", "receipt" or "operator"
	Message string    `json:"message,omitempty"` // Message-ID of the one that was refused or bounced
	At      time.Time `json:"at"`
}

// SuppressedByOperator is the reason of an operator's own entry.
const SuppressedByOperator = "operator"

// Address is the hash by which an address of a channel is known where the address
// itself must not be kept.
func (k Key) Address(channel, address string) string {
	if channel == ChannelEmail {
		address = NormalizeEmail(address)
	}
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte("address\x00" + channel + "\x00" + address))
	return lowerBase32.EncodeToString(mac.Sum(nil))[:26]
}

// Seal is a short proof that text comes from a holder of the key.
func (k Key) Seal(text string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte("seal\x00" + text))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Reference says which message a provider's receipt is about.
type Reference struct {
	UserID  string `json:"user_id"`
	Key     string `json:"key"` // SendKey
	Channel string `json:"channel"`
	Address string `json:"address"` // Key.Address
}

// Receipt is what a provider says later of a message that it took.
type Receipt struct {
	ID     string    `json:"id"` // the provider's, or the local part of the Message-ID
	State  SendState `json:"state"`
	Reason string    `json:"reason,omitempty"` // of bounced; bounded set
	Code   string    `json:"code,omitempty"`   // as the provider has it
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // the person who says so, when no provider does

	// Refusal tells that it may be about a try which the answer refuses too, and says
	// whose fault that is.
	Refusal bool `json:"refusal,omitempty"`
}
