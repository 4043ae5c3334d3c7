package console

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// payloadsPath is where Temporal's web pages and command line have payloads
// decrypted: their "codec endpoint". There is no way to have any encrypted.
const payloadsPath = "/codec/decode"

// mostPayloads bounds one request, in bytes: Temporal's own limit of an answer.
const mostPayloads = 4 << 20

// payloads lets people who are signed in read what workflows hold. Browsers may
// ask from the given origins, with the cookie of the console; programs without
// an origin give user and password as basic auth.
func (k *Console) payloads() http.Handler {
	var seen lastSeen
	decode := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		if basic {
			client, _, _ := net.SplitHostPort(r.RemoteAddr)
			ok, err := k.login.verify(r.Context(), client, user, password)
			if err != nil {
				k.refuse(w, err)
				return
			}
			if !ok {
				user = ""
			}
		} else {
			user = k.sessions.GetString(r.Context(), sessionUser)
		}
		if user == "" {
			writeJSON(w, http.StatusUnauthorized, problem("sign in to usher's console first, under the same host name as this page, then load it again"))
			return
		}
		if seen.longAgo(user) {
			k.audit(r.Context(), "payloads-read", user, map[string]string{})
		}
		k.Payloads.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			if !slices.Contains(k.PayloadOrigins, origin) {
				writeJSON(w, http.StatusForbidden, problem("pages of this origin may not read payloads; see --temporal-ui-origin"))
				return
			}
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Allow-Methods", "POST")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Namespace")
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		switch r.Method {
		case http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case http.MethodPost:
			http.MaxBytesHandler(k.withSession(decode), mostPayloads).ServeHTTP(w, r)
		default:
			writeJSON(w, http.StatusMethodNotAllowed, problem("payloads are posted"))
		}
	})
}

// lastSeen keeps the audit short: a page asks dozens of times.
type lastSeen struct {
	mu sync.Mutex
	at map[string]time.Time // by who signed in, of whom there are few
}

func (l *lastSeen) longAgo(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at[user]) < time.Minute {
		return false
	}
	if l.at == nil {
		l.at = map[string]time.Time{}
	}
	l.at[user] = time.Now()
	return true
}
