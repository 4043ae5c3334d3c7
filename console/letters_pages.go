package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/event"
)

const (
	mostLetters     = 200      // on a page
	mostLetterBytes = 64 << 10 // of a body that is shown
	sessionLetter   = "letter" // holds which letter the next page shows whole
)

func whichOf(q url.Values) which { return which{Stream: q.Get("stream"), Reason: q.Get("reason")} }

// letterList is the list that a page came from.
func letterList(w which) string {
	q := url.Values{}
	for name, v := range map[string]string{"stream": w.Stream, "reason": w.Reason} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return "/deadletters"
	}
	return "/deadletters?" + q.Encode()
}

func (k *Console) deadLettersPage(w http.ResponseWriter, r *http.Request) {
	want := whichOf(r.URL.Query())
	letters, err := k.model.deadLetters(r.Context(), want, mostLetters)
	all := 0
	if err == nil {
		all, err = k.model.countLetters(r.Context(), want)
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.show(w, r, http.StatusOK, "deadletters", map[string]any{
		"Title": "Dead letters", "Letters": letters, "All": all, "AtOnce": min(all, event.MostChoreItems), "Which": want, "Message": k.sessions.PopString(r.Context(), "message"),
		"Streams": []string{event.StreamUsers, event.StreamVerifications}, "Reasons": event.Reasons(),
	})
}

// letter is the one of an address, as far as the one who asks sees it.
func (k *Console) letter(r *http.Request) (DeadLetter, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil {
		return DeadLetter{}, errNoLetter
	}
	found, err := k.model.lettersOf(r.Context(), []uint64{seq})
	if err == nil && len(found) == 0 {
		err = errNoLetter
	}
	if err != nil {
		return DeadLetter{}, err
	}
	return found[0], nil
}

// letterPage shows one, and the whole message right after a person asked for that.
func (k *Console) letterPage(w http.ResponseWriter, r *http.Request) {
	l, err := k.letter(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{"Title": fmt.Sprintf("Dead letter %d", l.Seq), "Letter": l, "EventID": newEventID()}
	if k.sessions.PopString(r.Context(), sessionLetter) == fmt.Sprint(l.Seq) {
		header, body, err := k.Trouble.Letter(r.Context(), l.Seq)
		if errors.Is(err, event.ErrGone) {
			err = errNoLetter
		}
		if err != nil {
			k.fail(w, r, err)
			return
		}
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(header)) {
			lines = append(lines, name+": "+strings.Join(header[name], ", "))
		}
		d["Whole"], d["Header"], d["Bytes"], d["Cut"] = true, lines, len(body), len(body) > mostLetterBytes
		d["Body"] = strings.ToValidUTF8(string(body[:min(len(body), mostLetterBytes)]), "\uFFFD")
	}
	k.show(w, r, http.StatusOK, "deadletter", d)
}

// letterReveal has the next page show the whole message, and records who asked for it:
// it may hold what a person is called and where they are reached.
func (k *Console) letterReveal(w http.ResponseWriter, r *http.Request) {
	l, err := k.letter(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.audit(r.Context(), "reveal-deadletter", whoAsks(r).actor(), map[string]string{"deadletter": fmt.Sprint(l.Seq)})
	k.sessions.Put(r.Context(), sessionLetter, fmt.Sprint(l.Seq))
	http.Redirect(w, r, fmt.Sprintf("/deadletters/%d", l.Seq), http.StatusSeeOther)
}

// numbersOf reads the numbers of dead letters, in order and each once.
func numbersOf(texts []string) ([]uint64, error) {
	var seqs []uint64
	for _, t := range texts {
		seq, err := strconv.ParseUint(t, 10, 63)
		if err != nil {
			return nil, errChore
		}
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
}

// visible are the letters with these numbers, the oldest first. That one is not there is
// an error, so that nothing else is done than what was asked for.
func (k *Console) visible(ctx context.Context, seqs []uint64) ([]DeadLetter, error) {
	if len(seqs) == 0 || len(seqs) > event.MostChoreItems {
		return nil, errChore
	}
	letters, err := k.model.lettersOf(ctx, seqs)
	if err == nil && len(letters) < len(seqs) {
		err = errNoLetter
	}
	return letters, err
}

// lettersForm shows what a form would do, and to which letters, and asks once more.
func (k *Console) lettersForm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		k.fail(w, r, errChore)
		return
	}
	if r.PostForm.Has("seqs") {
		k.lettersDo(w, r)
		return
	}
	do, want := r.PostFormValue("do"), whichOf(r.PostForm)
	var letters []DeadLetter
	seqs, err := numbersOf(r.PostForm["seq"])
	switch {
	case err != nil:
	case r.PostFormValue("all") != "": // as many as one chore takes, the oldest first
		letters, err = k.model.oldestLetters(r.Context(), want, event.MostChoreItems)
	case len(seqs) == 0:
		k.sessions.Put(r.Context(), "message", "Tick dead letters first.")
		http.Redirect(w, r, letterList(want), http.StatusSeeOther)
		return
	default:
		letters, err = k.visible(r.Context(), seqs)
	}
	if err == nil && (do != event.ChoreReplay && do != event.ChoreDrop || len(letters) == 0) {
		err = errChore
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.lettersConfirm(w, r, http.StatusOK, do, want, letters, newEventID(), "")
}

func (k *Console) lettersConfirm(w http.ResponseWriter, r *http.Request, code int, do string, want which, letters []DeadLetter, id, wrong string) {
	kinds := map[string]int{}
	for _, l := range letters {
		kinds[l.Stream+", "+l.Reason]++
	}
	var seqs []string
	for _, l := range letters {
		seqs = append(seqs, fmt.Sprint(l.Seq))
	}
	k.show(w, r, code, "deadletters-confirm", map[string]any{
		"Title": "Dead letters", "Do": do, "Which": want, "Back": letterList(want), "N": len(letters), "Kinds": kinds, "First": letters[:min(len(letters), 10)], "Rest": max(0, len(letters)-10),
		"Seqs": strings.Join(seqs, " "), "EventID": id, "MustType": len(letters) > mustType, "Wrong": wrong,
	})
}

// lettersDo has done what was asked once more, and leads back to the list with what became of it.
func (k *Console) lettersDo(w http.ResponseWriter, r *http.Request) {
	do, key := r.PostFormValue("do"), r.PostFormValue("event_id")
	want := whichOf(r.PostForm)
	seqs, err := numbersOf(strings.Fields(r.PostFormValue("seqs")))
	if err == nil && len(seqs) > mustType && typedNumber(r.PostFormValue("number")) != len(seqs) {
		letters, err := k.visible(r.Context(), seqs)
		if err != nil {
			k.fail(w, r, err)
			return
		}
		k.lettersConfirm(w, r, http.StatusBadRequest, do, want, letters, key, fmt.Sprintf("Type how many dead letters this is about: %d. Nothing is done yet.", len(seqs)))
		return
	}
	var c event.Chore
	if err == nil {
		c, err = k.askLetters(r.Context(), eventIDOf(key, do, r.PostFormValue("seqs")), do, seqs)
	}
	if err != nil {
		k.fail(w, r, err)
		return
	}
	k.sessions.Put(r.Context(), "message", becameOf(c))
	http.Redirect(w, r, letterList(want), http.StatusSeeOther)
}

// askLetters has something done to dead letters that the one who asks sees.
func (k *Console) askLetters(ctx context.Context, id, do string, seqs []uint64) (c event.Chore, err error) {
	if do != event.ChoreReplay && do != event.ChoreDrop || len(seqs) == 0 || len(seqs) > event.MostChoreItems {
		return c, errChore
	}
	c, err = k.ask(ctx, id, event.Chore{Do: do, Letters: seqs}, func() error {
		_, err := k.visible(ctx, seqs)
		return err
	})
	k.forgetLetters(ctx) // so that the list is as true as the answer
	return c, err
}
