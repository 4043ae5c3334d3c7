package promises

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"usher/event"
)

// agreement: status and generation are the same wherever one looks, each message
// of the ledger is told by a fact and the other way round, and the console shows
// every fact and every message.
func agreement(w World) (out []string) {
	ids, sent := map[string][]string{}, map[string][]string{} // by user
	for _, f := range w.Facts {
		if !slices.Contains(ids[f.UserID], f.ID) {
			ids[f.UserID] = append(ids[f.UserID], f.ID)
		}
		if f.Kind == event.FactSent {
			key := event.SendKey(f.Generation, cmp.Or(f.Purpose, event.PurposeWelcome), f.Channel, max(f.Ordinal, 1))
			if !slices.Contains(sent[f.UserID], key) {
				sent[f.UserID] = append(sent[f.UserID], key)
			}
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		p := w.People[user]
		last, told := w.last(user)
		if !told || last.Status != p.Status || last.Generation != p.Generation {
			out = append(out, fmt.Sprintf("%s is %s in generation %d, by the facts %s in %d", user, p.Status, p.Generation, last.Status, last.Generation))
		}
		var taken []string
		ledger := map[string]event.SendState{}
		for _, m := range p.Messages() {
			ledger[name(m)] = m.State
			if m.Taken() {
				taken = append(taken, name(m))
			}
		}
		slices.Sort(taken)
		slices.Sort(sent[user])
		if !slices.Equal(taken, sent[user]) {
			out = append(out, fmt.Sprintf("by the ledger %v were sent to %s, by the facts %v", taken, user, sent[user]))
		}
		if w.Pages == nil {
			continue
		}
		page, shown := w.Pages[user]
		if !shown || page.Status != p.Status || page.Generation != p.Generation {
			out = append(out, fmt.Sprintf("%s is %s in generation %d, the console shows %s in %d", user, p.Status, p.Generation, page.Status, page.Generation))
		}
		slices.Sort(page.Facts)
		slices.Sort(ids[user])
		if !slices.Equal(page.Facts, ids[user]) {
			out = append(out, fmt.Sprintf("%s has %d facts, the console shows %d", user, len(ids[user]), len(page.Facts)))
		}
		if page.Messages != nil && !maps.Equal(page.Messages, ledger) {
			out = append(out, fmt.Sprintf("by the ledger the messages of %s are %v, the console shows %v", user, ledger, page.Messages))
		}
	}
	return out
}

// last is the fact that tells the status of a user.
func (w World) last(user string) (last event.Fact, ok bool) {
	for _, f := range w.Facts {
		if f.UserID == user && (!ok || cmp.Or(cmp.Compare(f.Generation, last.Generation), cmp.Compare(f.N, last.N)) >= 0) {
			last, ok = f, true
		}
	}
	return last, ok
}

// letters: an outage makes none.
func letters(w World) (out []string) {
	count := map[string]int{}
	for _, l := range w.Letters {
		count[l.Reason]++
	}
	for _, reason := range event.Reasons() {
		if count[reason] != w.Deserved[reason] {
			out = append(out, fmt.Sprintf("%d with the reason %s, %d were deserved", count[reason], reason, w.Deserved[reason]))
		}
	}
	return out
}
