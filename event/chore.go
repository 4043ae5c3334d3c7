package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What a chore asks for.
const (
	ChoreReplay  = "replay"  // dead letters are sent again
	ChoreDrop    = "drop"    // dead letters are deleted
	ChoreRelease = "release" // entries are taken off the list of suppressed addresses
)

// The roles that carry chores out.
const (
	ChoresOfBridge = "bridge"
	ChoresOfWorker = "worker"
)

// Chore is what a person at a console asks of another role, because the console's account
// on NATS must not do it itself: whoever breaks into a console could otherwise speak for
// an upstream system. It is about what is there already, so nothing can be made up with
// it. KV CONTROL keeps it under the key chore.<role>.<id> until its time is over.
type Chore struct {
	Do      string    `json:"do"`                // one of the Chore constants
	Letters []uint64  `json:"letters,omitempty"` // of replay and drop: numbers in DEADLETTERS
	Entries []string  `json:"entries,omitempty"` // of release: as the list names them
	Actor   string    `json:"actor"`
	At      time.Time `json:"at"` // when it was asked

	// What the role that carries it out says.
	Holder string            `json:"holder,omitempty"` // the process that is at it
	Next   int               `json:"next"`             // how many of the items are behind it
	Gone   int               `json:"gone,omitempty"`   // of these were there no more
	Failed map[string]string `json:"failed,omitempty"` // why others cannot be done, by item
}

// Bounds of a chore.
const (
	MostChoreItems = 1000
	ChoreKept      = 7 * 24 * time.Hour // by KV CONTROL; one that nobody could carry out in this time is forgotten
)

// ErrGone means that what a chore is about is not there any more.
var ErrGone = errors.New("it is gone")

// Role is who carries the chore out; "" for one that is not known.
func (c Chore) Role() string {
	switch c.Do {
	case ChoreReplay, ChoreDrop:
		return ChoresOfBridge
	case ChoreRelease:
		return ChoresOfWorker
	}
	return ""
}

// Items is how many there are.
func (c Chore) Items() int { return len(c.Letters) + len(c.Entries) }

// Over tells whether nothing is left to do.
func (c Chore) Over() bool { return c.Next >= c.Items() }

// Did is how many items were done, without those that were gone or cannot be done.
func (c Chore) Did() int { return c.Next - c.Gone - len(c.Failed) }

// Check says what is wrong with a chore.
func (c Chore) Check() error {
	letters := c.Role() == ChoresOfBridge
	switch {
	case c.Role() == "":
		return fmt.Errorf("a chore cannot be %q", c.Do)
	case c.Items() == 0:
		return errors.New("the chore is about nothing")
	case c.Items() > MostChoreItems:
		return fmt.Errorf("the chore is about %d, which is more than %d", c.Items(), MostChoreItems)
	case letters && len(c.Entries) > 0, !letters && len(c.Letters) > 0:
		return errors.New("the chore names what it is not about")
	case slices.ContainsFunc(c.Entries, func(e string) bool { return e == "" || strings.ContainsAny(e, ".*> \t\r\n") }):
		return errors.New("the chore names what cannot be an entry of the list")
	case c.Next < 0 || c.Next > c.Items():
		return errors.New("the chore says that more of it is done than there is")
	}
	return nil
}
