package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"usher/event"
)

// Suppressed is an address that gets no messages. The address itself is kept nowhere.
type Suppressed struct {
	Entry   string    `json:"entry"` // names it, to take it off the list
	Channel string    `json:"channel"`
	Reason  string    `json:"reason"`
	Words   string    `json:"-"`  // what the reason means
	By      string    `json:"by"` // operator or provider
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
}

// mostSuppressed is how many a page shows.
const mostSuppressed = 500

// listing is the newest entries that are meant, how many there are, and the reasons that
// entries have.
type listing struct {
	Newest  []Suppressed
	All     int
	Reasons []string
}

// suppressed reads the list with this channel and this reason ("" for all); it may be
// long, and is never in memory as a whole.
func (k *Console) suppressed(ctx context.Context, channel, reason string) (l listing, err error) {
	newest := func() {
		slices.SortFunc(l.Newest, func(a, b Suppressed) int { return b.At.Compare(a.At) })
		l.Newest = l.Newest[:min(len(l.Newest), mostSuppressed)]
	}
	err = k.Trouble.Suppressed(ctx, func(entry string, s event.Suppression) error {
		if !slices.Contains(l.Reasons, s.Reason) {
			l.Reasons = append(l.Reasons, s.Reason)
		}
		if channel != "" && s.Channel != channel || reason != "" && s.Reason != reason {
			return nil
		}
		l.All++
		if l.Newest = append(l.Newest, Suppressed{entry, s.Channel, s.Reason, event.Explain(s.Reason), s.By, s.Message, s.At}); len(l.Newest) > 2*mostSuppressed {
			newest()
		}
		return nil
	})
	newest()
	slices.Sort(l.Reasons)
	return l, err
}

func (k *Console) suppressedPage(w http.ResponseWriter, r *http.Request) {
	channel, reason := r.URL.Query().Get("channel"), r.URL.Query().Get("reason")
	l, err := k.suppressed(r.Context(), channel, reason)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.show(w, r, http.StatusOK, "suppressed", map[string]any{
		"Title": "Addresses that get no messages", "List": l.Newest, "All": l.All, "Channel": channel, "Reason": reason, "Reasons": l.Reasons,
		"Channels": []string{event.ChannelEmail, event.ChannelSMS}, "EventID": newEventID(), "Message": k.sessions.PopString(r.Context(), "message"),
	})
}

// suppressedRelease takes entries off the list, and shows it again with what became of
// that.
func (k *Console) suppressedRelease(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		k.fail(w, r, errChore)
		return
	}
	entries := slices.Sorted(slices.Values(r.PostForm["entry"]))
	message := "Tick entries first."
	if len(entries) > 0 {
		wanted := event.Chore{Do: event.ChoreRelease, Entries: slices.Compact(entries)}
		if wanted.Check() != nil {
			k.fail(w, r, errChore)
			return
		}
		id := eventIDOf(r.PostFormValue("event_id"), append([]string{wanted.Do}, wanted.Entries...)...)
		c, err := k.ask(r.Context(), id, wanted, func() error { return nil })
		if err != nil {
			k.fail(w, r, err)
			return
		}
		message = becameOf(c)
		if c.Did() > 0 {
			message += " What failed meanwhile is not sent by itself: choose these people and press Send again."
		}
	}
	k.sessions.Put(r.Context(), "message", message)
	http.Redirect(w, r, "/suppressed", http.StatusSeeOther)
}
