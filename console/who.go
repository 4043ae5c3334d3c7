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
	Called  string      // for people to read
	Role    logins.Role // what it may do
	Inboxes []string    // for which inboxes; nil: for all

	stamp string         // of the login, where a proxy vouches for each request; else ""
	short []logins.Short // inboxes of these in which too few people could decide
}

// How a request says who asks.
const (
	bySession  = "session"  // a cookie of pages, for which a password was given
	byIssuer   = "oidc"     // a cookie of pages, for which an issuer vouched
	byHeader   = "proxy"    // a header of a trusted proxy
	byPassword = "password" // HTTP basic auth
	byToken    = "token"    // a bearer token of the API
)

// ways are all of them.
var ways = []string{bySession, byIssuer, byHeader, byPassword, byToken}

// actor names who did something, in events and records.
func (a who) actor() string {
	if a.How == byToken {
		return logins.TokenActor + a.Name
	}
	return a.Name
}

// may tells whether the one who asks has a right. Some rights are about all inboxes.
func (a who) may(right logins.Right) bool {
	return a.Role.May(right) && (a.Inboxes == nil || !right.Wide())
}

// rightsOf are the rights of the one who asks, for what a page offers.
func rightsOf(a who) map[string]bool {
	out := map[string]bool{}
	for _, r := range logins.Rights() {
		out[string(r)] = a.may(r)
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
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a who
		var err error
		if t.program() && r.Header.Get("Authorization") != "" {
			a, err = k.byCredentials(r)
		} else if v, ok := vouchedIn(r.Context()); ok {
			if a, err = k.byTrustedHeader(r, v); err == nil && a.Name == "" {
				a, err = k.bySession(r.Context())
			}
		} else {
			a, err = k.bySession(r.Context())
		}
		if err != nil {
			if t.program() {
				k.refuse(w, r, err)
			} else {
				c, text := k.tellable(err)
				http.Error(w, text, kinds[c].status)
			}
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, a)))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { k.sessionsOf(r).LoadAndSave(inside).ServeHTTP(w, r) })
}

// byCredentials is who the Authorization of a request names; the zero who when it is
// wrong.
func (k *Console) byCredentials(r *http.Request) (who, error) {
	if scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return k.byToken(r.Context(), strings.TrimSpace(secret))
	}
	user, password, ok := r.BasicAuth()
	if !ok || !k.passwords() {
		return who{}, nil
	}
	l, ok, err := k.login.signIn(r.Context(), attempt{client: clientOf(r), user: user, password: password})
	if err != nil || !ok {
		return who{}, err
	}
	return whoIs(l, byPassword), nil
}

// passwords tells whether the API takes them.
func (k *Console) passwords() bool { return !k.NoBasicAuth && !k.NoLocalAccounts }

// byToken is the token of a secret. That it is in use is kept once a minute.
func (k *Console) byToken(ctx context.Context, secret string) (who, error) {
	all, err := k.login.store.Read(ctx)
	if err != nil {
		return who{}, err
	}
	t, ok := all.Token(secret)
	if !ok {
		return who{}, nil
	}
	if k.tokensSeen.longAgo(t.Name) {
		if err := k.login.store.Used(ctx, t.Name); err != nil && k.repeats.first("when a token was used cannot be stored", err) {
			k.Log.Warn("when a token was used cannot be stored", "error", err)
		}
	}
	return who{Name: t.Name, How: byToken, Role: t.Role, Inboxes: t.Inboxes}, nil
}

func whoIs(l logins.Login, how string) who {
	return who{Name: l.Name, How: how, Called: l.Called(), Role: l.Role, Inboxes: l.Inboxes}
}

// bySession is who opened the session of a request. One that was opened before the
// password or what the login may do changed is over, in every console.
func (k *Console) bySession(ctx context.Context) (who, error) {
	name := k.sessions.GetString(ctx, sessionUser)
	if name == "" {
		return who{}, nil
	}
	all, err := k.login.store.Read(ctx)
	if err != nil {
		return who{}, err
	}
	l, ok := all.Login(name)
	if !ok || !k.doors().Open(*l) || k.sessions.GetString(ctx, sessionStamp) != l.Stamp() || !l.Local() && k.hasLeft(ctx, all, name) {
		return who{}, k.sessions.Destroy(ctx)
	}
	a := whoIs(*l, bySession)
	if !l.Local() {
		a.How = byIssuer
	}
	for _, s := range all.Short() {
		if a.Inboxes == nil || slices.Contains(a.Inboxes, s.Inbox) {
			a.short = append(a.short, s)
		}
	}
	return a, nil
}

// clientOf is the address that a request came from; the edge has found it out.
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
	case a.may(t.right):
		return true
	}
	text := fmt.Sprintf("your role (%s) does not allow this", a.Role)
	if a.Role.May(t.right) {
		text = "this is about all inboxes, and you are signed in for some"
	}
	if t.program() || wantsJSON(r) || r.Header.Get(partHeader) != "" {
		writeProblem(w, problemOf(r, codeNotAllowed, text))
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
		writeProblem(w, problemOf(r, codeSignIn, "sign in to usher's console first, under the same host name as this page, then load it again"))
	case t.program():
		w.Header().Set("WWW-Authenticate", `Bearer realm="usher"`)
		text := "sign in with a token of usher, as Authorization: Bearer"
		if k.passwords() {
			w.Header().Add("WWW-Authenticate", `Basic realm="usher"`)
			text += ", or with the name and the password of an account, as HTTP basic auth"
		}
		writeProblem(w, problemOf(r, codeSignIn, text))
	case wantsJSON(r) || r.Header.Get(partHeader) != "":
		writeProblem(w, problemOf(r, codeSignIn, "the session is over; sign in again"))
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		page, d := pageOf(r)
		k.signInForm(w, r, http.StatusUnauthorized, map[string]any{"Next": page, "Draft": d})
	}
}
