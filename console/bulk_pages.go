package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/console/bulk"
	"usher/event"
)

// bulkRow is an operation in a list.
type bulkRow struct {
	bulk.Operation
	bulk.Counts
}

// mostBulks is how many operations a list has.
const mostBulks = 100

// bulkRows are the newest operations with what became of them.
func (k *Console) bulkRows(r *http.Request) ([]bulkRow, error) {
	all, err := k.model.bulkList(r.Context(), mostBulks)
	if err != nil {
		return nil, err
	}
	out := make([]bulkRow, 0, len(all))
	for _, o := range all {
		if !seesBulk(r.Context(), o) {
			continue
		}
		c := bulk.Counts{}
		if o.Final != nil {
			c = *o.Final
		} else if c, err = k.model.bulkCounts(r.Context(), o.ID); err != nil {
			return nil, err
		}
		out = append(out, bulkRow{o, c})
	}
	return out, nil
}

// bulksPage lists the operations.
func (k *Console) bulksPage(w http.ResponseWriter, r *http.Request) {
	position := k.live.position()
	all, err := k.bulkRows(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	open := false
	for _, o := range all {
		open = open || !o.Settled()
	}
	k.show(w, r, http.StatusOK, "bulks", map[string]any{"Title": "Decisions about many", "Live": position, "Bulks": all, "Refresh": open})
}

// bulkChooseForm freezes whom a selection or a filter means, and leads to the preview.
func (k *Console) bulkChooseForm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		k.fail(w, r, errChoice)
		return
	}
	f, err := filterOf(r.URL.Query())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	a := whoAsks(r)
	c := choice{filter: f}
	if r.PostFormValue("scope") != "all" {
		c = choice{filter: filter{Sort: sortOldest}, UserIDs: r.PostForm["user_ids"]}
		if len(c.UserIDs) == 0 {
			k.sessions.Put(r.Context(), "message", "Select people first: tick the boxes in the list.")
			http.Redirect(w, r, listURL(f), http.StatusSeeOther)
			return
		}
	}
	m, err := k.model.choose(r.Context(), c, time.Now())
	if err == nil && len(m.people) == 0 {
		err = errNoOne
	}
	var o bulk.Operation
	if err == nil {
		o, err = k.freeze(r.Context(), newEventID(), a.actor(), c, m, nil)
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	to := url.Values{}
	to.Set("back", listURL(f))
	http.Redirect(w, r, "/bulk/"+o.ID+"?"+to.Encode(), http.StatusSeeOther)
}

// mustType is from how many people on their number must be typed.
const mustType = 100

