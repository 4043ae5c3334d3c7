package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"usher/event"
)

// The pages about messages that did not arrive: those that failed, and those of which it
// is not known whether they went out. Both have one list and one way to act on it.

const (
	mostMissed    = 200 // on a page
	missedPreview = 10  // rows of what would be done

	// missedBody has room for as many messages as one chore may be about.
	missedBody = event.MostChoreItems * (event.MaxUserID + 128)
)

var choreID = regexp.MustCompile(`^[0-9A-Za-z]{27}$`) // made by eventIDOf

// Verbs of the pages and the API: what can be said of a message.
const (
	doResend  = "resend"
	doArrived = "arrived"
)

// errMissed is errChore, in the words of messages.
var errMissed error = inWords{errChore, errors.New(`say what to do, "resend", or "arrived" of an unknown outcome, and with which messages`)}

// inWords is another error, which says more of the case.
type inWords struct{ is, words error }

func (e inWords) Error() string { return e.words.Error() }

func (e inWords) Unwrap() error { return e.is }

// choreOf is what a verb asks for; "" for none.
func choreOf(unknown bool, do string) string {
	switch {
	case do == doResend && unknown:
		return event.ChoreResendUnknown
	case do == doResend:
		return event.ChoreResend
	case do == doArrived && unknown:
		return event.ChoreArrived
	}
	return ""
}

func (k *Console) failedPage(w http.ResponseWriter, r *http.Request)  { k.missedPage(w, r, false) }
func (k *Console) unknownPage(w http.ResponseWriter, r *http.Request) { k.missedPage(w, r, true) }
func (k *Console) failedForm(w http.ResponseWriter, r *http.Request)  { k.missedForm(w, r, false) }
func (k *Console) unknownForm(w http.ResponseWriter, r *http.Request) { k.missedForm(w, r, true) }

