package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// The desk is where people are decided about: a list with its filters, and beside it
// one person. On a narrow screen each is a page of its own. A person's address has the
// filter of the list, so that all of what is seen is in the address.

// partHeader is how a script of the page asks for a part of it: "pane", "list".
const partHeader = "Usher-Part"

// listed is a person in the list.
type listed struct {
	User
	URL  string
	Here bool    // is shown beside the list
	Held *Recent // a decision that can still be undone; nil: none
}

// Open tells whether a decision about the person has an effect.
func (u User) Open() bool {
	return !u.Status.Final() && u.Status != event.StatusApproved && u.Status != event.StatusActive
}

// userURL is the address of a person beside the list of a filter.
func userURL(id string, f filter) string {
	q := f.query()
	if f.Cursor != "" {
		q.Set("cursor", f.Cursor)
	}
	u := "/users/" + url.PathEscape(id)
	if s := q.Encode(); s != "" {
		u += "?" + s
	}
	return u
}

func (k *Console) usersPage(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{}
	if err := k.list(r, d, f, ""); err != nil {
		k.fail(w, r, err)
		return
	}
	d["Title"] = d["ListTitle"]
	name := "desk"
	if r.Header.Get(partHeader) == "list" {
		name = "list"
	} else {
		d["ListMessage"] = k.sessions.PopString(r.Context(), "message")
	}
	k.show(w, r, http.StatusOK, name, d)
}

// list puts what the list of a filter shows into a page.
func (k *Console) list(r *http.Request, d map[string]any, f filter, here string) error {
	now := time.Now()
	d["Live"] = k.live.position() // before the list, so that no change is missed
	users, next, err := k.model.users(r.Context(), f, now, perPage)
	if err != nil {
		return err
	}
	t, err := k.model.tally(r.Context(), f, now)
	if err != nil {
		return err
	}
	facets, err := k.model.facets(r.Context(), f, t)
	if err != nil {
		return err
	}
	held, err := k.model.undoable(r.Context(), now)
	if err != nil {
		return err
	}
	rows := make([]listed, 0, len(users))
	for _, u := range users {
		row := listed{User: u, URL: userURL(u.UserID, f), Here: u.UserID == here}
		if h, ok := held[u.UserID]; ok {
			row.Held = &h
		}
		rows = append(rows, row)
	}
	var chosen []option
	for _, x := range facets {
		for _, o := range x.Options {
			if o.On {
				o.Label = x.Label + ": " + o.Label
				chosen = append(chosen, o)
			}
		}
	}
	d["Picks"] = slices.ContainsFunc(rows, func(x listed) bool { return x.Open() && x.Held == nil })
	switch status := event.Status(f.Status); {
	case status == "" && f.Bulk == "":
		d["AllLabel"] = "Decide about all undecided…"
	case status == event.StatusWaiting || status == event.StatusParked:
		d["AllLabel"] = "Decide about all " + t.total.String() + "…"
	}
	if f.Bulk != "" {
		to := f
		to.Bulk, to.Cursor = "", ""
		chosen = append(chosen, option{Label: "A decision about many", URL: listURL(to), On: true})
	}
	d["Filter"], d["Rows"], d["Facets"], d["Total"], d["Chosen"] = f, rows, facets, t.total, chosen
	d["Query"] = strings.TrimPrefix(userURL("", f), "/users/")
	d["ListURL"], d["Now"], d["Sorts"] = listURL(f), now.UnixMicro(), sortLinks(f, sightOf(r.Context()).masked)
	d["ListTitle"] = "All users"
	if f.Status != "" {
		d["ListTitle"] = "Users: " + statusWords(event.Status(f.Status))
	}
	if next != "" {
		q := f.query()
		q.Set("cursor", next)
		d["Next"] = "/users?" + q.Encode()
	}
	if f.Cursor != "" {
		d["First"] = listURL(f)
	}
	if status := event.Status(f.Status); status == event.StatusUnreached || status == event.StatusPartlyWelcomed {
		if d["Storms"], err = k.model.storms(r.Context(), now); err != nil {
			return err
		}
	}
	return nil
}

// sortLinks are the orders that the list can have.
func sortLinks(f filter, masked bool) (out []option) {
	labels := map[string]string{sortOldest: "Longest first", sortNewest: "Newest first", sortByName: "By name"}
	for _, s := range sorts {
		if s == sortByName && masked || s == sortByID {
			continue // it would tell what is masked; and ids are an order for programs
		}
		to := f
		to.Sort, to.Cursor = s, ""
		out = append(out, option{Value: s, Label: labels[s], On: s == f.Sort, URL: listURL(to)})
	}
	return out
}

