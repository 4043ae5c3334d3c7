package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/crypto/argon2"
)

// admin is the one account there is so far.
const admin = "admin"

const (
	accountKey    = "account." + admin
	sessionPrefix = "session."
)

// accounts checks passwords. Checking is expensive on purpose, so few are
// checked at once, and failures of one address slow it down.
type accounts struct {
	kv    jetstream.KeyValue
	slots chan struct{}

	mu       sync.Mutex
	failures map[string]failures // by client address; bounded
	verified verified
}

// verified remembers the last good password, so that an API client is not slowed
// down, and the account for which it was good: another console may have changed it.
type verified struct {
	password [sha256.Size]byte
	account  string
}

type failures struct {
	n    int
	last time.Time
}

func newAccounts(kv jetstream.KeyValue) *accounts {
	return &accounts{kv: kv, slots: make(chan struct{}, 2), failures: map[string]failures{}}
}

// ensure makes the account when it is not there, and gives it the password when
// one is set.
func (a *accounts) ensure(ctx context.Context, password string, print func(user, password string)) error {
	e, err := a.kv.Get(ctx, accountKey)
	switch {
	case err == nil:
		if password == "" || check(string(e.Value()), password) {
			return nil
		}
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return err
	}
	made := password == ""
	if made {
		b := make([]byte, 12)
		if _, err := rand.Read(b); err != nil {
			return err
		}
		password = base64.RawURLEncoding.EncodeToString(b)
	}
	hashed, err := hash(password)
	if err != nil {
		return err
	}
	if made {
		if _, err = a.kv.Create(ctx, accountKey, []byte(hashed)); errors.Is(err, jetstream.ErrKeyExists) {
			return a.ensure(ctx, "", print) // another console was faster
		}
	} else {
		_, err = a.kv.Put(ctx, accountKey, []byte(hashed))
	}
	if err == nil && made && print != nil {
		print(admin, password)
	}
	return err
}

// Parameters of argon2id (RFC 9106, 4, second recommended option).
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	argonKey     = 32
)

func hash(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	return "argon2id." + hex.EncodeToString(salt) + "." + hex.EncodeToString(key), nil
}

func check(hash, password string) bool {
	parts := strings.Split(hash, ".")
	if len(parts) != 3 || parts[0] != "argon2id" {
		return false
	}
	salt, err1 := hex.DecodeString(parts[1])
	key, err2 := hex.DecodeString(parts[2])
	if err1 != nil || err2 != nil {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	return subtle.ConstantTimeCompare(got, key) == 1
}

// errSlow is returned while a client that failed has to wait.
var errSlow = errors.New("too many failed sign-ins; wait a moment")

// verify reports whether user and password are right.
func (a *accounts) verify(ctx context.Context, client, user, password string) (bool, error) {
	stamp, err := a.signIn(ctx, client, user, password)
	return stamp != "", err
}

// signIn returns the stamp of the account when user and password are right, else
// "". A client that fails has to wait longer each time, a minute at most.
func (a *accounts) signIn(ctx context.Context, client, user, password string) (stamp string, err error) {
	account, err := a.read(ctx)
	if err != nil {
		return "", err
	}
	now := verified{sha256.Sum256([]byte(user + "\x00" + password)), account}
	a.mu.Lock()
	known := a.verified.account == account && subtle.ConstantTimeCompare(now.password[:], a.verified.password[:]) == 1
	slow := a.failures[client].slow()
	a.mu.Unlock()
	switch {
	case known:
		return stampOf(account), nil
	case slow:
		return "", errSlow
	}
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if !a.try(client) { // others of this client failed while it waited
		return "", errSlow
	}
	if !check(account, password) || user != admin {
		return "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.verified = now
	delete(a.failures, client)
	return stampOf(account), nil
}

// slow reports whether the next try comes too early.
func (f failures) slow() bool {
	return f.n > 3 && time.Since(f.last) < min(time.Second<<min(f.n-4, 6), time.Minute)
}

// try counts a try as failed before its password is checked, so that many at once
// are as slow as one after the other.
func (a *accounts) try(client string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.failures[client]
	if f.slow() {
		return false
	}
	if len(a.failures) > 10000 {
		clear(a.failures)
	}
	a.failures[client] = failures{f.n + 1, time.Now()}
	return true
}

// read returns the account as it is stored.
func (a *accounts) read(ctx context.Context) (string, error) {
	e, err := a.kv.Get(ctx, accountKey)
	if err != nil {
		return "", fmt.Errorf("read the account: %w", err)
	}
	return string(e.Value()), nil
}

// stampOf tells one password of the account from the next.
func stampOf(account string) string {
	sum := sha256.Sum256([]byte(account))
	return hex.EncodeToString(sum[:16])
}

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
