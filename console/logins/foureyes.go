package logins

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Where two people have to decide, the record says how many there must be who can, so
// that no console and no command takes the last second one away. Consoles write that at
// their start, from their settings.

// Deciders counts the logins that could decide about people of an inbox. A person whom
// others vouch for counts while they do so now and then.
func (a *All) Deciders(inbox string) (n int) {
	for _, l := range a.Logins {
		if a.Doors.Open(l) && l.comes() && l.Role.May(Decide) && (len(l.Inboxes) == 0 || slices.Contains(l.Inboxes, inbox)) {
			n++
		}
	}
	return n
}

// Short is an inbox in which fewer people could decide than have to.
type Short struct {
	Inbox       string
	Could, Need int
}

func (s Short) String() string {
	return fmt.Sprintf("in the inbox %s it takes %d accounts that may decide and have signed in, and there are no more than %d", s.Inbox, s.Need, s.Could)
}

// Short are the inboxes in which too few people could decide, in order.
func (a *All) Short() (out []Short) {
	for _, inbox := range slices.Sorted(maps.Keys(a.Needs)) {
		if could := a.Deciders(inbox); could < a.Needs[inbox] {
			out = append(out, Short{inbox, could, a.Needs[inbox]})
		}
	}
	return out
}

// Parse reads the record of all logins as KV CONSOLE has it under Key.
func Parse(record []byte) (a All, err error) { return a, json.Unmarshal(record, &a) }
