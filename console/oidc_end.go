package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"usher/console/logins"
	"usher/console/signon"
)

// signedOutPath is where the issuer says that a person has signed out there.
const signedOutPath = signOnPath + "/logout"

// signOut ends the session, and leads on to the issuer's sign-out when the issuer vouched
// for it.
func (k *Console) signOut(w http.ResponseWriter, r *http.Request) {
	issued, token := whoAsks(r).How == byIssuer, k.sessions.GetString(r.Context(), sessionToken)
	if err := k.sessions.Destroy(r.Context()); err != nil {
		k.fail(w, r, err)
		return
	}
	if issued && k.Issuer != nil {
		if to := k.Issuer.End(token, k.site.origin()+k.site.at("/signin")); to != "" {
			k.show(w, r, http.StatusOK, "onward", map[string]any{"To": to, "Host": k.Issuer.Host()})
			return
		}
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// hasLeft tells whether the session of ctx is over because its person has signed out at the
// issuer.
func (k *Console) hasLeft(ctx context.Context, all logins.All, name string) bool {
	return all.HasLeft(name, k.sessions.GetString(ctx, sessionIssued), time.Unix(k.sessions.GetInt64(ctx, sessionVouched), 0))
}

// signedOut takes what the issuer says of a sign-out. Sessions that it is about are over in
// all consoles with what is stored; that they are taken out of the lists is for people who
// look there.
func (k *Console) signedOut(w http.ResponseWriter, r *http.Request) {
	refuse := func(code int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
	}
	e, err := k.Issuer.Ended(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		if k.repeats.first("a sign-out by the issuer failed", err) {
			k.Log.Warn("a sign-out by the issuer failed", "error", err)
		}
		if errors.Is(err, signon.ErrAway) {
			w.Header().Set("Retry-After", "5")
			refuse(http.StatusServiceUnavailable)
		} else {
			refuse(http.StatusBadRequest)
		}
		return
	}
	if err := k.login.store.Leave(r.Context(), e.ID, e.Subject, e.Session, e.Issued); err != nil {
		if k.repeats.first("a sign-out by the issuer was not stored", err) {
			k.Log.Error("a sign-out by the issuer was not stored", "error", err)
		}
		refuse(http.StatusServiceUnavailable)
		return
	}
	all, err := k.login.store.Read(r.Context())
	for _, s := range k.signins.all("") {
		l, there := all.Login(s.Login)
		if err != nil || there && (l.Local() || l.Stamp() == s.Stamp && !all.HasLeft(s.Login, s.Issued, s.Vouched)) {
			continue
		}
		if there && (sessionStore{k.signins.kv}).end(r.Context(), sessionPrefix+s.ID) == nil {
			k.audit(r.Context(), "session-end", s.Login, map[string]string{"account": s.Login, "by": byIssuer})
		}
	}
	w.WriteHeader(http.StatusOK)
}
