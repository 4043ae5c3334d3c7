package account

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"usher/event"
	"usher/webhook"
)

// signedWebhook tells any service in one request what to do about an account. It is
// signed as https://www.standardwebhooks.com/ says, for which there are libraries
// in every language.
type signedWebhook struct {
	caller
	url  string
	key  webhook.Key
	undo string
}

func newWebhook(c Config, u *url.URL) (*signedWebhook, error) {
	key, err := webhook.NewKey(c.Secret)
	return &signedWebhook{newCaller(c.Limit), u.String(), key, c.Undo}, err
}

func (*signedWebhook) Name() string { return Webhook }

// message is the body of a request. The same step has the same bytes each time.
type message struct {
	Type string `json:"type"` // account.activate, account.deactivate or account.delete
	Data any    `json:"data"`
}

type activation struct {
	UserID     string            `json:"user_id"`
	Name       string            `json:"name,omitempty"`
	GivenName  string            `json:"given_name,omitempty"`
	FamilyName string            `json:"family_name,omitempty"`
	Email      string            `json:"email,omitempty"`
	Phone      string            `json:"phone,omitempty"`
	Locale     string            `json:"locale,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

type deactivation struct {
	UserID string `json:"user_id"`
	ID     string `json:"id,omitempty"` // from the answer to account.activate
}

// mostID bounds the id that an answer may give an account, in bytes.
const mostID = 256

// Activate implements Target. The answer may hold {"id":"…","created":true}; a
// webhook that says nothing is asked to deactivate, never to delete.
func (w *signedWebhook) Activate(ctx context.Context, key string, u event.User) (Account, error) {
	a, err := w.post(ctx, key, "activate", activation{u.UserID, u.Name, u.GivenName, u.FamilyName, u.Email, u.Phone, u.Locale, u.Attributes})
	if err != nil {
		return Account{}, err
	}
	var said struct {
		ID      string `json:"id"`
		Created bool   `json:"created"`
	}
	if json.Unmarshal(a.body, &said) != nil || len(said.ID) > mostID {
		return Account{}, nil // "OK" is an answer too
	}
	return Account{ID: said.ID, Created: said.Created}, nil
}

// Deactivate implements Target.
func (w *signedWebhook) Deactivate(ctx context.Context, key, userID string, a Account) error {
	step := "deactivate"
	if w.undo == UndoDelete && a.Created {
		step = "delete"
	}
	_, err := w.post(ctx, key, step, deactivation{userID, a.ID})
	return err
}

// post makes one signed request. By its key a receiver can tell a repetition from
// a new wish.
func (w *signedWebhook) post(ctx context.Context, key, step string, data any) (answer, error) {
	body := encode(message{"account." + step, data})
	header := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}}
	if err := w.key.Sign(header, key, time.Now(), body); err != nil {
		return answer{}, fmt.Errorf("sign the request: %w", err)
	}
	a, err := w.call(ctx, http.MethodPost, w.url, header, body)
	if err == nil && !a.ok() {
		err = answered(a.status, a.header, "")
	}
	return a, err
}
