// Package webhook signs requests as https://www.standardwebhooks.com says, and checks
// requests that are signed so. Receivers in every language have a library for it. A
// request that is sent again has the same id, by which its receiver knows it.
package webhook

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// prefix marks the secrets of Standard Webhooks.
const prefix = "whsec_"

// Key signs requests.
type Key struct{ sign *standardwebhooks.Webhook }

// NewKey takes a secret: whsec_ and base64 of 24 to 64 bytes, the bounds of Standard
// Webhooks.
func NewKey(secret string) (Key, error) {
	key, err := decode(secret)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return Key{}, errors.New("the secret that signs webhooks must be whsec_ and 24 to 64 random bytes in base64: make one with `echo whsec_$(openssl rand -base64 32)`")
	}
	sign, err := standardwebhooks.NewWebhookRaw(key)
	return Key{sign}, err
}

func decode(secret string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, prefix))
}

// IsZero reports whether there is no key, so that nothing is to be signed.
func (k Key) IsZero() bool { return k.sign == nil }

// Sign sets the three headers of a request.
func (k Key) Sign(h http.Header, id string, at time.Time, body []byte) error {
	signature, err := k.sign.Sign(id, at, body)
	if err != nil {
		return err
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

// Genuine reports whether a request was signed with the secret in the last five
// minutes. The secret is the sender's choice, so it may have any length but none.
func Genuine(secret string, h http.Header, body []byte) bool {
	key, err := decode(secret)
	if err != nil || len(key) == 0 {
		return false
	}
	sign, err := standardwebhooks.NewWebhookRaw(key)
	return err == nil && sign.Verify(body, h) == nil
}