func (k *Console) userPage(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	u, err := k.model.user(k.afterReveal(r), r.PathValue("user_id"))
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{"Filter": f, "ListURL": listURL(f)}
	part := r.Header.Get(partHeader) == "pane"
	if !part {
		if err := k.list(r, d, f, u.UserID); err != nil {
			k.fail(w, r, err)
			return
		}
		next, ok, err := k.nextOf(r, d["Rows"].([]listed), u.UserID, f)
		if err != nil {
			k.fail(w, r, err)
			return
		}
		if ok {
			d["NextUser"], d["NextURL"] = next, userURL(next.UserID, f)
		}
	}
	k.ledger(r.Context(), &u)
	d["Title"], d["User"], d["Messages"], d["Away"] = "User "+u.UserID, u, u.Messages, u.Away
	d["EventID"], d["Message"], d["Draft"] = newEventID(), k.sessions.PopString(r.Context(), "message"), k.draft(r, u.UserID)
	d["Orders"], d["Reasons"], d["Query"] = orders(u.Status), k.RejectReasons, strings.TrimPrefix(userURL("", f), "/users/") // also of the pane alone
	d["Two"] = k.FourEyes[u.Source]
	held, err := k.model.undoable(r.Context(), time.Now())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	if h, ok := held[u.UserID]; ok {
		d["Held"] = h
	}
	d["RunURL"] = k.runURL(r, u.UserID)
	if part {
		k.show(w, r, http.StatusOK, "pane", d)
		return
	}
	k.show(w, r, http.StatusOK, "desk", d)
}

// runURL is where Temporal's pages show the run of a user; "" where they cannot be opened:
// those on this machine by one who has come under the name that others use.
func (k *Console) runURL(r *http.Request, userID string) string {
	ui, err := url.Parse(k.TemporalUI)
	if err != nil || k.TemporalUI == "" || event.Loopback(ui.Hostname()) && !event.Loopback(hostOf(r)) {
		return ""
	}
	return k.TemporalUI + "/workflows/" + url.PathEscape(event.WorkflowID(userID))
}

// nextOf is who is decided about next: the next in the list, else the first one there,
// else whoever has waited longest.
func (k *Console) nextOf(r *http.Request, rows []listed, id string, f filter) (User, bool, error) {
	open := func(x listed) bool { return x.UserID != id && x.Open() && x.Held == nil }
	at := slices.IndexFunc(rows, func(x listed) bool { return x.UserID == id })
	if i := slices.IndexFunc(rows[at+1:], open); i >= 0 {
		return rows[at+1+i].User, true, nil
	}
	if i := slices.IndexFunc(rows, open); i >= 0 {
		return rows[i].User, true, nil
	}
	if f.query().Encode() != "" {
		return User{}, false, nil
	}
	return k.model.nextWaiting(r.Context(), id)
}

// draft is what was typed about a user and could not be done.
type draft struct {
	UserID   string `json:"user_id"`
	EventID  string `json:"event_id"`
	Decision string `json:"decision"`
	Order    string `json:"order"`
	Reason   string `json:"reason"`
	Note     string `json:"note"`
}

// sessionDraft holds one draft, as JSON.
const sessionDraft = "draft"

func (k *Console) keepDraft(r *http.Request, d draft) {
	b, err := json.Marshal(d)
	if err != nil {
		panic("console: texts can be marshalled: " + err.Error())
	}
	k.sessions.Put(r.Context(), sessionDraft, string(b))
}

// draft takes what was typed about a user out of the session.
func (k *Console) draft(r *http.Request, userID string) (d draft) {
	s := k.sessions.GetString(r.Context(), sessionDraft)
	if s == "" || json.Unmarshal([]byte(s), &d) != nil || d.UserID != userID {
		return draft{}
	}
	k.sessions.Remove(r.Context(), sessionDraft)
	return d
}

// draftOf is what a form about a user has in it.
func draftOf(r *http.Request, userID string) draft {
	return draft{userID, r.PostFormValue("event_id"), r.PostFormValue("decision"), r.PostFormValue("order"), r.PostFormValue("reason"), r.PostFormValue("note")}
}

// wantsJSON tells whether a script of the page asks.
func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }

// decisionForm decides, and shows the user again with what became of it; a script is
// told that alone.
func (k *Console) decisionForm(w http.ResponseWriter, r *http.Request) {
	userID := r.PathValue("user_id")
	d := Decision{Decision: r.PostFormValue("decision"), Reason: r.PostFormValue("reason"), Note: r.PostFormValue("note")}
	a, err := k.decide(r.Context(), whoAsks(r).actor(), userID, r.PostFormValue("event_id"), d, k.UndoWindow)
	switch {
	case k.toScript(w, r, a, err):
		return
	case errors.Is(err, errDecision):
		a.Message = "A rejection needs a reason. Not decided yet."
		k.keepDraft(r, draftOf(r, userID))
	case err != nil:
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), "message", a.Message)
	k.back(w, r, userID)
}

// toScript tells a script of the page what became of its form, when one asks.
func (k *Console) toScript(w http.ResponseWriter, r *http.Request, a Answer, err error) bool {
	switch {
	case !wantsJSON(r):
		return false
	case err != nil:
		k.refuse(w, r, err)
	default:
		writeJSON(w, answerCode(a), a)
	}
	return true
}

// back shows the user again beside the list that the form was sent from.
func (k *Console) back(w http.ResponseWriter, r *http.Request, userID string) {
	f, _ := filterOf(r.URL.Query()) // an address that was changed by hand gives the whole list
	http.Redirect(w, r, userURL(userID, f), http.StatusSeeOther)
}

// answerCode is the status of an answer in HTTP.
func answerCode(a Answer) int {
	return cmp.Or(map[string]int{"applied": http.StatusOK, "late": http.StatusConflict, resultRefused: http.StatusConflict, "stored": http.StatusAccepted}[a.Result], http.StatusOK)
}
