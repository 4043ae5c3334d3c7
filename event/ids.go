package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/ksuid"
)

// MaxUserID is the longest user_id in bytes.
const MaxUserID = 128

// ErrUserID is wrapped by every error of CheckUserID.
var ErrUserID = errors.New("not a usable user_id")

// CheckUserID reports why id cannot be a user_id, or nil. A user_id has 1 to 128
// characters of A-Z a-z 0-9 _ - . with no dot at either end and no two dots in a
// row: it is a JetStream key and part of a workflow id as it stands.
func CheckUserID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: it is empty", ErrUserID)
	case len(id) > MaxUserID:
		return fmt.Errorf("%w: it has %d characters, at most %d are allowed", ErrUserID, len(id), MaxUserID)
	case id[0] == '.' || id[len(id)-1] == '.' || strings.Contains(id, ".."):
		return fmt.Errorf("%w: no dot at either end and no two dots in a row", ErrUserID)
	}
	for _, r := range id {
		if !isWord(r) && r != '.' {
			return fmt.Errorf("%w: only A-Z a-z 0-9 _ - . are allowed", ErrUserID)
		}
	}
	return nil
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// CheckSource reports why name cannot be the name of an inbox or another event
// source, or nil: 1 to 64 lower-case letters, digits and dashes.
func CheckSource(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("source %q: 1 to 64 characters are needed", name)
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Errorf("source %q: only lower-case letters, digits and - are allowed", name)
		}
	}
	return nil
}

// A Key derives user ids for people whose record brings none. It is a secret:
// who holds it can test whether an address is known.
type Key []byte

// MinKey is the least length of a Key in bytes.
const MinKey = 16

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// UserID derives the user id of an e-mail address, however it is written, or of a
// phone number in E.164 when there is no address: "u-" and 26 characters of
// HMAC-SHA-256.
func (k Key) UserID(email, phone string) string {
	mac := hmac.New(sha256.New, k)
	if email != "" {
		mac.Write([]byte("email\x00" + NormalizeEmail(email)))
	} else {
		mac.Write([]byte("phone\x00" + phone))
	}
	return "u-" + lowerBase32.EncodeToString(mac.Sum(nil))[:26]
}

// Fingerprint identifies the key without giving it away. It is kept on the
// servers, so that a process with another key is refused.
func (k Key) Fingerprint() string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte("usher key fingerprint"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Sign vouches for some words: who does not hold the key cannot make the signature, in
// lower-case hexadecimal. what tells one use of signatures from another.
func (k Key) Sign(what string, words ...string) string {
	mac := hmac.New(sha256.New, k)
	fmt.Fprintf(mac, "sign\x00%s", what)
	for _, w := range words {
		fmt.Fprintf(mac, "\x00%d:%s", len(w), w)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// RecordID is the id of the event of one record: a KSUID with the import's time
// and a hash of the file's digest and the record's number, so that a record that
// is published again within one import has the same id.
func RecordID(imported time.Time, digest string, record int) string {
	h := sha256.New()
	h.Write([]byte(digest))
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(record))
	h.Write(n[:])
	id, err := ksuid.FromParts(imported, h.Sum(nil)[:16])
	if err != nil {
		panic("event: 16 bytes make a KSUID: " + err.Error())
	}
	return id.String()
}

// NewID returns a fresh KSUID for an event that has no natural identity.
func NewID() string { return ksuid.New().String() }

// FactID is the id of a fact: the same fact published again has the same id.
func FactID(userID string, generation, n int, kind, eventID string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s\x00%s", userID, generation, n, kind, eventID))
	return lowerBase32.EncodeToString(sum[:])[:26]
}
