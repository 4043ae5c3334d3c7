package console

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nats-io/nats.go/jetstream"

	"usher/console/logins"
	"usher/event"
)

// sessionPrefix begins the keys of sessions in KV CONSOLE.
const sessionPrefix = "session."

// Cookies. Over https their names have prefixes that browsers hold to: __Host- makes
// sure that no page of another host, a subdomain or http has set the cookie. It asks for
// the path /, so applications beside the console are sent it too; but they share its
// origin anyway, and could use it with scripts whatever its path were. The cookie that a
// browser is known by opens nothing, and goes to the sign-in only, as __Secure- lets it.

const (
	sessionCookie = "usher_session"
	browserCookie = "usher_browser" // what a browser keeps of its sign-ins, so that guesses of others do not slow it down
	hostPrefix    = "__Host-"
	securePrefix  = "__Secure-"
)

// openDoors makes the sessions of those who come by the site's address, and of those who
// come to this machine straight.
func (k *Console) openDoors(kv jetstream.KeyValue) {
	k.sessions = k.newSessions(kv, scs.SessionCookie{Name: sessionCookie, Path: k.site.at("/")})
	if k.site.https() {
		name := hostPrefix + sessionCookie + strings.ReplaceAll(k.site.base, "/", ".") // several consoles may share a host
		k.secured = k.newSessions(kv, scs.SessionCookie{Name: name, Path: "/", Secure: true})
	}
	k.origins = http.NewCrossOriginProtection()
	if o := k.site.origin(); o != "" {
		_ = k.origins.AddTrustedOrigin(o) // fails for what is no origin
	}
	k.origins.SetDenyHandler(http.HandlerFunc(k.wrongOrigin))
}

// byHTTPS tells whether a browser reaches the console by its https address: it names the
// host, or the origin, or has the cookie that it got there. A proxy may have put another
// host into the request.
func (k *Console) byHTTPS(r *http.Request) bool {
	if k.secured == nil {
		return false
	}
	_, err := r.Cookie(k.secured.Cookie.Name)
	return err == nil || k.site.named(r) || k.signOnCame(r) || r.Header.Get("Origin") == k.site.origin()
}

// sessionsOf are the sessions of a request. Both kinds lie in one store, and what a
// handler does with one does it with the other: they differ in their cookie alone.
func (k *Console) sessionsOf(r *http.Request) *scs.SessionManager {
	if k.byHTTPS(r) {
		return k.secured
	}
	return k.sessions
}

// browserCookieOf is the cookie by which the browser of a request is known again.
func (k *Console) browserCookieOf(r *http.Request) *http.Cookie {
	c := &http.Cookie{Name: browserCookie, Path: k.site.at("/signin"), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600}
	if k.byHTTPS(r) {
		c.Name, c.Secure = securePrefix+browserCookie, true
	}
	return c
}

// LongestSession is how long one lasts at most.
const LongestSession = 12 * time.Hour

// newSessions keeps sessions in KV, so that they outlive the process and hold in
// every console. scs.New would make a store in memory first, whose goroutine cannot
// be ended without a race.
func (k *Console) newSessions(kv jetstream.KeyValue, cookie scs.SessionCookie) *scs.SessionManager {
	cookie.HttpOnly, cookie.SameSite = true, http.SameSiteLaxMode
	return &scs.SessionManager{
		Store: sessionStore{kv}, Codec: scs.GobCodec{}, HashTokenInStore: true,
		Lifetime: LongestSession, IdleTimeout: time.Hour, Cookie: cookie,
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			if k.repeats.first("a session cannot be read or stored", err) {
				k.Log.Error("a session cannot be read or stored", "error", err)
			}
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		},
	}
}

// sessionStore is scs.Store on KV. The end of a session is stored in its place for a
// while, because a request that is under way would otherwise store it again.
type sessionStore struct{ kv jetstream.KeyValue }

type storedSession struct {
	Expiry time.Time `json:"expiry"`
	Data   []byte    `json:"data,omitempty"`
	Ended  bool      `json:"ended,omitempty"`
}

func sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return sessionPrefix + hex.EncodeToString(sum[:])
}

// keyOf is the key of the session of a cookie.
func (k *Console) keyOf(cookie string) string {
	sum := sha256.Sum256([]byte(cookie)) // as scs does, because of HashTokenInStore
	return sessionKey(base64.RawURLEncoding.EncodeToString(sum[:]))
}

const (
	storeTimeout = 5 * time.Second
	endKept      = 10 * time.Minute // no request takes so long
)

// get returns what is stored under a key, and its revision; 0 when there is nothing.
func (s sessionStore) get(ctx context.Context, key string) (st storedSession, revision uint64, err error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return st, 0, nil
	}
	if err != nil {
		return st, 0, err
	}
	if json.Unmarshal(e.Value(), &st) != nil {
		st = storedSession{} // is over
	}
	return st, e.Revision(), nil
}

// Find implements scs.Store.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	st, _, err := s.get(ctx, sessionKey(token))
	if err != nil || st.Ended || time.Now().After(st.Expiry) {
		return nil, false, err
	}
	return st.Data, true, nil
}

// Commit implements scs.Store. Of a session that was ended it stores nothing.
func (s sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return s.commit(ctx, sessionKey(token), storedSession{Expiry: expiry, Data: b})
}

func (s sessionStore) commit(ctx context.Context, key string, new storedSession) error {
	v, err := json.Marshal(new)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		st, revision, err := s.get(ctx, key)
		if err != nil || st.Ended {
			return err
		}
		if revision == 0 {
			_, err = s.kv.Create(ctx, key, v)
		} else {
			_, err = s.kv.Update(ctx, key, v, revision)
		}
		if !logins.Overtaken(err) { // else by another request of this session
			return err
		}
		event.GiveWay(ctx, n)
	}
}

// Delete implements scs.Store.
func (s sessionStore) Delete(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return s.end(ctx, sessionKey(token))
}

// end ends the session of a key.
func (s sessionStore) end(ctx context.Context, key string) error {
	v, err := json.Marshal(storedSession{Expiry: time.Now().Add(endKept), Ended: true})
	if err == nil {
		_, err = s.kv.Put(ctx, key, v)
	}
	return err
}
