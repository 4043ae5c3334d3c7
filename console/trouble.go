package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/event"
)

// Trouble is what went wrong and a person can do something about. The console reads it,
// and asks the roles that may for what is to be done.
type Trouble interface {
	// Letter returns the message that became a dead letter, with its own headers. The
	// error wraps event.ErrGone when the letter is not kept any more.
	Letter(ctx context.Context, seq uint64) (header map[string][]string, body []byte, err error)
	// Suppressed calls each for every address that gets no messages.
	Suppressed(ctx context.Context, each func(entry string, s event.Suppression) error) error
	// Ask keeps a chore for the role that carries it out; asked is false when there is one
	// of that id. The error wraps event.ErrChoresFull when there is no room for it.
	Ask(ctx context.Context, id string, c event.Chore) (asked bool, err error)
	// Asked tells how a chore stands; ok is false when there is none of that id.
	Asked(ctx context.Context, role, id string) (c event.Chore, ok bool, err error)
}

const (
	choreWait = 3 * time.Second // for the end of a chore, before the page says that it goes on
	choreLook = 50 * time.Millisecond
)

// errChore is about a form or a request.
var errChore = errors.New(`say what to do, "replay" or "drop", and with which dead letters, by their numbers; or which entries of the list are taken off it`)

// ask has a chore carried out and waits a moment for its end. With an id that was asked
// for before it tells how that stands; allowed says whether a new one may be asked for,
// and who asks is recorded.
func (k *Console) ask(ctx context.Context, id string, c event.Chore, allowed func() error) (now event.Chore, err error) {
	now, asked, err := k.Trouble.Asked(ctx, c.Role(), id)
	if err == nil && !asked {
		if err := allowed(); err != nil {
			return now, err
		}
		c.Actor, c.At = whoIn(ctx).actor(), time.Now().UTC()
		now, err = c, k.askNow(ctx, id, c)
	}
	for limit := time.Now().Add(choreWait); err == nil; {
		if !now.Same(c) {
			return now, errKey
		}
		if now.Over() || time.Now().After(limit) || !event.Sleep(ctx, choreLook) {
			break
		}
		now, _, err = k.Trouble.Asked(ctx, c.Role(), id)
	}
	return now, err
}

// askNow asks, and records who did. Another request with the id may have been faster.
func (k *Console) askNow(ctx context.Context, id string, c event.Chore) error {
	// A client that goes away now must not leave a chore that is in no record.
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	switch asked, err := k.Trouble.Ask(stored, id, c); {
	case err != nil:
		return fmt.Errorf("ask for a chore: %w", err)
	case asked:
		k.audit(ctx, "chore-"+c.Do, c.Actor, map[string]string{"chore": id, "items": itemsOf(c)})
	}
	return nil
}

// itemsOf names what a chore is about, for the trail: numbers that follow each other as a
// range.
func itemsOf(c event.Chore) string {
	items := slices.Clone(c.Entries)
	for i := 0; i < len(c.Letters); i++ {
		from := i
		for i+1 < len(c.Letters) && c.Letters[i+1] == c.Letters[i]+1 {
			i++
		}
		item := strconv.FormatUint(c.Letters[from], 10)
		if i > from {
			item += "-" + strconv.FormatUint(c.Letters[i], 10)
		}
		items = append(items, item)
	}
	for _, a := range c.About {
		items = append(items, a.String())
	}
	return strings.Join(items, " ")
}

// becameOf says in a sentence what became of a chore.
func becameOf(c event.Chore) string {
	verb := map[string]string{
		event.ChoreReplay: "sent again", event.ChoreDrop: "dropped", event.ChoreRelease: "taken off the list",
		event.ChoreResend: "ordered again", event.ChoreResendUnknown: "ordered again", event.ChoreArrived: "noted as delivered",
	}[c.Do]
	gone := "were not there any more"
	switch c.Do {
	case event.ChoreResend, event.ChoreResendUnknown, event.ChoreArrived:
		gone = "were left out, because another message was sent, its outcome is known, or the person stands elsewhere"
	}
	if !c.Over() {
		why := fmt.Sprintf("It goes on by itself, as soon as usher's %s is there.", c.Role())
		if c.Holder != "" {
			why = "It goes on by itself."
		}
		return fmt.Sprintf("Asked for: %s of %s are %s so far. %s", grouped(c.Did()), grouped(c.Items()), verb, why)
	}
	s := fmt.Sprintf("Done: %s of %s %s.", grouped(c.Did()), grouped(c.Items()), verb)
	if c.Gone > 0 {
		s += fmt.Sprintf(" %s %s.", grouped(c.Gone), gone)
	}
	for item, why := range c.Failed { // one example tells enough
		s += fmt.Sprintf(" %s could not be: %s, for example, because %s.", grouped(c.Unable), item, why)
		break
	}
	return s
}
