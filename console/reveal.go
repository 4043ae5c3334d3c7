package console

import (
	"context"
	"net/http"
)

// To a role that sees masked forms the personal data of one person is shown once when
// it asks for that, and each time is in the audit.

// sessionReveal holds whose data the next page shows.
const sessionReveal = "reveal"

// reveal returns one person with all data, and records that.
func (k *Console) reveal(ctx context.Context, userID string) (User, error) {
	u, err := k.model.user(revealed(ctx), userID)
	if err == nil {
		k.audit(ctx, "reveal", whoIn(ctx).actor(), map[string]string{"user_id": userID})
	}
	return u, err
}

func (k *Console) revealForm(w http.ResponseWriter, r *http.Request) {
	userID := r.PathValue("user_id")
	if _, err := k.reveal(r.Context(), userID); err != nil {
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), sessionReveal, userID)
	k.back(w, r, userID)
}

// afterReveal is the context of the page that a reveal leads to, and the request's own
// on every other.
func (k *Console) afterReveal(r *http.Request) context.Context {
	if k.sessions.GetString(r.Context(), sessionReveal) != r.PathValue("user_id") {
		return r.Context()
	}
	k.sessions.Remove(r.Context(), sessionReveal)
	return revealed(r.Context())
}

func (k *Console) revealAPI(w http.ResponseWriter, r *http.Request) {
	u, err := k.reveal(r.Context(), r.PathValue("user_id"))
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	k.ledger(r.Context(), &u)
	writeJSON(w, http.StatusOK, u)
}
