package promises

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"usher/event"
)

// once: nothing arrived that no ledger names, nothing more often than the ledger
// says, and what it says was taken has arrived.
func once(w World) (out []string) {
	owner := w.owners()
	byID, byChannel := map[string]int{}, map[[2]string]int{} // of channels without ids: user, channel
	for _, a := range w.Arrived {
		user, ok := owner[event.NormalizeEmail(a.To)]
		switch {
		case !ok:
			out = append(out, "a message arrived at an address of no record by "+a.Channel)
		case a.ID != "":
			byID[a.ID]++
		default:
			byChannel[[2]string{user, a.Channel}]++
		}
	}
	for _, user := range slices.Sorted(maps.Keys(w.People)) {
		least, most, identified := map[string]int{}, map[string]int{}, map[string]bool{}
		for _, m := range w.People[user].Messages() {
			low, high := 0, 1+m.Copies
			switch {
			case m.Taken():
				low = 1
			case m.State == event.SendUnknown, m.State == event.SendSubmitting && m.Over: // the outcome is not known
			case m.State == event.SendSubmitting:
				out = append(out, fmt.Sprintf("%s of %s is left at submitting", name(m), user))
			default:
				high = 0
			}
			if got, ok := byID[m.MessageID]; ok || m.Channel == event.ChannelEmail {
				delete(byID, m.MessageID)
				identified[m.Channel] = true
				if got < low || got > high {
					out = append(out, fmt.Sprintf("%s of %s arrived %d times, the ledger says %s with %d copies", name(m), user, got, state(m), m.Copies))
				}
			}
			least[m.Channel] += low
			most[m.Channel] += high
		}
		for _, channel := range []string{event.ChannelEmail, event.ChannelSMS} {
			got := byChannel[[2]string{user, channel}]
			if !identified[channel] && (got < least[channel] || got > most[channel]) {
				out = append(out, fmt.Sprintf("%s has %d messages by %s, the ledger explains %d to %d", user, got, channel, least[channel], most[channel]))
			}
		}
	}
	for range byID {
		out = append(out, "a message arrived that no ledger names")
	}
	return out
}

func name(m event.Message) string {
	return event.SendKey(m.Generation, m.Purpose, m.Channel, m.Ordinal)
}

func state(m event.Message) event.SendState { return cmp.Or(m.State, "not sent") }

// owners are the people by each address of their records.
func (w World) owners() map[string]string {
	out := map[string]string{}
	for _, r := range w.Records {
		if w.People[r.UserID].Source == r.Inbox {
			out[event.NormalizeEmail(r.Email)], out[r.Phone] = r.UserID, r.UserID
		}
	}
	return out
}
