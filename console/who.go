package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/console/logins"
)

// who is the one who asks, as the server has found out. Nothing that a request says
// about that in its body counts.
type who struct {
	Name    string      // of the login; "": not signed in
	How     string      // how: one of the by… values
	Role    logins.Role // what it may do
	Inboxes []string    // for which inboxes; nil: for all
}

// How a request says who asks.
const (
	bySession  = "session"  // a cookie of pages
	byPassword = "password" // HTTP basic auth
)

// actor names who did something, in events and records.
func (a who) actor() string { return a.Name }

// sees tells whether what belongs to an inbox is there for the one who asks.
func (a who) sees(inbox string) bool {
	return a.Inboxes == nil || slices.Contains(a.Inboxes, inbox)
}

// rightsOf are the rights of the one who asks, for what a page offers.
func rightsOf(a who) map[string]bool {
	out := map[string]bool{}
	for _, r := range logins.Rights() {
		out[string(r)] = a.Role.May(r)
	}
	return out
}

type whoKey struct{}

// whoAsks is who sent a request; the zero who without a sign-in.
func whoAsks(r *http.Request) who { return whoIn(r.Context()) }

func whoIn(ctx context.Context) who {
	a, _ := ctx.Value(whoKey{}).(who)
	return a
}

// identify finds out who asks, and keeps it in the request's context. Programs bring
// their credentials with each request; without any, and on pages, the session counts.
func (k *Console) identify(t route, next http.Handler) http.Handler {
	if t.bare {
		return next
	}
	return k.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a who
		var err error
		if t.program() && r.Header.Get("Authorization") != "" {
			a, err = k.byCredentials(r)
		} else {
			a, err = k.bySession(r.Context())
		}
		if err != nil {
			if t.program() {
				k.refuse(w, err)
			} else {
				code, text := k.tellable(err)
				http.Error(w, text, code)
			}
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, a)))
	}))
}

// byCredentials is who the Authorization of a request names; the zero who when it is
// wrong.
func (k *Console) byCredentials(r *http.Request) (who, error) {
	user, password, _ := r.BasicAuth()
	ok, err := k.login.verify(r.Context(), clientOf(r), user, password)
	if err != nil || !ok {
		return who{}, err
	}
	return who{Name: user, How: byPassword, Role: logins.Admin}, nil
}

// bySession is who opened the session of a request. One that was opened with an earlier
// password is over, in every console.
func (k *Console) bySession(ctx context.Context) (who, error) {
	name := k.sessions.GetString(ctx, sessionUser)
	if name == "" {
		return who{}, nil
	}
	hash, err := k.login.stored(ctx)
	if err != nil {
		return who{}, err
	}
	if k.sessions.GetString(ctx, sessionStamp) != stampOf(hash) {
		return who{}, k.sessions.Destroy(ctx)
	}
	return who{Name: name, How: bySession, Role: logins.Admin}, nil
}

// clientOf is the address that a request came from.
func clientOf(r *http.Request) string {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	return client
}

// allowed tells whether the one who asks may; otherwise it has answered.
func (k *Console) allowed(t route, w http.ResponseWriter, r *http.Request) bool {
	a := whoAsks(r)
	switch {
	case t.right == logins.Anyone:
		return true
	case a.Name == "":
		k.askToSignIn(t, w, r)
		return false
	case a.Role.May(t.right) && (t.right != logins.Payloads || a.Inboxes == nil): // a run does not tell its inbox
		return true
	}
	text := fmt.Sprintf("your role (%s) does not allow this", a.Role)
	if a.Role.May(t.right) {
		text = "this is about all inboxes, and you are signed in for some"
	}
	if t.program() || wantsJSON(r) || r.Header.Get(partHeader) != "" {
		writeJSON(w, http.StatusForbidden, problem(text))
		return false
	}
	k.show(w, r, http.StatusForbidden, "error", map[string]any{"Title": "Not allowed", "Error": strings.ToUpper(text[:1]) + text[1:] + "."})
	return false
}

// askToSignIn asks for a sign-in first. What a form about a user holds goes with the
// question, so that a session that ends loses nothing that was typed; a script of the
// page is told, and sends its form as a page then.
func (k *Console) askToSignIn(t route, w http.ResponseWriter, r *http.Request) {
	switch {
	case t.path == payloadsPath:
		writeJSON(w, http.StatusUnauthorized, problem("sign in to usher's console first, under the same host name as this page, then load it again"))
	case t.program():
		w.Header().Set("WWW-Authenticate", `Basic realm="usher"`)
		writeJSON(w, http.StatusUnauthorized, problem("sign in with the user and the password of the console, as HTTP basic auth"))
	case wantsJSON(r) || r.Header.Get(partHeader) != "":
		writeJSON(w, http.StatusUnauthorized, problem("the session is over; sign in again"))
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		page, d := pageOf(r)
		k.show(w, r, http.StatusUnauthorized, "signin", map[string]any{"Next": page, "Draft": d})
	}
}
