package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

// admin is the one name that can sign in so far.
const admin = "admin"

// loginKey holds the hash of admin's password in KV CONSOLE.
const loginKey = "account." + admin

// login checks passwords. A check is expensive on purpose, so few run at once,
// and a client address that fails has to wait.
type login struct {
	kv     jetstream.KeyValue
	checks *semaphore.Weighted

	mu       sync.Mutex
	failures *lru.Cache[string, failures] // by client address
	verified verified
}

// verified remembers the last good password, so that an API client is not slowed
// down, and the stored hash that it matched: another console may have changed it.
type verified struct {
	password [sha256.Size]byte
	hash     string
}

type failures struct {
	n    int
	last time.Time
}

const (
	mostChecks  = 2     // at once; each takes 64 MiB
	mostClients = 10000 // whose failures are remembered, those that tried last
)

func newLogin(kv jetstream.KeyValue) *login {
	f, err := lru.New[string, failures](mostClients)
	if err != nil {
		panic("console: the size of the cache is positive: " + err.Error())
	}
	return &login{kv: kv, checks: semaphore.NewWeighted(mostChecks), failures: f}
}

// ensure stores a password when there is none, or when one is given that is not
// the stored one. A password that was made up is handed to print.
func (l *login) ensure(ctx context.Context, password string, print func(user, password string)) error {
	e, err := l.kv.Get(ctx, loginKey)
	switch {
	case err == nil && password == "":
		return nil
	case err == nil:
		// A stored hash that cannot be read matches nothing, and is replaced.
		if ok, err := matches(string(e.Value()), password); ok && err == nil {
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
	hash, err := argon2id.CreateHash(password, cost)
	if err != nil {
		return err
	}
	if made {
		if _, err = l.kv.Create(ctx, loginKey, []byte(hash)); errors.Is(err, jetstream.ErrKeyExists) {
			return l.ensure(ctx, "", print) // another console was faster
		}
	} else {
		_, err = l.kv.Put(ctx, loginKey, []byte(hash))
	}
	if err == nil && made && print != nil {
		print(admin, password)
	}
	return err
}

// cost is the second recommended option of RFC 9106, section 4.
var cost = &argon2id.Params{Iterations: 3, Memory: 64 << 10 /* KiB */, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// matches reports whether the password is the one of the stored hash.
func matches(hash, password string) (bool, error) {
	hash, err := standardForm(hash)
	if err == nil {
		err = usable(hash)
	}
	if err == nil {
		var ok bool
		if ok, err = argon2id.ComparePasswordAndHash(password, hash); err == nil {
			return ok, nil
		}
	}
	return false, fmt.Errorf("the stored password of the console cannot be read; set --console-password to store it anew: %w", err)
}

// usable refuses what the library takes and no password may be compared with: a
// key of no bytes is equal to every other one, and argon2 panics without a round.
func usable(hash string) error {
	p, _, _, err := argon2id.DecodeHash(hash)
	if err == nil && (p.KeyLength < 16 || p.Iterations < 1 || p.Parallelism < 1) {
		err = errors.New("its key is too short, or its cost is zero")
	}
	return err
}

// standardForm returns a hash that earlier versions stored, "argon2id.<salt>.<key>"
// in hexadecimal with the same cost, in the form that other programs use as well.
func standardForm(hash string) (string, error) {
	salted, ok := strings.CutPrefix(hash, "argon2id.")
	if !ok {
		return hash, nil
	}
	s, k, _ := strings.Cut(salted, ".")
	salt, err1 := hex.DecodeString(s)
	key, err2 := hex.DecodeString(k)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", cost.Memory, cost.Iterations, cost.Parallelism, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// errSlow is returned while a client that failed has to wait.
var errSlow = errors.New("too many failed sign-ins; wait a moment")

// verify reports whether user and password are right.
func (l *login) verify(ctx context.Context, client, user, password string) (bool, error) {
	stamp, err := l.signIn(ctx, client, user, password)
	return stamp != "", err
}

// signIn returns the stamp of the stored password when user and password are
// right, else "". A client that fails has to wait longer each time, a minute at
// most.
func (l *login) signIn(ctx context.Context, client, user, password string) (stamp string, err error) {
	hash, err := l.stored(ctx)
	if err != nil {
		return "", err
	}
	now := verified{sha256.Sum256([]byte(user + "\x00" + password)), hash}
	l.mu.Lock()
	known := l.verified.hash == hash && subtle.ConstantTimeCompare(now.password[:], l.verified.password[:]) == 1
	failed, _ := l.failures.Peek(client)
	l.mu.Unlock()
	switch {
	case known:
		return stampOf(hash), nil
	case failed.slow():
		return "", errSlow
	}
	if err := l.checks.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer l.checks.Release(1)
	if !l.try(client) { // others of this client failed while it waited
		return "", errSlow
	}
	if ok, err := matches(hash, password); err != nil || !ok || user != admin {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verified = now
	l.failures.Remove(client)
	return stampOf(hash), nil
}

// slow reports whether the next try comes too early.
func (f failures) slow() bool {
	return f.n > 3 && time.Since(f.last) < min(time.Second<<min(f.n-4, 6), time.Minute)
}

// try counts a try as failed before its password is checked, so that many at once
// are as slow as one after the other.
func (l *login) try(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _ := l.failures.Get(client)
	if f.slow() {
		return false
	}
	l.failures.Add(client, failures{f.n + 1, time.Now()})
	return true
}

// stored returns the hash of the password.
func (l *login) stored(ctx context.Context) (string, error) {
	e, err := l.kv.Get(ctx, loginKey)
	if err != nil {
		return "", fmt.Errorf("read the stored password: %w", err)
	}
	return string(e.Value()), nil
}

// stampOf tells one stored password from the next.
func stampOf(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}
