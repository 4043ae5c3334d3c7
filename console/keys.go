package console

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"usher/console/bulk"
	"usher/event"
)

// A program may give a request a key of its own (Idempotency-Key, as the draft of the
// IETF has it). The key and the account make the id of the event, or of the operation,
// so the streams remember it for every console: JetStream refuses a second event with
// the id for ten minutes; the read model knows the decision for as long as VERIFICATIONS
// keeps it; and the run of a user takes an event once, whatever came between.

// errKey is about a key that came with another request before.
var errKey = errors.New("this Idempotency-Key came with another request before; give each request a key of its own")

// keyOf is the key of a request, "" for none. The draft writes it in quotes; it is the
// same key without them.
func keyOf(r *http.Request) string {
	key := r.Header.Get("Idempotency-Key")
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(key[1 : len(key)-1])
	}
	return key
}

// keyedID is the id of what a request with a key makes; without a key each is new.
func keyedID(key, actor, what string) string { return eventIDOf(key, actor, what) }

// fingerprint tells one request with a key from another; "" without a key. The key,
// which is stored nowhere, is in it, so that what was searched for cannot be guessed.
func fingerprint(key string, request any) string {
	if key == "" {
		return ""
	}
	b, err := json.Marshal(request)
	if err != nil {
		panic("console: requests can be marshalled: " + err.Error())
	}
	h := sha256.Sum256([]byte(key + "\x00" + string(b)))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// saidBefore tells whether the read model has a decision with this id. One that says
// something else is errKey.
func (k *Console) saidBefore(ctx context.Context, eventID, verb string, data []byte) (bool, error) {
	was, there, err := k.model.said(ctx, eventID)
	if err != nil || !there {
		return false, err
	}
	now, err := parseSpoken(data)
	if err == nil && was != (said{now.UserID, verb, now.Reason, now.Note}) {
		err = errKey
	}
	return true, err
}

// isSame is saidBefore of an event that JetStream has, for which the read model gets a
// moment. While it does not say, the same request may be another one.
func (k *Console) isSame(ctx context.Context, w waiter, eventID, verb string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, k.Answer)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		there, err := k.saidBefore(ctx, eventID, verb, data)
		if there || err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-w.read:
		case <-again.C: // it may have been read before the wait began
		case <-ctx.Done():
			return bulk.ErrTwice
		}
	}
}

// said is what a decision of the console says.
type said struct{ userID, verb, reason, note string }

// said is the decision with an id.
func (m *model) said(ctx context.Context, eventID string) (s said, ok bool, err error) {
	err = m.db.QueryRowContext(ctx, `SELECT r.user_id, r.verb, coalesce(d.reason, ''), coalesce(d.note, '') FROM recent r
		LEFT JOIN decisions d ON d.event_id = ? || '/' || r.event_id WHERE r.event_id = ?`, event.SourceConsole, eventID).Scan(&s.userID, &s.verb, &s.reason, &s.note)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, err
}
