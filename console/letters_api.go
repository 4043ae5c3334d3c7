package console

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"usher/event"
)

// The console's dead letters for programs.

type pageOfLetters struct {
	Letters    []DeadLetter `json:"deadletters"`
	NextCursor string       `json:"next_cursor"`
}

type lettersRequest struct {
	Do      string   `json:"do"`
	Letters []uint64 `json:"deadletters"`
}

// ChoreStanding is what became of a chore so far.
type ChoreStanding struct {
	ID     string            `json:"id"`
	Items  int               `json:"items"`
	Done   int               `json:"done"`
	Gone   int               `json:"gone"`
	Unable int               `json:"unable"`
	Failed map[string]string `json:"failed"`
	Over   bool              `json:"over"`
}

func choreStanding(id string, c event.Chore) ChoreStanding {
	failed := map[string]string{}
	maps.Copy(failed, c.Failed)
	return ChoreStanding{id, c.Items(), c.Did(), c.Gone, c.Unable, failed, c.Over()}
}

// deadLettersAPI lists dead letters, the newest first, a page at a time.
func (k *Console) deadLettersAPI(w http.ResponseWriter, r *http.Request) {
	want := whichOf(r.URL.Query())
	if s := r.URL.Query().Get("cursor"); s != "" {
		before, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			k.refuse(w, r, errCursor)
			return
		}
		want.Before = before
	}
	letters, err := k.model.deadLetters(r.Context(), want, mostLetters+1)
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	next := ""
	if len(letters) > mostLetters {
		letters = letters[:mostLetters]
		next = fmt.Sprint(letters[mostLetters-1].Seq)
	}
	writeJSON(w, http.StatusOK, pageOfLetters{orNone(letters), next})
}

// lettersAPI has dead letters sent again or dropped. The same with the same key tells how
// that stands.
func (k *Console) lettersAPI(w http.ResponseWriter, r *http.Request) {
	var body lettersRequest
	if err := readJSON(r, &body, "the body is not JSON with what to do, and with which dead letters"); err != nil {
		k.refuse(w, r, err)
		return
	}
	slices.Sort(body.Letters)
	id := keyedID(keyOf(r), whoAsks(r).actor(), "chore")
	c, err := k.askLetters(r.Context(), id, body.Do, slices.Compact(body.Letters))
	k.answerChore(w, r, id, c, err)
}

// answerChore tells how a chore stands that was asked for, or why it cannot be had.
func (k *Console) answerChore(w http.ResponseWriter, r *http.Request, id string, c event.Chore, err error) {
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	code := http.StatusOK
	if !c.Over() {
		code = http.StatusAccepted
	}
	writeJSON(w, code, choreStanding(id, c))
}
