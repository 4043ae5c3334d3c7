package console

import (
	"net/http"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// payloadsPath is where Temporal's web pages and command line have payloads
// decrypted: their "codec endpoint". There is no way to have any encrypted.
const payloadsPath = "/codec/decode"

// mostPayloads bounds one request, in bytes: Temporal's own limit of an answer.
const mostPayloads = 4 << 20

// payloadsAPI lets people who are signed in read what workflows hold. Browsers may
// ask from the given origins, with the cookie of the console; programs without an
// origin bring credentials.
func (k *Console) payloadsAPI(w http.ResponseWriter, r *http.Request) {
	if a := whoAsks(r); k.payloadsSeen.longAgo(a.actor()) {
		k.audit(r.Context(), "payloads-read", a.actor(), map[string]string{})
	}
	k.Payloads.ServeHTTP(w, r)
}

// payloadsAsked answers a browser that asks whether a page may.
func payloadsAsked(_ *Console, w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
}

// fromOrigins lets pages of PayloadOrigins ask, and no other page.
func (k *Console) fromOrigins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			if !slices.Contains(k.PayloadOrigins, origin) {
				writeProblem(w, problemOf(r, codeOrigin, "pages of this origin may not read payloads; see --temporal-ui-origin"))
				return
			}
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Allow-Methods", "POST")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Namespace")
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		next.ServeHTTP(w, r)
	})
}

// lastSeen keeps the audit short: a page asks dozens of times.
type lastSeen struct {
	every time.Duration

	mu sync.Mutex
	at *lru.Cache[string, time.Time] // by who is seen, and as what
}

const (
	seenMinute = time.Minute
	seenDay    = 12 * time.Hour // of people for whom each request is vouched
	mostSeen   = 10_000         // who is forgotten is written again
)

func newLastSeen(every time.Duration) *lastSeen {
	c, err := lru.New[string, time.Time](mostSeen)
	if err != nil {
		panic("console: the size of the cache is positive: " + err.Error())
	}
	return &lastSeen{every: every, at: c}
}

// longAgo tells whether it is to be written that someone is seen.
func (l *lastSeen) longAgo(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.at.Get(user); ok && time.Since(at) < l.every {
		return false
	}
	l.at.Add(user, time.Now())
	return true
}
