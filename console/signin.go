package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/console/logins"
	"usher/event"
)

// What a session holds: who signed in, the stamp of the login then, when, and from where.
const (
	sessionUser   = "user"
	sessionStamp  = "account" // as sessions that are open hold it
	sessionSince  = "since"
	sessionClient = "client"
)

// pageOf is the page that a form stood on, and what the form has in it when that is
// about a user.
func pageOf(r *http.Request) (page string, d draft) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(path) == 3 && path[0] == "users":
		d = draftOf(r, path[1])
		page = "/users/" + url.PathEscape(path[1])
		if r.URL.RawQuery != "" {
			page += "?" + r.URL.RawQuery
		}
	case path[0] == "bulk" && len(path) == 3: // a choice of people waits there for the decision
		page = "/bulk/" + url.PathEscape(path[1])
	case path[0] == "bulk":
		page = "/users?" + r.URL.RawQuery
	case path[0] == "imports", path[0] == "uploads":
		page = "/imports"
	}
	return local(page), d
}

func (k *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	k.signInForm(w, r, http.StatusOK, map[string]any{"Next": local(r.URL.Query().Get("next")), "Draft": draft{}, "Message": k.sessions.PopString(r.Context(), "message"), "Name": r.URL.Query().Get("name")})
}

// signInForm shows the ways to sign in, and above them what d says.
func (k *Console) signInForm(w http.ResponseWriter, r *http.Request, code int, d map[string]any) {
	d["NoLocal"] = k.NoLocalAccounts
	if v, ok := vouchedIn(r.Context()); ok && d["Error"] == nil {
		d["Error"] = vouchedText(v)
	}
	if k.Issuer != nil {
		d["Issuer"] = k.Issuer.Host()
		if k.Issuer.Away() != nil {
			d["Away"] = k.awayText()
		}
	}
	k.show(w, r, code, "signin", d)
}

// keptIn is what a form of the sign-in keeps of what was typed before.
func keptIn(r *http.Request) draft {
	return draft{r.PostFormValue("kept_user"), r.PostFormValue("kept_event"), r.PostFormValue("kept_decision"), r.PostFormValue("kept_order"), r.PostFormValue("kept_reason"), r.PostFormValue("kept_note")}
}

func (k *Console) signIn(w http.ResponseWriter, r *http.Request) {
	client := clientOf(r)
	kept := keptIn(r)
	user := r.PostFormValue("user")
	again := func(code int, text string) {
		k.signInForm(w, r, code, map[string]any{"Next": local(r.PostFormValue("next")), "Draft": kept, "Error": text, "Name": user})
	}
	if k.NoLocalAccounts {
		again(http.StatusForbidden, "Accounts with a password are switched off here.")
		return
	}
	t := attempt{client: client, user: user, password: r.PostFormValue("password")}
	if c, err := r.Cookie(k.browserCookieOf(r).Name); err == nil {
		t.browser = c.Value
	}
	l, ok, err := k.login.signIn(r.Context(), t)
	switch {
	case errors.Is(err, errSlow):
		again(http.StatusTooManyRequests, "Too many failed sign-ins. Wait a moment and try again.")
	case err != nil:
		if k.repeats.first("a sign-in failed", err) {
			k.Log.Error("a sign-in failed", "error", err)
		}
		again(http.StatusInternalServerError, "The password cannot be checked now. Try again in a moment.")
	case !ok:
		k.audit(r.Context(), "signin-failed", "", map[string]string{"client": client})
		again(http.StatusUnauthorized, "The name or the password is wrong.")
	default:
		if err := k.openSession(w, r, l); err != nil {
			k.fail(w, r, err)
			return
		}
		if event.CheckUserID(kept.UserID) == nil {
			k.keepDraft(r, kept)
		}
		k.audit(r.Context(), "signin", l.Name, map[string]string{"client": client})
		http.Redirect(w, r, local(r.PostFormValue("next")), http.StatusSeeOther)
	}
}

// openSession signs the browser of a request in, with a new cookie, and lets it know
// itself again.
func (k *Console) openSession(w http.ResponseWriter, r *http.Request, l logins.Login) error {
	if err := k.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	for _, key := range []string{sessionIssued, sessionVouched, sessionToken} { // of one who was signed in here before
		k.sessions.Remove(r.Context(), key)
	}
	k.sessions.Put(r.Context(), sessionUser, l.Name)
	k.sessions.Put(r.Context(), sessionStamp, l.Stamp())
	k.sessions.Put(r.Context(), sessionSince, time.Now().Unix())
	k.sessions.Put(r.Context(), sessionClient, clientOf(r))
	if l.Local() {
		kept := k.browserCookieOf(r)
		kept.Value = newBrowser(l)
		http.SetCookie(w, kept)
	}
	return nil
}

// local keeps a redirect on this site.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return "/"
	}
	return path
}