func (k *Console) missedPage(w http.ResponseWriter, r *http.Request, unknown bool) {
	want, err := missesOf(unknown, r.URL.Query())
	var list []Missed
	var counts missedCounts
	var next string
	now := time.Now()
	if err == nil {
		list, next, err = k.model.missed(r.Context(), want, now, mostMissed)
	}
	if err == nil {
		counts, err = k.model.countMissed(r.Context(), want, now)
	}
	var inboxes []string
	if err == nil {
		inboxes, err = k.model.inboxes(r.Context())
	}
	var imports []Import
	if err == nil {
		imports, err = k.model.imports(r.Context(), mostImports)
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{
		"Title": missedTitle(unknown), "Which": want, "List": list, "Counts": counts, "AtOnce": min(counts.All, event.MostChoreItems), "Message": k.sessions.PopString(r.Context(), "message"),
		"Sources": inboxes, "Imports": imports, "Channels": []string{event.ChannelEmail, event.ChannelSMS}, "Reasons": event.DeliveryReasons, "Faults": faults(), "Ages": ageBands, "Path": want.path(),
	}
	if next != "" {
		q := want.query()
		q.Set("cursor", next)
		d["Next"] = want.path() + "?" + q.Encode()
	}
	if c, ok := k.askedBefore(r, unknown); ok {
		d["Standing"], d["Refresh"] = becameOf(c), !c.Over()
	}
	k.show(w, r, http.StatusOK, "missed", d)
}

func missedTitle(unknown bool) string {
	if unknown {
		return "Unknown outcomes"
	}
	return "Failed messages"
}

// askedBefore is how a chore stands to which the address of a page leads: for who asked
// for it, and for those who see all.
func (k *Console) askedBefore(r *http.Request, unknown bool) (c event.Chore, ok bool) {
	id, do := r.URL.Query().Get("asked"), choreOf(unknown, r.URL.Query().Get("do"))
	if !choreID.MatchString(id) || do == "" {
		return c, false
	}
	c, ok, err := k.Trouble.Asked(r.Context(), event.Chore{Do: do}.Role(), id)
	if err != nil {
		if k.repeats.first("what was asked for cannot be read", err) {
			k.Log.Warn("what was asked for cannot be read", "error", err)
		}
		return c, false
	}
	return c, ok && c.Do == do && (c.Actor == whoAsks(r).actor() || !sightOf(r.Context()).limited)
}

// missedForm shows what a form would do, and to which messages, and asks once more.
func (k *Console) missedForm(w http.ResponseWriter, r *http.Request, unknown bool) {
	if err := r.ParseForm(); err != nil {
		k.fail(w, r, errMissed)
		return
	}
	want, err := missesOf(unknown, r.PostForm)
	do := r.PostFormValue("do")
	if err == nil && choreOf(unknown, do) == "" {
		err = errMissed
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	if r.PostForm.Has("messages") {
		k.missedDo(w, r, want, do)
		return
	}
	var list []Missed
	if r.PostFormValue("all") != "" { // as many as one chore takes, the oldest first
		list, _, err = k.model.missed(r.Context(), want, time.Now(), event.MostChoreItems)
	} else {
		var abouts []event.About
		if abouts, err = aboutsOf(r.PostForm["message"]); err == nil {
			list, err = k.model.missedNow(r.Context(), unknown, abouts)
		}
	}
	switch {
	case err != nil:
		k.fail(w, r, err)
	case len(list) == 0:
		k.sessions.Put(r.Context(), "message", "Tick messages that are in the list. Nothing is done yet.")
		http.Redirect(w, r, want.list(), http.StatusSeeOther)
	default:
		k.missedConfirm(w, r, http.StatusOK, want, do, list, newEventID(), "")
	}
}

// aboutsOf reads the names of messages, in order and each once.
func aboutsOf(texts []string) (out []event.About, err error) {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	for _, t := range slices.Compact(texts) {
		a, ok := event.ParseAbout(t)
		if !ok {
			return nil, errMissed
		}
		out = append(out, a)
	}
	return out, nil
}

func (k *Console) missedConfirm(w http.ResponseWriter, r *http.Request, code int, want misses, do string, list []Missed, key, wrong string) {
	channels, inboxes, people := map[string]int{}, map[string]int{}, map[string]bool{}
	var names []string
	for _, x := range list {
		channels[x.Channel]++
		inboxes[x.Inbox]++
		people[x.UserID] = true
		names = append(names, x.About())
	}
	k.show(w, r, code, "missed-confirm", map[string]any{
		"Title": missedTitle(want.Unknown), "Which": want, "Path": want.path(), "Back": want.list(), "Do": do, "N": len(list), "People": len(people), "Channels": channels, "Sources": inboxes,
		"First": list[:min(len(list), missedPreview)], "Rest": max(0, len(list)-missedPreview),
		"Messages": strings.Join(names, " "), "EventID": key, "MustType": len(list) > mustType, "Wrong": wrong,
	})
}

// missedDo has done what was asked once more, and leads back to the list with how that
// stands.
func (k *Console) missedDo(w http.ResponseWriter, r *http.Request, want misses, do string) {
	key, text := r.PostFormValue("event_id"), r.PostFormValue("messages")
	abouts, err := aboutsOf(strings.Fields(text))
	if err == nil && len(abouts) > mustType && typedNumber(r.PostFormValue("number")) != len(abouts) {
		list, err := k.model.missedNow(r.Context(), want.Unknown, abouts)
		switch {
		case err != nil:
			k.fail(w, r, err)
		case len(list) <= mustType: // so many were dealt with meanwhile that it is another question
			k.sessions.Put(r.Context(), "message", "The list has changed. Nothing is done yet.")
			http.Redirect(w, r, want.list(), http.StatusSeeOther)
		default:
			k.missedConfirm(w, r, http.StatusBadRequest, want, do, list, key, fmt.Sprintf("Type how many messages this is about: %d. Nothing is done yet.", len(list)))
		}
		return
	}
	id := eventIDOf(key, do, text)
	if err == nil {
		_, err = k.askMissed(r.Context(), id, want.Unknown, do, abouts)
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	q := want.query()
	q.Set("asked", id)
	q.Set("do", do)
	http.Redirect(w, r, want.path()+"?"+q.Encode(), http.StatusSeeOther)
}

// askMissed has something done about messages to people whom the one who asks sees.
// Which of them still did not arrive is found out when it is done.
func (k *Console) askMissed(ctx context.Context, id string, unknown bool, do string, abouts []event.About) (c event.Chore, err error) {
	wanted := event.Chore{Do: choreOf(unknown, do), About: abouts}
	if wanted.Check() != nil {
		return c, errMissed
	}
	return k.ask(ctx, id, wanted, func() error {
		var ids []string
		for _, a := range abouts {
			ids = append(ids, a.UserID)
		}
		return k.model.reachAll(ctx, ids)
	})
}
