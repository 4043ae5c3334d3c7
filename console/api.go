package console

import (
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// api is the console for programs.
func (k *Console) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/users/{user_id}/decision", func(w http.ResponseWriter, r *http.Request) {
		var d Decision
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			writeJSON(w, http.StatusBadRequest, problem("the body is not JSON with a decision and a reason"))
			return
		}
		if _, err := k.model.user(r.Context(), r.PathValue("user_id")); err != nil {
			k.refuse(w, err)
			return
		}
		a, err := k.decide(r.Context(), admin, r.PathValue("user_id"), r.Header.Get("Idempotency-Key"), d, 0)
		if err != nil {
			k.refuse(w, err)
			return
		}
		writeJSON(w, answerCode(a), a)
	})
	mux.HandleFunc("GET /api/v1/users", func(w http.ResponseWriter, r *http.Request) {
		f, err := filterOf(r.URL.Query())
		if err != nil {
			k.refuse(w, err)
			return
		}
		users, next, err := k.model.users(r.Context(), f, time.Now(), perPage)
		if err != nil {
			k.refuse(w, err)
			return
		}
		if users == nil {
			users = []User{}
		}
		writeJSON(w, http.StatusOK, map[string]any{"users": users, "next_cursor": next})
	})
	mux.HandleFunc("GET /api/v1/users/{user_id}", func(w http.ResponseWriter, r *http.Request) {
		u, err := k.model.user(r.Context(), r.PathValue("user_id"))
		if err != nil {
			k.refuse(w, err)
			return
		}
		k.ledger(r.Context(), &u)
		writeJSON(w, http.StatusOK, u)
	})
	mux.HandleFunc("POST /api/v1/imports/{import}/release", k.releaseAPI)
	mux.HandleFunc("GET /api/v1/imports", func(w http.ResponseWriter, r *http.Request) {
		imports, err := k.model.imports(r.Context(), 1000)
		if err != nil {
			k.refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"imports": imports})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		client, _, _ := net.SplitHostPort(r.RemoteAddr)
		ok, err := k.login.verify(r.Context(), client, user, password)
		if err != nil {
			k.refuse(w, err)
			return
		}
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="usher"`)
			writeJSON(w, http.StatusUnauthorized, problem("sign in with the user and the password of the console, as HTTP basic auth"))
			return
		}
		mux.ServeHTTP(w, r)
	})
}
