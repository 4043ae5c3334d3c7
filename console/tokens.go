package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/console/logins"
)

// key is a token as the page lists it.
type key struct {
	logins.Token
	Used time.Time
}

func (k *Console) tokensPage(w http.ResponseWriter, r *http.Request) {
	k.tokens(w, r, http.StatusOK, map[string]any{"Message": k.sessions.PopString(r.Context(), "message")})
}

// tokens shows all tokens, and above them what d says.
func (k *Console) tokens(w http.ResponseWriter, r *http.Request, code int, d map[string]any) {
	all, err := k.login.store.Read(r.Context())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	var keys []key
	for _, t := range all.Tokens {
		used, err := k.login.store.LastUsed(r.Context(), t.Name)
		if err != nil {
			k.fail(w, r, err)
			return
		}
		keys = append(keys, key{t, used})
	}
	d["Title"], d["Tokens"], d["Roles"], d["Home"] = "Tokens", keys, logins.Roles(), k.home(r)
	k.show(w, r, code, "tokens", d)
}

func (k *Console) addToken(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.PostFormValue("name"))
	role, inboxes := scopeOf(r)
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days < 0 || days > 3650 {
		k.notDone(w, r, logins.Refusal("the number of days is from 0, for a token without an end, to 3650"))
		return
	}
	secret, err := k.login.store.AddToken(r.Context(), name, role, inboxes, time.Duration(days)*24*time.Hour, whoAsks(r).actor())
	if err != nil {
		k.notDone(w, r, err)
		return
	}
	k.audit(r.Context(), "token-add", whoAsks(r).actor(), map[string]string{"token": name, "role": string(role), "inboxes": strings.Join(inboxes, " "), "days": strconv.Itoa(days)})
	k.tokens(w, r, http.StatusOK, map[string]any{"Secret": secret, "Added": name})
}

func (k *Console) removeToken(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := k.login.store.RemoveToken(r.Context(), name); err != nil {
		k.notDone(w, r, err)
		return
	}
	k.audit(r.Context(), "token-rm", whoAsks(r).actor(), map[string]string{"token": name})
	k.sessions.Put(r.Context(), "message", "The token "+name+" is removed, and opens nothing any more.")
	http.Redirect(w, r, "/tokens", http.StatusSeeOther)
}

// notDone shows the tokens again with why nothing was done.
func (k *Console) notDone(w http.ResponseWriter, r *http.Request, err error) {
	var refused logins.Refusal
	if errors.As(err, &refused) {
		k.tokens(w, r, http.StatusConflict, map[string]any{"Error": sentence(err)})
		return
	}
	k.fail(w, r, err)
}
