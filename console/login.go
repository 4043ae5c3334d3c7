package console

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"usher/console/logins"
)

// login checks passwords. A check is expensive on purpose, so few run at once, and
// guesses are slowed by where they come from and by whose password is guessed.
//
// Those who guess can lock no one out: a browser that has signed in before is slowed by
// its own failures alone, however many others fail from its address or at its name.
type login struct {
	store  logins.Store
	checks *semaphore.Weighted

	matches func(hash, password string) (bool, error)

	mu       sync.Mutex
	failures *lru.Cache[string, failures] // by client, and by name
	verified *lru.Cache[string, verified] // by name
}

// verified remembers the last good password of a login, so that an API client is not
// slowed down, and the stored hash that it matched: another console may have changed it.
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
	mostKnown   = 1000  // whose last good password is remembered

	freeTries     = 3 // without a wait
	longestClient = time.Minute
	longestName   = 10 * time.Second // a person without a known browser waits so long at most
	failuresKept  = time.Hour
)

func newLogin(kv jetstream.KeyValue) *login {
	f, err := lru.New[string, failures](mostClients)
	v, err2 := lru.New[string, verified](mostKnown)
	if err := errors.Join(err, err2); err != nil {
		panic("console: the sizes of the caches are positive: " + err.Error())
	}
	return &login{store: logins.NewStore(kv), checks: semaphore.NewWeighted(mostChecks), matches: logins.Matches, failures: f, verified: v}
}

// errSlow is returned while a client that failed has to wait.
var errSlow = errors.New("too many failed sign-ins; wait a moment")

// attempt is one try to sign in.
type attempt struct {
	client, user, password string
	browser                string // what the browser kept of an earlier sign-in
}

// signIn returns the login whose name and password are right; ok is false when they are
// not, or when it is disabled.
func (l *login) signIn(ctx context.Context, t attempt) (found logins.Login, ok bool, err error) {
	all, err := l.store.Read(ctx)
	if err != nil {
		return found, false, err
	}
	hash := logins.NoOne // takes as long as the password of someone
	if one, there := all.Login(t.user); there && one.Usable() && one.Local() {
		found, hash = *one, one.Password
	}
	now := verified{sha256.Sum256([]byte(t.user + "\x00" + t.password)), hash}
	l.mu.Lock()
	before, _ := l.verified.Get(t.user)
	l.mu.Unlock()
	if before.hash == hash && subtle.ConstantTimeCompare(now.password[:], before.password[:]) == 1 {
		return found, true, nil
	}
	counters := l.counters(t, found)
	if l.slow(counters) {
		return found, false, errSlow
	}
	if err := l.checks.Acquire(ctx, 1); err != nil {
		return found, false, err
	}
	defer l.checks.Release(1)
	if !l.try(counters) { // others of this client failed while it waited
		return found, false, errSlow
	}
	if ok, err := l.matches(hash, t.password); err != nil || !ok || found.Name == "" {
		return logins.Login{}, false, err
	}
	l.mu.Lock()
	l.verified.Add(t.user, now)
	l.mu.Unlock()
	l.succeeded(counters)
	return found, true, nil
}

// hash is what is stored of a new password.
func (l *login) hash(ctx context.Context, password string) (string, error) {
	if err := logins.CheckPassword(password); err != nil {
		return "", err
	}
	if err := l.checks.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer l.checks.Release(1)
	return logins.Hash(password)
}

// counter is what a failure counts against, and how long it makes wait at most.
type counter struct {
	key     string
	longest time.Duration
}

// counters are those of an attempt.
func (l *login) counters(t attempt, of logins.Login) []counter {
	if id, ok := knownBrowser(of, t.browser); ok {
		return []counter{{"browser " + id, longestClient}}
	}
	return []counter{{"client " + network(t.client), longestClient}, {"name " + t.user, longestName}}
}

// network is what one who guesses has of addresses: of IPv6, a whole /64.
func network(client string) string {
	ip := net.ParseIP(client)
	if ip == nil || ip.To4() != nil {
		return client
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}

// slow tells whether the next try comes too early.
func (l *login) slow(counters []counter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isSlow(counters)
}

func (l *login) isSlow(counters []counter) bool {
	for _, c := range counters {
		if f, _ := l.failures.Peek(c.key); f.n > freeTries && time.Since(f.last) < min(time.Second<<min(f.n-freeTries-1, 6), c.longest) {
			return true
		}
	}
	return false
}

// try counts a try as failed before its password or the issuer's answer is checked, so
// that many at once are as slow as one after the other.
func (l *login) try(counters []counter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isSlow(counters) {
		return false
	}
	for _, c := range counters {
		f, _ := l.failures.Get(c.key)
		if time.Since(f.last) > failuresKept {
			f.n = 0
		}
		l.failures.Add(c.key, failures{f.n + 1, time.Now()})
	}
	return true
}

// succeeded takes back what was counted: the try has not failed.
func (l *login) succeeded(counters []counter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range counters {
		l.failures.Remove(c.key)
	}
}

// A browser keeps an id of its own and proof that it has signed in with the present
// password. It opens nothing.

func browserProof(of logins.Login, id string) string {
	key := sha256.Sum256([]byte("browser of " + of.Name + "\n" + of.Password))
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte(id))
	return id + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func newBrowser(of logins.Login) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return browserProof(of, base64.RawURLEncoding.EncodeToString(b))
}

func knownBrowser(of logins.Login, kept string) (id string, ok bool) {
	id, _, ok = strings.Cut(kept, ".")
	return id, ok && of.Name != "" && hmac.Equal([]byte(browserProof(of, id)), []byte(kept))
}
