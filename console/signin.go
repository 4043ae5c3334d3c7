package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"usher/event"
)

// What a session holds: who signed in, and the stamp of the password then.
const (
	sessionUser  = "user"
	sessionStamp = "account" // as sessions that are open hold it
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
	case path[0] == "imports":
		page = "/imports"
	}
	return local(page), d
}

func (k *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	k.show(w, r, http.StatusOK, "signin", map[string]any{"Next": local(r.URL.Query().Get("next")), "Draft": draft{}})
}

func (k *Console) signIn(w http.ResponseWriter, r *http.Request) {
	client := clientOf(r)
	kept := draft{r.PostFormValue("kept_user"), r.PostFormValue("kept_event"), r.PostFormValue("kept_decision"), r.PostFormValue("kept_order"), r.PostFormValue("kept_reason"), r.PostFormValue("kept_note")}
	again := func(code int, text string) {
		k.show(w, r, code, "signin", map[string]any{"Next": local(r.PostFormValue("next")), "Draft": kept, "Error": text})
	}
	stamp, err := k.login.signIn(r.Context(), client, r.PostFormValue("user"), r.PostFormValue("password"))
	switch {
	case errors.Is(err, errSlow):
		again(http.StatusTooManyRequests, "Too many failed sign-ins. Wait a moment and try again.")
	case err != nil:
		if k.repeats.first("a sign-in failed", err) {
			k.Log.Error("a sign-in failed", "error", err)
		}
		again(http.StatusInternalServerError, "The password cannot be checked now. Try again in a moment.")
	case stamp == "":
		k.audit(r.Context(), "signin-failed", "", map[string]string{"client": client})
		again(http.StatusUnauthorized, "The name or the password is wrong.")
	default:
		if err := k.sessions.RenewToken(r.Context()); err != nil {
			k.fail(w, r, err)
			return
		}
		k.sessions.Put(r.Context(), sessionUser, admin)
		k.sessions.Put(r.Context(), sessionStamp, stamp)
		if event.CheckUserID(kept.UserID) == nil {
			k.keepDraft(r, kept)
		}
		k.audit(r.Context(), "signin", admin, map[string]string{"client": client})
		http.Redirect(w, r, local(r.PostFormValue("next")), http.StatusSeeOther)
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
