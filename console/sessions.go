package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nats-io/nats.go/jetstream"
)

// sessionPrefix begins the keys of sessions in KV CONSOLE.
const sessionPrefix = "session."

// newSessions keeps sessions in KV, so that they outlive the process and hold in
// every console. scs.New would make a store in memory first, whose goroutine cannot
// be ended without a race.
func (k *Console) newSessions(kv jetstream.KeyValue) *scs.SessionManager {
	return &scs.SessionManager{
		Store: sessionStore{kv}, Codec: scs.GobCodec{}, HashTokenInStore: true,
		Lifetime: 12 * time.Hour, IdleTimeout: time.Hour,
		Cookie: scs.SessionCookie{Name: "usher_session", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			if k.repeats.first("a session cannot be read or stored", err) {
				k.Log.Error("a session cannot be read or stored", "error", err)
			}
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		},
	}
}

// sessionStore is scs.Store on KV.
type sessionStore struct{ kv jetstream.KeyValue }

type storedSession struct {
	Expiry time.Time `json:"expiry"`
	Data   []byte    `json:"data"`
}

func sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return sessionPrefix + hex.EncodeToString(sum[:])
}

const storeTimeout = 5 * time.Second

// Find implements scs.Store.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	e, err := s.kv.Get(ctx, sessionKey(token))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var st storedSession
	if json.Unmarshal(e.Value(), &st) != nil {
		return nil, false, nil
	}
	if time.Now().After(st.Expiry) {
		return nil, false, s.Delete(token)
	}
	return st.Data, true, nil
}

// Commit implements scs.Store.
func (s sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	v, err := json.Marshal(storedSession{expiry, b})
	if err != nil {
		return err
	}
	_, err = s.kv.Put(ctx, sessionKey(token), v)
	return err
}

// Delete implements scs.Store.
func (s sessionStore) Delete(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return s.kv.Purge(ctx, sessionKey(token))
}
