package console

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"usher/console/bulk"
	"usher/event"
)

// largeBody has room for the ids of as many people as one operation may be about.
const largeBody = bulk.Most * (event.MaxUserID + 4)

// bulkRequest is the body of POST /api/v1/bulk.
type bulkRequest struct {
	Status   string   `json:"status"`
	Q        string   `json:"q"`
	Inbox    string   `json:"inbox"`
	Import   string   `json:"import"`
	Age      string   `json:"age"`
	Language string   `json:"language"`
	By       string   `json:"by"`
	Bulk     string   `json:"bulk"`
	UserIDs  []string `json:"user_ids"`

	Decision
	DryRun bool `json:"dry_run"`
	Expect *int `json:"expect"` // how many must match; nil: any number
}

// BulkStanding is how an operation stands, for programs.
type BulkStanding struct {
	ID      string     `json:"id"`
	State   bulk.State `json:"state"`
	Matched int        `json:"matched"`
	bulk.Counts
	Decision string    `json:"decision"`
	Actor    string    `json:"actor"`
	Begun    time.Time `json:"begun"`
	Starts   time.Time `json:"starts"` // until then it can be undone
	Ended    time.Time `json:"ended,omitzero"`
	EndedBy  string    `json:"ended_by,omitempty"`
	Trouble  string    `json:"trouble,omitempty"`
}

func bulkStanding(o bulk.Operation, c bulk.Counts) BulkStanding {
	return BulkStanding{o.ID, o.State, o.Matched, c, o.Decision, o.Actor, o.Begun, o.Starts, o.Ended, o.EndedBy, o.Trouble}
}

// errExpect is answered with how many match.
var errExpect = errors.New("another number of people matches now than you expect; look again")

// bulkBeginAPI begins an operation, or tells whom it would be about.
func (k *Console) bulkBeginAPI(w http.ResponseWriter, r *http.Request) {
	var b bulkRequest
	if err := readJSON(r, &b, "the body is not JSON with a choice of people and a decision"); err != nil {
		k.refuse(w, r, err)
		return
	}
	q := map[string][]string{"status": {b.Status}, "q": {b.Q}, "inbox": {b.Inbox}, "import": {b.Import}, "age": {b.Age}, "language": {b.Language}, "by": {b.By}, "bulk": {b.Bulk}}
	f, err := filterOf(q)
	c := choice{filter: f, UserIDs: b.UserIDs}
	switch {
	case err == nil && c.UserIDs == nil && len(f.query()) == 0:
		err = errChoice
	case err == nil && !b.DryRun:
		err = b.check()
	}
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	key := keyOf(r)
	id := keyedID(key, whoAsks(r).actor(), "bulk")
	c.request = fingerprint(key, b)
	if key != "" && !b.DryRun {
		if o, _, err := k.bulks.store.Get(r.Context(), id); err == nil {
			k.begun(w, r, o, c)
			return
		}
	}
	m, err := k.model.choose(r.Context(), c, time.Now())
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	if b.Expect != nil && *b.Expect != len(m.people) {
		p := problemOf(r, codeOtherNumber, errExpect.Error())
		n := len(m.people)
		p.Matched = &n
		writeProblem(w, p)
		return
	}
	if b.DryRun {
		writeJSON(w, http.StatusOK, bulkDry{len(m.people), m.byInbox, m.byImport})
		return
	}
	o, err := k.freeze(r.Context(), id, whoAsks(r).actor(), c, m, &b.Decision)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	k.begun(w, r, o, c)
}

// begun answers with the operation that a request has begun, now or before.
func (k *Console) begun(w http.ResponseWriter, r *http.Request, o bulk.Operation, c choice) {
	if c.request != "" && o.Request != c.request {
		k.refuse(w, r, errKey)
		return
	}
	writeJSON(w, http.StatusAccepted, bulkBegun{o.ID, o.Matched})
}

// bulkAPI tells how an operation stands.
func (k *Console) bulkAPI(w http.ResponseWriter, r *http.Request) {
	o, c, err := k.standing(r.Context(), r.PathValue("id"))
	if err == nil && o.State == bulk.Draft {
		err = bulk.ErrNone
	}
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, bulkStanding(o, c))
}

// bulksAPI lists the newest operations.
func (k *Console) bulksAPI(w http.ResponseWriter, r *http.Request) {
	all, err := k.bulkRows(r)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	out := make([]BulkStanding, 0, len(all))
	for _, o := range all {
		out = append(out, bulkStanding(o.Operation, o.Counts))
	}
	writeJSON(w, http.StatusOK, pageOfOperations{out})
}

// mostResults is how many decisions one answer lists.
const mostResults = 1000

// bulkUsersAPI lists what became of each decision, in the order in which they are said.
func (k *Console) bulkUsersAPI(w http.ResponseWriter, r *http.Request) {
	o, _, err := k.standing(r.Context(), r.PathValue("id"))
	if err == nil && o.State == bulk.Draft {
		err = bulk.ErrNone
	}
	from, n := r.URL.Query().Get("from"), 0
	if err == nil && from != "" {
		if n, err = strconv.Atoi(from); err != nil {
			err = errCursor
		}
	}
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	all, err := k.model.bulkResults(r.Context(), o.ID, r.URL.Query().Get("result"), n, mostResults+1)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	answer := pageOfResults{Users: orNone(all)}
	if len(all) > mostResults {
		answer.Users, answer.NextFrom = all[:mostResults], &all[mostResults].N
	}
	writeJSON(w, http.StatusOK, answer)
}

// bulkStopAPI cancels what is not sent yet; undo takes back all, while nothing is sent.
func (k *Console) bulkStopAPI(w http.ResponseWriter, r *http.Request) {
	k.stopAPI(w, r, false)
}

func (k *Console) bulkUndoAPI(w http.ResponseWriter, r *http.Request) { k.stopAPI(w, r, true) }

func (k *Console) stopAPI(w http.ResponseWriter, r *http.Request, undo bool) {
	o, err := k.stop(r.Context(), whoAsks(r).actor(), r.PathValue("id"), undo)
	var c bulk.Counts
	if err == nil {
		o, c, err = k.standing(r.Context(), o.ID)
	}
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, bulkStanding(o, c))
}
