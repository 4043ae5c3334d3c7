package console

import (
	"net/http"
	"time"

	"usher/event"
)

// The messages that did not arrive, for programs.

type pageOfMissed struct {
	Messages   []Missed       `json:"messages"`
	Matched    int            `json:"matched"`
	ByChannel  map[string]int `json:"by_channel"`
	ByInbox    map[string]int `json:"by_inbox"`
	NextCursor string         `json:"next_cursor"`
}

type missedRequest struct {
	Do       string        `json:"do"`
	Messages []event.About `json:"messages"`
}

func (k *Console) failedAPI(w http.ResponseWriter, r *http.Request)    { k.missedAPI(w, r, false) }
func (k *Console) unknownAPI(w http.ResponseWriter, r *http.Request)   { k.missedAPI(w, r, true) }
func (k *Console) failedDoAPI(w http.ResponseWriter, r *http.Request)  { k.missedDoAPI(w, r, false) }
func (k *Console) unknownDoAPI(w http.ResponseWriter, r *http.Request) { k.missedDoAPI(w, r, true) }

// missedAPI lists them, the oldest first, a page at a time, with how many all are.
func (k *Console) missedAPI(w http.ResponseWriter, r *http.Request, unknown bool) {
	now := time.Now()
	want, err := missesOf(unknown, r.URL.Query())
	var list []Missed
	var next string
	if err == nil {
		list, next, err = k.model.missed(r.Context(), want, now, mostMissed)
	}
	var c missedCounts
	if err == nil {
		c, err = k.model.countMissed(r.Context(), want, now)
	}
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, pageOfMissed{orNone(list), c.All, c.Channels, c.Inboxes, next})
}

// missedDoAPI has something done about messages. The same with the same key tells how
// that stands.
func (k *Console) missedDoAPI(w http.ResponseWriter, r *http.Request, unknown bool) {
	var body missedRequest
	if err := readJSON(r, &body, "the body is not JSON with what to do, and with which messages"); err != nil {
		k.refuse(w, r, err)
		return
	}
	var names []string
	for _, a := range body.Messages {
		names = append(names, a.String())
	}
	abouts, err := aboutsOf(names)
	id := keyedID(keyOf(r), whoAsks(r).actor(), "chore")
	var c event.Chore
	if err == nil {
		c, err = k.askMissed(r.Context(), id, unknown, body.Do, abouts)
	}
	k.answerChore(w, r, id, c, err)
}
