package console

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// What a session holds: who signed in, and the stamp of the password then.
const (
	sessionUser  = "user"
	sessionStamp = "account" // as sessions that are open hold it
)

// withSession loads the session. One that was opened with an earlier password is
// over, in every console.
func (k *Console) withSession(next http.Handler) http.Handler {
	return k.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.sessions.GetString(r.Context(), sessionUser) != "" {
			hash, err := k.login.stored(r.Context())
			if err == nil && k.sessions.GetString(r.Context(), sessionStamp) != stampOf(hash) {
				err = k.sessions.Destroy(r.Context())
			}
			if err != nil {
				if k.repeats.first("a request failed", err) {
					k.Log.Error("a request failed", "error", err)
				}
				http.Error(w, "something went wrong; the log says what", http.StatusInternalServerError)
				return
			}
		}
		next.ServeHTTP(w, r)
	}))
}

func (k *Console) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.sessions.GetString(r.Context(), sessionUser) == "" {
			http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (k *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	k.show(w, r, http.StatusOK, "signin", map[string]any{"Next": local(r.URL.Query().Get("next"))})
}

func (k *Console) signIn(w http.ResponseWriter, r *http.Request) {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	stamp, err := k.login.signIn(r.Context(), client, r.PostFormValue("user"), r.PostFormValue("password"))
	next := local(r.PostFormValue("next"))
	switch {
	case errors.Is(err, errSlow):
		k.show(w, r, http.StatusTooManyRequests, "signin", map[string]any{"Next": next, "Error": "Too many failed sign-ins. Wait a moment and try again."})
	case err != nil:
		k.fail(w, r, err)
	case stamp == "":
		k.audit(r.Context(), "signin-failed", "", map[string]string{"client": client})
		k.show(w, r, http.StatusUnauthorized, "signin", map[string]any{"Next": next, "Error": "The name or the password is wrong."})
	default:
		if err := k.sessions.RenewToken(r.Context()); err != nil {
			k.fail(w, r, err)
			return
		}
		k.sessions.Put(r.Context(), sessionUser, admin)
		k.sessions.Put(r.Context(), sessionStamp, stamp)
		k.audit(r.Context(), "signin", admin, map[string]string{"client": client})
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (k *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if err := k.sessions.Destroy(r.Context()); err != nil {
		k.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// local keeps a redirect on this site.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return "/"
	}
	return path
}
