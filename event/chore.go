package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What a chore asks for.
const (
	ChoreReplay  = "replay"  // dead letters are sent again
	ChoreDrop    = "drop"    // dead letters are deleted
	ChoreRelease = "release" // entries are taken off the list of suppressed addresses

	ChoreResend        = "resend"         // of messages that failed another one is sent
	ChoreResendUnknown = "resend-unknown" // the same of messages that may have gone out
	ChoreArrived       = "arrived"        // messages that may have gone out did arrive, says a person
)

// Chores lists them.
func Chores() []string {
	return []string{ChoreReplay, ChoreDrop, ChoreRelease, ChoreResend, ChoreResendUnknown, ChoreArrived}
}

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
	About   []About   `json:"about,omitempty"`   // of the others: messages to people
	Actor   string    `json:"actor"`
	At      time.Time `json:"at"` // when it was asked

	// What the role that carries it out says.
	Holder string            `json:"holder,omitempty"` // the process that is at it
	Next   int               `json:"next"`             // how many of the items are behind it
	Tries  int               `json:"tries,omitempty"`  // of the item that is next
	Gone   int               `json:"gone,omitempty"`   // of these were there no more
	Unable int               `json:"unable,omitempty"` // of these cannot be done
	Failed map[string]string `json:"failed,omitempty"` // why, by item; of the first MostFailed

	// Of one that is over, instead of its items.
	All int    `json:"all,omitempty"` // how many there were
	Sum string `json:"sum,omitempty"` // a digest of them
}

// About names a message to a person.
type About struct {
	UserID  string `json:"user_id"`
	Message string `json:"message"` // its SendKey
}

func (a About) String() string { return a.Message + ":" + a.UserID }

// ParseAbout reads what String has written.
func ParseAbout(s string) (a About, ok bool) {
	a.Message, a.UserID, _ = strings.Cut(s, ":")
	return a, a.Check() == nil
}

// Check says what is wrong with the names.
func (a About) Check() error {
	if _, welcome := WelcomeOn(a.Message); !welcome {
		return errors.New("this is not the name of a welcome, such as 1.welcome.email.1")
	}
	return CheckUserID(a.UserID)
}

// Bounds of a chore.
const (
	MostChoreItems = 1000
	MostFailed     = 20

	ChoreKept       = 7 * 24 * time.Hour // by KV CONTROL; one that could not be carried out in this time is forgotten
	ChoreRemembered = 24 * time.Hour     // what became of it
)

// ErrGone means that what a chore is about is not there any more.
var ErrGone = errors.New("it is gone")

// ErrChoresFull means that no further chore can be kept now.
var ErrChoresFull = errors.New("too much was asked for that is not done yet; try again later")

// Role is who carries the chore out; "" for one that is not known.
func (c Chore) Role() string {
	switch c.Do {
	case ChoreReplay, ChoreDrop, ChoreResend, ChoreResendUnknown:
		return ChoresOfBridge
	case ChoreRelease, ChoreArrived:
		return ChoresOfWorker
	}
	return ""
}

// Items is how many there are.
func (c Chore) Items() int { return max(c.All, len(c.Letters)+len(c.Entries)+len(c.About)) }

// misnamed tells whether it names items that it cannot be about.
func (c Chore) misnamed() bool {
	switch c.Do {
	case ChoreReplay, ChoreDrop:
		return len(c.Entries)+len(c.About) > 0
	case ChoreRelease:
		return len(c.Letters)+len(c.About) > 0
	}
	return len(c.Letters)+len(c.Entries) > 0
}

// Over tells whether nothing is left to do.
func (c Chore) Over() bool { return c.Next >= c.Items() }

// Did is how many items were done, without those that were gone or cannot be done.
func (c Chore) Did() int { return c.Next - c.Gone - c.Unable }

// Fail notes why an item cannot be done.
func (c *Chore) Fail(item, why string) {
	c.Unable++
	if c.Failed == nil {
		c.Failed = map[string]string{}
	}
	if len(c.Failed) < MostFailed {
		c.Failed[item] = why
	}
}

// Ended is a chore that is over without its items.
func (c Chore) Ended() Chore {
	c.All, c.Sum = c.Items(), c.sum()
	c.Letters, c.Entries, c.About, c.Holder = nil, nil, nil, ""
	return c
}

// Same tells whether two chores ask for the same.
func (c Chore) Same(other Chore) bool { return c.Do == other.Do && c.sum() == other.sum() }

func (c Chore) sum() string {
	if c.Sum != "" {
		return c.Sum
	}
	h := sha256.New()
	for _, seq := range c.Letters {
		fmt.Fprintf(h, "%d ", seq)
	}
	for _, e := range c.Entries {
		fmt.Fprintf(h, "%s ", e)
	}
	for _, a := range c.About {
		fmt.Fprintf(h, "%s ", a)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

var choreEntry = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

// Check says what is wrong with a chore.
func (c Chore) Check() error {
	switch {
	case c.Role() == "":
		return fmt.Errorf("a chore cannot be %q", c.Do)
	case c.Items() == 0:
		return errors.New("the chore is about nothing")
	case c.Items() > MostChoreItems:
		return fmt.Errorf("the chore is about %d, which is more than %d", c.Items(), MostChoreItems)
	case c.misnamed():
		return errors.New("the chore names what it is not about")
	case slices.ContainsFunc(c.Entries, func(e string) bool { return !choreEntry.MatchString(e) }):
		return errors.New("the chore names what cannot be an entry of the list")
	case slices.ContainsFunc(c.About, func(a About) bool { return a.Check() != nil }):
		return errors.New("the chore names what cannot be a message to a person")
	case c.Next < 0 || c.Next > c.Items():
		return errors.New("the chore says that more of it is done than there is")
	}
	return nil
}