// bulkPage is the preview of a draft, or how an operation stands.
func (k *Console) bulkPage(w http.ResponseWriter, r *http.Request) {
	position := k.live.position()
	o, c, err := k.standing(r.Context(), r.PathValue("id"))
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{
		"Title": "Decision about many", "Live": position, "O": o, "C": c, "Message": k.sessions.PopString(r.Context(), "message"), "Scope": k.scopeWords(r, o), "Imports": k.importShares(r, o.Scope.ByImport),
	}
	if o.State == bulk.Draft {
		k.preview(w, r, http.StatusOK, d, o, Decision{}, "")
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	results, err := k.model.bulkResults(r.Context(), o.ID, r.URL.Query().Get("result"), from, perPage+1)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	q := r.URL.Query()
	if len(results) > perPage {
		q.Set("from", strconv.Itoa(results[perPage].N))
		d["More"], results = "/bulk/"+o.ID+"?"+q.Encode(), results[:perPage]
	}
	d["Results"], d["Result"], d["From"] = results, q.Get("result"), from
	d["Undoable"] = o.State == bulk.Waiting && time.Now().Before(o.Starts)
	d["Refresh"] = !o.Settled()
	d["Progress"], d["Rate"] = progressOf(o, c, time.Now())
	k.show(w, r, http.StatusOK, "bulk", d)
}

// progressOf says how much of an operation is answered, in hundredths, and how many
// decisions a second.
func progressOf(o bulk.Operation, c bulk.Counts, now time.Time) (percent int, rate string) {
	if o.Matched > 0 {
		percent = 100 * c.Answered() / o.Matched
	}
	end := now
	if !o.Ended.IsZero() {
		end = o.Ended
	}
	if d := end.Sub(o.Starts).Seconds(); d > 0.1 && c.Answered() > 0 {
		rate = fmt.Sprintf("%.0f", float64(c.Answered())/d)
	}
	return percent, rate
}

// preview shows whom a draft is about and asks for the decision.
func (k *Console) preview(w http.ResponseWriter, r *http.Request, code int, d map[string]any, o bulk.Operation, said Decision, wrong string) {
	first, err := k.model.named(r.Context(), o.Scope.First)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d["First"], d["Rest"], d["Reasons"], d["Said"], d["Wrong"], d["MustType"] = first, o.Matched-len(first), k.RejectReasons, said, wrong, o.Matched > mustType
	d["Window"], d["Back"] = seconds(k.UndoWindow), backToList(r.FormValue("back"))
	k.show(w, r, code, "bulk-preview", d)
}

// backToList is the list that a preview was opened from.
func backToList(to string) string {
	if u, err := url.Parse(local(to)); err == nil && u.Path == "/users" {
		return u.String()
	}
	return "/users?status=" + string(event.StatusWaiting)
}

// bulkBeginForm makes the decision about the people of a draft.
func (k *Console) bulkBeginForm(w http.ResponseWriter, r *http.Request) {
	id, a := r.PathValue("id"), whoAsks(r)
	o, _, err := k.standing(r.Context(), id)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	said := Decision{Decision: r.PostFormValue("decision"), Reason: r.PostFormValue("reason"), Note: r.PostFormValue("note")}
	wrong := ""
	switch {
	case o.State != bulk.Draft: // the form was sent twice
	case said.Decision == "":
		wrong = "Say what to decide: approve or reject."
	case said.check() != nil:
		wrong = "A rejection needs a reason."
	case o.Matched > mustType && typedNumber(r.PostFormValue("number")) != o.Matched:
		wrong = fmt.Sprintf("Type how many people this is about: %d.", o.Matched)
	}
	if wrong != "" {
		k.preview(w, r, http.StatusBadRequest, map[string]any{"Title": "Decision about many", "O": o, "Scope": k.scopeWords(r, o), "Imports": k.importShares(r, o.Scope.ByImport)}, o, said, wrong+" Not decided yet.")
		return
	}
	if _, err := k.begin(r.Context(), a.actor(), id, said); err != nil {
		k.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/bulk/"+id, http.StatusSeeOther)
}

// typedNumber reads a number as people write it; -1 for none.
func typedNumber(s string) int {
	n, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "", " ", "", "\u00a0", "", "\u202f", "", "'", "").Replace(s))
	if err != nil {
		return -1
	}
	return n
}

func (k *Console) bulkCancelForm(w http.ResponseWriter, r *http.Request) { k.stopForm(w, r, false) }
func (k *Console) bulkUndoForm(w http.ResponseWriter, r *http.Request)   { k.stopForm(w, r, true) }

func (k *Console) stopForm(w http.ResponseWriter, r *http.Request, undo bool) {
	_, err := k.stop(r.Context(), whoAsks(r).actor(), r.PathValue("id"), undo)
	switch {
	case errors.Is(err, errOver), errors.Is(err, errSending):
		k.sessions.Put(r.Context(), "message", "Too late: "+err.Error()+".")
	case err != nil:
		k.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/bulk/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
}

// scopeWords says how the people of an operation were chosen.
func (k *Console) scopeWords(r *http.Request, o bulk.Operation) string {
	s := o.Scope
	if s.Selected {
		return "selected one by one"
	}
	var out []string
	add := func(label, value string) {
		if value != "" {
			out = append(out, label+" "+value)
		}
	}
	add("status", strings.ReplaceAll(s.Status, "_", " "))
	add("inbox", s.Inbox)
	if s.Import != "" {
		add("file", k.fileOf(r, s.Import))
	}
	if b, ok := bandOf(s.Age); ok {
		add("in this status for", b.Label)
	}
	add("language", s.Language)
	add("decided by", s.By)
	if s.Bulk != "" {
		out = append(out, "an earlier decision about many")
	}
	if s.Searched {
		out = append(out, "a search")
	}
	return strings.Join(out, ", ")
}

func (k *Console) fileOf(r *http.Request, id string) string {
	i, err := k.model.importOf(r.Context(), id)
	if err != nil {
		return id
	}
	return i.File
}

// importShares are the shares of imports by the names of their files.
func (k *Console) importShares(r *http.Request, of []bulk.Share) []bulk.Share {
	out := make([]bulk.Share, 0, len(of))
	for _, s := range of {
		if s.Value != "" {
			s.Value = k.fileOf(r, s.Value)
		}
		out = append(out, s)
	}
	return out
}

// bulkWord says how an operation is, for people.
func bulkWord(s bulk.State) string {
	return cmp.Or(map[bulk.State]string{bulk.Waiting: "can be undone"}[s], string(s))
}
