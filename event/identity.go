package event

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Identity is what makes two messages the same event: who says it, by its
// subject, and the id that it was given. The same identity has one effect,
// however often and however late it comes.
type Identity struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

func (i Identity) String() string { return i.Source + "/" + i.ID }

// RequestID is the identity as Temporal's request id: a UUID (version 8, RFC
// 9562) of a hash, the same for each delivery of the event.
func (i Identity) RequestID() string {
	b := sha256.Sum256([]byte("usher request\x00" + i.String()))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Position is where JetStream keeps a message.
type Position struct {
	Stream  string
	Created time.Time // Birth of the stream: one made anew counts from 1 again
	Seq     uint64
	Stored  time.Time // JetStream's clock, never a sender's
}

// Identify finds the identity of an event: ce-id, else Nats-Msg-Id, else its
// place in the stream. ceID and msgID may be empty.
func Identify(source, ceID, msgID string, at Position) Identity {
	for _, id := range []string{ceID, msgID} {
		if id != "" {
			return Identity{source, SafeID(id)}
		}
	}
	return Identity{source, fmt.Sprintf("%d-%d", at.Created.UnixNano(), at.Seq)}
}

// SafeID returns a sender's id as it may stand in facts, logs and status pages:
// unchanged when it has at most 128 characters of A-Z a-z 0-9 _ - . : and
// otherwise "h-" and a hash, because ids made of addresses exist.
func SafeID(id string) string {
	safe := len(id) > 0 && len(id) <= 128
	for _, r := range id {
		safe = safe && (isWord(r) || r == '.' || r == ':')
	}
	if safe {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "h-" + lowerBase32.EncodeToString(sum[:])[:26]
}
