package console

import (
	"net/http"
	"time"

	"usher/event"
)

// The console for programs.

func (k *Console) decisionAPI(w http.ResponseWriter, r *http.Request) {
	if _, err := k.model.user(r.Context(), r.PathValue("user_id")); err != nil {
		k.refuse(w, r, err)
		return
	}
	var d Decision
	if err := readJSON(r, &d, "the body is not JSON with a decision and a reason"); err != nil {
		k.refuse(w, r, err)
		return
	}
	key, actor := keyOf(r), whoAsks(r).actor()
	body := spoken{VerificationBody: event.VerificationBody{UserID: r.PathValue("user_id"), Actor: actor}, keyed: key != ""}
	a, err := k.decideAs(r.Context(), body, keyedID(key, actor, "decision"), d, 0)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, answerCode(a), a)
}

func (k *Console) usersAPI(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	if r.URL.Query().Get("sort") == "" && f.Status == "" {
		f.Sort = sortByID // the age of those who move on while a program reads changes
	}
	users, next, err := k.model.users(r.Context(), f, time.Now(), perPage)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, pageOfUsers{orNone(users), next})
}

// orNone is a list that is never null in JSON.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (k *Console) userAPI(w http.ResponseWriter, r *http.Request) {
	u, err := k.model.user(r.Context(), r.PathValue("user_id"))
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	k.ledger(r.Context(), &u)
	writeJSON(w, http.StatusOK, u)
}

func (k *Console) importsAPI(w http.ResponseWriter, r *http.Request) {
	imports, err := k.model.imports(r.Context(), 1000)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, pageOfImports{imports})
}
